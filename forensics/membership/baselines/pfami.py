"""PFAMI (Fu W. et al.), the metric variant: a member's loss rises more when the picture is perturbed.

``F(s, t) = (L(crop_s(x), t) - L(x, t)) / L(x, t)`` for centre crops of strengths s, scaled back to size, and time
steps t; the score is the mean of F. The same noise serves a picture and its crops, which the formula leaves open.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional

from forensics.membership.baselines.loss import answer, denoising_loss
from forensics.membership.protocol import Scores, image_generators, normal_like
from forensics.membership.target import Target


@dataclass(frozen=True)
class PFAMI:
    """Probabilistic fluctuation, averaged; 110 U-Net calls a picture."""

    name: ClassVar[str] = "pfami"
    title: ClassVar[str] = "PFAMI (Met)"
    higher_is_member: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = False

    timesteps: tuple[int, ...] = tuple(range(0, 500, 50))
    """Where the loss is taken; the authors' code."""
    crops: tuple[float, ...] = tuple(round(0.95 - 0.25 * i / 9, 4) for i in range(10))
    """Side of the centre crop as a part of the picture's; ten from .95 to .70, the authors' code."""

    def score(
        self,
        target: Target,
        images: Tensor,
        captions: Sequence[str],
        *,
        generator: torch.Generator,
        evidence: bool = False,
    ) -> Scores:
        """Score pictures; see :class:`forensics.membership.protocol.Attack`."""
        before = target.calls
        generators = image_generators(generator, len(images))
        condition = target.condition(captions)
        z0 = target.encode(images)
        noises = [normal_like(z0, generators) for _ in self.timesteps]

        def losses(z: Tensor) -> Tensor:
            pairs = zip(self.timesteps, noises, strict=True)
            return torch.stack([denoising_loss(target, z, e, t, condition) for t, e in pairs], 1)

        own = losses(z0)
        neighbours = (losses(target.encode(centre_crop(images, side))) for side in self.crops)
        fluctuation = torch.stack([(loss - own) / own for loss in neighbours], 1)
        wording = (
            (lambda v: f"Cropping the picture raises the loss by {v:.1%} on average.")
            if evidence
            else None
        )
        return answer(
            self,
            fluctuation.mean((1, 2)),
            target.calls - before,
            wording,
            {"fluctuation_by_crop": fluctuation.mean(2)},
        )


def centre_crop(images: Tensor, part: float) -> Tensor:
    """Cut the central square whose side is ``part`` of the picture's and scale it back, bilinearly.

    Example:
        >>> centre_crop(torch.rand(1, 3, 16, 16), 0.5).shape
        torch.Size([1, 3, 16, 16])
    """
    size = images.shape[-1]
    side = max(1, round(size * part))
    start = (size - side) // 2
    inner = images[..., start : start + side, start : start + side]
    return functional.interpolate(inner, (size, size), mode="bilinear", align_corners=False)
