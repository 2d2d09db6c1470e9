"""What every registered talking method owes its users, whatever paper it comes from."""

from fractions import Fraction

import numpy as np
import pytest

from shared.errors import InputError
from shared.face.head_model import HeadModel
from shared.motion import FACE_UNITS, UNIT
from synthesis.talking_head import METHODS

RATE = 16_000
PLACE = (np.zeros(3, np.float32), np.array([0.0, 0.0, -0.9], np.float32))


@pytest.fixture(scope="module", params=sorted(METHODS))
def driver(request):
    return METHODS[request.param].from_pretrained(request.param)


def hum(seconds: float) -> np.ndarray:
    """A buzz with three syllables a second."""
    t = np.arange(round(seconds * RATE)) / RATE
    voice = np.sign(np.sin(2 * np.pi * 120 * t)) * (np.sin(2 * np.pi * 3 * t) > 0)
    return (0.1 * voice).astype(np.float32)


def drive(driver, samples, **options):
    identity = np.zeros(HeadModel.load().identities, np.float32)
    rest = np.zeros(len(FACE_UNITS), np.float32)
    options = {"generator": np.random.default_rng(3)} | options
    return driver.drive(samples, identity, rest, *PLACE, **options).motion


@pytest.mark.parametrize(("seconds", "fps"), [(1.0, 25), (0.33, 25), (1.0, Fraction(30000, 1001))])
def test_there_is_a_frame_for_each_moment_of_the_recording(driver, seconds, fps):
    motion = drive(driver, hum(seconds), fps=fps)
    assert len(motion) == round(seconds * fps) and motion.fps == fps
    for part in (motion.rotation, motion.translation, motion.expression):
        assert np.isfinite(part).all()
    assert motion.expression.min() >= 0 and motion.expression.max() <= 1


def test_a_seed_says_everything(driver):
    first, again = (drive(driver, hum(1.0)) for _ in range(2))
    assert np.array_equal(first.expression, again.expression)
    assert np.array_equal(first.rotation, again.rotation)


def test_silence_keeps_the_mouth_shut_and_a_gain_of_nothing_too(driver):
    jaw = UNIT["jawOpen"]
    assert drive(driver, np.zeros(RATE, np.float32)).expression[:, jaw].max() < 0.05
    assert np.allclose(drive(driver, hum(1.0), gain=0.0).expression[:, jaw], 0, atol=1e-5)


def test_a_face_of_another_model_is_refused(driver):
    rest = np.zeros(len(FACE_UNITS), np.float32)
    with pytest.raises(InputError, match="identity"):
        driver.drive(hum(0.5), np.zeros(3, np.float32), rest, *PLACE)
