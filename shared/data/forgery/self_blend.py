"""(d) Self-blended pictures: a face laid over itself, a little moved, coloured or sharpened. No second person.

Shiohara and Yamasaki, "Detecting Deepfakes with Self-Blended Images", CVPR 2022, arXiv 2204.08376. Differences: one set
of parameters for a whole clip, so that nothing flickers; only the face is changed, never the ground, so that the mask
is exact.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.data.forgery.blending import blend, face_hull, polygon, softened
from shared.data.forgery.shapes import warp_affine
from shared.data.forgery.shot import Cast, Forged

Image = NDArray[np.uint8]

RATIOS = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
"""Shares of the foreign picture that are drawn from (Sec. 3.2 of the paper)."""


def self_blend(cast: Cast, generator: np.random.Generator) -> Forged:
    """Blend the target's face with a changed copy of itself.

    By the generator: colour, sharpness, shift and size of the copy, region, edge, the region's deformation, the share.
    """
    target = cast.target
    recolour = _recolouring(generator)
    drift = generator.uniform(-0.04, 0.04, 2) * target.span
    zoom = generator.uniform(0.96, 1.04)
    region = face_hull if generator.random() < 0.5 else polygon
    feather = generator.uniform(0.08, 0.5) * target.span
    waves = generator.normal(0, 0.06 * target.span, (2, 4, 4)).astype(np.float32)
    ratio = float(generator.choice(RATIOS))
    frames, masks = [], []
    for frame, points in zip(target.frames, target.landmarks, strict=True):
        center = points.mean(axis=0)
        matrix = np.array([[zoom, 0, 0], [0, zoom, 0]])
        matrix[:, 2] = center * (1 - zoom) + drift
        foreign = warp_affine(recolour(frame), matrix, target.size)
        mask = _deformed(region(points, target.size), points, waves)
        mask = np.round(softened(mask, feather) * ratio).astype(np.uint8)
        frames.append(blend(frame, foreign, mask))
        masks.append(mask)
    return Forged(np.stack(frames), np.stack(masks), target.sound)


def _recolouring(generator: np.random.Generator) -> Callable[[Image], Image]:
    """Draw a change of colour and sharpness."""
    shift = generator.uniform(-18, 18, 3)
    gain = generator.uniform(0.85, 1.15)
    shrink = generator.choice([1.0, 1.0, 0.5, 0.35])
    sharpen = generator.uniform(0.3, 1.0) if generator.random() < 0.4 else 0.0

    def change(frame: Image) -> Image:
        picture = np.asarray(frame, np.float32)
        if shrink < 1:
            small = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
            picture = cv2.resize(small, frame.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        picture = picture + sharpen * (picture - cv2.GaussianBlur(picture, (0, 0), 1.2))
        changed = (picture - 128) * gain + 128 + shift
        return np.asarray(np.round(np.clip(changed, 0, 255)), np.uint8)

    return change


def _deformed(
    mask: NDArray[np.uint8], points: NDArray[np.float32], waves: NDArray[np.float32]
) -> NDArray[np.uint8]:
    """Bend a mask by smooth waves ``(2, 4, 4)`` px that move with the face."""
    height, width = mask.shape
    low, high = points.min(axis=0), points.max(axis=0)
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    at_x, at_y = ((v - a) / (b - a) * 3 for v, a, b in zip((x, y), low, high, strict=True))
    bend = [cv2.remap(wave, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            for wave in waves]  # fmt: skip
    return np.asarray(cv2.remap(mask, x + bend[0], y + bend[1], cv2.INTER_LINEAR))
