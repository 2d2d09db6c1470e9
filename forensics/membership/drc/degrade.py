"""Step 1, degrade: take away what the model must then remember.

A mask is 1 where the picture is to be made anew. Masks are cut along a grid of patches, so that exactly the asked share
is taken away. Grey (0.5) stands where nothing is known.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from forensics.membership.drc.encoder import load_encoder
from forensics.membership.drc.saliency import spectral_residual
from forensics.membership.settings import check_choice
from shared.errors import InputError

Degradation = Literal["attention", "center", "random", "half", "super-resolution", "noise"]

GREY = 0.5

_RANDOM_GRID = 8
"""Patches a side of a random mask: 8 x 8 latent cells each at 512 px."""

_ATTENTION_GRID = 16
"""Patches a side of an attention mask."""


@dataclass(frozen=True)
class Degraded:
    """What is left of a batch of pictures.

    Attributes:
        image: ``(B, 3, S, S)`` in [0, 1] what a person may still see; grey where nothing is known.
        mask: ``(B, 1, S, S)`` 1 where the picture is to be made anew, 0 where it is known.
        factor: Side of the squares of pixels that were averaged; 1 if none were.
        noise: Share of the diffusion's steps that noise was added for; 0 if none was.
    """

    image: Tensor
    mask: Tensor
    factor: int = 1
    noise: float = 0.0


@dataclass(frozen=True)
class Degrader:
    """How pictures are degraded.

    Attributes:
        kind: ``attention`` masks what draws the eye, ``center`` a square, ``random`` patches, ``half`` the left half;
            ``super-resolution`` averages squares of pixels; ``noise`` noises part of the way (SDEdit).
        ratio: Share of the picture that the first three masks take, above 0 and below 1.
        factor: Of super-resolution.
        noise: Share of the way, above 0 and up to 1.
        attention_model: Folder of a vision transformer; without one, saliency tells where to mask.
    """

    kind: Degradation = "attention"
    ratio: float = 0.5
    factor: int = 8
    noise: float = 0.6
    attention_model: str | None = None

    def __post_init__(self) -> None:
        """Refuse strengths that leave everything or nothing."""
        check_choice("degradation", self.kind, get_args(Degradation))
        if not 0 < self.ratio < 1 or not 0 < self.noise <= 1 or self.factor < 2:
            raise InputError(
                "the degradation has no such strength",
                found=f"ratio {self.ratio}, factor {self.factor}, noise {self.noise}",
                expected="0 < ratio < 1, factor >= 2, 0 < noise <= 1",
            )

    def __call__(self, images: Tensor, generators: Sequence[torch.Generator]) -> Degraded:
        """Degrade ``(B, 3, S, S)`` pictures in [0, 1]; only ``random`` draws, from one generator a picture.

        Raises:
            InputError: If the side of the pictures is no multiple of the factor.
        """
        everything = torch.ones_like(images[:, :1])
        if self.kind == "noise":
            return Degraded(images, everything, noise=self.noise)
        if self.kind == "super-resolution":
            return Degraded(averaged(images, self.factor), everything, factor=self.factor)
        mask = self._mask(images, generators)
        return Degraded(images * (1 - mask) + GREY * mask, mask)

    def _mask(self, images: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
        if self.kind == "half":
            mask = torch.zeros_like(images[:, :1])
            mask[..., : mask.shape[-1] // 2] = 1
            return mask
        if self.kind == "center":
            return _center(images, self.ratio)
        if self.kind == "random":
            shape = (1, _RANDOM_GRID, _RANDOM_GRID)
            worth = torch.stack([torch.rand(shape, generator=own) for own in generators])
        else:
            worth = functional.adaptive_avg_pool2d(self._attention(images), _ATTENTION_GRID)
        return functional.interpolate(
            top_share(worth.to(images), self.ratio), size=images.shape[-2:], mode="nearest"
        )

    def _attention(self, images: Tensor) -> Tensor:
        if self.attention_model is None:
            return spectral_residual(images)
        return load_encoder(self.attention_model, images.device).attention(images)


def averaged(images: Tensor, factor: int) -> Tensor:
    """Replace each square of ``factor`` px by its mean: A+ A of super-resolution, at the size of the picture.

    Raises:
        InputError: If the side is no multiple of the factor.

    Example:
        >>> averaged(torch.tensor([[[[0.0, 1.0], [0.0, 1.0]]]]), 2).tolist()
        [[[[0.5, 0.5], [0.5, 0.5]]]]
    """
    if images.shape[-1] % factor or images.shape[-2] % factor:
        raise InputError(
            "the picture cannot be cut into squares", found=images.shape[-1], expected=factor
        )
    small = functional.avg_pool2d(images, factor)
    return small.repeat_interleave(factor, -1).repeat_interleave(factor, -2)


def top_share(worth: Tensor, ratio: float) -> Tensor:
    """Return 1 for the ``ratio`` of cells that are worth most in each picture, ``(B, 1, g, g)``; at least one.

    Example:
        >>> top_share(torch.tensor([[[[0.1, 0.9], [0.5, 0.2]]]]), 0.5).tolist()
        [[[[0.0, 1.0], [1.0, 0.0]]]]
    """
    flat = worth.flatten(1)
    count = min(max(round(ratio * flat.shape[1]), 1), flat.shape[1] - 1)
    chosen = torch.zeros_like(flat).scatter(1, flat.topk(count, dim=1).indices, 1.0)
    return chosen.reshape(worth.shape)


def _center(images: Tensor, ratio: float) -> Tensor:
    height, width = images.shape[-2:]
    tall, wide = (max(1, round(side * math.sqrt(ratio))) for side in (height, width))
    top, left = (height - tall) // 2, (width - wide) // 2
    mask = torch.zeros_like(images[:, :1])
    mask[..., top : top + tall, left : left + wide] = 1
    return mask
