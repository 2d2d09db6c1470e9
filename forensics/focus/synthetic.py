"""Faces that are none, forged where it is known: the smallest set on which a claim about maps can be checked.

A "face" is smooth random light on a skin of one colour, with sensor noise. A forgery carries one or two cues at places
of their own: *texture*, a patch of stronger noise within a seam of one pixel; *tint*, a patch of another colour as
bright as the rest, which Sobel hardly sees; *cool tint*, a fainter patch of the opposite colour. Either tells the class
alone, so a classifier needs only one of them; a complete map shows both. Texture and tint lie in two views, the tints
in one.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.faces import FaceSet

TEXTURE, TINT, COOL = 0, 1, 2
CUES = ("texture", "tint", "cool tint")
"""Their names."""

_TINTS = {TINT: (22.0, -8.0, -14.0), COOL: (-14.0, 5.0, 10.0)}
"""What a tint adds to red, green and blue; the luminance stays, within half a step of 255."""


@dataclass(frozen=True)
class CueSet:
    """Synthetic faces and where each cue lies.

    Attributes:
        faces: Half authentic, half forged, each of another person.
        cues: ``(N, 3, S, S)`` bool: the patch of each cue of :data:`CUES`; empty where there is none.
    """

    faces: FaceSet
    cues: NDArray[np.bool_]


def synthetic_faces(
    count: int, seed: int, *, size: int = 32, cues: tuple[int, ...] = (TEXTURE, TINT)
) -> CueSet:
    """Make a set.

    Args:
        count: N.
        seed: Of everything.
        size: Side, px.
        cues: What each forgery carries.
    """
    rng = np.random.default_rng(seed)
    frames = np.empty((count, size, size, 3), np.uint8)
    places = np.zeros((count, len(CUES), size, size), bool)
    labels = np.arange(count) % 2
    for row in range(count):
        light = rng.uniform(70, 185, (4, 4)).astype(np.float32)
        shade = cv2.resize(light, (size, size), interpolation=cv2.INTER_CUBIC)
        face = shade[..., None] + rng.uniform(-10, 10, 3).astype(np.float32)
        if labels[row]:
            for cue, box in zip(cues, _boxes(size, len(cues), rng), strict=True):
                places[row, cue][box] = True
                _add(face, cue, box, rng)
        face += rng.normal(0, 2, face.shape)
        frames[row] = np.clip(np.round(face), 0, 255)
    people = np.arange(count)
    masks = np.asarray(places.any(1), np.float32)
    return CueSet(FaceSet(frames, labels, people, people, masks), places)


Box = tuple[slice, slice]


def _boxes(size: int, count: int, rng: np.random.Generator) -> list[Box]:
    """Return rectangles that do not meet: one somewhere, or one in the left half and one in the right."""
    found = []
    for number in range(count):
        width, height = rng.integers(size // 4, size * 3 // 8 + 1, 2)
        room = size // count
        x = number * room + rng.integers(0, room - width + 1)
        y = rng.integers(0, size - height + 1)
        found.append((slice(y, y + height), slice(x, x + width)))
    rng.shuffle(found)  # type: ignore[arg-type]
    return found


def _add(face: NDArray[np.float32], cue: int, box: Box, rng: np.random.Generator) -> None:
    patch = face[box]
    if cue in _TINTS:
        patch += np.array(_TINTS[cue], np.float32)
        return
    patch += rng.normal(0, 14, (*patch.shape[:2], 1)).astype(np.float32)
    for edge in (patch[0], patch[-1], patch[:, 0], patch[:, -1]):
        edge -= 18
