"""Native-resolution composition: what is not moved stays as it was, to the pixel."""

import numpy as np
import pytest

from shared.face.crop import CropBox
from synthesis.renderer.composition import Compositor, edge_mask, settled


def still_flow(size: int) -> np.ndarray:
    axis = (np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1
    return np.stack([np.stack(np.meshgrid(axis, axis), axis=-1)] * 2)


NOWHERE = np.full((64, 64), -1, np.float32)


@pytest.fixture
def photo() -> np.ndarray:
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 255, (20, 24, 3), dtype=np.uint8)
    return np.kron(coarse, np.ones((20, 20, 1), np.uint8))


@pytest.mark.parametrize("center", [(240.0, 200.0), (40.0, 60.0), (470.0, 390.0)])
def test_no_motion_and_no_own_pixels_give_the_photo_back(photo, center):
    compositor = Compositor(photo, CropBox(center, 200.0))
    frame = compositor.compose(
        still_flow(64),
        NOWHERE,
        np.zeros((128, 128, 3), np.float32),
        np.zeros((128, 128), np.float32),
    )
    assert frame.shape == photo.shape
    assert np.abs(frame.astype(int) - photo).max() <= 2


@pytest.mark.parametrize("side", [200.0, 150.5, 99.7, 33.3])
def test_a_crop_between_pixels_keeps_the_photos_grain(side):
    """Cut and put back between pixels, a face comes out softer than the photo around it."""
    grain = np.random.default_rng(1).integers(0, 255, (300, 340, 3), dtype=np.uint8)
    frame = Compositor(grain, CropBox((170.3, 148.6), side)).compose(
        still_flow(64), NOWHERE, np.zeros((64, 64, 3), np.float32), np.zeros((64, 64), np.float32)
    )
    assert np.abs(frame.astype(int) - grain).max() <= 2


def test_outside_the_crop_nothing_ever_changes(photo):
    compositor = Compositor(photo, CropBox((240.0, 200.0), 200.0))
    frame = compositor.compose(
        still_flow(64) * 0.5,
        NOWHERE,
        np.ones((128, 128, 3), np.float32),
        np.ones((128, 128), np.float32),
    )
    changed = np.abs(frame.astype(int) - photo).max(-1) > 0
    rows, columns = np.nonzero(changed)
    assert rows.size
    assert rows.min() >= 99 and rows.max() <= 301
    assert columns.min() >= 139 and columns.max() <= 341


def test_a_size_gives_the_square_crop(photo):
    compositor = Compositor(photo, CropBox((240.0, 200.0), 200.0), size=96)
    frame = compositor.compose(
        still_flow(64),
        NOWHERE,
        np.zeros((128, 128, 3), np.float32),
        np.zeros((128, 128), np.float32),
    )
    assert frame.shape == (96, 96, 3)


def test_own_pixels_enter_where_alpha_says(photo):
    compositor = Compositor(photo, CropBox((240.0, 200.0), 200.0), size=128)
    alpha = np.zeros((128, 128), np.float32)
    alpha[60:70, 60:70] = 1
    frame = compositor.compose(still_flow(64), NOWHERE, np.ones((128, 128, 3), np.float32), alpha)
    assert (frame[62:68, 62:68] == 255).all()
    assert np.abs(frame[:50].astype(int) - compositor.face[:50]).max() <= 2


def test_detail_of_the_photo_stays_under_half_of_the_own_pixels(photo):
    rng = np.random.default_rng(1)
    fine = rng.integers(0, 255, photo.shape, dtype=np.uint8)  # finer than the network sees
    compositor = Compositor(fine, CropBox((240.0, 200.0), 256.0), size=256)
    grey, half = np.full((64, 64, 3), 0.5, np.float32), np.full((64, 64), 0.5, np.float32)
    drawn = compositor.compose(still_flow(64), NOWHERE, grey, half)[32:-32, 32:-32].astype(float)
    known = compositor.face[32:-32, 32:-32].astype(float)
    assert drawn.mean() == pytest.approx((known.mean() + 127.5) / 2, abs=2)
    assert drawn.std() > 0.65 * known.std()
    own = compositor.compose(still_flow(64), NOWHERE, grey, 2 * half)[32:-32, 32:-32]
    assert own.std() < 0.1 * known.std()


def test_the_edge_mask_is_symmetric_and_falls_to_nothing():
    mask = edge_mask(50)
    assert np.allclose(mask, mask.T)
    assert np.allclose(mask, mask[::-1])
    assert mask[0].max() < 0.05


def test_the_cut_is_sharp_at_any_resolution(photo):
    photo[:] = np.where(np.arange(400)[:, None, None] < 200, 0, 200)
    compositor = Compositor(photo, CropBox((240.0, 200.0), 200.0), size=512)
    flow = still_flow(64)
    flow[0, ..., 1], flow[1, ..., 1] = -0.5, 0.5  # above all is dark, below all is light
    side = np.linspace(-0.7, 1.3, 64, dtype=np.float32)[:, None].repeat(64, 1)
    column = compositor.warp(flow, side)[:, 256, 0]
    assert set(np.unique(column)) == {0, 200}
    assert abs(int((column == 0).sum()) - round(512 * 0.35)) < 6


def test_what_moves_at_rest_is_taken_away(photo):
    """A network that shifts everything by a pixel when nothing is asked leaves the photo as it is."""
    drift = still_flow(64) + 0.03
    np.testing.assert_allclose(settled(drift, drift), still_flow(64), atol=1e-6)
    np.testing.assert_allclose(settled(drift - 0.1, drift), still_flow(64) - 0.1, atol=1e-6)
    compositor = Compositor(photo, CropBox((240.0, 200.0), 200.0))
    blank = np.zeros((64, 64, 3), np.float32), np.zeros((64, 64), np.float32)
    shifted = compositor.compose(drift, NOWHERE, *blank)
    kept = compositor.compose(settled(drift, drift), NOWHERE, *blank)
    assert np.abs(kept.astype(int) - photo).max() <= 2 < np.abs(shifted.astype(int) - photo).max()
