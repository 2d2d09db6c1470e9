"""CLiD (Zhai et al., NeurIPS 2024), the threshold variant: a member's caption helps the model more.

1. ``L(c) = mean over t of ||e - eps_theta(z_t, t, c)||_2^2`` for the caption and for k weakened ones (cut, empty).
2. ``D_i = L(c_i*) - L(c)``, large for members of a model trained on captioned pictures.
3. ``S = alpha R(mean_i D_i) + (1 - alpha) R(-L(c))`` with the robust scaling ``R(v) = (v - median) / IQR``.

Differences from the paper: ``R`` has median 0 and range 1 unless it is told others, so that by default the two terms
are weighed as they are. An audit and the benchmarks run the default. Medians and ranges belong to a population;
:meth:`CLiD.fitted` takes them from pictures of known standing, and the attack that it returns can be handed to
:func:`forensics.membership.audit.audit` as its ``method``. The paper's second variant, a classifier of all ``D_i`` and
``L(c)``, is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import numpy as np
import torch
from torch import Tensor

from forensics.membership.baselines.loss import answer, denoising_loss
from forensics.membership.protocol import Scores, image_generators, normal_like
from forensics.membership.target import Target
from shared.errors import InputError


@dataclass(frozen=True)
class CLiD:
    """Conditional likelihood discrepancy; 15 U-Net calls a picture."""

    name: ClassVar[str] = "clid"
    title: ClassVar[str] = "CLiD (th)"
    higher_is_member: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = False

    timesteps: tuple[int, ...] = (440, 450, 460)
    """Where the loss is taken; the paper."""
    kept_words: tuple[float, ...] = (0.75, 0.5, 0.25, 0.0)
    """Part of the words that each weakened caption keeps; k = 4 with the empty one is the paper's, the rest ours."""
    alpha: float = 0.9
    """Weight of the discrepancy. From memory of the paper; not checked."""
    discrepancy_scale: tuple[float, float] = (0.0, 1.0)
    """Median and interquartile range of mean D; :meth:`fitted` measures them."""
    loss_scale: tuple[float, float] = (0.0, 1.0)
    """Median and interquartile range of -L(c); :meth:`fitted` measures them."""

    def score(
        self,
        target: Target,
        images: Tensor,
        captions: Sequence[str],
        *,
        generator: torch.Generator,
        evidence: bool = False,
    ) -> Scores:
        """Score pictures; see :class:`forensics.membership.protocol.Attack`.

        Raises:
            InputError: If the target takes no captions.
        """
        before = target.calls
        discrepancy, likelihood = self._terms(target, images, captions, generator)
        values = self.alpha * _scaled(discrepancy, self.discrepancy_scale) + (
            1.0 - self.alpha
        ) * _scaled(likelihood, self.loss_scale)
        wording = (
            (lambda v: f"With its caption the picture is denoised better by a score of {v:.4g}.")
            if evidence
            else None
        )
        numbers = {"discrepancy": discrepancy, "loss": -likelihood}
        return answer(self, values, target.calls - before, wording, numbers)

    def fitted(
        self,
        target: Target,
        images: Tensor,
        captions: Sequence[str],
        *,
        generator: torch.Generator,
    ) -> Self:
        """Return the same attack with the medians and ranges of other pictures; nothing here calls it by itself.

        Args:
            target: The model that will be asked.
            images: ``(B, 3, S, S)``, pictures of known standing; never those that are in question.
            captions: One a picture.
            generator: Of the noise.
        """
        terms = self._terms(target, images, captions, generator)
        scales = []
        for term in terms:
            low, median, high = np.percentile(term.cpu().numpy(), [25, 50, 75])
            scales.append((float(median), float(high - low) or 1.0))
        return replace(self, discrepancy_scale=scales[0], loss_scale=scales[1])

    def _terms(
        self, target: Target, images: Tensor, captions: Sequence[str], generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return mean D and -L(c), ``(B,)`` each."""
        if not target.conditional:
            raise InputError(
                "CLiD needs a model that takes captions",
                found=target.name,
                fix="use another attack",
            )
        generators = image_generators(generator, len(images))
        z0 = target.encode(images)
        noises = [normal_like(z0, generators) for _ in self.timesteps]

        def loss(texts: Sequence[str]) -> Tensor:
            condition = target.condition(texts)
            pairs = zip(self.timesteps, noises, strict=True)
            losses = [denoising_loss(target, z0, e, t, condition) for t, e in pairs]
            return torch.stack(losses).mean(0)

        full = loss(captions)
        weakened = [
            loss([first_words(text, part) for text in captions]) for part in self.kept_words
        ]
        return torch.stack(weakened).mean(0) - full, -full


def first_words(caption: str, part: float) -> str:
    """Return the first words of a caption, ``part`` of them rounded down.

    Example:
        >>> first_words("an old man with grey hair", 0.5)
        'an old man'
    """
    words = caption.split()
    return " ".join(words[: int(len(words) * part)])


def _scaled(values: Tensor, scale: tuple[float, float]) -> Tensor:
    return (values - scale[0]) / scale[1]
