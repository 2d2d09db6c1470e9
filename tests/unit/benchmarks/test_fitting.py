from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from benchmarks.fitting import Recording, face_rows, identity_rows, photo_rows, pose_rows
from shared.data.marionette.heads import Movement
from shared.face.camera import Camera
from shared.face.fitting import Fit
from shared.face.head_model import HeadModel
from shared.motion import UNIT, Motion

FRAMES = 40
REST = np.zeros(52)


def person(seed: int, offset: float) -> tuple[Recording, Fit]:
    """A person whose fitted jaw follows the truth but for an offset, and whose pitch is 3 degrees off."""
    rng, model = np.random.default_rng(seed), HeadModel.load()
    expression = np.zeros((FRAMES, 52))
    expression[:, UNIT["jawOpen"]] = rng.uniform(0, 0.4, FRAMES)
    expression[:, UNIT["mouthClose"]] = 0.5 * expression[:, UNIT["jawOpen"]]
    rotation = rng.normal(0, 0.1, (FRAMES, 3))
    place = np.zeros((FRAMES, 3))
    truth = Movement(rotation, place, expression)
    identity = rng.normal(size=model.identities)
    rest = model.vertices(identity, REST)
    recording = Recording(
        "posed", np.zeros((FRAMES, 478, 2)), np.zeros((FRAMES, 52)), truth, rest, Camera.of_crop(1)
    )
    found = expression.copy()
    found[:, UNIT["jawOpen"]] += offset
    motion = Motion(rotation + np.radians([3, 0, 0]), place, found, Fraction(25))
    return recording, Fit(motion, identity.astype(np.float32), np.zeros(FRAMES, np.float32))


@pytest.fixture(scope="module")
def people() -> tuple[list[Recording], list[Fit]]:
    pairs = [person(0, 0.0), person(1, 0.5)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def test_pose_errors_are_degrees_an_axis(people) -> None:
    rows = {fact["figure"]: fact["value"] for fact in pose_rows(*people, "test")}
    assert rows["pitch error, median"] == pytest.approx(3, abs=1e-4)
    assert rows["yaw error, 90 %"] == pytest.approx(0, abs=1e-4)


def test_an_offset_between_people_spoils_the_whole_but_not_one_person(people) -> None:
    rows = {fact["figure"]: fact for fact in face_rows(*people, "test")}
    jaw = rows["jawOpen, correlation"]
    assert jaw["in one person"] == pytest.approx(1)
    assert jaw["value"] < 0.7
    assert jaw["baseline"] == 0
    assert rows["lips apart, correlation"]["in one person"] == pytest.approx(1)
    assert "mouthPucker, correlation" not in rows


def test_a_perfect_identity_has_no_error(people) -> None:
    (fact,) = identity_rows(*people, "test")
    assert fact["value"] == pytest.approx(0, abs=1e-3)
    assert fact["baseline"] > 1


def test_a_smile_with_teeth_is_fitted_as_wide_open_as_it_is() -> None:
    for fact in photo_rows():
        assert fact["value"] == pytest.approx(fact["truth"], rel=0.12), fact["figure"]
