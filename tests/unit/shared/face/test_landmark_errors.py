from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shared.errors import WeightsError
from shared.face.landmark_errors import OPENINGS, LandmarkErrors, eye_axes, learn_errors

PARTNER = np.arange(478)


def shared_errors(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Errors of which all points share one, and the pattern that they share."""
    rng = np.random.default_rng(0)
    pattern = np.zeros((478, 2))
    pattern[:, 1] = rng.normal(size=478) * 0.002
    for edges in OPENINGS:
        pattern[edges, 1] = pattern[edges, 1].mean()
    amount = rng.normal(size=(count, 1, 1))
    return amount * pattern + rng.normal(size=(count, 478, 2)) * 0.0002, pattern


def test_what_points_err_together_is_told_from_what_each_errs() -> None:
    errors, pattern = shared_errors(400)
    found = learn_errors(errors, PARTNER, count=1)
    mode = found.modes[1, :, 0]
    assert abs(np.corrcoef(mode, pattern[:, 1])[0, 1]) > 0.99
    assert np.linalg.norm(mode) == pytest.approx(np.linalg.norm(pattern), rel=0.15)
    assert np.median(found.own) == pytest.approx(0.0002, rel=0.2)


def test_modes_open_neither_lips_nor_lids() -> None:
    found = learn_errors(np.random.default_rng(1).normal(size=(60, 478, 2)), PARTNER, count=4)
    for upper, lower in OPENINGS:
        np.testing.assert_allclose(found.modes[:, upper], found.modes[:, lower], atol=1e-6)
    np.testing.assert_array_equal(
        LandmarkErrors.load().modes[:, 13], LandmarkErrors.load().modes[:, 14]
    )


def test_a_wild_error_teaches_little() -> None:
    errors, _ = shared_errors(200)
    calm = learn_errors(errors, PARTNER, count=1)
    errors[0, 5] = 10.0
    assert learn_errors(errors, PARTNER, count=1).own[5] < 3 * calm.own[5]


def test_both_survive_a_file(tmp_path: Path) -> None:
    found = learn_errors(shared_errors(100)[0], PARTNER, count=3)
    found.save(tmp_path / "errors.safetensors")
    again = LandmarkErrors.load(tmp_path / "errors.safetensors")
    np.testing.assert_allclose(again.modes, found.modes, rtol=1e-3, atol=1e-9)
    np.testing.assert_allclose(again.own, found.own, rtol=1e-3)


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.safetensors").write_bytes(b"nothing")
    with pytest.raises(WeightsError, match="holds no landmark errors"):
        LandmarkErrors.load(tmp_path / "a.safetensors")


def test_wrong_shapes_are_refused() -> None:
    with pytest.raises(WeightsError, match="wrong shape"):
        LandmarkErrors(np.zeros((2, 68, 3), np.float32), np.zeros(68, np.float32))


def test_the_axes_of_a_level_face_are_those_of_the_view() -> None:
    points = np.zeros((1, 478, 2))
    points[0, 263] = [3, 0]
    np.testing.assert_allclose(eye_axes(points)[0], np.eye(2))
    points[0, 263] = [0, -3]  # rolled anticlockwise: the eye line points up in the picture
    np.testing.assert_allclose(eye_axes(points)[0] @ [1, 0], [0, 1], atol=1e-12)
