"""The shipped driver, on sounds whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from shared.face.head_model import HeadModel
from shared.motion import UNIT
from synthesis.opt.generator import OptDriver

REST = np.zeros(52, np.float32)


@pytest.fixture(scope="module")
def shipped():
    return OptDriver.from_pretrained("opt")


def buzz(seconds: float, gain: float = 1.0) -> np.ndarray:
    """An open vowel: harmonics of 120 Hz under formants at 730 and 1090 Hz."""
    t = np.arange(round(16_000 * seconds)) / 16_000
    sound = sum(
        (1 / (1 + ((120 * k - 730) / 90) ** 2) + 1 / (1 + ((120 * k - 1090) / 90) ** 2) + 0.01)
        * np.sin(2 * np.pi * 120 * k * t)
        for k in range(1, 33)
    )
    return (gain * 0.08 * sound).astype(np.float32)


def test_it_fits_the_shipped_head_model(shipped):
    assert shipped.config.identity_dim == HeadModel.load().identities


def test_a_vowel_opens_the_mouth_and_silence_shuts_it(shipped):
    quiet = np.zeros(16_000, np.float32)
    sound = np.concatenate([quiet, buzz(0.3), quiet])
    jaw = shipped.expression(sound, np.zeros(shipped.config.identity_dim), REST, blinks=False)[
        :, UNIT["jawOpen"]
    ]
    assert jaw[25:33].max() > 0.1
    assert (jaw[:15] == 0).all()
    assert (jaw[45:] == 0).all()


def test_gain_opens_it_further(shipped):
    sound = np.concatenate([np.zeros(8000, np.float32), buzz(0.4), np.zeros(8000, np.float32)])
    person = np.zeros(shipped.config.identity_dim)
    one, more = (
        shipped.expression(sound, person, REST, gain=g, blinks=False)[:, UNIT["jawOpen"]].max()
        for g in (1.0, 1.2)
    )
    assert more == pytest.approx(1.2 * one, rel=1e-3)
