"""C1 and C2: the structural attack without the part that was trained on the members."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from forensics.membership.protocol import Scores, image_generators, normal_like
from forensics.membership.ssim import ssim
from forensics.membership.structural import Preset, Structural, noise_levels
from forensics.membership.target import Target
from shared.diffusion.ddim import add_noise


@dataclass(frozen=True)
class VAEOnly:
    """C1: SSIM of a picture and its copy by the autoencoder, ``SSIM(x, D(E(x)))``. Constant for a pixel model.

    Attributes:
        preset: As in :class:`~forensics.membership.structural.Structural`.
    """

    preset: Preset = "native"

    name: ClassVar[str] = "vae-only"
    title: ClassVar[str] = "Autoencoder alone"
    higher_is_member: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = True

    def score(
        self,
        target: Target,
        images: Tensor,
        captions: Sequence[str],
        *,
        generator: torch.Generator,
        evidence: bool = False,
    ) -> Scores:
        """Score ``(B, 3, S, S)`` pictures: the structural attack with T = 0."""
        bare = Structural(preset=self.preset, total=0)
        found = bare.score(target, images, captions, generator=generator, evidence=evidence)
        # where nothing was encoded, what is left is rounding
        return replace(found, values=found.values.round(6))


@dataclass(frozen=True)
class GaussianNoise:
    """C2: the structural attack with drawn noise of the same strength instead of the U-Net's.

    Attributes:
        preset: As in :class:`~forensics.membership.structural.Structural`.
        total: T.
    """

    preset: Preset = "native"
    total: int = 100

    name: ClassVar[str] = "gaussian-noise"
    title: ClassVar[str] = "Gaussian noise, no U-Net"
    higher_is_member: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = True

    @torch.inference_mode()
    def score(
        self,
        target: Target,
        images: Tensor,
        captions: Sequence[str],  # noqa: ARG002
        *,
        generator: torch.Generator,
        evidence: bool = False,  # noqa: ARG002
    ) -> Scores:
        """Score ``(B, 3, S, S)`` pictures by the SSIM that is left under the same amount of noise."""
        attack = Structural(preset=self.preset, total=self.total, interval=max(self.total, 1))
        images = images.to(target.device)
        generators = image_generators(generator, len(images))
        abar = noise_levels(target, self.preset, self.total)
        z = target.encode(images, generators if self.preset == "official" else None)
        noised = add_noise(z, normal_like(z, generators), float(abar[self.total]))
        values = ssim(images, target.decode(noised), attack.similarity)
        return Scores(values.cpu().numpy(), True, (), 0.0)
