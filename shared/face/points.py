"""Which landmark is which: the 478 points of MediaPipe's mesh and the 68 of the iBUG convention."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shared.errors import InputError

IBUG68: NDArray[np.int64] = np.array([
    # Jaw, from the person's right ear to the left.
    162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389,
    # Brows: right, left.
    71, 63, 105, 66, 107, 336, 296, 334, 293, 301,
    # Nose: bridge, base.
    168, 197, 5, 4, 75, 97, 2, 326, 305,
    # Eyes: right, left.
    33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380,
    # Lips: outer, inner.
    61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181, 78, 82, 13, 312, 308, 317, 14, 87,
])  # fmt: skip
"""Which of the 478 points stand for the 68 of the iBUG convention, ``(68,)``."""

UNIT_POINTS: NDArray[np.int64] = np.array([
    0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66,
    67, 70, 78, 80, 81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145,
    146, 148, 149, 150, 152, 153, 154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176,
    178, 181, 185, 191, 195, 197, 234, 246, 249, 251, 263, 267, 269, 270, 276, 282, 283, 284, 285,
    288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318, 321, 323, 324, 332, 334,
    336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386, 387,
    388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, 468, 469, 470, 471, 472, 473, 474,
    475, 476, 477,
])  # fmt: skip
"""The 146 points that the face-unit network reads, in its order."""


def points68(points: NDArray[np.floating]) -> NDArray[np.float32]:
    """Return the 68 iBUG points of ``(..., 478, 2)`` or ``(..., 68, 2)`` landmarks.

    Raises:
        InputError: If there are neither 478 nor 68 points.
    """
    count = points.shape[-2]
    if count not in (68, 478):
        raise InputError("68 iBUG points need 478 or 68 landmarks", found=count)
    return np.asarray(points[..., IBUG68, :] if count == 478 else points, np.float32)
