"""Where a picture draws the eye, without a network: the fallback for the attention map of a ViT.

X. Hou, L. Zhang, "Saliency detection: a spectral residual approach", CVPR 2007: what the log spectrum has beyond its
own local mean is what is unexpected in the picture. Written with torch's FFT, since OpenCV has it in its contributed
modules only, which need not be installed.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_SIDE = 64
"""The picture is looked at from afar: 64 px a side, as in the paper."""

_FLOOR = _SIDE / 255 / 12**0.5
"""Amplitude of the rounding to 8 bits: the phase of what lies below it means nothing, and is left out (ours)."""

_SMOOTHING = 0.06
"""Standard deviation of the last smoothing, of the side: one coherent region instead of its edges (ours)."""


def spectral_residual(images: Tensor) -> Tensor:
    """Return the saliency of pictures.

    Args:
        images: ``(B, 3, H, W)`` in [0, 1].

    Returns:
        ``(B, 1, 64, 64)`` not negative, without a scale.

    Example:
        >>> picture = torch.zeros(1, 3, 64, 64)
        >>> picture[..., 10:20, 40:50] = torch.rand(10, 10)  # the one thing in it
        >>> row, column = divmod(int(spectral_residual(picture).argmax()), 64)
        >>> 8 <= row < 22 and 38 <= column < 52
        True
    """
    grey = images.float().mean(1, keepdim=True)
    grey = functional.interpolate(grey, size=(_SIDE, _SIDE), mode="bilinear", antialias=True)
    spectrum = torch.fft.fft2(grey)
    amplitude = spectrum.abs()
    level = torch.log(amplitude + _FLOOR)
    around = functional.avg_pool2d(functional.pad(level, (1, 1, 1, 1), mode="circular"), 3, 1)
    heard = amplitude / (amplitude + _FLOOR)
    residual = torch.polar(heard * torch.exp(level - around), spectrum.angle())
    return _smoothed(torch.fft.ifft2(residual).abs() ** 2)


def _smoothed(values: Tensor) -> Tensor:
    sigma = _SMOOTHING * _SIDE
    reach = round(3 * sigma)
    offsets = torch.arange(-reach, reach + 1, device=values.device, dtype=values.dtype)
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    weights = weights / weights.sum()
    padded = functional.pad(values, (reach,) * 4, mode="replicate")
    return functional.conv2d(
        functional.conv2d(padded, weights.reshape(1, 1, -1, 1)), weights.reshape(1, 1, 1, -1)
    )
