"""Crops: exact geometry under the half-pixel convention, and a frame that ignores what the face does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import InputError
from shared.face.camera import Camera, rotation_matrix
from shared.face.crop import CropBox, apply_affine, invert_affine, warp

# A coarse face of 68 points in metres, head space: only the rigid ones and the extremes matter here.
FACE = np.zeros((68, 3))
FACE[:17] = [
    [0.075 * np.sin(a), -0.12 * np.cos(a) ** 2, 0.02 + 0.05 * np.cos(a)]
    for a in np.linspace(-1.5, 1.5, 17)
]
FACE[17:27] = [[x, 0.03, 0.085] for x in np.linspace(-0.05, 0.05, 10)]
FACE[27:31] = [
    [0, y, z] for y, z in zip([0, -0.013, -0.026, -0.038], [0.09, 0.1, 0.11, 0.118], strict=True)
]
FACE[31:36] = [[x, -0.05, 0.095] for x in np.linspace(-0.015, 0.015, 5)]
FACE[36:42] = [
    [x, 0, 0.078 + 0.12 * (x + 0.048)] for x in (-0.048, -0.04, -0.028, -0.02, -0.028, -0.04)
]
FACE[42:48] = FACE[36:42][[3, 2, 1, 0, 5, 4]] * [-1, 1, 1]
FACE[48:] = [
    [0.025 * np.cos(a), -0.075 + 0.01 * np.sin(a), 0.09] for a in np.linspace(np.pi, -np.pi, 20)
]


def seen(pitch=0.0, yaw=0.0, roll=0.0) -> np.ndarray:
    """The face's 68 points, degrees, from a metre away in a picture of 500 px."""
    turned = FACE @ rotation_matrix(np.radians([pitch, yaw, roll])).T
    return Camera.of_crop(500).project(turned + np.array([0.0, 0.0, -1.0]))


@pytest.mark.parametrize(
    "angles", [(0, 25, 0), (0, -25, 0), (12, 0, 0), (-12, 0, 0), (8, 15, -20), (0, 0, 30)]
)
def test_a_turned_head_is_framed_alike(angles):
    front, turned = CropBox.from_landmarks(seen()), CropBox.from_landmarks(seen(*angles))
    assert turned.side == pytest.approx(front.side, rel=0.07)
    assert np.linalg.norm(np.subtract(turned.center, front.center)) < 0.12 * front.side


def test_an_open_mouth_changes_nothing():
    points = seen()
    opened = points.copy()
    opened[[6, 7, 8, 9, 10, 55, 56, 57, 58, 59, 65, 66, 67]] += [0, 40]
    assert CropBox.from_landmarks(opened) == CropBox.from_landmarks(points)


def test_the_crop_holds_all_landmarks_with_room_for_hair_and_neck(portrait, found):
    inside = CropBox.from_landmarks(found.points).to_crop(found.points68, 100)
    assert inside[:, 0].min() > 20
    assert inside[:, 0].max() < 80
    assert inside[:, 1].min() > 25
    assert inside[:, 1].max() < 85
    assert CropBox.from_landmarks(found.points) == CropBox.from_landmarks(found.points68)


@given(st.floats(0.2, 5), st.floats(-300, 300), st.floats(-300, 300))
def test_the_crop_moves_and_grows_with_the_face(zoom, right, down):
    front = CropBox.from_landmarks(seen())
    moved = CropBox.from_landmarks(seen() * zoom + np.array([right, down]))
    assert moved.side == pytest.approx(front.side * zoom, rel=1e-3)
    assert moved.center == pytest.approx(
        np.multiply(front.center, zoom) + np.array([right, down]), abs=0.5
    )


@pytest.mark.parametrize("wrong", [np.zeros((5, 2)), np.full((68, 2), np.nan), np.zeros((68, 2))])
def test_landmarks_that_give_no_frame_are_refused(wrong):
    with pytest.raises(InputError):
        CropBox.from_landmarks(wrong)


def test_the_square_of_an_extent_is_so_many_times_its_larger_side():
    points = np.random.default_rng(0).uniform(0, 500, (478, 2)).astype(np.float32)
    low, high = points.min(axis=0), points.max(axis=0)
    crop = CropBox.of_extent(points, 1.3)
    assert crop.side == 1.3 * float((high - low).max())
    assert crop.center == tuple(float(v) for v in (low + high) / 2)
    for wrong in (np.full((68, 2), np.nan), np.zeros((68, 2))):
        with pytest.raises(InputError, match="finite square"):
            CropBox.of_extent(wrong, 1.3)


def test_corners_of_the_square_become_corners_of_the_crop():
    crop = CropBox((50.0, 40.0), 20.0)
    np.testing.assert_allclose(
        crop.to_crop(np.array([[40.0, 30], [60, 50], [50, 40]]), 64), [[0, 0], [64, 64], [32, 32]]
    )


@given(st.integers(16, 512), st.floats(1, 900), st.floats(-50, 900))
def test_to_image_undoes_to_crop(size, side, x):
    crop = CropBox((x, 33.3), side)
    points = np.array([[0.0, 0.0], [123.4, 56.7]])
    np.testing.assert_allclose(crop.to_image(crop.to_crop(points, size), size), points, atol=1e-6)


def test_a_crop_of_the_same_size_copies_the_pixels(portrait):
    np.testing.assert_array_equal(
        CropBox((100.0, 90.0), 64.0).cut(portrait, 64), portrait[58:122, 68:132]
    )


@pytest.mark.parametrize("times", [2, 3, 4])
def test_shrinking_averages_areas(portrait, times):
    size = 48
    square = portrait[20 : 20 + size * times, 10 : 10 + size * times].astype(float)
    wanted = square.reshape(size, times, size, times, 3).mean(axis=(1, 3))
    center = (10 + size * times / 2, 20 + size * times / 2)
    assert np.abs(CropBox(center, float(size * times)).cut(portrait, size) - wanted).max() <= 1.0


@pytest.mark.parametrize("side", [31.0, 47.7, 90.0, 200.0])
def test_cut_and_to_crop_agree(side):
    """A disc in the picture lies in the crop where its centre is mapped to."""
    grid_y, grid_x = np.mgrid[0:160, 0:160] + 0.5
    center = np.array([83.25, 71.75])
    disc = np.clip(9.0 - np.hypot(grid_x - center[0], grid_y - center[1]), 0, 1)
    picture = np.repeat((disc * 255).astype(np.uint8)[..., None], 3, axis=2)
    crop = CropBox((85.5, 74.0), side)
    cut = crop.cut(picture, 96)[..., 0].astype(float)
    rows, columns = np.mgrid[0:96, 0:96] + 0.5
    middle = np.array([(columns * cut).sum(), (rows * cut).sum()]) / cut.sum()
    np.testing.assert_allclose(middle, crop.to_crop(center, 96), atol=0.08)


def test_outside_the_picture_the_border_is_repeated():
    picture = np.full((20, 20, 3), 77, np.uint8)
    assert np.unique(CropBox((0.0, 0.0), 30.0).cut(picture, 16)).tolist() == [77]


def test_an_empty_or_infinite_square_is_refused():
    with pytest.raises(InputError, match="finite square"):
        CropBox((0.0, 0.0), 0.0)
    with pytest.raises(InputError, match="finite square"):
        CropBox((np.nan, 0.0), 5.0)


def test_warp_follows_a_turned_matrix(portrait):
    quarter = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 256.0]])
    np.testing.assert_array_equal(warp(portrait, quarter, 256), np.rot90(portrait))
    point = np.array([3.0, 9.0])
    np.testing.assert_allclose(
        apply_affine(invert_affine(quarter), apply_affine(quarter, point)), point
    )
