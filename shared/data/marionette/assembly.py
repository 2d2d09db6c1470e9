"""A person put together: skin, eyes, teeth, tongue, clothes, hair, brows, lashes, glasses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.data.marionette import looks as paint
from shared.data.marionette.canvas import Canvas
from shared.data.marionette.geometry import BaseMesh
from shared.data.marionette.glasses import glasses_of
from shared.data.marionette.hairdo import curtain_of, fur_of
from shared.data.marionette.people import MESH_STYLES, Person
from shared.data.marionette.surfaces import Material, Region, Surface, from_proxy, keep, select

Floats = NDArray[np.floating]
Picture = NDArray[np.uint8]

BOTTOM = 4.2
"""Nothing below this height (dm) is drawn; it lies below the picture."""

_VEIL = 0.54
"""Sheets up to this alpha are blended in last and leave the label below them alone."""

BARE = 4.75
"""No skin below this height (dm) is drawn; garments hide it."""


def build_surfaces(
    person: Person,
    mesh: BaseMesh,
    base: Floats,
    clothes: Material,
    looks: Path | None,
) -> list[Surface]:
    """Build all surfaces of a person, in drawing order.

    Args:
        person: Who.
        mesh: The base mesh.
        base: ``(19158, 3)`` the person's vertices at rest.
        clothes: The garment's material.
        looks: Folder of MakeHuman's looks, or None.
    """
    surfaces = [
        _skin(person, mesh, looks),
        _eyes(person, mesh, base, looks),
        *_mouth_parts(mesh, base, looks),
        _clothes(mesh, clothes),
        *fur_of(person, mesh, base),
        *_proxies(person, base, looks),
    ]
    if person.hair == "curtain":
        surfaces.append(curtain_of(person, base))
    if person.glasses:
        surfaces.extend(glasses_of(person, mesh, base))
    return surfaces


def _skin(person: Person, mesh: BaseMesh, looks: Path | None) -> Surface:
    height = mesh.vertices[mesh.faces["body"][0]][..., 1].min(axis=1)
    material = Material(
        paint.paint_skin(person, looks), Region.SKIN, gloss=0.03 + 0.11 * person.skin.shine,
        sharpness=14.0, scatter=0.35 * (1 - 0.6 * person.skin.melanin),
    )  # fmt: skip
    return select(mesh, keep(mesh.faces["body"], height > BARE), material)


def _eyes(person: Person, mesh: BaseMesh, base: Floats, looks: Path | None) -> Surface:
    """Eyeballs; their texture is laid on by the angle from the line of sight."""
    material = Material(
        paint.paint_eye(person),
        Region.EYES,
        gloss=0.45,
        sharpness=220.0,
        scatter=0.2,
        shadow=False,
        cavity=0.55,
    )
    if looks is not None:
        surface = from_proxy(Path(looks) / "eyes/high-poly", base, material)
        # The clear cornea is mapped onto a transparent disc in the map's lower right corner.
        clear = (surface.uv[surface.corners].mean(axis=1) * [1, -1] > [0.9, -0.1]).all(axis=1)
        triangles = surface.triangles[~clear]
    else:
        both = [mesh.faces[f"helper-{side}-eye"] for side in "lr"]
        faces = (np.concatenate([f[0] for f in both]), np.concatenate([f[1] for f in both]))
        surface = select(mesh, faces, material)
        triangles = surface.triangles
    place = surface.map @ mesh.vertices + surface.offset
    centre = np.zeros_like(place)
    for side, sign in (("l", 1), ("r", -1)):
        ball = np.unique(mesh.faces[f"helper-{side}-eye"][0])
        middle = (mesh.vertices[ball].min(axis=0) + mesh.vertices[ball].max(axis=0)) / 2
        centre[np.sign(place[:, 0]) == sign] = middle
    ray = place - centre
    ray /= np.linalg.norm(ray, axis=1, keepdims=True)
    angle = np.degrees(np.arccos(np.clip(ray[:, 2], -1, 1))) / 160
    flat = ray[:, :2] / np.maximum(np.linalg.norm(ray[:, :2], axis=1, keepdims=True), 1e-6)
    uv = np.asarray(0.5 + np.clip(angle, 0, 0.499)[:, None] * flat, np.float32)
    return replace(surface, uv=uv, triangles=triangles, corners=triangles)


def _mouth_parts(mesh: BaseMesh, base: Floats, looks: Path | None) -> list[Surface]:
    """Teeth and tongue."""
    pink = np.full((4, 4, 3), (196, 104, 100), np.uint8)
    tongue = select(
        mesh,
        mesh.faces["helper-tongue"],
        Material(pink, Region.MOUTH, 0.12, 30, 0.3, shadow=False, cavity=1.0),
    )
    if looks is not None:
        texture = paint.read_texture(Path(looks) / "teeth/materials/teeth.png")
        ivory = texture * np.array([0.97, 0.93, 0.84, 1.0], np.float32)
        material = _tooth_material(ivory.astype(np.uint8))
        teeth = from_proxy(Path(looks) / "teeth/teeth_base", base, material)
        return [_lowered(teeth, mesh), tongue]
    parts = [tongue]
    for row in ("upper", "lower"):
        material = _tooth_material(paint.paint_teeth(row))
        surface = select(mesh, mesh.faces[f"helper-{row}-teeth"], material)
        place = surface.map @ mesh.vertices
        along = np.arctan2(place[:, 0], place[:, 2] - 0.95) / np.pi + 0.5
        height = (place[:, 1] - place[:, 1].min()) / np.ptp(place[:, 1])
        uv = np.stack([along, height], axis=-1).astype(np.float32)
        parts.append(_lowered(replace(surface, uv=uv, corners=surface.triangles), mesh))
    return parts


def _tooth_material(texture: Picture) -> Material:
    return Material(texture, Region.MOUTH, 0.3, 40.0, 0.15, shadow=False, cavity=1.0)


def _lowered(teeth: Surface, mesh: BaseMesh) -> Surface:
    """Bring the upper row down a little: MakeHuman's hides behind the lip in every vowel."""
    upper = np.zeros(len(mesh.vertices), np.float32)
    upper[np.unique(mesh.faces["helper-upper-teeth"][0])] = 1.0
    drop = np.outer(teeth.map @ upper, np.array([0, -0.035, 0.01]))
    return replace(teeth, offset=np.asarray(teeth.offset + drop, np.float32))


def _clothes(mesh: BaseMesh, material: Material) -> Surface:
    """A garment cut from the base mesh's tights; its pattern is laid on from the front."""
    height = mesh.vertices[mesh.faces["helper-tights"][0]][..., 1].min(axis=1)
    faces = keep(mesh.faces["helper-tights"], height > BOTTOM)
    surface = select(mesh, faces, material, thickness=0.03)
    place = surface.map @ mesh.vertices
    uv = (place[:, :2] * 0.25).astype(np.float32)
    return replace(surface, uv=uv, corners=surface.triangles)


def _proxies(person: Person, base: Floats, looks: Path | None) -> list[Surface]:
    """MakeHuman's brows, lashes and hair, recoloured."""
    if looks is None:
        return []
    surfaces: list[Surface] = []
    red, green, blue = person.hair_rgb
    depth = 0.5 + 0.3 * (1 - max(person.hair_rgb))  # brows are darker than light hair
    for kind, name, rgb, cover in (
        ("eyebrows", person.brow_style, (depth * red, depth * green, depth * blue), 1.0),
        ("eyelashes", person.lashes, (0.03, 0.025, 0.02), _VEIL),
    ):
        if name is not None:
            folder = Path(looks) / kind / name
            alpha = paint.read_texture(folder / f"{name}.png")[..., 3:]
            white = np.full((*alpha.shape[:2], 3), 255, np.uint8)
            alpha = np.minimum(alpha, 255 * cover).astype(np.uint8)
            texture = paint.recolour_hair(np.concatenate([white, alpha], axis=-1), rgb)
            region = Region.BROWS if kind == "eyebrows" else Region.EYES
            material = Material(texture, region, 0.0, two_sided=True, shadow=False)
            surfaces.append(from_proxy(folder, base, material))
    if person.hair in MESH_STYLES:
        folder = Path(looks) / "hair" / person.hair
        texture = paint.read_texture(folder / f"{person.hair}_diffuse.png")
        material = Material(
            paint.recolour_hair(texture, person.hair_rgb), Region.HAIR, 0.10, 12.0, 0.1, True
        )
        surfaces.append(from_proxy(folder, base, material))
    return surfaces


def region_map(canvas: Canvas, person: Person) -> Picture:
    """Return the region of each texel of the skin, ``(1024, 1024)`` uint8."""
    y = canvas.position[..., 1]
    regions = np.full(y.shape, Region.SKIN, np.uint8)
    if person.hair != "bald":
        regions[canvas.scalp > 0.6] = Region.HAIR
    regions[canvas.neck > 0.5] = Region.NECK
    regions[canvas.nose > 0.5] = Region.NOSE
    regions[canvas.lips > 0.5] = Region.LIPS
    if person.brow_style is None:
        regions[canvas.brows > 0.45] = Region.BROWS
    regions[canvas.mouth > 0.5] = Region.MOUTH
    return regions
