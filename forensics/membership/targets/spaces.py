"""Where a diffusion model lives: in pixels, or in the latent space of an autoencoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from shared.errors import WeightsError

Randomness = torch.Generator | Sequence[torch.Generator] | None
"""No noise, one generator for all pictures, or one a picture."""


class PixelSpace:
    """Pictures in [-1, 1] are their own latents."""

    channels = 3
    reduction = 1

    def encode(self, images: Tensor, generator: Randomness = None) -> Tensor:  # noqa: ARG002
        """Map [0, 1] to [-1, 1]; there is no posterior to sample from."""
        return images * 2.0 - 1.0

    def decode(self, latents: Tensor) -> Tensor:
        """Map [-1, 1] to [0, 1], unclamped."""
        return (latents + 1.0) / 2.0


class LatentSpace:
    """The latents of a KL or VQ autoencoder, times its scale factor.

    Args:
        autoencoder: diffusers' ``AutoencoderKL`` or ``VQModel``; stays in float32.

    Raises:
        WeightsError: If its latents are normalised by statistics a channel (a few SDXL descendants).
    """

    def __init__(self, autoencoder: Any) -> None:
        config = autoencoder.config
        if config.get("latents_mean") is not None or config.get("shift_factor") is not None:
            raise WeightsError(
                "the autoencoder shifts its latents, which is not supported",
                expected="a scale factor alone, as in Stable Diffusion 1, 2 and XL",
            )
        self._autoencoder = autoencoder
        self._factor = float(config.scaling_factor)
        self.channels = int(config.latent_channels)
        self.reduction = 2 ** (len(config.block_out_channels) - 1)

    def encode(self, images: Tensor, generator: Randomness = None) -> Tensor:
        """Return latents: the posterior's mode, or with a generator a sample; a VQ model has no posterior."""
        encoded = self._autoencoder.encode(images * 2.0 - 1.0)
        if hasattr(encoded, "latents"):
            latents = encoded.latents
        elif generator is None:
            latents = encoded.latent_dist.mode()
        else:
            drawn = generator if isinstance(generator, torch.Generator) else list(generator)
            latents = encoded.latent_dist.sample(generator=drawn)
        scaled: Tensor = latents * self._factor
        return scaled

    def decode(self, latents: Tensor) -> Tensor:
        """Return pictures around [0, 1], unclamped."""
        decoded: Tensor = self._autoencoder.decode(latents / self._factor).sample
        return (decoded + 1.0) / 2.0
