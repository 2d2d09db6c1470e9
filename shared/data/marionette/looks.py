"""What surfaces look like: skin, eyes, hair and cloth, painted by number from a person's seed.

Colours are sRGB in [0, 1] unless a name says linear; textures are uint8, rows from the top.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.data.marionette.canvas import EYE, TEXELS, Canvas, bump, load_canvas
from shared.data.marionette.people import Person, Skin
from shared.errors import InputError

Floats = NDArray[np.floating]
Picture = NDArray[np.uint8]
Colour = tuple[float, float, float]

# sRGB anchors from very light to very dark, read off photographs of skin colour charts by eye.
_TONES = np.array([
    (0.95, 0.80, 0.72), (0.90, 0.72, 0.61), (0.80, 0.61, 0.48),
    (0.63, 0.44, 0.32), (0.43, 0.28, 0.20), (0.25, 0.16, 0.12),
])  # fmt: skip

_BLOOD = np.array([0.25, -0.55, -0.45])
"""How blood shifts the logarithm of linear RGB."""

_MELANIN = np.array([-0.45, -0.75, -1.1])
"""How melanin (freckles, moles) shifts the logarithm of linear RGB."""


def to_linear(srgb: Floats) -> Floats:
    """Turn sRGB values in [0, 1] into linear light (gamma 2.2)."""
    return np.asarray(np.maximum(srgb, 1e-4) ** 2.2, np.float32)


def to_srgb(linear: Floats) -> Floats:
    """Turn linear light into sRGB in [0, 1] (gamma 2.2)."""
    return np.asarray(np.clip(linear, 0, 1) ** (1 / 2.2), np.float32)


def to_bytes(srgb: Floats) -> Picture:
    """Round values in [0, 1] to uint8."""
    return np.asarray(np.clip(srgb * 255 + 0.5, 0, 255), np.uint8)


def skin_tone(melanin: float, warmth: float) -> Colour:
    """Return the sRGB of bare skin.

    Example:
        >>> skin_tone(0.0, 0.0) > skin_tone(0.5, 0.0) > skin_tone(1.0, 0.0)
        True
    """
    place = np.linspace(0, 1, len(_TONES))
    tone = [np.interp(melanin, place, _TONES[:, channel]) for channel in range(3)]
    shift = np.array([0.01, 0.02, -0.06]) * warmth
    red, green, blue = np.clip(np.array(tone) * np.exp(shift * 1.5), 0, 1)
    return float(red), float(green), float(blue)


def noise(rng: np.random.Generator, cells: float, side: int = TEXELS) -> Floats:
    """Return smooth noise ``(side, side)``, mean 0, deviation 1, about ``cells`` spots a side."""
    small = max(int(cells), 2)
    coarse = rng.standard_normal((small, small)).astype(np.float32)
    full = cv2.resize(coarse, (side, side), interpolation=cv2.INTER_CUBIC)
    return np.asarray((full - full.mean()) / (full.std() + 1e-6), np.float32)


def paint_skin(person: Person, looks: Path | None = None) -> Picture:
    """Paint the skin of a person, ``(1024, 1024, 3)``.

    Layers, in the logarithm of linear light: the tone; details (from a photograph, its own tone
    taken out, or procedural); blood, blotches, freckles, moles; folds; then beard, brows, make-up.

    Args:
        person: Whose skin.
        looks: Folder with MakeHuman's skins; needed if ``person.skin.photograph`` is set.
    """
    rng = np.random.default_rng([0x5C1A, person.seed])
    canvas = load_canvas()
    tone = np.array(skin_tone(person.skin.melanin, person.skin.warmth), np.float32)
    skin = np.broadcast_to(np.log(to_linear(tone)), (TEXELS, TEXELS, 3)).copy()
    if person.skin.photograph is not None and looks is not None:
        skin += _photographed_details(Path(looks) / "skins" / person.skin.photograph)
    else:
        skin += _painted_details(rng, canvas, person.skin)
    skin += _marks(rng, canvas, person.skin)
    colour = np.exp(skin)
    _paint_lips(colour, canvas, tone)
    _paint_scalp_and_beard(rng, colour, canvas, person)
    if person.brow_style is None:
        strands = np.clip(0.75 + 0.35 * noise(rng, 400), 0, 1)
        brows = np.clip(canvas.brows ** (1 / person.brows) * 1.15 - 0.1, 0, 1)
        _cover(colour, 0.9 * brows * strands, _linear(person.hair_rgb) * 0.4)
    _paint_makeup(colour, canvas, person)
    _paint_mouth(colour, canvas)
    return to_bytes(to_srgb(colour))


def _linear(colour: Colour) -> Floats:
    return to_linear(np.array(colour, np.float32))


def _cover(colour: Floats, strength: Floats, paint: Floats) -> None:
    """Mix ``paint`` (linear) into ``colour`` in place."""
    colour += strength[..., None] * (paint - colour)


@lru_cache(maxsize=16)
def _photographed_details(path: Path) -> Floats:
    """Return the logarithm of a skin photograph relative to its cheeks, forehead and nose."""
    photograph = cv2.imread(str(path))
    if photograph is None:
        raise InputError(f"cannot read the skin {path.name}", fix="check the folder of --looks")
    small = cv2.resize(photograph, (TEXELS, TEXELS), interpolation=cv2.INTER_AREA)
    details = np.log(to_linear(small[..., ::-1].astype(np.float32) / 255))
    canvas = load_canvas()
    typical = canvas.cheeks + canvas.nose
    mean = np.tensordot(typical, details, 2) / typical.sum()
    return np.clip(details - mean, -1.5, 0.5).astype(np.float16).astype(np.float32)


def _painted_details(rng: np.random.Generator, canvas: Canvas, skin: Skin) -> Floats:
    """Pores, thin skin round the eyes, shadows of nostrils and eye corners."""
    pores = 0.035 * noise(rng, 500) + 0.03 * noise(rng, 180) + 0.03 * noise(rng, 60)
    x, y, z = np.abs(canvas.position[..., 0]), canvas.position[..., 1], canvas.position[..., 2]
    nostrils = bump(x - 0.105, 0.05) * bump(y - 6.875, 0.03) * (z > 1.4)
    corner = bump(x - EYE[0] + 0.15, 0.06) * bump(y - EYE[1], 0.06) * (z > 1.2)
    dark = 0.9 * nostrils + 0.25 * corner + 0.22 * canvas.lids * (0.4 + skin.melanin)
    details = (pores - dark)[..., None] * np.ones(3, np.float32)
    details += (0.35 * canvas.nose + 0.1 * corner)[..., None] * 0.4 * _BLOOD
    return np.asarray(details, np.float32)


def _marks(rng: np.random.Generator, canvas: Canvas, skin: Skin) -> Floats:
    """Blood, patches, freckles, moles and folds, as shifts of the logarithm of linear light."""
    nose_and_cheeks = canvas.cheeks + 0.7 * canvas.nose
    blood = skin.blood * (0.45 - 0.25 * skin.melanin) * (nose_and_cheeks + 0.15)
    patches = skin.blotches * (0.07 * noise(rng, 14) + 0.05 * noise(rng, 40))
    spots = np.clip(noise(rng, 230) - 1.35, 0, 1) * np.clip(noise(rng, 40) + 0.6, 0, 1)
    freckles = skin.freckles * spots * np.clip(nose_and_cheeks + 0.35, 0, 1)
    moles = _moles(rng, canvas, skin.moles)
    folds = skin.wrinkles * (0.30 * canvas.bags + _wrinkles(canvas))
    marks = blood[..., None] * _BLOOD + (1.1 * freckles + 2.0 * moles)[..., None] * _MELANIN
    marks += (patches - folds)[..., None]
    return np.asarray(marks * (1 - canvas.mouth)[..., None], np.float32)


def _moles(rng: np.random.Generator, canvas: Canvas, count: int) -> Floats:
    moles = np.zeros((TEXELS, TEXELS), np.float32)
    for _ in range(count):
        u, v, size = rng.uniform(0.80, 0.95), rng.uniform(0.36, 0.61), rng.uniform(0.8, 2.2)
        spot = (round(u * TEXELS), round((1 - v) * TEXELS))
        cv2.circle(moles, spot, round(size), float(rng.uniform(0.4, 1)), -1, cv2.LINE_AA)
    return np.asarray(cv2.GaussianBlur(moles, (0, 0), 0.7) * (1 - canvas.lips), np.float32)


def _wrinkles(canvas: Canvas) -> Floats:
    """Lines of the forehead, crow's feet and the fold from nose to mouth."""
    x, y, z = np.abs(canvas.position[..., 0]), canvas.position[..., 1], canvas.position[..., 2]
    front = (z > 0.9).astype(np.float32)
    height = y + 0.05 * np.cos(x * 4)
    forehead = sum(bump(height - level, 0.014) for level in (7.70, 7.79, 7.87)) * bump(x, 0.5)
    fold_x = 0.19 + 0.55 * (6.93 - y)
    fold = bump(x - fold_x, 0.022) * bump(y - 6.78, 0.15)
    angle = np.arctan2(y - EYE[1], x - 0.45)
    feet = np.clip(np.cos(angle * 9), 0, 1) ** 6 * bump(x - 0.56, 0.07) * bump(y - EYE[1], 0.13)
    return np.asarray(front * (0.22 * forehead + 0.45 * fold + 0.18 * feet), np.float32)


def _paint_lips(colour: Floats, canvas: Canvas, tone: Floats) -> None:
    """Lips: redder and a little darker than the skin; the line between them is dark."""
    red = to_linear(tone) * np.array([0.82, 0.50, 0.52], np.float32)
    _cover(colour, 0.55 * canvas.lips, red)


def _paint_scalp_and_beard(
    rng: np.random.Generator, colour: Floats, canvas: Canvas, person: Person
) -> None:
    """Roots on the scalp (more below grown hair) and shaved or grown beard."""
    hair = _linear(person.hair_rgb) * 0.7
    grain = np.clip(0.62 + 0.3 * noise(rng, 420) + 0.12 * noise(rng, 90), 0, 1)
    grey = 0.5 * hair + 0.5 * to_linear(np.array([0.22, 0.23, 0.25], np.float32))
    roots = {"bald": 0.10, "shaved": 0.62, "curtain": 1.3}.get(person.hair, 0.85)
    _cover(colour, np.minimum(roots * canvas.scalp**1.5 * grain, 0.95), hair)
    _cover(colour, 0.42 * person.stubble * canvas.beard * grain, grey)
    if person.beard != "none":
        _cover(colour, 0.8 * beard_area(canvas, person.beard) * grain, hair)


def beard_area(canvas: Canvas, beard: str) -> Floats:
    """Return where a beard of a given cut grows, ``(1024, 1024)`` in [0, 1]."""
    x, y = np.abs(canvas.position[..., 0]), canvas.position[..., 1]
    upper_lip = np.clip((y - 6.62) / 0.08, 0, 1) * np.clip((0.36 - x) / 0.12, 0, 1)
    chin = np.clip((0.36 - x) / 0.16, 0, 1)
    if beard == "moustache":
        return np.asarray(canvas.beard * upper_lip, np.float32)
    if beard == "goatee":
        return np.asarray(canvas.beard * chin, np.float32)
    return canvas.beard


def _paint_makeup(colour: Floats, canvas: Canvas, person: Person) -> None:
    makeup = person.makeup
    _cover(colour, makeup.lipstick * canvas.lips, _linear(makeup.lip_colour))
    _cover(colour, makeup.eyeshadow * canvas.lids, _linear(makeup.eye_colour))
    _cover(colour, 0.9 * makeup.eyeliner * canvas.lashes, np.full(3, 0.005, np.float32))
    pink = _linear((0.75, 0.25, 0.25))
    _cover(colour, 0.45 * makeup.blush * canvas.cheeks, pink)
    if person.lashes is None:
        _cover(colour, 0.5 * canvas.lashes, np.full(3, 0.01, np.float32))


def _paint_mouth(colour: Floats, canvas: Canvas) -> None:
    _cover(colour, canvas.mouth, _linear((0.45, 0.14, 0.13)))


def paint_eye(person: Person, side: int = 256) -> Picture:
    """Paint an eyeball seen from the front, ``(side, side, 3)``.

    The picture spans 160 degrees across; its radius is the angle from the line of sight, so that
    it fits any eyeball mesh. The iris takes 31 degrees on each side.
    """
    rng = np.random.default_rng([0xE7E, person.seed])
    axis = (np.arange(side, dtype=np.float32) + 0.5) / side * 160 - 80
    angle = np.hypot(axis[None, :], axis[:, None])
    turn = np.arctan2(axis[:, None], axis[None, :])
    iris, pupil = 31.0, float(rng.uniform(9.5, 14))
    veins = np.clip(noise(rng, 40, side) - 0.8, 0, 1) * np.clip((angle - 40) / 30, 0, 1)
    white = np.array([0.90, 0.875, 0.855], np.float32) - 0.02 * (person.age == "old")
    eye = white - veins[..., None] * np.array([0.05, 0.25, 0.25], np.float32)
    rays = sum(np.cos(turn * n + rng.uniform(0, 6.28)) / n**0.5 for n in (17, 29, 41, 53))
    shade = 1 + 0.10 * rays + 0.35 * bump(angle - pupil - 4, 5)
    inside = (person_rgb(person.eyes_rgb) * shade[..., None]).astype(np.float32)
    inside *= (1 - 0.65 * np.clip((angle - iris + 7) / 7, 0, 1))[..., None]
    eye += np.clip((iris + 1 - angle) / 2.5, 0, 1)[..., None] * (inside - eye)
    eye *= (1 - np.clip((pupil + 0.8 - angle) / 1.6, 0, 1))[..., None] * 0.97 + 0.03
    return to_bytes(eye)


def person_rgb(colour: Colour) -> Floats:
    """Return a colour as an array ``(3,)``."""
    return np.array(colour, np.float32)


def recolour_hair(texture: Picture, rgb: Colour) -> Picture:
    """Give a hair texture ``(H, W, 4)`` another colour, keeping its strands and its alpha."""
    light = to_linear(texture[..., :3].astype(np.float32) / 255).mean(axis=-1)
    opaque = texture[..., 3] > 128
    typical = float(light[opaque].mean()) if opaque.any() else 1.0
    strands = np.clip(light / max(typical, 1e-3), 0.15, 3.0) ** 0.8
    colour = to_srgb(strands[..., None] * _linear(rgb))
    return np.dstack([to_bytes(colour), texture[..., 3]])


def paint_strands(rng: np.random.Generator, rgb: Colour, side: int = 256) -> Picture:
    """Paint opaque hair whose strands run from top to bottom, ``(side, side, 4)``, tileable in x."""
    fine = np.repeat(rng.standard_normal((1, side)), side, axis=0).astype(np.float32)
    wide = cv2.GaussianBlur(np.tile(rng.standard_normal((1, side)), (side, 3)), (0, 0), 5)
    wide = wide[:, side : 2 * side] / (wide.std() + 1e-6)
    light = np.exp(0.28 * fine + 0.25 * wide + 0.05 * noise(rng, 60, side))
    colour = to_srgb(np.asarray(light[..., None] * _linear(rgb), np.float32))
    return np.dstack([to_bytes(colour), np.full((side, side), 255, np.uint8)])


def paint_fur(rng: np.random.Generator, rgb: Colour, area: Floats) -> Picture:
    """Paint hair roots over the canvas: colour, and in alpha how long each hair is.

    Args:
        rng: The source of chance.
        rgb: Colour of the hair.
        area: ``(1024, 1024)`` in [0, 1], where it grows.
    """
    clumps = 0.16 * noise(rng, 110) + 0.12 * noise(rng, 45)
    length = np.clip(0.8 + clumps, 0, 1) * np.clip(area * 1.2, 0, 1)
    light = np.exp(0.12 * noise(rng, 60))
    colour = to_srgb(np.asarray(light[..., None] * _linear(rgb), np.float32))
    return np.dstack([to_bytes(colour), to_bytes(length)])


def read_texture(path: Path) -> Picture:
    """Read a texture with alpha, ``(H, W, 4)``.

    Raises:
        InputError: If it cannot be read.
    """
    picture = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    if picture is None or picture.ndim != 3:
        raise InputError(f"cannot read {path.name}", fix="check the folder given as --looks")
    if picture.shape[2] == 3:
        picture = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
    return np.ascontiguousarray(picture[..., [2, 1, 0, 3]])


def paint_teeth(row: str, side: int = 128) -> Picture:
    """Paint a row of teeth from right to left: ``upper`` gums at the top, ``lower`` at the bottom."""
    across = (np.arange(side) + 0.5) / side
    down = across[:, None]
    tooth = np.abs(np.sin(across * np.pi * 14))[None, :]
    gum = down if row == "lower" else 1 - down
    teeth = np.array([0.90, 0.87, 0.79], np.float32) * (0.72 + 0.28 * tooth[..., None] ** 0.4)
    gums = np.array([0.66, 0.36, 0.35], np.float32)
    share = np.clip((gum - 0.62 - 0.1 * tooth) / 0.06, 0, 1)[..., None]
    return to_bytes(np.asarray(teeth * (1 - share) + gums * share, np.float32))
