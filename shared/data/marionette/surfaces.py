"""The surfaces that make up a person: skin, eyes, teeth, tongue, brows, lashes, hair, clothes, glasses.

Every surface is a linear map of the base mesh's vertices plus an offset, so that one sparse product
fits all of them and face units move them too. Lengths are decimetres in the frame of the base mesh.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from shared.data.marionette import looks as paint
from shared.data.marionette.attachments import load_proxy
from shared.data.marionette.canvas import EYE, Canvas, load_canvas, to_texel
from shared.data.marionette.geometry import BaseMesh
from shared.data.marionette.people import MESH_STYLES, Person

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]
Picture = NDArray[np.uint8]

BOTTOM = 3.0
"""Nothing of the body below this height is drawn; it lies below the picture."""


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
        neckline: Height above which a garment ends and how it sinks to the front and middle.
    """

    texture: Picture
    region: Region
    gloss: float = 0.05
    sharpness: float = 20.0
    scatter: float = 0.05
    two_sided: bool = False
    shadow: bool = True
    cavity: float = 0.0
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
        rigid: Whether it follows the head as a whole (weight 1 and no face units).
        cut: Fur only: hairs shorter than this share of the fur's length are not there.
    """

    material: Material
    map: sparse.csr_matrix
    offset: Floats
    uv: Floats
    triangles: Ints
    corners: Ints
    rigid: bool = False
    cut: float = field(default=0.0)


def _select(
    mesh: BaseMesh, faces: tuple[Ints, Ints], material: Material, thickness: float = 0.0
) -> Surface:
    """Take triangles of the base mesh, pushed out along their normals by ``thickness`` dm."""
    chosen, inverse = np.unique(faces[0], return_inverse=True)
    ones = np.ones(len(chosen), np.float32)
    select = sparse.csr_matrix(
        (ones, (np.arange(len(chosen)), chosen)), shape=(len(chosen), len(mesh.vertices))
    )
    triangles = inverse.reshape(faces[0].shape).astype(np.int32)
    offset = np.zeros((len(chosen), 3), np.float32)
    if thickness:
        offset = thickness * vertex_normals(mesh.vertices[chosen], triangles)
    return Surface(material, select, offset, mesh.uv, triangles, faces[1])


def vertex_normals(points: Floats, triangles: Ints) -> Floats:
    """Return unit normals ``(V, 3)``, averaged over triangles by area."""
    a, b, c = (points[triangles[:, corner]] for corner in range(3))
    flat = np.cross(b - a, c - a)
    normals = np.zeros_like(points)
    for corner in range(3):
        np.add.at(normals, triangles[:, corner], flat)
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.asarray(normals / np.maximum(length, 1e-9), np.float32)


def _keep(faces: tuple[Ints, Ints], mask: NDArray[np.bool_]) -> tuple[Ints, Ints]:
    return faces[0][mask], faces[1][mask]


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
        *_fur(person, mesh, base),
        *_proxies(person, base, looks),
    ]
    if person.hair == "curtain":
        surfaces.append(_curtain(person, mesh))
    if person.glasses:
        surfaces.extend(_glasses(person, mesh, base))
    return surfaces


def _skin(person: Person, mesh: BaseMesh, looks: Path | None) -> Surface:
    height = mesh.vertices[mesh.faces["body"][0]][..., 1].min(axis=1)
    material = Material(
        paint.paint_skin(person, looks), Region.SKIN, gloss=0.03 + 0.11 * person.skin.shine,
        sharpness=14.0, scatter=0.35 * (1 - 0.6 * person.skin.melanin),
    )  # fmt: skip
    return _select(mesh, _keep(mesh.faces["body"], height > BOTTOM), material)


def _eyes(person: Person, mesh: BaseMesh, base: Floats, looks: Path | None) -> Surface:
    """Eyeballs; their texture is laid on by the angle from the line of sight."""
    material = Material(
        paint.paint_eye(person), Region.EYES, gloss=0.45, sharpness=220.0, scatter=0.2, cavity=0.55
    )
    if looks is not None:
        surface = _from_proxy(Path(looks) / "eyes/high-poly", base, material)
        # The clear cornea is mapped onto a transparent disc in the map's lower right corner.
        clear = (surface.uv[surface.corners].mean(axis=1) * [1, -1] > [0.9, -0.1]).all(axis=1)
        triangles = surface.triangles[~clear]
    else:
        both = [mesh.faces[f"helper-{side}-eye"] for side in "lr"]
        faces = (np.concatenate([f[0] for f in both]), np.concatenate([f[1] for f in both]))
        surface = _select(mesh, faces, material)
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
    tongue = _select(
        mesh, mesh.faces["helper-tongue"], Material(pink, Region.MOUTH, 0.12, 30, 0.3, cavity=1.0)
    )
    if looks is not None:
        texture = paint.read_texture(Path(looks) / "teeth/materials/teeth.png")
        material = Material(texture, Region.MOUTH, 0.3, 40, 0.15, cavity=1.0)
        return [_from_proxy(Path(looks) / "teeth/teeth_base", base, material), tongue]
    parts = [tongue]
    for row, top in (("upper", 6.80), ("lower", 6.45)):
        material = Material(paint.paint_teeth(row), Region.MOUTH, 0.3, 40, 0.15, cavity=1.0)
        surface = _select(mesh, mesh.faces[f"helper-{row}-teeth"], material)
        place = surface.map @ mesh.vertices
        along = np.arctan2(place[:, 0], place[:, 2] - 0.95) / np.pi + 0.5
        height = (place[:, 1] - min(top, top + 0.2)) / 0.25
        uv = np.stack([along, height], axis=-1).astype(np.float32)
        parts.append(replace(surface, uv=uv, corners=surface.triangles))
    return parts


def _clothes(mesh: BaseMesh, material: Material) -> Surface:
    """A garment cut from the base mesh's tights; its pattern is laid on from the front."""
    height = mesh.vertices[mesh.faces["helper-tights"][0]][..., 1].min(axis=1)
    faces = _keep(mesh.faces["helper-tights"], height > BOTTOM)
    surface = _select(mesh, faces, material, thickness=0.03)
    place = surface.map @ mesh.vertices
    uv = (place[:, :2] * 0.25).astype(np.float32)
    return replace(surface, uv=uv, corners=surface.triangles)


def _from_proxy(folder: Path, base: Floats, material: Material) -> Surface:
    proxy = load_proxy(folder, len(base))
    return Surface(
        material, proxy.map, proxy.fitted_offset(base), proxy.uv, proxy.triangles, proxy.corners
    )


def _proxies(person: Person, base: Floats, looks: Path | None) -> list[Surface]:
    """MakeHuman's brows, lashes and hair, recoloured."""
    if looks is None:
        return []
    surfaces: list[Surface] = []
    dark = tuple(0.75 * channel for channel in person.hair_rgb)
    for kind, name, rgb in (
        ("eyebrows", person.brow_style, dark),
        ("eyelashes", person.lashes, (0.03, 0.025, 0.02)),
    ):
        if name is not None:
            folder = Path(looks) / kind / name
            texture = paint.read_texture(folder / f"{name}.png")
            texture = np.dstack([np.full_like(texture[..., :3], 255), texture[..., 3]])
            texture = paint.recolour_hair(texture, rgb)
            region = Region.BROWS if kind == "eyebrows" else Region.EYES
            material = Material(texture, region, 0.0, two_sided=True, shadow=False)
            surfaces.append(_from_proxy(folder, base, material))
    if person.hair in MESH_STYLES:
        folder = Path(looks) / "hair" / person.hair
        texture = paint.read_texture(folder / f"{person.hair}_diffuse.png")
        material = Material(
            paint.recolour_hair(texture, person.hair_rgb), Region.HAIR, 0.10, 12.0, 0.1, True
        )
        surfaces.append(_from_proxy(folder, base, material))
    return surfaces


_FUR = {"shaved": (0.02, 2), "cropped": (0.11, 6), "brush": (0.30, 10), "afro": (0.75, 14)}
"""Hair style -> length of the hairs in dm, number of layers."""


def _fur(person: Person, mesh: BaseMesh, base: Floats) -> list[Surface]:
    """Short hair and beards: layers of skin, each further out and with fewer hairs."""
    canvas = load_canvas()
    rng = np.random.default_rng([0xF0A, person.seed])
    surfaces: list[Surface] = []
    if person.hair in _FUR:
        length, layers = _FUR[person.hair]
        length *= float(rng.uniform(0.8, 1.25))
        comb = np.array([0.0, rng.uniform(-0.5, 0.1), rng.uniform(-0.7, 0.5)], np.float32)
        if person.hair == "afro":
            comb *= 0
        surfaces += _layers(person, mesh, base, canvas.scalp, length, layers, comb, Region.HAIR)
    if person.beard != "none":
        area = paint.beard_area(canvas, person.beard)
        length = float(rng.uniform(0.05, 0.16))
        comb = np.array([0.0, -0.9, 0.1], np.float32)
        surfaces += _layers(person, mesh, base, area, length, 6, comb, Region.SKIN)
    return surfaces


def _layers(
    person: Person, mesh: BaseMesh, base: Floats, area: Floats, length: float, layers: int,
    comb: Floats, region: Region,
) -> list[Surface]:  # fmt: skip
    """Copy the skin where fur grows, ``layers`` times, up to ``length`` dm out."""
    rng = np.random.default_rng([0xFA11, person.seed, int(region)])
    texture = paint.paint_fur(rng, person.hair_rgb, area)
    faces = mesh.faces["body"]
    texel = np.clip(to_texel(mesh.uv), 0, len(area) - 1).astype(int)
    grown = area[texel[:, 1], texel[:, 0]][faces[1]].max(axis=1) > 0.05
    material = Material(texture, region, 0.04, 10.0, 0.15, shadow=False)
    flat = _select(mesh, _keep(faces, grown), material)
    rest = flat.map @ base
    outward = vertex_normals(rest, flat.triangles)
    sheets: list[Surface] = []
    for layer in range(1, layers + 1):
        share = layer / layers
        lean = outward + comb * share
        sheets.append(replace(flat, offset=np.float32(length * share) * lean, cut=share * 0.85))
    return sheets


def _curtain(person: Person, mesh: BaseMesh) -> Surface:
    """Long smooth hair from the base mesh's hair helper."""
    rng = np.random.default_rng([0xC07, person.seed])
    texture = paint.paint_strands(rng, person.hair_rgb)
    material = Material(texture, Region.HAIR, 0.12, 12.0, 0.1, two_sided=True)
    surface = _select(mesh, mesh.faces["helper-hair"], material)
    place = surface.map @ mesh.vertices
    turn = np.arctan2(place[:, 0], place[:, 2] - 0.3) / (2 * np.pi)
    uv = np.stack([turn * 4, place[:, 1] * 0.1], axis=-1).astype(np.float32)
    return replace(surface, uv=uv, corners=surface.triangles)


def _glasses(person: Person, mesh: BaseMesh, base: Floats) -> list[Surface]:
    """A frame of thin tubes before the eyes, and faint lenses."""
    rng = np.random.default_rng([0x61A, person.seed])
    shift = _eye_shift(mesh, base)
    half = np.array([rng.uniform(0.21, 0.25), rng.uniform(0.15, 0.21)])
    power = float(rng.uniform(1.0, 1.9))
    tube = float(rng.uniform(0.012, 0.03))
    turn = np.linspace(0, 2 * np.pi, 33)[:-1]
    cos, sin = np.cos(turn), np.sin(turn)
    rim = np.stack([np.sign(cos) * abs(cos) ** (1 / power) * half[0],
                    np.sign(sin) * abs(sin) ** (1 / power) * half[1]], axis=-1)  # fmt: skip
    frame: list[tuple[Floats, Ints]] = []
    lenses: list[tuple[Floats, Ints]] = []
    front = float(EYE[2] + shift[2] + 0.27)
    for sign in (1, -1):
        centre = np.array([sign * (EYE[0] + 0.02 + shift[0]), EYE[1] - 0.03 + shift[1], front])
        outline = np.column_stack([rim, -0.35 * np.abs(rim[:, 0] * sign + 0.25) ** 2]) + centre
        frame.append(_tube(outline, tube, closed=True))
        lenses.append(_fan(outline))
        hinge = outline[0 if sign > 0 else 16] + [0, 0.06, 0]
        ear = np.array([sign * (0.80 + shift[0]), 7.28 + shift[1], 0.1])
        frame.append(_tube(np.stack([hinge, hinge + [sign * 0.08, 0, -0.12], ear]), tube, False))
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


def _eye_shift(mesh: BaseMesh, base: Floats) -> Floats:
    """Return how far the left eye lies from its place on the average head, ``(3,)`` dm."""
    ball = np.unique(mesh.faces["helper-l-eye"][0])
    return np.asarray((base[ball] - mesh.vertices[ball]).mean(axis=0), np.float32)


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
    return Surface(material, nothing, points, uv, triangles, np.zeros_like(triangles), rigid=True)


def region_map(canvas: Canvas, person: Person) -> Picture:
    """Return the region of each texel of the skin, ``(1024, 1024)`` uint8."""
    y = canvas.position[..., 1]
    regions = np.full(y.shape, Region.SKIN, np.uint8)
    regions[canvas.neck > 0.5] = Region.NECK
    regions[canvas.nose > 0.5] = Region.NOSE
    regions[canvas.lips > 0.5] = Region.LIPS
    if person.brow_style is None:
        regions[canvas.brows > 0.45] = Region.BROWS
    regions[canvas.mouth > 0.5] = Region.MOUTH
    return regions
