"""A person as moving geometry: all surfaces fitted at once, moved by face units, ready to draw.

    expression (52,) -> vertices (P, 3) = rest (P, 3) + sum over units of weight * delta (P, 3)

in metres in head space (docs/conventions.md). How far a vertex turns with the head (1) or stays
with the body (0) falls along the neck as MakeHuman's own skeleton has it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from shared.data.marionette.geometry import (
    DECIMETRE,
    BaseMesh,
    data_folder,
    face_unit_targets,
    head_origin,
    load_base_mesh,
)
from shared.data.marionette.surfaces import Material, Surface
from shared.face.head_model import HeadModel
from shared.motion import FACE_UNITS

Floats = NDArray[np.floating]
Ints = NDArray[np.int32]

_STILL = 1e-5
"""Vertices that no unit moves further than this (metres) are kept at rest."""

_NECK_SHARE = {"neck01": 0.2, "neck02": 0.5, "neck03": 0.8}
"""How far each bone of the neck turns with the head."""

_TRUNK = ("clavicle", "shoulder", "spine", "arm", "breast", "root", "finger", "wrist", "metacarpal",
          "pelvis", "leg", "foot", "toe")  # fmt: skip


@cache
def unit_deltas() -> sparse.csr_matrix:
    """Return the face units as a sparse matrix ``(19158, 52 * 3)``, dm; kept after the first call.

    MakeHuman's units move the lids but not the lash helpers that lash proxies hang on; there the
    nearest lid vertices lend their movement.
    """
    mesh = load_base_mesh()
    deltas = np.zeros((len(mesh.vertices), len(FACE_UNITS), 3), np.float32)
    for unit, target in enumerate(face_unit_targets().values()):
        deltas[target.index, unit] = target.delta
    lids = np.unique(mesh.faces["body"][0])
    lids = lids[np.abs(deltas[lids]).max(axis=(1, 2)) > 0]
    tree = cKDTree(mesh.vertices[lids])
    for side, number in (("l", 1), ("l", 2), ("r", 1), ("r", 2)):
        lash = np.unique(mesh.faces[f"helper-{side}-eyelashes-{number}"][0])
        _, nearest = tree.query(_roots(mesh, lash))
        deltas[lash] = deltas[lids[nearest]]
    return sparse.csr_matrix(deltas.reshape(len(deltas), -1))


def _roots(mesh: BaseMesh, lash: Ints) -> Floats:
    """Return for each lash vertex the place of the lash root beside it: the one furthest back."""
    points = mesh.vertices[lash]
    beside = np.abs(points[:, None, 0] - points[None, :, 0])
    behind = points[None, :, 2] + 4.0 * beside
    return np.asarray(points[behind.argmin(axis=1)], np.float32)


@cache
def head_weights() -> Floats:
    """Return for each base vertex how far it turns with the head, ``(19158,)`` in [0, 1]."""
    path = data_folder() / "mpfb2/rigs/standard/weights.default.json"
    bones = json.loads(path.read_text("utf-8"))["weights"]
    share = np.zeros(len(load_base_mesh().vertices))
    total = np.zeros_like(share)
    for bone, rows in bones.items():
        index = np.array([row[0] for row in rows], int)
        weight = np.array([row[1] for row in rows], float)
        turns = _NECK_SHARE.get(bone, 0.0 if any(part in bone for part in _TRUNK) else 1.0)
        np.add.at(share, index, turns * weight)
        np.add.at(total, index, weight)
    return np.asarray(share / np.maximum(total, 1e-6), np.float32)


@dataclass(frozen=True)
class Span:
    """Where a surface lies in the puppet's arrays.

    Attributes:
        material: How it looks.
        first: First index in ``Puppet.order``.
        count: Number of indices.
        cut: Fur: shorter hairs than this are not there.
        fur: Whether the texture's alpha is a hair's length.
    """

    material: Material
    first: int
    count: int
    cut: float
    fur: bool

    @property
    def solid(self) -> bool:
        """Whether every fragment of it is there."""
        return not (self.fur or self.material.two_sided or self.material.neckline)


class Puppet:
    """All surfaces of a person in one set of arrays.

    Soft surfaces come first: those that face units move.

    Args:
        surfaces: What to draw, in drawing order.
        base: ``(19158, 3)`` the person's vertices at rest, dm.

    Attributes:
        rest: ``(P, 3)`` vertices at rest, metres in head space.
        rest_normals: ``(P, 3)`` their unit normals.
        soft_vertices: Number S of vertices of soft surfaces.
        soft_corners: Number of drawn corners of soft surfaces.
        place: ``(P, 3)`` where they lie on the average person, dm: for patterns.
        weight: ``(P,)`` how far they turn with the head.
        spans: The surfaces.
        source: ``(C,)`` the vertex of each drawn corner.
        uv: ``(C, 2)`` its texture coordinates.
        order: ``(I,)`` corners, three a triangle.
        moving: ``(M,)`` the vertices that face units move.
    """

    def __init__(self, surfaces: list[Surface], base: Floats) -> None:
        surfaces = sorted(surfaces, key=lambda surface: surface.still)
        origin = head_origin(base)
        mesh = load_base_mesh()
        stacked = sparse.vstack([surface.map for surface in surfaces]).tocsr()
        offset = np.concatenate([surface.offset for surface in surfaces])
        self.rest: Floats = np.asarray(((stacked @ base) + offset - origin) * DECIMETRE, np.float32)
        self.place: Floats = np.asarray(stacked @ mesh.vertices + offset, np.float32)
        weights = head_weights()
        self.weight: Floats = np.concatenate(
            [s.map @ weights if s.weight is None else s.weight for s in surfaces]
        ).clip(0, 1)
        self._join(surfaces)
        soft = sparse.vstack([surface.map for surface in surfaces if not surface.still]).tocsr()
        deltas = (soft @ unit_deltas()).toarray() * np.float32(DECIMETRE)
        self.moving: Ints = np.flatnonzero(np.abs(deltas).max(axis=1) > _STILL).astype(np.int32)
        per_unit = deltas[self.moving].reshape(len(self.moving), len(FACE_UNITS), 3)
        self._deltas: Floats = np.ascontiguousarray(per_unit.transpose(1, 0, 2), np.float32)
        self._prepare_normals()
        self._landmarks = _landmark_points(base - origin)

    def _join(self, surfaces: list[Surface]) -> None:
        """Lay the surfaces one behind the other, splitting vertices where the texture is cut."""
        spans, source, uv, order, triangles = [], [], [], [], []
        vertex = corner = index = 0
        for surface in surfaces:
            pairs = surface.triangles.reshape(-1).astype(np.int64) << 32 | surface.corners.reshape(
                -1
            )
            unique, inverse = np.unique(pairs, return_inverse=True)
            source.append((unique >> 32) + vertex)
            uv.append(surface.uv[unique & 0xFFFFFFFF])
            order.append(inverse.reshape(-1) + corner)
            triangles.append(surface.triangles + vertex)
            fur = surface.cut > 0
            spans.append(Span(surface.material, index, len(pairs), surface.cut, fur))
            vertex += len(surface.offset)
            corner += len(unique)
            index += len(pairs)
            if not surface.still:
                self.soft_vertices, self.soft_corners = vertex, corner
        self.spans: list[Span] = spans
        self.source: Ints = np.concatenate(source).astype(np.int32)
        self.uv: Floats = np.concatenate(uv).astype(np.float32)
        self.order: Ints = np.concatenate(order).astype(np.int32)
        self._triangles: Ints = np.concatenate(triangles)

    def _prepare_normals(self) -> None:
        """Keep the triangles that can move, and the normals of all at rest."""
        triangles = self._triangles
        moves = np.zeros(len(self.rest), bool)
        moves[self.moving] = True
        self.rest_normals = self._normals(self.rest, triangles, len(self.rest))
        touched = np.unique(triangles[moves[triangles].any(axis=1)])
        near = np.isin(triangles, touched).any(axis=1)
        self._faces: Ints = triangles[near]
        self._touched: Ints = touched
        rows = np.searchsorted(touched, self._faces.reshape(-1))
        known = np.isin(self._faces.reshape(-1), touched)
        columns = np.repeat(np.arange(len(self._faces)), 3)
        ones = np.ones(int(known.sum()), np.float32)
        self._sum = sparse.csr_matrix(
            (ones, (rows[known], columns[known])), shape=(len(touched), len(self._faces))
        )

    @staticmethod
    def _normals(points: Floats, triangles: Ints, count: int) -> Floats:
        columns = np.repeat(np.arange(len(triangles)), 3)
        ones = np.ones(len(columns), np.float32)
        total = sparse.csr_matrix((ones, (triangles.reshape(-1), columns)), (count, len(triangles)))
        return _unit(total @ _flat_normals(points, triangles))

    def pose(self, expression: Floats) -> tuple[Floats, Floats]:
        """Return the soft vertices and their normals ``(S, 3)`` of an expression ``(52,)``."""
        expression = np.asarray(expression, np.float32)
        active = np.flatnonzero(expression)
        points = self.rest[: self.soft_vertices].copy()
        normals = self.rest_normals[: self.soft_vertices].copy()
        if len(active):
            points[self.moving] += np.tensordot(expression[active], self._deltas[active], 1)
            flat = _flat_normals(points, self._faces)
            normals[self._touched] = _unit(self._sum @ flat)
        return points, normals

    def landmarks(self, expression: Floats) -> Floats:
        """Return MediaPipe's 478 points on this very surface, ``(478, 3)`` metres in head space."""
        points, deltas = self._landmarks
        return np.asarray(points + np.tensordot(np.asarray(expression), deltas, 1), np.float32)


def _landmark_points(centred: Floats) -> tuple[Floats, Floats]:
    """Return landmarks at rest ``(478, 3)`` and their face units ``(52, 478, 3)``, metres."""
    model = HeadModel.load()
    corners = model.base_index[model.landmark_corners]
    weight = model.landmark_weight.reshape(-1)
    rows = np.repeat(np.arange(len(corners)), 3)
    pick = sparse.csr_matrix((weight, (rows, corners.reshape(-1))), (len(corners), len(centred)))
    deltas = (pick @ unit_deltas()).toarray().reshape(len(corners), len(FACE_UNITS), 3)
    rest = np.asarray((pick @ centred) * DECIMETRE, np.float32)
    return rest, np.asarray(deltas.transpose(1, 0, 2) * DECIMETRE, np.float32)


def _flat_normals(points: Floats, triangles: Ints) -> Floats:
    a = points[triangles[:, 0]]
    b = points[triangles[:, 1]] - a
    c = points[triangles[:, 2]] - a
    x = b[:, 1] * c[:, 2] - b[:, 2] * c[:, 1]
    y = b[:, 2] * c[:, 0] - b[:, 0] * c[:, 2]
    z = b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0]
    return np.stack([x, y, z], axis=-1)


def _unit(vectors: Floats) -> Floats:
    length = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    return np.asarray(vectors / np.maximum(length, 1e-20), np.float32)
