"""DDIM (Song et al., ICLR 2021): one formula moves a latent between noise levels, up or down.

======================  ==============================================================
code                    paper
======================  ==============================================================
``z``                   x_t, the noisy latent (pixels in a pixel model)
``eps``                 eps_theta(x_t, t), the predicted noise
``abar``                alpha_t of the DDIM paper, the cumulative product of (1 - beta)
======================  ==============================================================

An ``abar`` is a float, a 0-d tensor, or a tensor of ``z``'s dtype that broadcasts against ``z`` (``(B, 1, 1, 1)``).
"""

from __future__ import annotations

from torch import Tensor

from shared.errors import InputError

Level = float | Tensor
"""The abar of a noise level, in (0, 1]; 1 is clean."""


def add_noise(z0: Tensor, eps: Tensor, abar: Level) -> Tensor:
    """Return ``sqrt(abar) z0 + sqrt(1 - abar) eps``, the forward process in one jump.

    Example:
        >>> import torch
        >>> add_noise(torch.ones(1), torch.zeros(1), 0.25).tolist()
        [0.5]
    """
    return abar**0.5 * z0 + (1.0 - abar) ** 0.5 * eps


def predict_original(z: Tensor, eps: Tensor, abar: Level) -> Tensor:
    """Return ``(z - sqrt(1 - abar) eps) / sqrt(abar)``, the predicted clean latent (Eq. 12, first term).

    Example:
        >>> import torch
        >>> z0, eps = torch.tensor([0.5]), torch.tensor([-1.0])
        >>> predict_original(add_noise(z0, eps, 0.64), eps, 0.64).tolist()
        [0.5]
    """
    return (z - (1.0 - abar) ** 0.5 * eps) / abar**0.5


def ddim_move(
    z: Tensor, eps: Tensor, abar_from: Level, abar_to: Level, limit: float | None = None
) -> Tensor:
    """Move ``z`` from one noise level to another along the predicted noise (Eq. 12 with eta = 0).

    ``abar_to > abar_from`` denoises, ``abar_to < abar_from`` inverts: it is the same formula.

    Args:
        z: The latent at level ``abar_from``.
        eps: The predicted noise.
        abar_from: The level of ``z``.
        abar_to: The level to go to.
        limit: Clamp the predicted clean latent to [-limit, limit] on the way, as pixel models do when they draw.

    Example:
        >>> import torch
        >>> z, eps = torch.tensor([0.3]), torch.tensor([0.8])
        >>> there = ddim_move(z, eps, 0.9, 0.5)
        >>> bool(torch.allclose(ddim_move(there, eps, 0.5, 0.9), z))
        True
    """
    return add_noise(within(predict_original(z, eps, abar_from), limit), eps, abar_to)


def within(z0: Tensor, limit: float | None) -> Tensor:
    """Clamp a clean latent to [-limit, limit]; None leaves it."""
    return z0 if limit is None else z0.clamp(-limit, limit)


def timesteps(steps: int, total: int) -> list[int]:
    """Return ``steps`` time steps from noisy to clean, evenly spaced from 0 ("leading" spacing in diffusers).

    Raises:
        InputError: Unless 1 <= steps <= total.

    Example:
        >>> timesteps(4, 1000)
        [750, 500, 250, 0]
    """
    if not 1 <= steps <= total:
        raise InputError("impossible number of steps", found=steps, expected=f"1 to {total}")
    return [index * (total // steps) for index in reversed(range(steps))]
