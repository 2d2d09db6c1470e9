"""Models without text: latent diffusion (Rombach et al., CVPR 2022) and pixel DDPM (Ho et al., NeurIPS 2020)."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import torch

from forensics.membership.targets.denoiser import DenoiserTarget, Parts
from forensics.membership.targets.loading import load_part
from forensics.membership.targets.spaces import LatentSpace, PixelSpace


class LatentTarget(DenoiserTarget):
    """An ``LDMPipeline``: a U-Net in the latents of a VQ or KL autoencoder."""

    @classmethod
    def from_folder(
        cls, folder: Path, *, name: str, device: torch.device, dtype: torch.dtype
    ) -> Self:
        """Load it from a diffusers folder.

        Raises:
            WeightsError: If a part is missing, damaged or of another kind.
        """
        autoencoder = load_part(folder, "vqvae", "VQModel", "AutoencoderKL").to(device)
        parts = Parts(load_part(folder, "unet", "UNet2DModel"), LatentSpace(autoencoder))
        return cls(parts, folder, name=name, device=device, dtype=dtype)


class PixelTarget(DenoiserTarget):
    """A ``DDPMPipeline`` or ``DDIMPipeline``: a U-Net on the pixels themselves."""

    @classmethod
    def from_folder(
        cls, folder: Path, *, name: str, device: torch.device, dtype: torch.dtype
    ) -> Self:
        """Load it from a diffusers folder.

        Raises:
            WeightsError: If a part is missing, damaged or of another kind.
        """
        parts = Parts(load_part(folder, "unet", "UNet2DModel"), PixelSpace())
        return cls(parts, folder, name=name, device=device, dtype=dtype)
