"""Peak signal-to-noise ratio, over a whole picture or over a weighted part of it."""

from __future__ import annotations

import torch
from torch import Tensor

CEILING = 100.0
"""Decibels given to equal pictures, so that means over many pictures stay finite."""


def psnr(image: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """Return ``-10 log10(sum w |I - J|^2 / sum w)`` of each picture, dB, at most 100.

    Args:
        image: ``(B, C, H, W)`` in [0, 1].
        target: ``(B, C, H, W)`` in [0, 1].
        weight: ``(B, 1, H, W)``, not negative; None weighs all pixels alike. A picture whose weights sum to
            nothing has no PSNR and gives NaN.

    Returns:
        ``(B,)`` dB.

    Example:
        >>> psnr(torch.full((1, 3, 4, 4), 0.5), torch.full((1, 3, 4, 4), 0.6)).round(decimals=3).tolist()
        [20.0]
    """
    squared = ((image - target) ** 2).mean(dim=1, keepdim=True)
    weight = torch.ones_like(squared) if weight is None else weight
    error = (squared * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3))
    return -10 * torch.log10(error.clamp(min=10 ** (-CEILING / 10)))
