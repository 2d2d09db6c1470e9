"""Warping: positions, not displacements, in the conventions of docs/conventions.md."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.layers.warp import gaussian_maps, identity_grid, resize_flow, warp


@given(st.integers(2, 17), st.integers(2, 17), st.integers(-3, 3))
@settings(max_examples=30, deadline=None)
def test_a_shift_by_whole_pixels_is_exact_away_from_the_border(height, width, shift):
    picture = torch.arange(height * width, dtype=torch.float64).reshape(1, 1, height, width)
    flow = identity_grid(height, width, like=picture)[None].clone()
    flow[..., 0] += 2 * shift / width
    moved = warp(picture, flow)[0, 0]
    columns = np.clip(np.arange(width) + shift, 0, width - 1)
    assert torch.allclose(moved, picture[0, 0][:, columns])


def test_resizing_keeps_an_affine_flow():
    coarse = identity_grid(16, 16, like=torch.zeros(1))[None] * 0.8 + 0.1
    fine = resize_flow(coarse, 64)
    exact = identity_grid(64, 64, like=coarse)[None] * 0.8 + 0.1
    assert (fine - exact)[:, 4:-4, 4:-4].abs().max() < 1e-5


def test_gaussian_maps_match_the_formula():
    points = torch.tensor([[[0.2, -0.4], [-0.9, 0.9]]])
    maps = gaussian_maps(points, 8, 0.05)
    grid = identity_grid(8, 8, like=points)
    for number in range(2):
        distance = ((grid - points[0, number]) ** 2).sum(-1)
        assert torch.allclose(maps[0, number], torch.exp(-distance / 0.1), atol=1e-6)


@pytest.mark.parametrize("size", [1, 5])
def test_the_grid_is_centred(size):
    grid = identity_grid(size, size, like=torch.zeros(1, dtype=torch.float64))
    assert grid.mean().abs() < 1e-12
