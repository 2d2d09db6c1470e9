"""Glasses: a frame of thin tubes before the eyes, and faint lenses; in dm, rigid with the head."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shared.data.marionette import looks as paint
from shared.data.marionette.canvas import EYE
from shared.data.marionette.geometry import BaseMesh
from shared.data.marionette.people import Person
from shared.data.marionette.surfaces import Material, Region, Surface

Floats = NDArray[np.floating]
Ints = NDArray[np.int32]


def glasses_of(person: Person, mesh: BaseMesh, base: Floats) -> list[Surface]:
    """A frame of thin tubes before the eyes, and faint lenses."""
    rng = np.random.default_rng([0x61A, person.seed])
    shift = _eye_shift(mesh, base)
    rim = _rim(rng)
    half = rim.max(axis=0)
    tube = float(rng.uniform(0.012, 0.03))
    frame: list[tuple[Floats, Ints]] = []
    lenses: list[tuple[Floats, Ints]] = []
    front = float(EYE[2] + shift[2] + 0.27)
    for sign in (1, -1):
        centre = np.array([sign * (EYE[0] + 0.02 + shift[0]), EYE[1] - 0.03 + shift[1], front])
        outline = np.column_stack([rim, -0.35 * np.abs(rim[:, 0] * sign + 0.25) ** 2]) + centre
        frame.append(_tube(outline, tube, closed=True))
        lenses.append(_fan(outline))
        hinge = outline[0 if sign > 0 else 16] + [0, 0.06, 0]
        ear = _above_ear(mesh, base, sign)
        bend = hinge + np.array([sign * 0.05, 0, -0.1])
        frame.append(_tube(np.stack([hinge, bend, ear]), tube, closed=False))
    inner = EYE[0] + 0.02 + shift[0] - half[0]
    arch = [[x, EYE[1] + 0.01 + shift[1] + 0.03 * (1 - (x / inner) ** 2), front + 0.02]
            for x in np.linspace(-inner, inner, 7)]  # fmt: skip
    frame.append(_tube(np.array(arch), tube, closed=False))
    colour = np.broadcast_to(paint.to_bytes(np.array(person.frame_rgb, np.float32)), (4, 4, 3))
    glass = np.broadcast_to(np.array([225, 235, 240, 18], np.uint8), (4, 4, 4))
    return [
        _loose(frame, Material(colour.copy(), Region.GLASSES, 0.5, 50.0), len(base)),
        _loose(lenses, Material(glass.copy(), Region.GLASSES, 0.25, 90.0, two_sided=True,
                                shadow=False), len(base)),
    ]  # fmt: skip


def _rim(rng: np.random.Generator) -> Floats:
    """Return the outline of a lens, between an ellipse and a rectangle, ``(32, 2)`` dm."""
    half = np.array([rng.uniform(0.21, 0.25), rng.uniform(0.15, 0.21)])
    power = float(rng.uniform(1.0, 1.9))
    turn = np.linspace(0, 2 * np.pi, 33)[:-1]
    flat = np.stack([np.cos(turn), np.sin(turn)], axis=-1)
    return np.asarray(np.sign(flat) * np.abs(flat) ** (1 / power) * half, np.float32)


def _eye_shift(mesh: BaseMesh, base: Floats) -> Floats:
    """Return how far the left eye lies from its place on the average head, ``(3,)`` dm."""
    ball = np.unique(mesh.faces["helper-l-eye"][0])
    return np.asarray((base[ball] - mesh.vertices[ball]).mean(axis=0), np.float32)


def _above_ear(mesh: BaseMesh, base: Floats, sign: int) -> Floats:
    """Return where a temple ends: a little outside the skin above the ear's root, ``(3,)`` dm."""
    body = np.unique(mesh.faces["body"][0])
    gap = np.linalg.norm(mesh.vertices[body] - np.array([sign * 0.76, 7.42, 0.28]), axis=1)
    return np.asarray(base[body[gap.argmin()]] + np.array([sign * 0.04, 0, -0.12]), np.float32)


def _tube(path: NDArray[np.floating], radius: float, closed: bool) -> tuple[Floats, Ints]:
    """Sweep a hexagon along a path ``(N, 3)``."""
    ahead = np.roll(path, -1, axis=0) - np.roll(path, 1, axis=0)
    if not closed:
        ahead[0], ahead[-1] = path[1] - path[0], path[-1] - path[-2]
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    side = np.cross(ahead, [0.31, 0.2, 0.93])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    other = np.cross(ahead, side)
    turn = np.arange(6) * np.pi / 3
    ring = (
        np.cos(turn)[None, :, None] * side[:, None] + np.sin(turn)[None, :, None] * other[:, None]
    )
    points = (path[:, None] + radius * ring).reshape(-1, 3).astype(np.float32)
    count = len(path) if closed else len(path) - 1
    i, j = np.meshgrid(np.arange(count), np.arange(6), indexing="ij")
    a, b = i * 6 + j, i * 6 + (j + 1) % 6
    c, d = ((i + 1) % len(path)) * 6 + j, ((i + 1) % len(path)) * 6 + (j + 1) % 6
    triangles = np.concatenate([np.stack([a, b, c], -1), np.stack([b, d, c], -1)])
    return points, triangles.reshape(-1, 3).astype(np.int32)


def _fan(outline: NDArray[np.floating]) -> tuple[Floats, Ints]:
    points = np.concatenate([outline.mean(axis=0, keepdims=True), outline]).astype(np.float32)
    rim = np.arange(len(outline))
    return points, np.stack(
        [np.zeros_like(rim), rim + 1, (rim + 1) % len(outline) + 1], axis=-1
    ).astype(np.int32)


def _loose(pieces: list[tuple[Floats, Ints]], material: Material, vertices: int) -> Surface:
    """Join pieces that hang on nothing: rigid parts of the head."""
    starts = np.cumsum([0] + [len(points) for points, _ in pieces])
    points = np.concatenate([points for points, _ in pieces])
    triangles = np.concatenate(
        [part + start for (_, part), start in zip(pieces, starts, strict=False)]
    ).astype(np.int32)
    nothing = sparse.csr_matrix((len(points), vertices), dtype=np.float32)
    uv = np.full((1, 2), 0.5, np.float32)
    return Surface(
        material,
        nothing,
        points,
        uv,
        triangles,
        np.zeros_like(triangles),
        np.ones(len(points), "f4"),
    )
