"""Build the shipped head model: ``python -m shared.face.build_head_model [--calibrate]``.

    sampled people (N, V, 3)   ── principal components ─────────────► identity basis
    face unit targets          ── metres ───────────────────────────► expression basis
    UV masks, face units       ─────────────────────────────────────► regions
    rendered people, landmarks ── shared.face.landmark_calibration ─► landmarks

Needs what ``make corpus-deps`` installs. Writes ``head_model.safetensors`` and prints its hash, which
belongs into ``shared.face.head_model.HEAD_MODEL_SHA256``. Landmarks are those of the present file, so
that renderers and corpora which know them stay valid; ``--calibrate`` searches them anew.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

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
from shared.data.marionette.heads import exercise
from shared.data.marionette.people import sample_person
from shared.data.marionette.scene import sample_scene
from shared.data.marionette.stage import Stage
from shared.errors import InputError
from shared.face.head_model import HEAD_MODEL_PATH, LANDMARKS_478, REGIONS, HeadModel
from shared.face.landmark_calibration import calibrate, inter_ocular
from shared.face.landmarks import PRESENT, LandmarkNet
from shared.motion import UNIT

Array = NDArray[np.floating]
Index = NDArray[np.integer]

PEOPLE, HELD_OUT = 1200, 200
IDENTITIES = 64
NECK_BASE = -1.2
"""The head is cut off here, dm above its origin on the base mesh: just over the collar bones."""
SEED = 20240607
RENDERED_PEOPLE, RENDERED_HELD_OUT = 36, 12
RENDERED_SEED = 7_000_000
RENDERED_SIZE = 384


def head_faces() -> NDArray[np.int32]:
    """Return the triangles ``(F, 3)`` of head, neck and eyeballs, in vertices of the base mesh."""
    mesh = load_base_mesh()
    body = mesh.faces["body"][0]
    height = mesh.vertices[:, 1] - head_origin(mesh.vertices)[1]
    head = body[(height[body] > NECK_BASE).all(axis=1)]
    return np.concatenate([head, mesh.faces["helper-l-eye"][0], mesh.faces["helper-r-eye"][0]])


def mirrored_vertices(base_index: Index) -> Index:
    """Return for each vertex the one on the other side of the base mesh, ``(V,)``."""
    points = load_base_mesh().vertices[base_index]
    return np.asarray(cKDTree(points).query(points * [-1, 1, 1])[1], np.int64)


def sample_heads(base_index: Index, count: int) -> Array:
    """Return ``count`` people's heads at rest, ``(N, V, 3)`` metres in head space."""
    mesh, rng = load_base_mesh(), np.random.default_rng(SEED)
    people = (shape_vertices(mesh, sample_shape(rng)) for _ in range(count))
    return np.stack([to_head_space(person[base_index], person) for person in people])


def principal_components(heads: Array, count: int) -> tuple[Array, Array]:
    """Return the mean ``(V, 3)`` and ``(count, V, 3)`` components of one standard deviation each."""
    mean = heads.mean(axis=0)
    offsets = (heads - mean).reshape(len(heads), -1).astype(np.float64)
    _, vectors = np.linalg.eigh(offsets @ offsets.T)
    # Rows of V^T X have the length sqrt(value); a standard deviation is that over sqrt(N).
    basis = (vectors[:, ::-1][:, :count].T @ offsets) / np.sqrt(len(heads))
    return mean, basis.reshape(count, *mean.shape).astype(np.float32)


def expression_basis(base_index: Index) -> Array:
    """Return the 52 face units as ``(52, V, 3)`` metres."""
    units = face_unit_targets()
    dense = np.zeros((len(units), len(load_base_mesh().vertices), 3), np.float32)
    for row, target in zip(dense, units.values(), strict=True):
        row[target.index] = target.delta * DECIMETRE
    return dense[:, base_index]


def _mask_at_vertices(name: str, base_index: Index) -> NDArray[np.bool_]:
    """Sample one of MakeHuman's UV masks at the vertices (a seam vertex counts if any copy does)."""
    mesh = load_base_mesh()
    path = data_folder() / f"mpfb2/textures/mpfb_{name}.jpg"
    picture = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    if picture is None:
        raise InputError(f"{path} is no picture", fix="run `make corpus-deps`")
    vertices, uv = mesh.faces["body"]
    place = np.clip(mesh.uv[uv.ravel()] * [1, -1] + [0, 1], 0, 1) * (np.array(picture.shape) - 1)
    column, row = np.round(place).astype(int).T
    inside = np.zeros(len(mesh.vertices), bool)
    np.logical_or.at(inside, vertices.ravel(), picture[row, column] > 127)
    return inside[base_index]


def label_regions(base_index: Index, mean: Array, expression: Array) -> NDArray[np.int8]:
    """Return the region ``(V,)`` of each vertex, from UV masks, face units and the mean's shape."""
    reach = np.linalg.norm(expression, axis=-1)
    units = dict(zip(face_unit_targets(), reach, strict=True))
    x, y, z = mean.T
    face = _mask_at_vertices("face", base_index)
    rules: dict[str, NDArray[np.bool_]] = {
        "scalp": ~face & (y > 0) & ((z < 0.06) | (y > 0.09)),
        "neck": (y < -0.045) & (z < 0.075) | (y < -0.075),
        "brows": (units["browDownLeft"] + units["browDownRight"] > 0.0045) & (y > 0.044),
        "left eye": (units["eyeBlinkLeft"] > 0.0012) & (x > 0),
        "right eye": (units["eyeBlinkRight"] > 0.0012) & (x < 0),
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


def build_surface() -> tuple[HeadModel, float]:
    """Build everything but the landmarks.

    Returns:
        The model, and the mean distance in millimetres of held-out people's vertices to the model.
    """
    base_index, triangles = np.unique(head_faces(), return_inverse=True)
    heads = sample_heads(base_index, PEOPLE + HELD_OUT)
    mean, identity = principal_components(heads[:PEOPLE], IDENTITIES)
    expression = expression_basis(base_index)
    model = HeadModel(
        mean,
        identity,
        expression,
        triangles.reshape(-1, 3).astype(np.int32),
        base_index.astype(np.int32),
        label_regions(base_index, mean, expression),
        np.zeros((LANDMARKS_478, 3), np.int32),
        np.full((LANDMARKS_478, 3), 1 / 3, np.float32),
        np.ones(LANDMARKS_478, np.float32),
    )
    held_out = heads[PEOPLE:]
    kept = model.vertices(model.encode(held_out), np.zeros(len(expression)))
    return model, float(np.linalg.norm(kept - held_out, axis=-1).mean() * 1000)


@dataclass(frozen=True, eq=False)
class Sightings:
    """Landmarks detected on renders whose geometry is known.

    Attributes:
        detections: ``(N, 478, 2)`` px.
        vertices: ``(N, V, 2)`` true projections of the model's vertices, px.
        people: ``(N,)`` whom each shows.
        metres_per_pixel: ``(N,)`` at the depth of the head's origin.
    """

    detections: Array
    vertices: Array
    people: Index
    metres_per_pixel: Array


def sight_landmarks(model: HeadModel, first: int, count: int, looks: Path | None) -> Sightings:
    """Render people in several faces and poses each and detect their landmarks.

    Args:
        model: Whose vertices to follow.
        first: First person's number.
        count: Number of people.
        looks: MakeHuman's looks for every second person, or None.
    """
    net, mesh = LandmarkNet(), load_base_mesh()
    detections, vertices, people, scales = [], [], [], []
    for number in range(first, first + count):
        own_looks = looks if number % 2 else None
        person = sample_person(RENDERED_SEED + number, own_looks)
        body = shape_vertices(mesh, person.shape)
        rest = to_head_space(body[model.base_index], body)
        scene = sample_scene(RENDERED_SEED + number)
        with Stage(person, scene, size=RENDERED_SIZE, supersample=1, looks=own_looks) as stage:
            for rotation, shift, face in zip(*_poses(number), strict=True):
                place = stage.rest_translation + shift
                shot = stage.render(rotation, place, face)
                head = rest + np.tensordot(face, model.expression_basis, 1)
                seen = model.project(head, rotation, place, stage.camera)
                box = np.concatenate([shot.landmarks478.min(axis=0), shot.landmarks478.max(axis=0)])
                found = net(shot.image, box)
                if found.presence >= PRESENT:
                    detections.append(found.points)
                    vertices.append(seen.astype(np.float32))
                    people.append(number)
                    scales.append(-place[2] / stage.camera.focal)
    return Sightings(np.stack(detections), np.stack(vertices), np.array(people), np.array(scales))


def _poses(number: int) -> tuple[Array, Array, Array]:
    """Return rotations, shifts and faces: rest, wide jaw, closed lids, smile, and four at random."""
    rng = np.random.default_rng([SEED, number])
    movement = exercise(rng, 8)
    faces = movement.expression.copy()
    faces[:4] = 0
    faces[1, UNIT["jawOpen"]] = rng.uniform(0.3, 0.9)
    faces[2, [UNIT["eyeBlinkLeft"], UNIT["eyeBlinkRight"]]] = rng.uniform(0.8, 1.0)
    faces[3, [UNIT["mouthSmileLeft"], UNIT["mouthSmileRight"]]] = rng.uniform(0.4, 1.0)
    return movement.rotation * np.float32(0.8), movement.translation, faces


def with_landmarks_of(old: HeadModel, model: HeadModel) -> HeadModel:
    """Return the model with another's landmarks; both must have the same vertices."""
    return replace(
        model,
        landmark_corners=old.landmark_corners,
        landmark_weight=old.landmark_weight,
        landmark_spread=old.landmark_spread,
    )


def with_new_landmarks(model: HeadModel, looks: Path | None) -> HeadModel:
    """Return the model with landmarks found on renders."""
    seen = sight_landmarks(model, 0, RENDERED_PEOPLE, looks)
    mirror = mirrored_vertices(model.base_index)
    corners, weight, spread = calibrate(model, mirror, seen.detections, seen.vertices, seen.people)
    return replace(model, landmark_corners=corners, landmark_weight=weight, landmark_spread=spread)


def landmark_errors(model: HeadModel, first: int, count: int, looks: Path | None) -> Array:
    """Return how far detections lie from the model's landmarks on renders of known shape.

    Returns:
        ``(N, 478)`` distances of the eyes' outer corners.
    """
    seen = sight_landmarks(model, first, count, looks)
    corners = seen.vertices[:, model.landmark_corners]
    points = np.einsum("nlkc,lk->nlc", corners, model.landmark_weight)
    gaps = np.linalg.norm(points - seen.detections, axis=-1)
    return np.asarray(gaps / inter_ocular(seen.detections)[:, None])


def main() -> None:
    """Build, save and report."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--calibrate", action="store_true", help="search the landmarks anew")
    options.add_argument("--looks", type=Path, help="folder of MakeHuman's skins and hair")
    chosen = options.parse_args()
    model, error = build_surface()
    sys.stdout.write(f"held-out people to the model: {error:.3f} mm\n")
    if chosen.calibrate:
        model = with_new_landmarks(model, chosen.looks)
        gaps = landmark_errors(model, RENDERED_PEOPLE, RENDERED_HELD_OUT, chosen.looks)
        middle, most = np.quantile(gaps, [0.5, 0.9])
        sys.stdout.write(f"held-out landmarks: median {middle:.4f}, 90 % {most:.4f}\n")
    else:
        model = with_landmarks_of(HeadModel.load(), model)
    model.save(HEAD_MODEL_PATH)
    sys.stdout.write(f"sha256 {sha256_of(HEAD_MODEL_PATH)}\n")


if __name__ == "__main__":
    main()
