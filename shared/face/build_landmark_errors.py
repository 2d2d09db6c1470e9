"""Measure how the landmark network errs: ``python -m shared.face.build_landmark_errors [--looks DIR]``.

    rendered people, geometry known ── LandmarkNet ──► errors (N, 478, 2) ──► landmark_errors.safetensors

Needs what ``make corpus-deps`` installs and takes minutes. Prints the hash, which belongs into
``shared.face.landmark_errors.LANDMARK_ERRORS_SHA256``. The people are none of those that the head model's
landmarks were calibrated on, nor any that a benchmark shows.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.custody import sha256_of
from shared.face.build_head_model import Sightings, sight_landmarks
from shared.face.head_model import HeadModel
from shared.face.landmark_calibration import mirror_pairs
from shared.face.landmark_errors import LANDMARK_ERRORS_PATH, eye_axes, learn_errors

FIRST, PEOPLE = 1000, 240


def errors_of(model: HeadModel, seen: Sightings) -> NDArray[np.floating]:
    """Return the errors ``(N, 478, 2)``, metres at the head's depth, along the eye line and upwards."""
    corners = seen.vertices[:, model.landmark_corners]
    true = np.einsum("nlkc,lk->nlc", corners, model.landmark_weight)
    metres = (seen.detections - true) * [1, -1] * seen.metres_per_pixel[:, None, None]
    axes = eye_axes(seen.detections.astype(np.float64))
    return np.asarray(np.einsum("nji,nlj->nli", axes, metres))


def main() -> None:
    """Render, detect, learn and save."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--people", type=int, default=PEOPLE)
    options.add_argument("--looks", type=Path, help="folder of MakeHuman's skins and hair")
    chosen = options.parse_args()
    model = HeadModel.load()
    seen = sight_landmarks(model, FIRST, chosen.people, chosen.looks)
    learnt = learn_errors(errors_of(model, seen), mirror_pairs(seen.detections))
    learnt.save(LANDMARK_ERRORS_PATH)
    sys.stdout.write(f"{len(seen.people)} faces; sha256 {sha256_of(LANDMARK_ERRORS_PATH)}\n")


if __name__ == "__main__":
    main()
