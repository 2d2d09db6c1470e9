"""The second view, and moves of pictures and maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage
from scipy.fft import dctn, idctn

from forensics.focus.views import dct_high_pass, inside, moved, random_moves, second_view, sobel


@pytest.fixture
def pictures() -> torch.Tensor:
    return torch.rand(2, 3, 24, 20, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


@pytest.mark.parametrize("kind", ["sobel", "srm", "dct"])
def test_a_constant_picture_has_no_edges(kind):
    constant = torch.rand(3, 3, 1, 1).expand(3, 3, 20, 20)
    assert second_view(constant, kind).abs().max() < 1e-2
    assert second_view(torch.full((1, 3, 16, 16), 0.5), kind).abs().max() < 1e-4


@pytest.mark.parametrize("kind", ["sobel", "srm", "dct"])
def test_a_strong_edge_changes_nothing_elsewhere(pictures, kind):
    calm = 0.4 + 0.02 * pictures
    struck = calm.clone()
    struck[:, :, :8, :8] = pictures[:, :, :8, :8]
    views = [second_view(one, kind) for one in (calm, struck)]
    assert all(v.shape == calm.shape and v.min() >= 0 and v.max() <= 1 for v in views)
    assert torch.allclose(views[0][..., 12:, 12:], views[1][..., 12:, 12:], atol=1e-6)
    assert torch.allclose(second_view(calm + 0.2, kind), views[0], atol=1e-4)


def test_sobel_is_scipys(pictures):
    grey = np.einsum("bchw,c->bhw", pictures.numpy(), [0.299, 0.587, 0.114])
    for view, one in zip(sobel(pictures).numpy(), grey, strict=True):
        gx, gy = (ndimage.sobel(one, axis, mode="nearest") for axis in (1, 0))
        slow = np.stack([np.abs(gx), np.abs(gy), np.hypot(gx, gy)])
        np.testing.assert_allclose(view, np.minimum(slow, 1), atol=1e-5)


def test_the_high_pass_is_scipys_cosine_transform(pictures):
    view = dct_high_pass(pictures[:, :, :16, :16])[0].numpy()
    slow = np.zeros((3, 16, 16))
    for c in range(3):
        for y in (0, 8):
            for x in (0, 8):
                block = dctn(pictures[0, c, y : y + 8, x : x + 8].numpy(), norm="ortho")
                block[np.add.outer(np.arange(8), np.arange(8)) < 8] = 0
                slow[c, y : y + 8, x : x + 8] = np.abs(idctn(block, norm="ortho"))
    np.testing.assert_allclose(view, np.minimum(4 * slow, 1), atol=1e-6)


def test_a_mirror_is_a_flip_and_a_shift_moves_by_pixels(pictures):
    mirror = torch.tensor([[[-1.0, 0, 0], [0, 1, 0]]], dtype=torch.float64).repeat(2, 1, 1)
    assert torch.allclose(moved(pictures, mirror), pictures.flip(-1))
    shift = torch.eye(2, 3, dtype=torch.float64).repeat(2, 1, 1)
    shift[:, 0, 2] = 2 * 5 / 20  # five pixels of twenty
    assert torch.allclose(moved(pictures, shift)[..., :15], pictures[..., 5:])
    assert inside(shift, torch.Size([2, 1, 4, 20]))[0, 0, 0].tolist() == [1.0] * 15 + [0.0] * 5


def test_moves_repeat_with_the_seed():
    first, again = (
        random_moves(9, torch.Generator().manual_seed(4), like=torch.zeros(1)) for _ in range(2)
    )
    assert torch.equal(first, again)
    assert set(first[:, 0, 0].sign().tolist()) == {-1.0, 1.0}


@pytest.mark.parametrize("kind", ["sobel", "srm", "dct"])
def test_half_precision_training_sees_the_same_view(pictures, kind):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        half = second_view(pictures, kind)
    torch.testing.assert_close(half, second_view(pictures, kind))
