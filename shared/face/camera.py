"""The one camera of the house; see docs/conventions.md.

Head space: x towards the image's right when the face looks at us, y up, z out of the face; metres; origin at
the atlas joint (the top of the neck). Camera space: the camera at the origin looks along -z, x right, y up.
Image space: pixels, x right, y down, the centre of the top left pixel at (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.floating]

CROP_FOCAL = 2.5
"""Focal length of the face crop's assumed camera, in crop widths (22.6 degrees across): about 1 m away."""


@dataclass(frozen=True)
class Camera:
    """A pinhole camera without distortion.

    Attributes:
        focal: Focal length, px.
        center: Principal point (x, y), px.
    """

    focal: float
    center: tuple[float, float]

    @classmethod
    def of_crop(cls, size: int) -> Camera:
        """Return the camera that a square face crop of ``size`` px is assumed to be taken with."""
        return cls(CROP_FOCAL * size, (size / 2, size / 2))

    def project(self, points: Array) -> Array:
        """Project camera-space points ``(..., 3)`` in metres to pixels ``(..., 2)``.

        Example:
            >>> Camera.of_crop(100).project(np.array([[0.1, 0.1, -1.0]])).round(6).tolist()
            [[75.0, 25.0]]
        """
        depth = -points[..., 2]
        x = self.center[0] + self.focal * points[..., 0] / depth
        y = self.center[1] - self.focal * points[..., 1] / depth
        return np.stack([x, y], axis=-1)


def rotation_matrix(angles: Array) -> Array:
    """Return R = R_y(yaw) R_x(pitch) R_z(roll), head to camera, for ``angles`` (..., 3) = (pitch, yaw, roll) rad.

    Positive pitch lowers the nose, positive yaw turns the nose to the image's right, positive roll tilts the
    head anticlockwise as the viewer sees it.

    Example:
        >>> nose = np.array([0.0, 0.0, 1.0])
        >>> (rotation_matrix(np.array([0.1, 0.0, 0.0])) @ nose)[1] < 0
        np.True_
        >>> (rotation_matrix(np.array([0.0, 0.1, 0.0])) @ nose)[0] > 0
        np.True_
    """
    p, y, r = (angles[..., i] for i in range(3))
    cp, sp, cy, sy, cr, sr = np.cos(p), np.sin(p), np.cos(y), np.sin(y), np.cos(r), np.sin(r)
    rows = [
        [cy * cr + sy * sp * sr, -cy * sr + sy * sp * cr, sy * cp],
        [cp * sr, cp * cr, -sp],
        [-sy * cr + cy * sp * sr, sy * sr + cy * sp * cr, cy * cp],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def euler_angles(matrix: Array) -> Array:
    """Invert :func:`rotation_matrix`: ``(..., 3, 3)`` -> (pitch, yaw, roll) in radians, ``(..., 3)``.

    Example:
        >>> angles = np.array([0.2, -0.4, 0.1])
        >>> bool(np.allclose(euler_angles(rotation_matrix(angles)), angles))
        True
    """
    pitch = np.arcsin(np.clip(-matrix[..., 1, 2], -1.0, 1.0))
    yaw = np.arctan2(matrix[..., 0, 2], matrix[..., 2, 2])
    roll = np.arctan2(matrix[..., 1, 0], matrix[..., 1, 1])
    return np.stack([pitch, yaw, roll], axis=-1)
