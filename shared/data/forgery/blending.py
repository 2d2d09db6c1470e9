"""How a foreign picture enters a frame: regions, soft masks, colour, and the one blend that keeps masks exact."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.data.forgery.shapes import with_forehead

Image = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Points = NDArray[np.floating]


def polygon(points: Points, size: tuple[int, int]) -> Mask:
    """Return the filled convex hull of points ``(L, 2)`` px as 0 and 255, ``(height, width)``."""
    mask = np.zeros((size[1], size[0]), np.uint8)
    hull = cv2.convexHull(np.round((np.asarray(points) - 0.5) * 16).astype(np.int32))
    cv2.fillConvexPoly(mask, hull, 255, shift=4)
    return mask


def face_hull(points: Points, size: tuple[int, int]) -> Mask:
    """Return the face from chin to forehead of landmarks ``(68, 2)`` px."""
    return polygon(with_forehead(points), size)


def grown(points: Points, factor: float) -> NDArray[np.float32]:
    """Scale points ``(L, 2)`` about their mean."""
    center = points.mean(axis=0)
    return np.asarray(center + factor * (points - center), np.float32)


def softened(mask: Mask, feather: float) -> Mask:
    """Give a mask an edge that falls from 255 to 0 over about ``feather`` px, inside the mask.

    The edge takes at most as much as leaves the middle whole: a thin mask has a narrower one.
    """
    inside = cv2.distanceTransform(np.pad(mask, 1), cv2.DIST_L2, 3).max()
    feather = min(feather, float(inside))
    if feather < 1:
        return mask
    reach = max(1, round(feather / 2))
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    inner = cv2.erode(mask, kernel, borderType=cv2.BORDER_CONSTANT, borderValue=0)
    return np.minimum(cv2.GaussianBlur(inner, (0, 0), feather / 4), mask)


def blend(frame: Image, foreign: Image, mask: Mask) -> Image:
    """Mix a foreign picture into a frame: ``mask / 255`` is its share, where it is 0 nothing changes.

    Example:
        >>> frame, foreign = np.zeros((1, 2, 3), np.uint8), np.full((1, 2, 3), 100, np.uint8)
        >>> blend(frame, foreign, np.array([[0, 255]], np.uint8))[0, :, 0].tolist()
        [0, 100]
    """
    share = mask[..., None].astype(np.float32) / 255
    mixed = frame + (foreign.astype(np.float32) - frame) * share
    return np.asarray(np.round(mixed), np.uint8)


def match_colour(image: Image, reference: Image, mask: Mask) -> Image:
    """Give a picture the mean and spread of another's colours inside a mask.

    In CIELAB, channel by channel: Reinhard et al., "Color Transfer between Images", IEEE CG&A 21(5), 2001 (there in
    l-alpha-beta; CIELAB is ours). The spread changes by a factor between 0.7 and 1.4.
    """
    inside = mask > 127
    if not inside.any():
        return image
    own, wanted = (_lab(picture) for picture in (image, reference))
    mean, aim = own[inside].mean(axis=0), wanted[inside].mean(axis=0)
    factor = (wanted[inside].std(axis=0) + 1e-3) / (own[inside].std(axis=0) + 1e-3)
    moved = (own - mean) * np.clip(factor, 0.7, 1.4) + aim
    rgb = cv2.cvtColor(moved.astype(np.float32), cv2.COLOR_LAB2RGB)
    return np.asarray(np.round(np.clip(rgb, 0, 1) * 255), np.uint8)


def mean_colour(image: Image, mask: Mask) -> NDArray[np.float32]:
    """Return the mean CIELAB colour ``(3,)`` inside a mask."""
    return np.asarray(_lab(image)[mask > 127].mean(axis=0), np.float32)


def _lab(image: Image) -> NDArray[np.float32]:
    return np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB))
