"""SSIM as the membership papers use it: over signed or plain values, any window, with its map.

Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from error visibility to
structural similarity", IEEE TIP 2004. Per window

    SSIM = (2 mu_a mu_b + C1) (2 cov_ab + C2) / ((mu_a^2 + mu_b^2 + C1) (var_a + var_b + C2)),
    C1 = (0.01 L)^2,  C2 = (0.03 L)^2.

``shared.metrics.ssim`` is the usual metric of a quality table. This one differs where the attack needs it: the
uniform window with the sample covariance and the wrong range of the authors' script, and a map. Moments are
taken in float64, because the variance of a flat window is a difference of nearly equal numbers. Equal to
scikit-image to 1e-6 (tested).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from shared.errors import InputError


@dataclass(frozen=True)
class SsimSettings:
    """How SSIM is computed.

    Attributes:
        window: Side of the window, px, odd.
        sigma: Standard deviation of a Gaussian window, px; None for a uniform one.
        data_range: L of the formula.
        signed: Compare the pictures in [-1, 1] instead of [0, 1].
        clamp: Clamp both pictures to their range first.
        sample_covariance: Divide by n - 1 instead of n.
    """

    window: int
    sigma: float | None
    data_range: float
    signed: bool
    clamp: bool
    sample_covariance: bool


OFFICIAL = SsimSettings(7, None, 1.0, signed=True, clamp=False, sample_covariance=True)
"""scikit-image's defaults with L = 1 over values that span 2, unclamped: the authors' released script."""

NATIVE = SsimSettings(11, 1.5, 1.0, signed=False, clamp=True, sample_covariance=False)
"""Wang et al. as published, over clamped pictures in [0, 1]."""


def ssim_map(image: Tensor, other: Tensor, settings: SsimSettings = NATIVE) -> Tensor:
    """Return the SSIM of each window that lies inside the picture.

    Args:
        image: ``(B, C, H, W)`` in [0, 1]; the other may leave this range where ``clamp`` is off.
        other: ``(B, C, H, W)``.
        settings: Window, range and moments.

    Returns:
        ``(B, C, H - window + 1, W - window + 1)`` float64, at most 1.

    Raises:
        InputError: If the pictures differ in shape or are smaller than the window.

    Example:
        >>> import torch
        >>> picture = torch.rand(1, 3, 16, 16)
        >>> ssim_map(picture, picture).shape, round(ssim_map(picture, picture).min().item(), 6)
        (torch.Size([1, 3, 6, 6]), 1.0)
    """
    _check(image, other, settings)
    a, b = (_prepared(picture, settings) for picture in (image, other))
    weights = _weights(settings)
    mean_a, mean_b = _filtered(a, weights), _filtered(b, weights)
    product, squares = mean_a * mean_b, mean_a**2 + mean_b**2
    count = settings.window**2
    unbiased = count / (count - 1) if settings.sample_covariance else 1.0
    # the formula needs the sum of both variances alone
    variances = unbiased * (_filtered(a * a + b * b, weights) - squares)
    covariance = unbiased * (_filtered(a * b, weights) - product)
    c1, c2 = (0.01 * settings.data_range) ** 2, (0.03 * settings.data_range) ** 2
    luminance = (2 * product + c1) / (squares + c1)
    return luminance * (2 * covariance + c2) / (variances + c2)


def ssim(image: Tensor, other: Tensor, settings: SsimSettings = NATIVE) -> Tensor:
    """Return the mean of :func:`ssim_map` over windows and channels, ``(B,)`` float64.

    Example:
        >>> import torch
        >>> picture = torch.rand(2, 3, 16, 16)
        >>> bool((ssim(picture, 1 - picture) < ssim(picture, picture)).all())
        True
    """
    return ssim_map(image, other, settings).mean((1, 2, 3))


def _prepared(picture: Tensor, settings: SsimSettings) -> Tensor:
    values = picture.double()
    values = values.clamp(0, 1) if settings.clamp else values
    return 2 * values - 1 if settings.signed else values


def _weights(settings: SsimSettings) -> list[float]:
    """Return the one-dimensional window, summing to 1."""
    if settings.sigma is None:
        return [1 / settings.window] * settings.window
    offsets = (place - settings.window // 2 for place in range(settings.window))
    weights = [math.exp(-(offset**2) / (2 * settings.sigma**2)) for offset in offsets]
    return [weight / sum(weights) for weight in weights]


def _filtered(values: Tensor, weights: Sequence[float]) -> Tensor:
    """Filter each channel by the separable window, without padding.

    A sum of shifted pictures takes a third of the time of a convolution, which torch has no fast float64 kernel for.
    """
    for axis in (-1, -2):
        length = values.shape[axis] - len(weights) + 1
        total = values.narrow(axis, 0, length) * weights[0]
        for place, weight in enumerate(weights[1:], 1):
            total.add_(values.narrow(axis, place, length), alpha=weight)
        values = total
    return values


def _check(image: Tensor, other: Tensor, settings: SsimSettings) -> None:
    if image.shape != other.shape:
        raise InputError(
            "SSIM compares pictures of one size",
            found=tuple(other.shape),
            expected=tuple(image.shape),
        )
    if min(image.shape[-2:]) < settings.window:
        raise InputError(
            "the picture is smaller than the window of SSIM",
            found=f"{min(image.shape[-2:])} px",
            expected=f"at least {settings.window} px",
        )
