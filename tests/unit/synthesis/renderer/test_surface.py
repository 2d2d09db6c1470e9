"""The surface of the head: what a turn does to its places is what projecting them says."""

import numpy as np
import pytest
import torch

from shared.face.camera import rotation_matrix
from shared.face.head_model import LANDMARKS_478
from synthesis.renderer.augment import mirrored_points
from synthesis.renderer.surface import (
    SKULL,
    head_turn,
    skull_vertices,
    surface_bases,
    surface_normals,
)


def head() -> np.ndarray:
    return surface_bases().mean


def seen(points: np.ndarray, rotation: np.ndarray) -> np.ndarray:
    """Parallel projection, y down."""
    return (points @ rotation.T)[:, :2] * [1, -1]


def turn_of(angles_source, angles_driven, points):
    pair = [rotation_matrix(np.array(a)) for a in (angles_source, angles_driven)]
    known, driven = (torch.tensor(r).float()[None] for r in pair)
    there = [torch.tensor(seen(points, r)).float()[None] for r in pair]
    return pair, head_turn(known, driven, torch.ones(1), *there)


@pytest.mark.parametrize("angles", [(0.0, 0.4, 0.0), (-0.25, 0.0, 0.1), (0.2, -0.3, 0.0)])
def test_a_place_and_its_neighbours_go_where_the_turned_head_has_them(angles):
    points, normals = head(), surface_normals()
    (known, driven), turn = turn_of((0.05, 0.1, 0.0), angles, points)
    tangent = np.cross(normals, [0.3, 1.0, 0.2])
    tangent /= np.linalg.norm(tangent, axis=1, keepdims=True)
    near = points + 1e-3 * tangent
    step_driven = seen(near, driven) - seen(points, driven)
    step_source = seen(near, known) - seen(points, known)
    affine, parallax, slopes = (part[0].numpy() for part in turn[:3])
    local = affine + parallax[:, None] * slopes[:, None]
    steep = (normals @ driven.T)[:, 2] < 0.6
    guess = (local @ step_driven[..., None])[..., 0]
    assert np.allclose(guess[~steep], step_source[~steep], atol=1e-6)
    assert (~steep).sum() > 300


def test_a_turn_hides_the_far_side_and_leaves_the_front():
    points = head()
    _, still = turn_of((0, 0, 0), (0, 0, 0), points)
    _, turned = turn_of((0, 0, 0), (0, 0.7, 0), points)
    assert still.cost[0, 1] == turned.cost[0, 1] == 0  # the nose's tip
    skull, cost = points[LANDMARKS_478:, 0], turned.cost[0, LANDMARKS_478:].numpy()
    # the nose goes to the picture's right, and with it that side of the skull out of sight
    assert (cost[skull > 0.06] > 0).mean() > 0.8
    assert (cost[skull < -0.06] == 0).mean() > 0.6
    assert cost[skull > 0.06].mean() > 4 * cost[skull < -0.06].mean()


def test_the_skull_surrounds_the_face_in_mirrored_pairs():
    points, table = head(), mirrored_points()
    assert len(points) == LANDMARKS_478 + SKULL == len(table)
    assert bool((table[table] == torch.arange(len(points))).all())
    gap = np.linalg.norm(points[table.numpy()] * [-1, 1, 1] - points, axis=1)
    assert np.median(gap) < 2e-3 and gap.max() < 0.01
    assert len(set(skull_vertices().tolist())) == SKULL
    face, skull = points[:LANDMARKS_478], points[LANDMARKS_478:]
    assert skull[:, 1].max() > face[:, 1].max() + 0.03  # above the forehead
    assert skull[:, 0].max() > face[:, 0].max()  # beside the cheeks
    assert np.allclose(np.linalg.norm(surface_normals(), axis=1), 1, atol=1e-5)
