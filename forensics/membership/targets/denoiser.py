"""What all adapters share: a U-Net, its noise levels and the space that it works in."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from forensics.membership.sampling import ddim_sample
from forensics.membership.target import check_images
from forensics.membership.targets.loading import hash_files, load_schedule, looks_untrained
from forensics.membership.targets.spaces import LatentSpace, PixelSpace, Randomness
from shared.errors import InputError, WeightsError


@dataclass(frozen=True)
class Parts:
    """The networks of a model.

    Attributes:
        unet: diffusers' ``UNet2DModel`` or ``UNet2DConditionModel``.
        space: What the U-Net's latents are.
    """

    unet: Any
    space: PixelSpace | LatentSpace


class DenoiserTarget:
    """A target made of diffusers parts; subclasses say how they are loaded and what the condition is.

    Args:
        parts: The networks.
        folder: Where they came from; its files are the fingerprint, its scheduler gives the noise levels.
        name: What a reader calls the model.
        device: Where it runs.
        dtype: Of the U-Net and text encoder; the autoencoder stays in float32.

    Raises:
        WeightsError: If U-Net and autoencoder do not belong together.
    """

    conditional = False

    def __init__(
        self, parts: Parts, folder: Path, *, name: str, device: torch.device, dtype: torch.dtype
    ) -> None:
        self.name = name
        self.device = device
        self.dtype = dtype
        self.calls = 0
        # Module.to itself: diffusers' own warns of precision even where nothing is lost
        self.unet = nn.Module.to(parts.unet, device, dtype)
        self.space = parts.space
        self.channels = parts.space.channels
        self.latent_size = _side(self.unet.config.sample_size)
        self.image_size = self.latent_size * parts.space.reduction
        self.alphas_cumprod, self._predicts, self.clean_limit = load_schedule(folder)
        self.trained = not looks_untrained(self.unet)
        self._folder = folder
        self._note: dict[str, str] = {}
        self._check_channels()

    @cached_property
    def _hashes(self) -> dict[str, str]:
        return hash_files(self._folder)

    def fingerprint(self) -> dict[str, str]:
        """Return file -> SHA-256 of the model's files, hashed once."""
        return {**self._hashes, **self._note}

    @torch.no_grad()
    def encode(self, images: Tensor, generator: Randomness = None) -> Tensor:
        """Return the latents of pictures ``(B, 3, S, S)`` in [0, 1], scale factor included.

        Raises:
            InputError: If the pictures are of another size.
        """
        checked = check_images(images, self.image_size).to(self.device, torch.float32)
        return self.space.encode(checked, generator)

    @torch.no_grad()
    def decode(self, latents: Tensor) -> Tensor:
        """Return the pictures of latents, around [0, 1] and not clamped."""
        return self.space.decode(latents.to(self.device, torch.float32))

    @torch.no_grad()
    def eps(self, latents: Tensor, t: int, condition: Tensor | None = None) -> Tensor:
        """Return the predicted noise at time step ``t`` as float32, whatever the U-Net predicts.

        Raises:
            InputError: If the model has no such time step.
        """
        if not 0 <= t < len(self.alphas_cumprod):
            raise InputError(
                "no such time step", found=t, expected=f"0 to {len(self.alphas_cumprod) - 1}"
            )
        z = latents.to(self.device, self.dtype)
        # some models predict their variance too, in further channels
        predicted = self.predict(z, t, condition)[:, : self.channels].float()
        self.calls += len(latents)
        return self._noise_of(predicted, latents.to(self.device, torch.float32), t)

    def predict(self, z: Tensor, t: int, condition: Tensor | None) -> Tensor:  # noqa: ARG002
        """Return the U-Net's own output; ``condition`` is for subclasses."""
        output: Tensor = self.unet(z, t).sample
        return output

    def condition(self, captions: Sequence[str]) -> Tensor | None:  # noqa: ARG002
        """Return None: without text there is no condition."""
        return None

    def sample(
        self,
        captions: Sequence[str],
        *,
        steps: int = 50,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return one new picture a caption, ``(len(captions), 3, S, S)`` in [0, 1]; guidance 1."""
        return ddim_sample(self, captions, self.latent_size, steps=steps, generator=generator)

    def untrained(self, seed: int) -> Self:
        """Return the same model with a U-Net of random weights: the control that knows no picture."""
        fresh = copy.copy(self)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            unet = type(self.unet).from_config(self.unet.config)
        fresh.unet = nn.Module.to(unet, self.device, self.dtype).eval().requires_grad_(False)
        fresh.name = f"{self.name} (random weights)"
        fresh.trained = False
        fresh.calls = 0
        fresh._note = {"unet": f"random weights, seed {seed}"}
        return fresh

    def _noise_of(self, predicted: Tensor, z: Tensor, t: int) -> Tensor:
        """Turn a prediction of v or of the clean latent into one of the noise (Salimans & Ho, ICLR 2022, App. D)."""
        abar = float(self.alphas_cumprod[t])
        if self._predicts == "v_prediction":
            return abar**0.5 * predicted + (1.0 - abar) ** 0.5 * z
        if self._predicts == "sample":
            return (z - abar**0.5 * predicted) / (1.0 - abar) ** 0.5
        return predicted

    def _check_channels(self) -> None:
        found = int(self.unet.config.in_channels)
        if found != self.channels:
            raise WeightsError(
                f"the U-Net of {self.name} does not take the latents alone",
                found=f"{found} channels",
                expected=self.channels,
                fix="inpainting, depth and other conditioned U-Nets cannot be audited",
            )


def _side(sample_size: int | Sequence[int] | None) -> int:
    sides = {sample_size} if isinstance(sample_size, int) else set(sample_size or ())
    if len(sides) != 1:
        raise WeightsError("the U-Net works on no one square size", found=sample_size)
    return int(sides.pop())
