"""Three people drawn from the sample pack, a few frames each."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from shared.data.forgery.shot import Cast, Shot, read_shot
from shared.data.marionette.pack import sample_pack

FRAMES = 10


def _first(shot: Shot, start: int) -> Shot:
    return dataclasses.replace(
        shot,
        frames=shot.frames[start : start + FRAMES],
        landmarks=shot.landmarks[start : start + FRAMES],
        sound=shot.sound[: FRAMES * 640],
    )


@pytest.fixture(scope="session")
def cast() -> Cast:
    """A target with one more shot of its own, and three other people; all speak but the one more shot."""
    pack = sample_pack()
    clips = {clip.id: clip for clip in pack}
    target, *others = (read_shot(pack, clips[f"m000{n}-speaking0"], 30) for n in range(4))
    own = read_shot(pack, clips["m0000-exercise"], 30)
    return Cast(_first(target, 4), [_first(own, 0)], [_first(other, 8) for other in others])


@pytest.fixture
def generator() -> np.random.Generator:
    return np.random.default_rng(5)
