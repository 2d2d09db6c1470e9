"""Noise schedules: how much noise a diffusion model adds at each of its T steps.

Notation: ``betas`` is beta_t, ``alphas_cumprod`` (``abar`` for short) is the product of ``1 - beta_i`` up to and with
step t, so that ``z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) e`` (Ho et al., NeurIPS 2020, Eq. 4). Everything is float64
on the CPU: a product of a thousand factors should not be rounded a thousand times.
"""

from __future__ import annotations

import torch
from torch import Tensor

from shared.errors import InputError


def linear_betas(steps: int = 1000, start: float = 1e-4, end: float = 0.02) -> Tensor:
    """Return betas that grow linearly (the DDPM of Ho et al.; the defaults are theirs).

    Args:
        steps: T, the number of noise levels.
        start: beta of the first step, in (0, 1).
        end: beta of the last step, in (0, 1).

    Returns:
        ``(steps,)`` float64.

    Raises:
        InputError: If the range is not within (0, 1), or there are fewer than two steps.

    Example:
        >>> linear_betas(3, 0.1, 0.3).tolist()
        [0.1, 0.2, 0.3]
    """
    _check(steps, start, end)
    return torch.linspace(start, end, steps, dtype=torch.float64)


def scaled_linear_betas(steps: int = 1000, start: float = 0.00085, end: float = 0.012) -> Tensor:
    """Return betas whose square roots grow linearly (latent diffusion; the defaults are Stable Diffusion's).

    Args:
        steps: T, the number of noise levels.
        start: beta of the first step, in (0, 1).
        end: beta of the last step, in (0, 1).

    Returns:
        ``(steps,)`` float64.

    Raises:
        InputError: If the range is not within (0, 1), or there are fewer than two steps.

    Example:
        >>> scaled_linear_betas(3, 0.01, 0.09).numpy().round(6).tolist()
        [0.01, 0.04, 0.09]
    """
    _check(steps, start, end)
    return torch.linspace(start**0.5, end**0.5, steps, dtype=torch.float64) ** 2


def alphas_cumprod(betas: Tensor) -> Tensor:
    """Return ``abar_t = prod_{i <= t} (1 - beta_i)`` as ``(T,)`` float64.

    Example:
        >>> alphas_cumprod(torch.tensor([0.5, 0.5])).tolist()
        [0.5, 0.25]
    """
    return torch.cumprod(1.0 - betas.double(), 0)


def betas_from(abar: Tensor) -> Tensor:
    """Return the betas ``(T,)`` that made ``abar``: the inverse of :func:`alphas_cumprod`.

    Example:
        >>> betas_from(torch.tensor([0.5, 0.25])).tolist()
        [0.5, 0.5]
    """
    before = torch.cat([torch.ones(1, dtype=torch.float64), abar[:-1].double()])
    return 1.0 - abar.double() / before


def _check(steps: int, start: float, end: float) -> None:
    if steps < 2 or not 0.0 < start <= end < 1.0:
        raise InputError(
            "no noise schedule can be made of these numbers",
            found=f"{steps} steps from {start} to {end}",
            expected="two steps or more, 0 < start <= end < 1",
        )
