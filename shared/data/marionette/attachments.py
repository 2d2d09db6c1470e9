"""MakeHuman's proxies (hair, brows, lashes, eyes, teeth, tongue): meshes that hang on the base mesh.

A ``.mhclo`` file ties each vertex of an ``.obj`` to three vertices of the base mesh by barycentric
weights and an offset; so a fitted proxy is a linear map of the base mesh, and follows it.
"""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shared.errors import InputError

Floats = NDArray[np.floating]
Ints = NDArray[np.int32]


@dataclass(frozen=True)
class Proxy:
    """A mesh that hangs on the base mesh.

    Attributes:
        map: Sparse ``(V, 19158)``: base vertices -> own vertices.
        offset: ``(V, 3)`` to add after ``scale``, dm.
        scale: For x, y, z: (base vertex, base vertex, reference length in dm), or None.
        uv: ``(U, 2)`` in [0, 1], v upwards.
        triangles: ``(F, 3)`` vertex indices.
        corners: ``(F, 3)`` uv indices.
    """

    map: sparse.csr_matrix
    offset: Floats
    scale: tuple[tuple[int, int, float] | None, ...]
    uv: Floats
    triangles: Ints
    corners: Ints

    def fitted_offset(self, base: Floats) -> Floats:
        """Return the offsets ``(V, 3)`` for a person's base vertices ``(19158, 3)``, dm."""
        size = np.ones(3, np.float32)
        for axis, reference in enumerate(self.scale):
            if reference is not None:
                first, second, length = reference
                size[axis] = abs(base[first, axis] - base[second, axis]) / length
        return self.offset * size


@lru_cache(maxsize=64)
def load_proxy(folder: Path, vertices: int = 19158) -> Proxy:
    """Read the ``.mhclo.gz`` and ``.obj.gz`` in a folder, both named like the folder.

    Args:
        folder: For example ``looks/hair/short01``.
        vertices: Number of vertices of the base mesh.

    Raises:
        InputError: If a file is missing or does not hold what it should.
    """
    rows, scale = _read_ties(_read_lines(folder / f"{folder.name}.mhclo.gz"))
    uv, triangles, corners = _read_surface(_read_lines(folder / f"{folder.name}.obj.gz"))
    if len(rows) <= triangles.max(initial=0) or rows[:, :3].max(initial=0) >= vertices:
        raise InputError(f"{folder} does not fit the base mesh", fix="use MakeHuman hm08 assets")
    ties, weights = rows[:, :3].astype(np.int32), rows[:, 3:6].astype(np.float32)
    place = np.repeat(np.arange(len(rows)), 3)
    entries = (weights.reshape(-1), (place, ties.reshape(-1)))
    return Proxy(
        map=sparse.csr_matrix(entries, shape=(len(rows), vertices)),
        offset=rows[:, 6:9].astype(np.float32),
        scale=scale,
        uv=uv,
        triangles=triangles,
        corners=corners,
    )


def _read_lines(path: Path) -> list[list[str]]:
    try:
        text = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
    except (OSError, EOFError) as error:
        raise InputError(
            f"cannot read {path.name}", found=error, fix="check the folder given as --looks"
        ) from error
    return [words for line in text.splitlines() if (words := line.split())]


def _read_ties(
    lines: list[list[str]],
) -> tuple[NDArray[np.float64], tuple[tuple[int, int, float] | None, ...]]:
    """Return rows (3 vertices, 3 weights, 3 offsets) and the scale references."""
    rows: list[list[float]] = []
    scale: list[tuple[int, int, float] | None] = [None, None, None]
    reading = False
    for words in lines:
        if words[0] in ("x_scale", "y_scale", "z_scale"):
            scale["xyz".index(words[0][0])] = (int(words[1]), int(words[2]), float(words[3]))
        elif words[0] == "verts":
            reading = True
        elif reading and words[0].lstrip("-").replace(".", "", 1).isdigit():
            rows.append(_tie([float(word) for word in words]))
        elif rows:
            reading = False
    return np.array(rows).reshape(-1, 9), tuple(scale)


def _tie(numbers: list[float]) -> list[float]:
    """One number ties to a single vertex; nine are three vertices, weights and offsets."""
    if len(numbers) == 1:
        return [numbers[0]] * 3 + [1.0, 0, 0, 0, 0, 0]
    return (numbers + [0.0] * 3)[:9]


def _read_surface(lines: list[list[str]]) -> tuple[Floats, Ints, Ints]:
    uv = np.array([words[1:3] for words in lines if words[0] == "vt"], np.float32).reshape(-1, 2)
    fans = [
        [words[1], words[k], words[k + 1]]
        for words in lines
        if words[0] == "f"
        for k in range(2, len(words) - 1)
    ]
    pairs = np.array([[corner.split("/")[:2] for corner in fan] for fan in fans], np.int32) - 1
    return uv, pairs[..., 0].copy(), pairs[..., 1].copy()
