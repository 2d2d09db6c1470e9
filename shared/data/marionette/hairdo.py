"""Hair that needs no drawn mesh: fur in layers, and long hair laid over the skull."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.spatial import cKDTree

from shared.data.marionette import looks as paint
from shared.data.marionette.canvas import load_canvas, to_texel
from shared.data.marionette.geometry import BaseMesh, load_base_mesh
from shared.data.marionette.people import Person
from shared.data.marionette.surfaces import Material, Region, Surface, keep, select, vertex_normals

Floats = NDArray[np.floating]

_FUR = {
    "shaved": (0.02, 2),
    "cropped": (0.10, 5),
    "brush": (0.26, 9),
    "afro": (0.50, 14),
    "curtain": (0.045, 3),
}
"""Hair style -> length of the hairs in dm, number of layers."""

_STRANDS = {"shaved": 700.0, "cropped": 520.0, "brush": 380.0, "afro": 330.0, "curtain": 520.0}
"""Hair style -> hairs along a side of the UV map."""


def fur_of(person: Person, mesh: BaseMesh, base: Floats) -> list[Surface]:
    """Build short hair and beards: layers of skin, each further out and with fewer hairs."""
    canvas = load_canvas()
    rng = np.random.default_rng([0xF0A, person.seed])
    surfaces: list[Surface] = []
    if person.hair in _FUR:
        length, layers = _FUR[person.hair]
        length *= float(rng.uniform(0.8, 1.25))
        comb = np.array([0.0, rng.uniform(-0.5, 0.1), rng.uniform(-0.7, 0.5)], np.float32)
        if person.hair == "afro":
            comb *= 0
        material = _fur_material(person, canvas.scalp, Region.HAIR, strands=_STRANDS[person.hair])
        surfaces += _layers(mesh, base, canvas.scalp, material, length, layers, comb)
    if person.beard != "none":
        area = paint.beard_area(canvas, person.beard)
        length = float(rng.uniform(0.04, 0.14))
        comb = np.array([0.0, -0.9, 0.1], np.float32)
        material = _fur_material(person, area, Region.SKIN, strands=620.0)
        surfaces += _layers(mesh, base, area, material, length, 5, comb)
    return surfaces


def _fur_material(person: Person, area: Floats, region: Region, strands: float) -> Material:
    rng = np.random.default_rng([0xFA11, person.seed, int(region)])
    texture = paint.paint_fur(rng, person.hair_rgb, area)
    return Material(texture, region, 0.05, 10.0, 0.15, shadow=False, strands=strands)


def _layers(
    mesh: BaseMesh,
    base: Floats,
    area: Floats,
    material: Material,
    length: float,
    layers: int,
    comb: Floats,
) -> list[Surface]:
    """Copy the skin where fur grows, ``layers`` times, up to ``length`` dm out."""
    faces = mesh.faces["body"]
    texel = np.clip(to_texel(mesh.uv), 0, len(area) - 1).astype(int)
    grown = area[texel[:, 1], texel[:, 0]][faces[1]].max(axis=1) > 0.05
    skin = select(mesh, keep(faces, grown), material)
    outward = vertex_normals(skin.map @ base, skin.triangles)
    sheets: list[Surface] = []
    for layer in range(1, layers + 1):
        share = layer / layers
        offset = np.float32(length * share) * (outward + comb * share)
        sheets.append(replace(skin, offset=offset, cut=share * 0.95))
    return sheets


def curtain_of(person: Person, base: Floats) -> Surface:
    """Build long hair parted in the middle: strands over the skull, past the temples, then down."""
    rng = np.random.default_rng([0xC07, person.seed])
    length = float(rng.uniform(1.6, 3.4))
    spread = float(rng.uniform(1.02, 1.15))
    turn, along = np.meshgrid(np.linspace(-np.pi, np.pi, 72), np.linspace(0, 1, 31), indexing="ij")
    points = _strands(base, turn, along, length, spread)
    points += 0.03 * rng.standard_normal((72, 1, 3)) * along[..., None]
    points[-1] = points[0]
    points = points.reshape(-1, 3).astype(np.float32)
    i, j = (part.reshape(-1) for part in np.meshgrid(np.arange(71), np.arange(30), indexing="ij"))
    joined = (i != 35) | (j < 4)  # columns 35 and 36 part above the forehead
    i, j = i[joined], j[joined]
    a, b, c, d = i * 31 + j, i * 31 + j + 1, (i + 1) * 31 + j, (i + 1) * 31 + j + 1
    triangles = np.concatenate([np.stack([a, b, c], -1), np.stack([b, d, c], -1)]).astype(np.int32)
    uv = np.stack([turn * 0.6, 1 - along], axis=-1).reshape(-1, 2).astype(np.float32)
    texture = paint.paint_strands(rng, person.hair_rgb)
    material = Material(texture, Region.HAIR, 0.14, 14.0, 0.1, two_sided=True)
    nothing = sparse.csr_matrix((len(points), len(base)), dtype=np.float32)
    weight = np.clip((points[:, 1] - 5.2) / 1.2, 0.15, 1).astype(np.float32)
    return Surface(material, nothing, points, uv, triangles, triangles, weight)


def _strands(base: Floats, turn: Floats, along: Floats, length: float, spread: float) -> Floats:
    """Lay strands from the parting: ``turn`` 0 faces forwards; returns ``(..., 3)`` dm."""
    over = 0.42  # share of a strand that lies on the skull
    polar = np.clip(along / over, 0, 1) * np.pi / 2
    # Strands that would hang in the face are swept to the side on their way down.
    swept = np.sign(turn) * np.maximum(np.abs(turn), 1.7 + 0.25 * np.abs(turn))
    share = np.clip((polar - 0.8) / 0.65, 0, 1)
    bearing = turn + share * (swept - turn)
    down = np.clip((along - over) / (1 - over), 0, 1)
    ray = np.stack(
        [np.sin(polar) * np.sin(bearing), np.cos(polar), np.sin(polar) * np.cos(bearing)], axis=-1
    )
    centre, reach = _skull(base, ray)
    fall = np.stack(
        [
            1 + (spread - 1) * down - 0.12 * np.sin(np.pi * down),
            np.ones_like(down),
            1 - 0.3 * down,
        ],
        axis=-1,
    )
    points = centre + ray * reach[..., None] * fall
    points[..., 1] -= length * down
    return np.asarray(points, np.float32)


def _skull(base: Floats, ray: Floats) -> tuple[Floats, Floats]:
    """Return the skull's centre ``(3,)`` and how far out hair lies along rays ``(..., 3)``, dm."""
    body = base[np.unique(load_base_mesh().faces["body"][0])]
    top = body[:, 1].max()
    centre = np.array([0.0, top - 0.85, 0.42], np.float32)
    offset = body - centre
    skull = offset[(offset[:, 1] > -0.15) & (np.abs(offset[:, 0]) < 0.82)]
    distance = np.linalg.norm(skull, axis=1)
    tree = cKDTree(skull / distance[:, None])
    _, near = tree.query(ray.reshape(-1, 3), k=6)
    return centre, (distance[near].max(axis=1) + 0.12).reshape(ray.shape[:-1])
