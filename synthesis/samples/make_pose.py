"""Make ``pose.npz``: the head motion of a talking head for which no pose is given.

``python -m synthesis.samples.make_pose`` writes the same file again.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

from shared.data.marionette.heads import HeadStyle, speaking
from shared.data.marionette.phones import SILENCE, Phone
from shared.motion import Motion

SECONDS, FPS, SEED = 30, 25, 3
CALM = HeadStyle(drift=(1.6, 3.5, 1.4), tempo=0.35, sway=0.003)
"""A rendered speaker of the quieter kind."""


def main() -> None:
    """Write the motion of a rendered speaker beside this file; its voice is left out, so nods are few."""
    frames = SECONDS * FPS
    quiet = np.zeros(SECONDS * 16_000, np.float32)
    hush = [Phone(SILENCE, 0.0, float(SECONDS))]
    moved = speaking(np.random.default_rng(SEED), CALM, hush, quiet, frames, FPS)
    distance = np.array([0, 0, -1], np.float32)
    motion = Motion(moved.rotation, moved.translation + distance, moved.expression, Fraction(FPS))
    # moves are taken over relative to the first frame: begin where the head is at rest
    start = int(np.abs(moved.rotation[: frames // 2]).sum(axis=1).argmin())
    motion[start:].save(Path(__file__).with_name("pose.npz"))


if __name__ == "__main__":
    main()
