"""(f) Local edits: eyes, brows, lips, skin or a patch of the face, one or two of them in a clip."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.data.forgery.blending import blend, face_hull, grown, polygon, softened
from shared.data.forgery.shapes import warp_affine
from shared.data.forgery.shot import Cast, Forged

Image = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Points = NDArray[np.float32]
Edit = Callable[[Image, Points], tuple[Image, Mask]]
"""(frame, landmarks ``(68, 2)``) -> the edited picture and where it is to be seen."""

_EYES = (slice(36, 42), slice(42, 48))
_BROWS = (slice(17, 22), slice(22, 27))
_PATCHES = ((30, 33), (1, 31), (15, 35), (21, 22), (8, 57))
"""Pairs of landmarks between which a patch may lie: nose, cheeks, forehead's foot, chin."""


def local_edits(cast: Cast, generator: np.random.Generator) -> Forged:
    """Edit one or two parts of the target's face, the same ones in every frame."""
    target = cast.target
    names = generator.choice(sorted(_EDITS), generator.integers(1, 3), replace=False)
    edits = [_EDITS[name](generator, target.span) for name in names]
    frames, masks = [], []
    for original, points in zip(target.frames, target.landmarks, strict=True):
        frame, clear = original, np.ones(original.shape[:2], np.float32)
        for edit in edits:
            foreign, mask = edit(frame, points)
            frame = blend(frame, foreign, mask)
            # What is left of the authentic picture is what every edit lets through.
            clear *= 1 - mask.astype(np.float32) / 255
        frames.append(frame)
        masks.append(np.ceil((1 - clear) * 255 - 1e-3).astype(np.uint8))
    return Forged(np.stack(frames), np.stack(masks), target.sound)


def _eyes(generator: np.random.Generator, span: float) -> Edit:
    """Enlarge both eyes."""
    zoom = generator.uniform(1.15, 1.4)

    def edit(frame: Image, points: Points) -> tuple[Image, Mask]:
        size = frame.shape[1::-1]
        out, mask = frame, np.zeros(frame.shape[:2], np.uint8)
        for eye in _EYES:
            center = points[eye].mean(axis=0)
            larger = np.array([[zoom, 0, 0], [0, zoom, 0]])
            larger[:, 2] = center * (1 - zoom)
            here = softened(polygon(grown(points[eye], 2.1), size), 0.12 * span)
            out = np.where(here[..., None] > 0, warp_affine(frame, larger, size), out)
            mask = np.maximum(mask, here)
        return out, mask

    return edit


def _brows(generator: np.random.Generator, span: float) -> Edit:
    """Remove both brows, or darken them."""
    remove, strength = generator.random() < 0.5, generator.uniform(0.4, 0.7)

    def edit(frame: Image, points: Points) -> tuple[Image, Mask]:
        mask = np.zeros(frame.shape[:2], np.uint8)
        for brow in _BROWS:
            line = np.round((points[brow] - 0.5) * 16).astype(np.int32)
            cv2.polylines(mask, [line], False, 255, max(3, round(0.14 * span)), shift=4)
        painted = cv2.inpaint(frame, mask, 3, cv2.INPAINT_TELEA) if remove else frame * strength
        return np.asarray(painted, np.uint8), softened(mask, 0.05 * span)

    return edit


def _lips(generator: np.random.Generator, span: float) -> Edit:
    """Paint the lips."""
    colour = generator.uniform((120, 0, 20), (230, 60, 110)).astype(np.float32)
    strength = generator.uniform(0.25, 0.5)

    def edit(frame: Image, points: Points) -> tuple[Image, Mask]:
        size = frame.shape[1::-1]
        mask = polygon(points[48:60], size)
        mask[polygon(points[60:68], size) > 0] = 0
        painted = frame * (1 - strength) + colour * strength
        return np.asarray(np.round(painted), np.uint8), softened(mask, 0.04 * span)

    return edit


def _skin(generator: np.random.Generator, span: float) -> Edit:
    """Smooth the skin; eyes, brows, nostrils and lips stay sharp."""
    strength = generator.uniform(25, 60)

    def edit(frame: Image, points: Points) -> tuple[Image, Mask]:
        size = frame.shape[1::-1]
        mask = face_hull(points, size)
        for part in (*_EYES, *_BROWS, slice(48, 60), slice(31, 36)):
            mask[polygon(grown(points[part], 1.35), size) > 0] = 0
        smooth = cv2.bilateralFilter(frame, 0, float(strength), max(2.0, 0.06 * span))
        return np.asarray(smooth), softened(mask, 0.08 * span)

    return edit


def _patch(generator: np.random.Generator, span: float) -> Edit:
    """Remove a round patch and fill it from its edge."""
    first, last = _PATCHES[generator.integers(len(_PATCHES))]
    share, radius = generator.uniform(0.35, 0.65), generator.uniform(0.12, 0.22) * span

    def edit(frame: Image, points: Points) -> tuple[Image, Mask]:
        mask = np.zeros(frame.shape[:2], np.uint8)
        center = (1 - share) * points[first] + share * points[last] - 0.5
        x, y = (round(float(v) * 16) for v in center)
        cv2.circle(mask, (x, y), round(radius * 16), 255, -1, shift=4)
        return np.asarray(cv2.inpaint(frame, mask, 4, cv2.INPAINT_TELEA)), mask

    return edit


_EDITS: dict[str, Callable[[np.random.Generator, float], Edit]] = {
    "brows": _brows,
    "eyes": _eyes,
    "lips": _lips,
    "patch": _patch,
    "skin": _skin,
}
