"""Native resolution: the network decides at its own size, the picture is composed at the photo's.

The source crop is warped at full resolution along the upsampled flow; the network's own pixels enter only where its
alpha says so; the result goes back into the photo under a mask that is 0 at the crop's border, so that no seam shows.

The network knows nothing finer than its own pixels, so what it changes is a picture of its own size, and the photo's
finer detail stays longer than the photo does: ``(1 - a^2)`` of it where ``(1 - a)`` of the photo is left.

    I = up(down W + a (rgb - down W)) + (1 - a^2) (W - up(down W)),   W the warped crop, down to the network's size
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.face.crop import CropBox

Image = NDArray[np.uint8]


_LEAST = 32
"""Side of the smallest face that is composed, px; smaller ones are enlarged."""


def edge_mask(size: int, feather: float = 0.09) -> NDArray[np.float32]:
    """Return weights ``(size, size)`` that rise from 0 at the border to 1 over ``feather`` of the side.

    Example:
        >>> mask = edge_mask(100)
        >>> float(mask[0, 50]) < 0.02, float(mask[50, 50])
        (True, 1.0)
    """
    position = (np.arange(size) + 0.5) / size
    ramp = np.clip(np.minimum(position, 1 - position) / feather, 0, 1)
    smooth = ramp * ramp * (3 - 2 * ramp)
    return np.outer(smooth, smooth).astype(np.float32)


def settled(flow: NDArray[np.float32], at_rest: NDArray[np.float32]) -> NDArray[np.float32]:
    """Take away from flows what the network moves where it is asked to move nothing.

    That is a third of its own pixels, alike in every frame: enough to shift the background of a large photo.

    Args:
        flow: ``(..., h, h, 2)`` positions in [-1, 1].
        at_rest: ``(..., h, h, 2)`` the same for the source's own motion.
    """
    return flow - (at_rest - _identity(flow.shape[-2]))


def _identity(side: int) -> NDArray[np.float32]:
    axis = (np.arange(side, dtype=np.float32) + 0.5) / side * 2 - 1
    return np.stack(np.meshgrid(axis, axis), axis=-1)


class Compositor:
    """Puts rendered faces back into one photo.

    Args:
        photo: ``(H, W, 3)`` uint8 RGB.
        crop: The square that the network sees.
        size: None composes in the photo at its own resolution; a number gives the square crop at that many px.
    """

    def __init__(self, photo: Image, crop: CropBox, size: int | None = None) -> None:
        if size is None and crop.side >= _LEAST:
            crop = _on_whole_pixels(crop)  # what does not move stays the photo, grain and all
        side = size or max(_LEAST, round(crop.side))
        self.face = crop.cut(photo, side)
        self.side = side
        self.photo = None if size else photo
        self.mask = edge_mask(side)
        self.place = crop.matrix(side)
        self.grid = _identity(side)

    def warp(self, flow: NDArray[np.float32], side: NDArray[np.float32]) -> Image:
        """Warp the full-resolution crop along two flows that meet at the fissures.

        Args:
            flow: ``(2, h, h, 2)`` positions in [-1, 1], above and below.
            side: ``(h, h)`` signed distance to the nearest fissure, below > 0: smooth, so that it can be enlarged, and
                the cut is sharp at any resolution.
        """
        small, full = flow.shape[1], (self.side, self.side)
        moved = flow - _identity(small)
        above, below = (cv2.resize(part, full, interpolation=cv2.INTER_CUBIC) for part in moved)
        low = cv2.resize(side, full, interpolation=cv2.INTER_LINEAR) > 0
        moved_here = cv2.copyTo(below, low.view(np.uint8), above)
        position = (self.grid + moved_here + 1) * (self.side / 2) - 0.5
        return cv2.remap(
            self.face, position, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
        )

    def compose(
        self,
        flow: NDArray[np.float32],
        side: NDArray[np.float32],
        rgb: NDArray[np.float32],
        alpha: NDArray[np.float32],
    ) -> Image:
        """Compose one frame.

        Args:
            flow: ``(2, h, h, 2)`` positions in [-1, 1] over the crop, above and below the fissures.
            side: ``(h, h)`` signed distance to the nearest fissure, below > 0.
            rgb: ``(n, n, 3)`` the network's own pixels, [0, 1].
            alpha: ``(n, n)`` where they are used, [0, 1].

        Returns:
            ``(H, W, 3)`` uint8: the photo with the face in it, or the square crop.
        """
        full, small = (self.side, self.side), alpha.shape[::-1]
        warped = self.warp(flow, side)
        seen = cv2.resize(warped, small, interpolation=cv2.INTER_AREA)
        change = alpha[..., None] * (rgb * 255 - seen)
        drop = cv2.resize(alpha**2, full, interpolation=cv2.INTER_LINEAR)
        smooth = cv2.resize(seen, full, interpolation=cv2.INTER_CUBIC)
        face = cv2.add(
            cv2.blendLinear(smooth, warped, drop, 1 - drop),
            cv2.resize(change, full, interpolation=cv2.INTER_CUBIC), dtype=cv2.CV_8U,
        )  # fmt: skip
        return face if self.photo is None else self._paste(face, self.photo)

    def _paste(self, face: Image, photo: Image) -> Image:
        """Blend the face into a copy of the photo, touching only the pixels under the crop."""
        height, width = photo.shape[:2]
        scale, left, top = (
            1 / self.place[0, 0],
            -self.place[0, 2] / self.place[0, 0],
            -self.place[1, 2] / self.place[1, 1],
        )
        x0, y0 = max(0, int(np.floor(left))), max(0, int(np.floor(top)))
        x1 = min(width, int(np.ceil(left + self.side * scale)))
        y1 = min(height, int(np.ceil(top + self.side * scale)))
        back = cv2.invertAffineTransform(self.place) - np.array([[0, 0, x0], [0, 0, y0]])
        back[:, 2] += 0.5 * back[:, :2].sum(axis=1) - 0.5  # OpenCV counts from pixel centres
        window = (x1 - x0, y1 - y0)
        flags = cv2.INTER_LINEAR
        pasted = cv2.warpAffine(face, back, window, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        weight = cv2.warpAffine(self.mask, back, window, flags=flags)
        frame = photo.copy()
        region = np.ascontiguousarray(frame[y0:y1, x0:x1])
        frame[y0:y1, x0:x1] = cv2.blendLinear(pasted, region, weight, 1 - weight)
        return frame


def _on_whole_pixels(crop: CropBox) -> CropBox:
    """Return the crop moved, by half a pixel at most, so that its pixels are the photo's."""
    side = round(crop.side)
    left, top = (round(middle - crop.side / 2) for middle in crop.center)
    return CropBox((left + side / 2, top + side / 2), float(side))
