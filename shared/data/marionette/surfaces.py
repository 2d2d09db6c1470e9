"""Surfaces: meshes that hang on the base mesh, and how they take the light.

Every surface is a linear map of the base mesh's vertices plus an offset, so that one sparse product
fits all of them and face units move them too. Lengths are decimetres in the frame of the base mesh.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shared.data.marionette.attachments import load_proxy
from shared.data.marionette.geometry import BaseMesh

Floats = NDArray[np.floating]
Ints = NDArray[np.int32]
Picture = NDArray[np.uint8]


class Region(IntEnum):
    """What a pixel of a rendered picture shows; the labels of ``Shot.regions``."""

    BACKGROUND = 0
    SKIN = 1
    EYES = 2
    BROWS = 3
    LIPS = 4
    MOUTH = 5
    NOSE = 6
    HAIR = 7
    NECK = 8
    CLOTHES = 9
    GLASSES = 10


@dataclass(frozen=True)
class Material:
    """How a surface takes the light.

    Attributes:
        texture: ``(H, W, 3 or 4)`` sRGB and alpha.
        region: What its pixels show; SKIN means: look it up on the canvas.
        gloss: Strength of the highlight.
        sharpness: Exponent of the highlight.
        scatter: How far light creeps round the edge of shadow, 0 to 1.
        two_sided: Whether it is a sheet, seen from both sides, with soft edges.
        shadow: Whether it throws shadows.
        cavity: How dark it gets towards the back of the mouth or below the lids, 0 to 1.
        strands: Fur only: hairs along a side of the UV map.
        neckline: Garments only: (height, fall forwards, rise sideways), see ``neckline_of``.
    """

    texture: Picture
    region: Region
    gloss: float = 0.05
    sharpness: float = 20.0
    scatter: float = 0.05
    two_sided: bool = False
    shadow: bool = True
    cavity: float = 0.0
    strands: float = 0.0
    neckline: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Surface:
    """A mesh tied to the base mesh.

    Attributes:
        material: How it looks.
        map: Sparse ``(V, 19158)``.
        offset: ``(V, 3)`` dm, added after the map.
        uv: ``(U, 2)``, v upwards.
        triangles: ``(F, 3)`` vertex indices.
        corners: ``(F, 3)`` uv indices.
        weight: ``(V,)`` how far it turns with the head, if the base mesh does not say.
        cut: Fur only: hairs shorter than this share of the fur's length are not there.
    """

    material: Material
    map: sparse.csr_matrix
    offset: Floats
    uv: Floats
    triangles: Ints
    corners: Ints
    weight: Floats | None = None
    cut: float = 0.0

    @property
    def still(self) -> bool:
        """Whether no face unit moves it: hair, garment and glasses."""
        return self.material.region in (Region.HAIR, Region.CLOTHES, Region.GLASSES)


def select(
    mesh: BaseMesh, faces: tuple[Ints, Ints], material: Material, thickness: float = 0.0
) -> Surface:
    """Take triangles of the base mesh, pushed out along their normals by ``thickness`` dm."""
    chosen, inverse = np.unique(faces[0], return_inverse=True)
    ones = np.ones(len(chosen), np.float32)
    entries = (ones, (np.arange(len(chosen)), chosen))
    picked = sparse.csr_matrix(entries, shape=(len(chosen), len(mesh.vertices)))
    triangles = inverse.reshape(faces[0].shape).astype(np.int32)
    offset = np.zeros((len(chosen), 3), np.float32)
    if thickness:
        offset = thickness * vertex_normals(mesh.vertices[chosen], triangles)
    return Surface(material, picked, offset, mesh.uv, triangles, faces[1])


def vertex_normals(points: Floats, triangles: Ints) -> Floats:
    """Return unit normals ``(V, 3)``, averaged over triangles by area."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    flat = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], flat)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / np.maximum(length, 1e-9), np.float32)


def keep(faces: tuple[Ints, Ints], mask: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    """Return those faces (vertices, uv) of a group where ``mask`` holds."""
    return faces[0][mask], faces[1][mask]


def from_proxy(folder: Path, base: Floats, material: Material) -> Surface:
    """Fit MakeHuman's proxy in ``folder`` to a person's base vertices ``(19158, 3)``."""
    proxy = load_proxy(folder, len(base))
    return Surface(
        material, proxy.map, proxy.fitted_offset(base), proxy.uv, proxy.triangles, proxy.corners
    )
