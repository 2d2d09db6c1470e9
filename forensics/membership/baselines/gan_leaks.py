"""Attacks that only see what a model draws: GAN-Leaks (Chen et al., CCS 2020), Monte Carlo (Hilprecht et al., 2019).

Both compare a picture with K samples G(z_k) that the model drew without looking at it; d is the Euclidean distance of
pixels in [0, 1]. The K samples are drawn once for an audit and shared by all its pictures. A model with captions draws
them for the empty one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import torch
from torch import Tensor

from forensics.membership.baselines.loss import answer
from forensics.membership.protocol import Scores
from forensics.membership.target import Target
from shared.errors import InputError

_BATCH = 32


@dataclass(frozen=True)
class Drawing:
    """How the samples are drawn. The papers draw up to 100,000."""

    samples: int = 256
    """K. ours: what two cores draw in minutes."""
    steps: int = 50
    """DDIM steps a sample. ours."""
    sample_seed: int = 0
    """Of the samples."""

    def __post_init__(self) -> None:
        """Check that there are samples to compare."""
        if self.samples < 2:
            raise InputError("too few samples", found=self.samples, expected="2 or more")

    def bank(self, target: Target) -> Tensor:
        """Return the target's samples, flattened: ``(K, 3 S S)`` in [0, 1]."""
        return _bank(target, self.samples, self.steps, self.sample_seed)


@dataclass(frozen=True)
class GANLeaks(Drawing):
    """``min_k d(x, G(z_k))``, small for members; calibrated, the same with a reference model is subtracted."""

    name: ClassVar[str] = "gan-leaks"
    title: ClassVar[str] = "GAN-Leaks"
    higher_is_member: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = False

    reference: Target | None = None
    """A model trained on other pictures of the same kind, for the calibrated variant."""

    def score(
        self,
        target: Target,
        images: Tensor,
        captions: Sequence[str],  # noqa: ARG002 (the samples are the same for all pictures)
        *,
        generator: torch.Generator,  # noqa: ARG002 (the samples have a seed of their own)
        evidence: bool = False,
    ) -> Scores:
        """Score pictures; see :class:`forensics.membership.protocol.Attack`."""
        before = target.calls
        nearest = distances(images, self.bank(target)).amin(1)
        numbers = {"nearest": nearest}
        values = nearest
        if self.reference is not None:
            numbers["nearest_of_reference"] = distances(images, self.bank(self.reference)).amin(1)
            values = nearest - numbers["nearest_of_reference"]
        wording = (
            (lambda v: f"The nearest of {self.samples} samples is at {v:.4g}.")
            if evidence
            else None
        )
        return answer(self, values, target.calls - before, wording, numbers)


@dataclass(frozen=True)
class MonteCarlo(Drawing):
    """``(1/K) #{k: d(x, G(z_k)) < r}``, large for members.

    r is the median distance of a sample to the nearest other one: it asks nothing of the pictures under audit.
    """

    name: ClassVar[str] = "monte-carlo"
    title: ClassVar[str] = "Monte Carlo"
    higher_is_member: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = False

    def score(
        self,
        target: Target,
        images: Tensor,
        captions: Sequence[str],  # noqa: ARG002 (the samples are the same for all pictures)
        *,
        generator: torch.Generator,  # noqa: ARG002 (the samples have a seed of their own)
        evidence: bool = False,
    ) -> Scores:
        """Score pictures; see :class:`forensics.membership.protocol.Attack`."""
        before = target.calls
        bank = self.bank(target)
        radius = _radius(bank)
        values = (distances(images, bank) < radius).double().mean(1)
        wording = (
            (lambda v: f"{v:.1%} of {self.samples} samples are nearer than {radius:.4g}.")
            if evidence
            else None
        )
        return answer(self, values, target.calls - before, wording)


def distances(images: Tensor, bank: Tensor) -> Tensor:
    """Return the Euclidean distances of pictures ``(B, 3, S, S)`` to the samples, ``(B, K)`` float64."""
    flat = images.to(bank).flatten(1)
    return torch.cdist(flat, bank, compute_mode="donot_use_mm_for_euclid_dist").double()


def _radius(bank: Tensor) -> float:
    own = torch.cdist(bank, bank, compute_mode="donot_use_mm_for_euclid_dist")
    return float(own.fill_diagonal_(float("inf")).amin(1).median())


@lru_cache(maxsize=2)
def _bank(target: Target, samples: int, steps: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    parts = [
        target.sample([""] * min(_BATCH, samples - start), steps=steps, generator=generator)
        for start in range(0, samples, _BATCH)
    ]
    return torch.cat(parts).flatten(1)
