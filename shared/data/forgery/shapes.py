"""Landmarks compared and pictures warped by them.

Pixel coordinates as everywhere in the house: the centre of the top left pixel is (0.5, 0.5).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import Delaunay

Image = NDArray[np.uint8]
Points = NDArray[np.floating]

RIGID = (0, 16, 27, 28, 29, 30, 31, 33, 35, 36, 39, 42, 45)
"""The iBUG points that hardly move against the skull."""

_FOREHEAD = 0.3
"""Height of the forehead over the brows, as a share of the way from chin to brows (ours)."""
_NOBODY = 255


def with_forehead(points: Points) -> NDArray[np.float32]:
    """Add ten points above the brows: ``(..., 68, 2)`` -> ``(..., 78, 2)`` px."""
    brows = points[..., 17:27, :]
    up = brows.mean(axis=-2, keepdims=True) - points[..., 8:9, :]
    return np.concatenate([points, brows + _FOREHEAD * up], axis=-2).astype(np.float32)


def similarity(source: Points, target: Points) -> NDArray[np.float64]:
    """Return the similarity ``(2, 3)`` that maps points ``(L, 2)`` best onto others (least squares).

    Example:
        >>> square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
        >>> similarity(square, square * 2 + 3).round(6).tolist()
        [[2.0, -0.0, 3.0], [0.0, 2.0, 3.0]]
    """
    here, there = (np.asarray(p, np.float64) @ np.array([1, 1j]) for p in (source, target))
    a = here - here.mean()
    turn = (np.conj(a) @ (there - there.mean())) / max(float(np.sum(np.abs(a) ** 2)), 1e-12)
    move = there.mean() - turn * here.mean()
    return np.array([[turn.real, -turn.imag, move.real], [turn.imag, turn.real, move.imag]])


def normalised(points: Points, base: tuple[int, ...] = RIGID) -> NDArray[np.float64]:
    """Return landmarks ``(T, L, 2)`` without place, size and roll, as these ``base`` points have them."""
    z = np.asarray(points, np.float64) @ np.array([1, 1j])
    rigid = z[:, list(base)]
    z = z - rigid.mean(axis=1, keepdims=True)
    eyes = points[:, 42:48].mean(axis=1) - points[:, 36:42].mean(axis=1)
    across = eyes @ np.array([1, 1j])
    scale = np.sqrt(np.mean(np.abs(rigid - rigid.mean(axis=1, keepdims=True)) ** 2, axis=1))
    z = z / (across / np.abs(across) * scale)[:, None]
    return np.stack([z.real, z.imag], axis=-1)


def choose_frames(
    wanted: Points,
    offered: Points,
    *,
    jump: float = 0.05,
    forbidden: NDArray[np.bool_] | None = None,
) -> NDArray[np.int64]:
    """Choose for each wanted shape an offered one, near to it and seldom jumping (Viterbi).

    Args:
        wanted: ``(T, K)``.
        offered: ``(D, K)``.
        jump: Cost of not going on to the next offered frame, in squared distance over K.
        forbidden: ``(T, D)`` pairs that may not be chosen.

    Returns:
        ``(T,)`` indices into ``offered``.

    Example:
        >>> choose_frames(np.array([[0.0], [5.0]]), np.array([[5.0], [0.1]])).tolist()
        [1, 0]
    """
    cost = np.square(wanted[:, None] - offered[None]).mean(axis=-1)
    if forbidden is not None:
        cost = cost + np.where(forbidden, 1e6, 0.0)
    count = len(offered)
    step = np.full((count, count), jump)
    step[np.arange(count - 1), np.arange(1, count)] = 0.0
    best, came = cost[0], []
    for row in cost[1:]:
        ways = best[:, None] + step
        came.append(ways.argmin(axis=0))
        best = ways.min(axis=0) + row
    path = [int(best.argmin())]
    for back in reversed(came):
        path.append(int(back[path[-1]]))
    return np.array(path[::-1])


def warp_affine(image: Image, matrix: Points, size: tuple[int, int]) -> Image:
    """Warp a picture by an affine map ``(2, 3)`` of its pixels onto those of a picture of (width, height)."""
    moved = np.array(matrix, np.float64)
    # OpenCV counts from pixel centres.
    moved[:, 2] += 0.5 * moved[:, :2].sum(axis=1) - 0.5
    return np.asarray(
        cv2.warpAffine(image, moved, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    )


def triangulate(points: Points) -> NDArray[np.int32]:
    """Return the Delaunay triangles ``(N, 3)`` of landmarks ``(L, 2)``; one set serves a whole clip."""
    return np.asarray(Delaunay(points).simplices, np.int32)


def warp_piecewise(
    image: Image,
    source: Points,
    target: Points,
    triangles: NDArray[np.int32],
    size: tuple[int, int],
) -> Image:
    """Warp a picture so that its landmarks come to lie on others, triangle by triangle.

    Args:
        image: uint8 ``(h, w, C)``.
        source: ``(L, 2)`` px in ``image``.
        target: ``(L, 2)`` px in the result.
        triangles: ``(N, 3)`` indices, N < 255.
        size: (width, height) of the result.

    Returns:
        uint8 ``(height, width, C)``; outside all triangles the whole face's affine map goes on.
    """
    corners, ones = target[triangles], np.ones((len(triangles), 3, 1))
    maps = np.linalg.pinv(np.concatenate([corners, ones], axis=-1)) @ source[triangles]
    whole = np.linalg.lstsq(np.c_[target, np.ones(len(target))], source, rcond=None)[0]
    maps = np.concatenate([maps, whole[None]])
    label = np.full((size[1], size[0]), _NOBODY, np.uint8)
    for number, corner in enumerate(np.round((corners - 0.5) * 16).astype(np.int32)):
        cv2.fillConvexPoly(label, corner, number, shift=4)
    label[label == _NOBODY] = len(triangles)
    here = maps.astype(np.float32)[label]
    x = np.arange(size[0], dtype=np.float32)[None, :, None] + 0.5
    y = np.arange(size[1], dtype=np.float32)[:, None, None] + 0.5
    place = x * here[:, :, 0] + y * here[:, :, 1] + here[:, :, 2] - 0.5
    return np.asarray(
        cv2.remap(image, place, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    )
