"""Square crops around a head, and the affine maps between picture and crop.

Everything here obeys docs/conventions.md: pixel coordinates run over the picture's edges, so the centre of
the top left pixel is (0.5, 0.5), and a crop of any size covers the same square of the picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.errors import InputError
from shared.face.points import points68

Image = NDArray[np.uint8]
Points = NDArray[np.floating]


def apply_affine(matrix: Points, points: Points) -> Points:
    """Map points ``(..., 2)`` by an affine ``(2, 3)`` matrix.

    Example:
        >>> apply_affine(np.array([[2.0, 0, 1], [0, 2.0, 0]]), np.array([3.0, 4.0])).tolist()
        [7.0, 8.0]
    """
    return points @ matrix[:, :2].T + matrix[:, 2]


def invert_affine(matrix: Points) -> Points:
    """Return the inverse ``(2, 3)`` of an affine ``(2, 3)`` matrix."""
    inverse = np.linalg.inv(matrix[:, :2])
    return np.concatenate([inverse, -inverse @ matrix[:, 2:]], axis=1)


def warp(image: Image, matrix: Points, size: int) -> Image:
    """Cut the square that ``matrix`` maps to ``[0, size]²`` out of a picture.

    The picture's border is repeated outside. A picture that shrinks is first sampled finer and then averaged
    over areas, so that nothing aliases.

    Args:
        image: uint8 RGB ``(H, W, 3)``.
        matrix: ``(2, 3)`` picture px -> crop px; a similarity.
        size: Side of the crop, px.

    Returns:
        uint8 RGB ``(size, size, 3)``.
    """
    shrink = 1.0 / math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    finer = max(1, math.ceil(shrink - 0.25))
    fine = np.asarray(matrix, np.float64) * finer
    # OpenCV counts from pixel centres: x_cv = x - 0.5 on both sides.
    fine[:, 2] += 0.5 * fine[:, :2].sum(axis=1) - 0.5
    side = size * finer
    cut = cv2.warpAffine(
        image, fine, (side, side), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    if finer > 1:
        cut = cv2.resize(cut, (size, size), interpolation=cv2.INTER_AREA)
    return np.asarray(cut, np.uint8)


_RIGID = (36, 39, 42, 45, 30, 33, 0, 16)
"""The iBUG points that hardly move against the skull: eye corners, nose tip and base, ends of the jaw."""

_RIGID_FACE = np.array([
    [-0.50, 0.00, 0.06], [-0.185, 0.02, 0.00], [0.185, 0.02, 0.00], [0.50, 0.00, 0.06],
    [0.00, 0.39, -0.42], [0.00, 0.53, -0.20], [-0.76, -0.13, 0.50], [0.76, -0.13, 0.50],
])  # fmt: skip
"""Their places on a mean face: x right, y down, z away from the viewer, in outer-eye distances (ours: the mean
of four rendered people's landmarks, made symmetric)."""

_BREADTH = 1.52
_HEAD_CENTER = np.array([0.0, 0.20, 0.60])
"""Middle of what a portrait shows: behind the nose bridge, so that a turning head stays in the middle."""


@dataclass(frozen=True)
class CropBox:
    """An axis-aligned square of a picture that holds a whole head; roll is kept.

    Attributes:
        center: (x, y), px of the picture.
        side: px of the picture.
    """

    center: tuple[float, float]
    side: float

    def __post_init__(self) -> None:
        """Check that the square is finite and not empty."""
        if not (np.isfinite([*self.center, self.side]).all() and self.side > 0):
            raise InputError("a crop must be a finite square", found=(self.center, self.side))

    @classmethod
    def from_landmarks(cls, points: Points, scale: float = 2.35) -> CropBox:
        """Frame a whole head, with hair and neck, by its landmarks.

        A rigid face of eight points is fitted to the eye corners, the nose and the ends of the jaw as an
        affine camera sees it; its size and the place of its head's centre do not depend on where the head
        turns or what the mouth does (over 64 renders, yaw to 30 and pitch to 15 degrees, jaw fully open:
        side within 6 % of the frontal one, 1.6 % on average; the hull of the points varies by 10 %).

        Args:
            points: ``(68, 2)`` or ``(478, 2)`` px.
            scale: Crop side over the breadth of the face at the ears.

        Raises:
            InputError: If the points are neither 68 nor 478, not finite, or all at one place.
        """
        rigid = np.asarray(points68(points)[list(_RIGID)], np.float64)
        if not np.isfinite(rigid).all():
            raise InputError(
                "a crop needs finite landmarks", fix="fill the gaps of the track first"
            )
        camera, *_ = np.linalg.lstsq(
            _RIGID_FACE - _RIGID_FACE.mean(axis=0), rigid - rigid.mean(axis=0)
        )
        breadth = float(np.linalg.svd(camera, compute_uv=False).mean()) * _BREADTH
        x, y = rigid.mean(axis=0) + (_HEAD_CENTER - _RIGID_FACE.mean(axis=0)) @ camera
        return cls((float(x), float(y)), scale * breadth)

    @classmethod
    def of_extent(cls, points: Points, margin: float) -> CropBox:
        """Frame a face for a detector: so many times the larger side of the landmarks' extent.

        Faces are cut alike for training, calibration and inspection by this alone: a calibration is of such crops.

        Args:
            points: ``(N, 2)`` px.
            margin: Crop side over that larger side.

        Raises:
            InputError: If a point is not finite, or all are at one place.
        """
        low, high = points.min(axis=0), points.max(axis=0)
        x, y = (low + high) / 2
        return cls((float(x), float(y)), margin * float((high - low).max()))

    def matrix(self, size: int) -> NDArray[np.float64]:
        """Return the affine ``(2, 3)`` from picture px to px of a crop of ``size`` px."""
        zoom = size / self.side
        return np.array(
            [
                [zoom, 0.0, size / 2 - zoom * self.center[0]],
                [0.0, zoom, size / 2 - zoom * self.center[1]],
            ]
        )

    def cut(self, image: Image, size: int) -> Image:
        """Return the crop as uint8 RGB ``(size, size, 3)``; the picture's border is repeated outside."""
        return warp(image, self.matrix(size), size)

    def to_crop(self, points: Points, size: int) -> Points:
        """Map points ``(..., 2)`` from picture px to px of a crop of ``size`` px."""
        return apply_affine(self.matrix(size), points)

    def to_image(self, points: Points, size: int) -> Points:
        """Map points ``(..., 2)`` from px of a crop of ``size`` px to picture px."""
        return apply_affine(invert_affine(self.matrix(size)), points)
