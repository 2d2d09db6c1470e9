"""Attacks that only see what a model draws: GAN-Leaks (Chen et al., CCS 2020), Monte Carlo (Hilprecht et al., 2019).

Both compare a picture with K samples G(z_k) that the model drew without looking at it; d is the Euclidean distance of
pixels in [0, 1]. The K samples are drawn once for an audit and shared by all its pictures. A model with captions draws
them for the empty one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from forensics.membership.baselines.loss import answer
from forensics.membership.protocol import Scores
from forensics.membership.target import Target
from shared.errors import InputError

_BATCH = 32
_BANKS: WeakKeyDictionary[Any, dict[tuple[Any, ...], Tensor]] = WeakKeyDictionary()
"""Target -> settings -> samples, for as long as the target lives."""


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
        banks = _BANKS.setdefault(target, {})
        # each attack draws its own, so that each one's cost shows
        key = (type(self).__name__, self.samples, self.steps, self.sample_seed)
        if key not in banks:
            banks[key] = _draw(target, self.samples, self.steps, self.sample_seed)
        return banks[key]


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
        models = [target] if self.reference is None else [target, self.reference]
        before = sum(model.calls for model in models)
        found = [distances(images, self.bank(model)).amin(1) for model in models]
        values = found[0] - found[1] if self.reference is not None else found[0]
        wording = (lambda v: f"{self._measured()} {v:.4g}.") if evidence else None
        calls = sum(model.calls for model in models) - before
        numbers = dict(zip(("nearest", "nearest_of_reference"), found, strict=False))
        return answer(self, values, calls, wording, numbers)

    def _measured(self) -> str:
        if self.reference is None:
            return f"The nearest of {self.samples} samples is at a distance of"
        return f"Beside a reference, the nearest of {self.samples} samples is farther by"


@dataclass(frozen=True)
class MonteCarlo(Drawing):
    """``(1/K) #{k: d(x, G(z_k)) <= r}``, large for members.

    r is a low quantile of the distances between samples. The paper takes it between pictures and samples, which would
    make a picture's score depend on the others under audit.
    """

    name: ClassVar[str] = "monte-carlo"
    title: ClassVar[str] = "Monte Carlo"
    higher_is_member: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = False

    quantile: float = 0.01
    """Of the distances between samples, what counts as near. ours; the paper too takes small percentiles."""

    def __post_init__(self) -> None:
        """Check samples and quantile."""
        super().__post_init__()
        if not 0.0 < self.quantile < 1.0:
            raise InputError("no such quantile", found=self.quantile, expected="between 0 and 1")

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
        radius = _radius(bank, self.quantile)
        values = (distances(images, bank) <= radius).double().mean(1)
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


def _radius(bank: Tensor, quantile: float) -> float:
    return float(np.quantile(torch.pdist(bank).cpu().numpy(), quantile))


def _draw(target: Target, samples: int, steps: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    parts = [
        target.sample([""] * min(_BATCH, samples - start), steps=steps, generator=generator)
        for start in range(0, samples, _BATCH)
    ]
    return torch.cat(parts).flatten(1)
