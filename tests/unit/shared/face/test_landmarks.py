"""Landmarks on a photograph: where they lie, and that place, size and roll of the face do not matter."""

from __future__ import annotations

import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from shared.errors import InputError, WeightsError
from shared.face.crop import apply_affine
from shared.face.detector import Face
from shared.face.fan import FAN_FILE, FaceAlignmentDetector, FaceAlignmentLandmarks, _peaks
from shared.face.landmarks import IBUG68, LandmarkNet, points68
from shared.motion import FACE_UNITS, UNIT


def error(a, b) -> float:
    """Mean distance of two landmark sets over the outer eye distance of the second."""
    return float(np.linalg.norm(a - b, axis=1).mean() / np.linalg.norm(b[33] - b[263]))


def test_the_68_points_lie_where_the_convention_says(found):
    own = found.points68
    assert own.shape == (68, 2)
    assert found.presence > 0.9
    left_to_right = [own[i, 0] for i in (0, 17, 36, 39, 33, 42, 45, 26, 16)]
    assert left_to_right == sorted(left_to_right)
    top_to_bottom = [own[i, 1] for i in (27, 28, 29, 30, 33, 51, 62, 66, 57, 8)]
    assert top_to_bottom == sorted(top_to_bottom)
    assert own[17:27, 1].max() < own[36:48, 1].min()


def test_the_68_indices_are_distinct_and_mirror_each_other(found):
    assert len(set(IBUG68.tolist())) == 68
    middle = found.points68[[27, 28, 29, 30, 33, 51, 57, 8], 0].mean()
    right, left = found.points68[[0, 17, 36, 48], 0], found.points68[[16, 26, 45, 54], 0]
    assert np.abs((right + left) / 2 - middle).max() < 12


def test_a_smile_is_seen_and_the_tongue_is_not(found):
    assert found.blendshapes.shape == (len(FACE_UNITS),)
    assert found.blendshapes[UNIT["mouthSmileLeft"]] > 0.5
    assert found.blendshapes[UNIT["mouthSmileRight"]] > 0.5
    assert found.blendshapes[UNIT["tongueOut"]] == 0
    assert 0 <= found.blendshapes.min() <= found.blendshapes.max() <= 1


def test_the_nose_tip_is_nearest(found):
    assert found.depth[4] < found.depth[[33, 263, 61, 291, 234, 454]].min()


@pytest.mark.parametrize("degrees", [-35, 20, 35])
def test_roll_makes_no_difference(landmark_net, portrait, found, face, degrees):
    turn = cv2.getRotationMatrix2D((127.5, 127.5), degrees, 1.0)
    rolled = cv2.warpAffine(portrait, turn, (256, 256), borderMode=cv2.BORDER_REPLICATE)
    house = turn.copy()
    house[:, 2] += 0.5 - 0.5 * turn[:, :2].sum(axis=1)
    corners = apply_affine(house, face.landmarks)
    again = landmark_net(rolled, Face(face.box, 1.0, corners.astype(np.float32)))
    assert error(again.points, apply_affine(house, found.points)) < 0.025


def test_a_box_alone_is_enough(landmark_net, portrait, face, found):
    assert error(landmark_net(portrait, face.box).points, found.points) < 0.02


def test_following_from_earlier_landmarks_stays_put(landmark_net, portrait, found):
    assert error(landmark_net(portrait, found.points).points, found.points) < 0.01


def test_following_bridges_a_step_between_frames(landmark_net, portrait, found):
    moved = np.roll(portrait, 12, axis=1)
    assert error(landmark_net(moved, found.points).points, found.points + np.array([12, 0])) < 0.02


def test_doubling_the_picture_doubles_everything(landmark_net, portrait, face, found):
    large = cv2.resize(portrait, (512, 512), interpolation=cv2.INTER_CUBIC)
    twice = landmark_net(large, face.box * 2)
    assert error(twice.points / 2, found.points) < 0.02
    assert np.corrcoef(twice.depth, found.depth)[0, 1] > 0.99
    assert np.ptp(twice.depth) / np.ptp(found.depth) == pytest.approx(2, rel=0.05)


def test_no_face_means_low_presence(landmark_net):
    grey = np.full((200, 200, 3), 128, np.uint8)
    assert landmark_net(grey, np.array([50.0, 50, 150, 150])).presence < 0.5


def test_the_face_of_landmarks_has_their_extent(found):
    own = found.as_face()
    assert own.landmarks is found.points
    np.testing.assert_array_equal(own.box[:2], found.points.min(axis=0))
    np.testing.assert_array_equal(own.box[2:], found.points.max(axis=0))


def test_other_places_and_numbers_of_points_are_refused(landmark_net, portrait):
    with pytest.raises(InputError, match="where must be"):
        landmark_net(portrait, np.zeros((7, 2)))
    with pytest.raises(InputError, match="478 or 68"):
        points68(np.zeros((5, 2)))


def test_a_wrong_task_file_is_refused(tmp_path: Path):
    plain = tmp_path / "plain.task"
    plain.write_bytes(b"no zip")
    with pytest.raises(WeightsError, match="no face landmarker task"):
        LandmarkNet(plain)
    with zipfile.ZipFile(tmp_path / "empty.task", "w") as bundle:
        bundle.writestr("readme", "")
    with pytest.raises(WeightsError, match="no face landmarker task"):
        LandmarkNet(tmp_path / "empty.task")


def test_fan_never_downloads(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    with pytest.raises(WeightsError, match=FAN_FILE):
        FaceAlignmentLandmarks()
    wrong = tmp_path / "wrong.pth"
    torch.save({"weight": torch.zeros(1)}, wrong)
    with pytest.raises(WeightsError, match="2DFAN-4"):
        FaceAlignmentLandmarks(wrong)
    with pytest.raises(WeightsError, match="S3FD"):
        FaceAlignmentDetector(wrong)


def test_fan_reads_its_heat_maps_in_the_crop_it_cut(tmp_path: Path, portrait):
    """Weights of zero give flat maps, whose peak is the first cell: the crop's top left corner."""
    from face_alignment.models import FAN

    weights = tmp_path / "fan.pth"
    torch.save(
        {name: torch.zeros_like(value) for name, value in FAN(4).state_dict().items()}, weights
    )
    found = FaceAlignmentLandmarks(weights)(portrait, np.array([100.0, 50, 190, 155]))
    side = 195 * 200 / 195
    corner = np.array([145.0, 102.5 - 0.12 * 105]) - side / 2 + 0.5 * side / 64
    np.testing.assert_allclose(found.points, np.tile(corner, (68, 1)), atol=1e-3)
    assert found.blendshapes is None


def test_a_peak_leans_to_its_higher_neighbour():
    heat = np.zeros((2, 64, 64), np.float32)
    heat[0, 10, 20], heat[0, 10, 21], heat[0, 9, 20] = 1.0, 0.5, 0.5
    heat[1, 0, 63] = 1.0
    np.testing.assert_allclose(_peaks(heat)[0], [20.75, 10.25])
    assert np.abs(_peaks(heat)[1] - [63.5, 0.5]).max() <= 0.25
