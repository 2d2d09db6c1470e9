"""Where on a face a map lights up, by the head model's own geometry.

landmarks (K, 478, 2) px of K crops of one person -> one fitted head in K poses
    -> its skin's triangles that face the camera: the face
    -> its landmarks' outlines on top: eyes (with brows), nose, mouth
    -> boundary: a band round the face's outline, where pasted faces end
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.face.camera import Camera
from shared.face.fitting import fit_landmarks
from shared.face.head_model import REGIONS as PARTS
from shared.face.head_model import HeadModel

REGIONS = ("eyes", "nose", "mouth", "skin", "boundary")
"""Names of the regions; in a region map they have the labels 1 to 5, and 0 is everything else."""

_EYES, _NOSE, _MOUTH, _SKIN, _BOUNDARY = range(1, 6)
_OUTLINES = (
    (_NOSE, (168, 193, 417, 198, 420, 129, 358, 98, 327, 2)),
    (_EYES, (71, 63, 105, 66, 107, 33, 160, 158, 133, 153, 144)),
    (_EYES, (336, 296, 334, 293, 301, 362, 385, 387, 263, 373, 380)),
    (_MOUTH, (61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181)),
)
"""Landmarks whose convex hull is a region; the person's right eye first."""

_FACE_PARTS = ("skin", "left eye", "right eye", "eyeball", "brows", "nose", "lips", "inner mouth")
_BAND = 0.03
"""Half the width of the boundary, in sides of the crop. Ours."""
_FINE = 4
"""Corners are drawn to a 16th of a pixel (bits)."""


def region_maps(points: NDArray[np.floating], size: int) -> NDArray[np.uint8]:
    """Return which region each pixel of one person's face crops belongs to.

    Args:
        points: ``(K, 478, 2)`` landmarks, px of the crops.
        size: Side S of the crops, px.

    Returns:
        ``(K, S, S)`` labels: 0 outside, else 1 + the place in :data:`REGIONS`.

    Raises:
        InputError: If the landmarks cannot be fitted.
    """
    model, camera = HeadModel.load(), Camera.of_crop(size)
    fitted = fit_landmarks(np.asarray(points, np.float64), model, camera, smooth=False)
    motion = fitted.motion
    place = motion.rotation, motion.translation, camera
    vertices = model.project(model.vertices(fitted.identity, motion.expression), *place)
    marks = model.project(model.points("478", fitted.identity, motion.expression), *place)
    face_parts = np.isin(model.regions, [PARTS.index(part) for part in _FACE_PARTS])
    triangles = model.triangles[face_parts[model.triangles].all(axis=1)]
    return np.stack(
        [
            _labelled(corners, outlines, size)
            for corners, outlines in zip(vertices[:, triangles], marks, strict=True)
        ]
    )


def region_means(one: NDArray[np.floating], labels: NDArray[np.uint8]) -> dict[str, float]:
    """Return the mean of a map in each region that is seen.

    Args:
        one: ``(h, w)`` in [0, 1], of the whole crop.
        labels: ``(S, S)`` of :func:`region_maps`.

    Example:
        >>> labels = np.repeat(np.uint8([[1, 1, 2, 2]]), 4, axis=0)
        >>> region_means(np.array([[1.0, 0.0], [1.0, 0.0]]), labels)["eyes"] > 0.8
        True
    """
    full = cv2.resize(
        np.asarray(one, np.float32), labels.shape[::-1], interpolation=cv2.INTER_LINEAR
    )
    return {
        name: float(full[labels == label].mean())
        for label, name in enumerate(REGIONS, 1)
        if (labels == label).any()
    }


def _labelled(
    corners: NDArray[np.floating], marks: NDArray[np.floating], size: int
) -> NDArray[np.uint8]:
    """Draw one face: triangles ``(F, 3, 2)`` and landmarks ``(478, 2)``, px."""
    labels = np.zeros((size, size), np.uint8)
    first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    # counterclockwise from outside, and y points down in the picture: what faces us has a negative area
    facing = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0] < 0
    for triangle in _fixed(corners[facing]):
        cv2.fillConvexPoly(labels, triangle, _SKIN, shift=_FINE)
    band = _outline(labels)
    for label, outline in _OUTLINES:
        hull = cv2.convexHull(_fixed(marks[list(outline)]))
        cv2.fillConvexPoly(labels, hull, label, shift=_FINE)
    return np.where(band & ((labels == 0) | (labels == _SKIN)), np.uint8(_BOUNDARY), labels)


def _outline(face: NDArray[np.uint8]) -> NDArray[np.bool_]:
    reach = max(1, round(_BAND * len(face)))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    return np.asarray(cv2.morphologyEx(face, cv2.MORPH_GRADIENT, kernel) > 0)


def _fixed(pixels: NDArray[np.floating]) -> NDArray[np.int32]:
    """Return fixed-point coordinates as OpenCV draws them: it counts from pixel centres."""
    return np.round((pixels - 0.5) * (1 << _FINE)).astype(np.int32)
