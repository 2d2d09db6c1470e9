"""What can happen to a picture between the training set and the auditor: the robustness suite.

The first four are those of the structural attack's paper (arXiv 2407.13252, Sec. 5.3), with its strengths; the rest
are what platforms and users do. Each takes ``(B, 3, H, W)`` RGB float32 in [0, 1] and returns the same; pixel
strengths are pixels of the picture as given. A distortion that draws, draws picture by picture from the
generator that it is given, so one seed gives one suite.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from shared.media.image import through_jpeg

Change = Callable[[Tensor, torch.Generator], Tensor]

_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True)
class Distortion:
    """One way to change a query picture.

    Attributes:
        name: What the records call it.
        title: As a table prints it.
        published: Whether the paper measured it.
        change: ``(images, generator) -> images``.
    """

    name: str
    title: str
    published: bool
    change: Change

    def __call__(self, images: Tensor, generator: torch.Generator) -> Tensor:
        """Return the changed pictures, clamped to [0, 1], in the shape that they came in."""
        return self.change(images, generator).clamp(0, 1)


def salt_and_pepper(share: float) -> Change:
    """Set a share of the pixels to black or white, with equal probability."""

    def change(images: Tensor, generator: torch.Generator) -> Tensor:
        draws = torch.rand((len(images), 1, *images.shape[-2:]), generator=generator)
        draws = draws.to(images.device)
        salted = torch.where(draws < share / 2, torch.ones_like(images), images)
        return torch.where(draws > 1 - share / 2, torch.zeros_like(images), salted)

    return change


def rotation(degrees: float) -> Change:
    """Turn the picture anticlockwise about its centre; what comes in from outside is black."""

    def turned(picture: np.ndarray) -> np.ndarray:
        height, width = picture.shape[:2]
        matrix = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), degrees, 1.0)
        return cv2.warpAffine(picture, matrix, (width, height), flags=cv2.INTER_LINEAR)

    return _each(turned)


def saturation(strength: float) -> Change:
    """Raise or lower the saturation by ``strength``, with equal probability."""

    def change(images: Tensor, generator: torch.Generator) -> Tensor:
        luma = torch.tensor(_LUMA, device=images.device).reshape(1, 3, 1, 1)
        grey = (images * luma).sum(1, keepdim=True)
        return grey + _factors(images, strength, generator) * (images - grey)

    return change


def brightness(strength: float) -> Change:
    """Multiply the values by ``1 + strength`` or ``1 - strength``, with equal probability."""

    def change(images: Tensor, generator: torch.Generator) -> Tensor:
        return images * _factors(images, strength, generator)

    return change


def jpeg(quality: int) -> Change:
    """Write and read the picture as JPEG of the given quality."""

    def compressed(picture: np.ndarray) -> np.ndarray:
        read = through_jpeg(np.round(picture * 255).astype(np.uint8), quality)
        return read.astype(np.float32) / 255

    return _each(compressed)


def blur(sigma: float) -> Change:
    """Blur with a Gaussian of ``sigma`` px."""
    return _each(lambda picture: cv2.GaussianBlur(picture, (0, 0), sigma))


def resize(factor: float) -> Change:
    """Make the picture smaller by ``factor`` and large again."""

    def change(images: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG001
        size = tuple(max(1, round(side * factor)) for side in images.shape[-2:])
        small = functional.interpolate(images, size=size, mode="bilinear", antialias=True)
        return functional.interpolate(small, size=images.shape[-2:], mode="bicubic")

    return change


def crop(share: float) -> Change:
    """Keep the middle ``share`` of each side, made as large as before."""

    def change(images: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG001
        height, width = images.shape[-2:]
        kept = round(height * share), round(width * share)
        top, left = (height - kept[0]) // 2, (width - kept[1]) // 2
        middle = images[..., top : top + kept[0], left : left + kept[1]]
        return functional.interpolate(middle, size=(height, width), mode="bicubic")

    return change


def flip() -> Change:
    """Mirror the picture left to right."""
    return lambda images, generator: images.flip(-1)  # noqa: ARG005


def _factors(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    signs = torch.randint(0, 2, (len(images), 1, 1, 1), generator=generator) * 2 - 1
    return 1 + strength * signs.to(images)


def _each(change: Callable[[np.ndarray], np.ndarray]) -> Change:
    """Apply a change of one picture ``(H, W, 3)`` float32 to each of a batch."""

    def changed(images: Tensor, generator: torch.Generator) -> Tensor:  # noqa: ARG001
        rows = images.permute(0, 2, 3, 1).float().cpu().numpy()
        done = np.stack([change(np.ascontiguousarray(row)) for row in rows])
        return torch.from_numpy(done).permute(0, 3, 1, 2).to(images)

    return changed


DISTORTIONS: dict[str, Distortion] = {
    distortion.name: distortion
    for distortion in (
        Distortion("salt_pepper", "salt and pepper, 10 %", True, salt_and_pepper(0.1)),
        Distortion("rotation", "rotation, 10 degrees", True, rotation(10)),
        Distortion("saturation", "saturation, +-50 %", True, saturation(0.5)),
        Distortion("brightness", "brightness, +-50 %", True, brightness(0.5)),
        *(Distortion(f"jpeg_{q}", f"JPEG {q}", False, jpeg(q)) for q in (90, 70, 50, 30)),
        *(Distortion(f"blur_{s}", f"blur, sigma {s} px", False, blur(s)) for s in (1, 2, 3)),
        Distortion("resize_50", "resize to 1/2 and back", False, resize(0.5)),
        Distortion("resize_25", "resize to 1/4 and back", False, resize(0.25)),
        Distortion("crop_90", "middle 90 %", False, crop(0.9)),
        Distortion("crop_75", "middle 75 %", False, crop(0.75)),
        Distortion("flip", "mirrored", False, flip()),
    )
}
"""Name -> distortion, in the order of the table."""
