"""C0: what the pictures alone give away, without any model.

A score that a statistic of the picture predicts as well says nothing about the model. The attack form scores by one
statistic, the texture, since SSIM under a given noise depends on it most (papers' reference, Sec. 6). All of them
together, in a cross-validated classifier, are ``distribution_shift``'s part: it takes the rows of
:func:`image_statistics`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forensics.membership.protocol import Scores
from forensics.membership.target import Target
from shared.media.image import jpeg_code

STATISTICS = (
    "texture (log gradient energy)",
    "slope of the spectrum",
    "JPEG bytes a pixel",
    "mean red",
    "mean green",
    "mean blue",
    "deviation of red",
    "deviation of green",
    "deviation of blue",
    "saturation",
)
"""Names of the columns of :func:`image_statistics`."""

_JPEG_QUALITY = 90


def image_statistics(images: Tensor) -> NDArray[np.float64]:
    """Return the statistics of pictures.

    Args:
        images: ``(B, 3, H, W)`` RGB in [0, 1].

    Returns:
        ``(B, 10)``, columns as in ``STATISTICS``.

    Example:
        >>> flat, noisy = torch.full((1, 3, 16, 16), 0.5), torch.rand(1, 3, 16, 16)
        >>> bool((image_statistics(noisy) > image_statistics(flat))[0, [0, 2]].all())  # texture, bytes
        True
    """
    values = images.detach().double().cpu()
    size = torch.tensor([_jpeg_bytes(image) for image in values], dtype=torch.float64)
    saturation = (values.amax(1) - values.amin(1)).mean((1, 2))
    columns = [
        texture(values)[:, None],
        _spectral_slope(values)[:, None],
        size[:, None],
        values.mean((2, 3)),
        values.std((2, 3)),
        saturation[:, None],
    ]
    return torch.cat(columns, 1).numpy()


def texture(images: Tensor) -> Tensor:
    """Return the log of the mean squared gradient of the light, ``(B,)`` float64."""
    light = images.double().mean(1)
    across, down = light.diff(dim=-1) ** 2, light.diff(dim=-2) ** 2
    return torch.log(across.mean((1, 2)) + down.mean((1, 2)) + 1e-8)


@dataclass(frozen=True)
class ImageStatistics:
    """Scores pictures by their texture: more of it keeps more SSIM under the same noise."""

    name: ClassVar[str] = "image-statistics"
    title: ClassVar[str] = "Texture of the picture"
    higher_is_member: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = True

    def score(
        self,
        target: Target,  # noqa: ARG002
        images: Tensor,
        captions: Sequence[str],  # noqa: ARG002
        *,
        generator: torch.Generator,  # noqa: ARG002
        evidence: bool = False,  # noqa: ARG002
    ) -> Scores:
        """Score ``(B, 3, S, S)`` pictures; the model is not asked."""
        return Scores(texture(images).cpu().numpy(), True, (), 0.0)


def _spectral_slope(images: Tensor) -> Tensor:
    """Return the slope of log power against log frequency, ``(B,)``; about -2 for photographs."""
    light = images.mean(1)
    power = torch.fft.fft2(light - light.mean((1, 2), keepdim=True)).abs() ** 2
    rows, columns = (torch.fft.fftfreq(side, dtype=torch.float64) for side in light.shape[-2:])
    frequency = torch.sqrt(rows[:, None] ** 2 + columns[None] ** 2)
    inside = (frequency > 0) & (frequency <= 0.5)
    x = torch.log(frequency[inside])
    y = torch.log(power[:, inside] + 1e-12)
    x = x - x.mean()
    return (y * x).sum(1) / (x * x).sum()


def _jpeg_bytes(image: Tensor) -> float:
    rows = np.round(image.clamp(0, 1).permute(1, 2, 0).numpy() * 255).astype(np.uint8)
    return len(jpeg_code(rows, _JPEG_QUALITY)) / (rows.shape[0] * rows.shape[1])
