"""Where MediaPipe's 478 landmarks lie on the head model, found on renders with known geometry.

    renders of random heads ── landmark net ──► detections (N, 478, 2)
                            ── known camera ──► vertices   (N, V, 2)
    for each landmark: the surface point whose projections lie nearest to its detections over all
    renders (geometric median), in place and, more so, in how it moves when the same person's face
    moves; its mirror point serves the landmark of the other side, so that both are one search.

Movement tells the upper lip or lid from the lower: a point of the wrong one parts from the detections
as soon as the mouth or the eye opens.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from shared.face.head_model import LANDMARKS_478, REGIONS, HeadModel

Array = NDArray[np.floating]
Index = NDArray[np.integer]

OUTER_CORNERS = (33, 263)
"""Landmarks of the eyes' outer corners; their distance is the unit of every error."""
IRISES = range(468, 478)
_GRID = 6
_SOFT = 0.01
"""Distances below this share of the inter-ocular distance count quadratically, others linearly."""
_MOVEMENT = 2.0
"""How much heavier an error in a landmark's movement counts than one in its place."""


def calibrate(
    model: HeadModel, mirror: Index, detections: Array, vertices: Array, people: Index
) -> tuple[NDArray[np.int32], Array, Array]:
    """Return each landmark's three vertices ``(478, 3)``, their weights ``(478, 3)``, its spread ``(478,)``.

    Args:
        model: The head model whose surface is searched (its own landmarks are not used).
        mirror: ``(V,)`` the vertex on the other side of each vertex.
        detections: ``(N, 478, 2)`` detected landmarks, px.
        vertices: ``(N, V, 2)`` true projections of the model's vertices, px.
        people: ``(N,)`` which person each render shows; several renders of each.
    """
    scale = inter_ocular(detections)[:, None, None]
    detected, projected = (_with_movement(p / scale, people) for p in (detections, vertices))
    partner = mirror_pairs(detections)
    skin, eyeball = _searchable(model)
    corners = np.zeros((LANDMARKS_478, 3), np.int32)
    weights = np.zeros((LANDMARKS_478, 3), np.float32)
    spread = np.zeros(LANDMARKS_478, np.float32)
    for first in range(LANDMARKS_478):
        second = int(partner[first])
        if second < first:
            continue
        both = np.stack([detected[:, first], detected[:, second]])
        allowed = eyeball if first in IRISES else skin
        found, weight = _search(model, mirror, allowed, both, projected)
        for landmark, three in ((first, found), (second, mirror[found])):
            corners[landmark], weights[landmark] = three, weight
            point = np.einsum("nkc,k->nc", projected[:, three], weight)
            gaps = np.linalg.norm(point - detected[:, landmark], axis=-1)
            spread[landmark] = np.median(gaps[: len(detections)])
    return corners, weights, spread


def _with_movement(points: Array, people: Index) -> Array:
    """Append to points (N, L, 2) what they move against their person's mean, made heavier."""
    moved = points.copy()
    for person in np.unique(people):
        moved[people == person] -= points[people == person].mean(axis=0)
    return np.concatenate([points, _MOVEMENT * moved]).astype(np.float32)


def inter_ocular(points: Array) -> Array:
    """Return the distance between the eyes' outer corners, ``(..., 478, 2)`` px -> ``(...,)`` px."""
    left, right = (points[..., corner, :] for corner in OUTER_CORNERS)
    return np.asarray(np.linalg.norm(left - right, axis=-1))


def mirror_pairs(detections: Array) -> Index:
    """Return the landmark ``(478,)`` on the other side of each landmark, from the mean detected face.

    Args:
        detections: ``(N, 478, 2)`` px, heads turned to both sides about equally.
    """
    right, left = (detections[:, corner] for corner in OUTER_CORNERS)
    axis = left - right
    across = np.stack([-axis[:, 1], axis[:, 0]], axis=-1)
    frame = np.stack([axis, across], axis=1) / (axis**2).sum(axis=-1)[:, None, None]
    centred = detections - ((left + right) / 2)[:, None]
    upright = np.median(np.einsum("nij,nlj->nli", frame, centred), axis=0)
    partner = np.arange(LANDMARKS_478)
    for group in (np.arange(IRISES.start), np.array(IRISES)):
        flipped = upright[group] * [-1, 1]
        gaps = np.linalg.norm(upright[group][:, None] - flipped[None], axis=-1)
        _, matched = linear_sum_assignment(gaps + gaps.T)
        partner[group] = group[matched]
    return partner


def _searchable(model: HeadModel) -> tuple[Index, Index]:
    """Return the vertices a landmark may lie at: skin that can be seen from before, and eyeballs."""
    names = {name: model.regions == number for number, name in enumerate(REGIONS)}
    depth = model.mean[:, 2]
    before = depth > np.quantile(depth[~names["eyeball"]], 0.25)
    corners = model.mean[model.triangles]
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing = np.zeros(len(model.mean), bool)
    outside = normal[:, 2] > -0.2 * np.linalg.norm(normal, axis=1)
    np.logical_or.at(facing, model.triangles[outside], True)
    skin = before & facing & ~names["inner mouth"] & ~names["scalp"] & ~names["eyeball"]
    # Rims roll inwards: what is hidden at rest may be seen when the mouth opens.
    rim = names["lips"] | names["inner mouth"] & (depth > depth[names["lips"]].min())
    return np.flatnonzero(skin | rim), np.flatnonzero(names["eyeball"])


def _search(
    model: HeadModel, mirror: Index, allowed: Index, both: Array, projected: Array
) -> tuple[Index, Array]:
    """Return three vertices and weights of the surface point that serves a pair of landmarks best.

    Args:
        model: For its triangles.
        mirror: ``(V,)``.
        allowed: Vertices to search.
        both: ``(2, N, 2)`` detections of the landmark and of its partner, inter-ocular distances.
        projected: ``(N, V, 2)`` in the same unit.
    """
    cost = _cost(projected[:, allowed], both[0]) + _cost(projected[:, mirror[allowed]], both[1])
    nearest = allowed[np.argsort(cost)[:3]]
    inside = np.isin(model.triangles, allowed).all(axis=1)
    rings = model.triangles[inside & np.isin(model.triangles, nearest).any(axis=1)]
    if len(rings) == 0:
        return np.repeat(nearest[:1], 3), np.full(3, 1 / 3, np.float32)
    steps = [(a, b, _GRID - a - b) for a in range(_GRID + 1) for b in range(_GRID + 1 - a)]
    grid = np.array(steps, np.float32) / _GRID
    sides = (
        np.einsum("gk,nfkc->nfgc", grid, projected[:, side]) for side in (rings, mirror[rings])
    )
    costs = sum(
        _cost(points.reshape(len(points), -1, 2), seen)
        for points, seen in zip(sides, both, strict=True)
    )
    triangle, place = divmod(int(np.argmin(costs)), len(grid))
    return rings[triangle].astype(np.int64), grid[place]


def _cost(points: Array, seen: Array) -> Array:
    """Return the mean softened distance of candidates ``(N, C, 2)`` to detections ``(N, 2)``."""
    gaps = ((points - seen[:, None]) ** 2).sum(axis=-1)
    return np.asarray(np.sqrt(gaps + _SOFT**2).mean(axis=0))
