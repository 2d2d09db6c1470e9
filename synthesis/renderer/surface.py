"""The head's surface under and round the face points: how the skull goes on, which way each place faces.

A turn moves a place by its depth, and a place's neighbourhood by the slope of the surface there. Both are known,
since the head model is: no network has to guess them from a picture.

Data flow (B pairs, N = 478 + S points, S points on the skull)::

    R_s, R_d (B,3,3)  n (N,3) normals at rest  p_s, p_d (B,N,2)
    A    = s_s/s_d [R_s R_d^-1]_2x2     what a turn does to a place that faces the camera          (B,2,2)
    b    = s_s/s_d [R_s R_d^-1]_2x1     what it does to depth: parallax                            (B,2)
    g_i  = -n_xy / n_z                  slope of depth at a point, as the driven head is turned    (B,N,2)
    A_i  = A + b g_i^T                  the whole of it: driven -> source round point i
    cost   0 for a point that the driven head shows, above it for one that it hides                (B,N)

| here | symbol | shape | unit |
|---|---|---|---|
| affine | A | (B, 2, 2) | driven -> source, image axes |
| parallax | b | (B, 2) | image axes, a unit of depth |
| slopes | g_i | (B, N, 2) | depth a unit of the image |
| cost | kappa_i | (B, N) | squared [-1, 1] units |
| shown | nu_i | (B, N) | cosine between the normal and the line of sight in the source |

The camera is taken as parallel but for the line of sight, which decides what is hidden.
"""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shared.face.camera import Camera
from shared.face.head_model import LANDMARKS_478, REGIONS, HeadModel, LinearPoints
from synthesis.renderer.points import MESH

SKULL = 96
"""Points on scalp, ears and the sides of the head, beyond what the face points cover; mirrored pairs."""

CARRIERS = (*MESH, *range(LANDMARKS_478, LANDMARKS_478 + SKULL))
"""Points whose displacements are interpolated into the mesh flow."""

_SMOOTH = 0.012
"""Normals are averaged over so many metres: lids and lips have folds that no flow should follow."""
_STEEPEST = 0.6
"""Cosine below which a slope is no longer trusted: an edge-on surface has an infinite one."""
_LENS = 0.5 / Camera.of_crop(1).focal
"""Tangent of half the field of view of a crop."""
_EDGE = -0.1
"""Cosine between a normal and the line of sight below which a driven point is hidden."""
_HIDDEN = 2.0
"""What being hidden costs, for a cosine one below the edge."""


class Turn(NamedTuple):
    """What two poses of a head make of its points; see the notation table of this module."""

    affine: Tensor
    parallax: Tensor
    slopes: Tensor
    cost: Tensor
    shown: Tensor

    @classmethod
    def flat(cls, affine: Tensor, count: int) -> Turn:
        """Return the turn of ``count`` points of a flat picture, all seen, under ``affine`` (B, 2, 2)."""
        batch = len(affine)
        none = affine.new_zeros(batch, count)
        return cls(
            affine, affine.new_zeros(batch, 2), affine.new_zeros(batch, count, 2), none, none + 1
        )


@cache
def skull_vertices() -> NDArray[np.int64]:
    """Return the vertices ``(S,)`` of the shipped head model that continue the face points, in mirrored pairs.

    They are spread by farthest-point sampling over what no expression moves.
    """
    model = HeadModel.load()
    face = model.landmark_bases("478").mean
    still = np.abs(model.expression_basis).max(axis=(0, 2)) < 1e-3
    skull = np.isin(model.regions, [REGIONS.index(name) for name in ("scalp", "ears", "skin")])
    inside = (np.abs(model.mean[:, :2]) < 0.9 * np.abs(face[:, :2]).max(axis=0)).all(axis=1)
    below = (model.regions == REGIONS.index("skin")) & inside
    left = np.flatnonzero(still & skull & ~below & (model.mean[:, 0] > 0))
    apart = np.linalg.norm(model.mean[left][:, None] - face[None], axis=-1).min(axis=1)
    chosen = []
    for _ in range(SKULL // 2):
        chosen.append(left[int(apart.argmax())])
        apart = np.minimum(apart, np.linalg.norm(model.mean[left] - model.mean[chosen[-1]], axis=1))
    there = model.mean[chosen] * [-1, 1, 1]
    mirrored = np.linalg.norm(model.mean[None] - there[:, None], axis=-1).argmin(axis=1)
    return np.concatenate([np.array(chosen), mirrored])


@cache
def surface_normals() -> NDArray[np.float32]:
    """Return the outward unit normals ``(478 + S, 3)`` of the mean head at rest, smoothed over folds."""
    model = HeadModel.load()
    corners = model.mean[model.triangles]
    faces = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals = np.zeros_like(model.mean)
    for corner in range(3):
        np.add.at(normals, model.triangles[:, corner], faces)
    within = np.isin(model.regions, [REGIONS.index(name) for name in ("eyeball", "inner mouth")])
    normals[within] = 0
    places = surface_bases().mean
    squared = ((places[:, None] - model.mean[None]) ** 2).sum(axis=-1)
    smooth = np.exp(-squared / (2 * _SMOOTH**2)) @ normals
    return np.asarray(smooth / np.linalg.norm(smooth, axis=1, keepdims=True), np.float32)


@cache
def surface_bases() -> LinearPoints:
    """Return the points of face and skull, ``478 + S`` of them, as the shipped head model has them.

    Example:
        >>> surface_bases().at(np.zeros(64), np.zeros((2, 52))).shape
        (2, 574, 3)
    """
    model, chosen = HeadModel.load(), skull_vertices()
    face = model.landmark_bases("478")
    return LinearPoints(
        np.concatenate([face.mean, model.mean[chosen]]),
        np.concatenate([face.identity, model.identity_basis[:, chosen]], axis=1),
        np.concatenate([face.expression, model.expression_basis[:, chosen]], axis=1),
    )


def _image_axes(rotation_source: Tensor, rotation_driven: Tensor, scale: Tensor) -> Tensor:
    """Return ``(s_s / s_d) R_s R_d^-1`` in image axes (y down), driven -> source, ``(B, 3, 3)``."""
    flip = torch.tensor([1.0, -1.0, 1.0], device=scale.device, dtype=rotation_source.dtype)
    turn = rotation_source @ rotation_driven.transpose(1, 2)
    return scale[:, None, None] * flip[:, None] * turn * flip


def head_turn(
    rotation_source: Tensor,
    rotation_driven: Tensor,
    scale: Tensor,
    points_source: Tensor,
    points_driven: Tensor,
) -> Turn:
    """Return what a turn does to every point.

    Args:
        rotation_source: ``(B, 3, 3)`` head to camera.
        rotation_driven: ``(B, 3, 3)``.
        scale: ``(B,)`` s_s / s_d = depth of the driven head over depth of the source head.
        points_source: ``(B, N, 2)``.
        points_driven: ``(B, N, 2)``.
    """
    whole = _image_axes(rotation_source, rotation_driven, scale)
    normals = torch.from_numpy(surface_normals()).to(points_source)
    flip = normals.new_tensor([1.0, -1.0, 1.0])
    turned = [normals @ r.transpose(1, 2) * flip for r in (rotation_source, rotation_driven)]
    facing = []
    for normal, points in zip(turned, (points_source, points_driven), strict=True):
        sight = torch.cat([-_LENS * points, torch.ones_like(points[..., :1])], dim=-1)
        facing.append((normal * sight).sum(-1) / sight.norm(dim=-1))
    shown, seen = facing
    slopes = -turned[1][..., :2] / turned[1][..., 2:].clamp(min=_STEEPEST)
    cost = _HIDDEN * (_EDGE - seen).clamp(min=0) ** 2
    return Turn(whole[:, :2, :2], whole[:, :2, 2], slopes, cost, shown)
