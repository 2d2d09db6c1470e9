"""New pictures from any target, by deterministic DDIM."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from forensics.membership.target import Target
from shared.diffusion.ddim import ddim_move, timesteps


def ddim_sample(
    target: Target,
    captions: Sequence[str],
    latent_size: int,
    *,
    steps: int,
    generator: torch.Generator | None,
) -> Tensor:
    """Return one picture a caption, ``(len(captions), 3, H, W)`` in [0, 1]; guidance 1, eta 0.

    Raises:
        InputError: Unless 1 <= steps <= T.
    """
    shape = (len(captions), target.channels, latent_size, latent_size)
    z = torch.randn(shape, generator=generator).to(target.device)
    condition = target.condition(captions)
    path = timesteps(steps, len(target.alphas_cumprod))
    for t, following in zip(path, [*path[1:], None], strict=True):
        cleaner = 1.0 if following is None else float(target.alphas_cumprod[following])
        abar = float(target.alphas_cumprod[t])
        z = ddim_move(z, target.eps(z, t, condition), abar, cleaner, target.clean_limit)
    return target.decode(z).clamp(0.0, 1.0)
