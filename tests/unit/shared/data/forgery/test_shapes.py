"""Warps and choices against what they must give."""

from __future__ import annotations

import numpy as np

from shared.data.forgery.blending import blend, match_colour, softened
from shared.data.forgery.shapes import (
    choose_frames,
    normalised,
    similarity,
    triangulate,
    warp_affine,
    warp_piecewise,
)


def ramp(size: int = 40) -> np.ndarray:
    """A picture whose colour is its pixel's place, (x, y, 0) x 5."""
    y, x = np.indices((size, size))
    return np.stack([5 * x, 5 * y, 0 * x], axis=-1).astype(np.uint8)


def test_a_piecewise_warp_brings_each_landmark_to_its_place():
    source = np.array([[5.5, 5.5], [30.5, 6.5], [8.5, 33.5], [32.5, 30.5], [20.5, 20.5]])
    target = source + np.array([[0, 0], [2, 1], [-1, 0], [1, 1], [3, -2]])
    out = warp_piecewise(ramp(), source, target, triangulate(target), (40, 40))
    for before, after in zip(source, target, strict=True):
        x, y = (after - 0.5).astype(int)
        assert np.abs(out[y, x, :2] / 5 - (before - 0.5)).max() < 0.4


def test_an_affine_warp_keeps_to_pixel_edges():
    doubled = warp_affine(ramp(), np.array([[2.0, 0, 0], [0, 2.0, 0]]), (80, 80))
    # The middle of pixel (20, 20) of the result is at 10.25 of the source, half a pixel less in indices.
    assert abs(doubled[20, 20, 0] / 5 - 9.75) < 0.15


def test_a_normalised_shape_forgets_place_size_and_roll(cast):
    points = cast.target.landmarks
    turn = np.array([[0.0, -1.7], [1.7, 0.0]])
    moved = points @ turn.T + 9
    assert np.abs(normalised(moved) - normalised(points)).max() < 1e-4


def test_a_similarity_is_the_least_squares_one(generator):
    source = generator.normal(size=(9, 2))
    matrix = np.array([[0.6, -0.8, 2.0], [0.8, 0.6, -1.0]])
    target = source @ matrix[:, :2].T + matrix[:, 2]
    assert np.allclose(similarity(source, target), matrix)


def test_chosen_frames_go_on_rather_than_jump():
    offered = np.array([[0.0], [1.0], [0.001], [2.0]])
    wanted = np.array([[0.0], [1.0]])
    assert choose_frames(wanted, offered, jump=0.5).tolist() == [0, 1]
    forbidden = np.array([[True, False, False, False], [False] * 4])
    assert choose_frames(wanted, offered, jump=0.0, forbidden=forbidden).tolist() == [2, 1]


def test_a_softened_mask_stays_inside():
    mask = np.zeros((40, 40), np.uint8)
    mask[8:32, 8:32] = 255
    soft = softened(mask, 8)
    assert soft[mask == 0].max() == 0
    assert soft[20, 20] == 255
    assert 0 < soft[20, 10] < 255


def test_a_blend_is_the_mask_s_share(generator):
    frame, foreign = generator.integers(0, 256, (2, 6, 6, 3)).astype(np.uint8)
    mask = generator.integers(0, 256, (6, 6)).astype(np.uint8)
    share = mask[..., None] / 255
    assert (
        np.abs(blend(frame, foreign, mask) - (frame * (1 - share) + foreign * share)).max() <= 0.51
    )


def test_colours_come_to_the_reference_s_mean(cast):
    target, other = cast.target.frames[0], cast.others[1].frames[0]
    inside = np.full(target.shape[:2], 255, np.uint8)
    moved = match_colour(other, target, inside)
    before = np.abs(other.mean((0, 1)) - target.mean((0, 1))).max()
    after = np.abs(moved.mean((0, 1)) - target.mean((0, 1))).max()
    assert after < 0.4 * before
