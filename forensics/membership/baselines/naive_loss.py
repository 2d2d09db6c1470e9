"""Naive loss: a model denoises what it was trained on better (Matsumoto et al., 2023; Hu & Pang, 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from forensics.membership.baselines.loss import answer, denoising_loss
from forensics.membership.protocol import Scores, image_generators, normal_like
from forensics.membership.target import Target


@dataclass(frozen=True)
class NaiveLoss:
    """``L = mean over t and draws of ||e - eps_theta(z_t, t)||_2^2``, small for members."""

    name: ClassVar[str] = "naive-loss"
    title: ClassVar[str] = "Naive loss"
    higher_is_member: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = False

    timesteps: tuple[int, ...] = (100,)
    """Where the loss is taken. ours: the structural paper's T; its supplement, which has the setting, is not public."""
    draws: int = 4
    """Noises averaged. ours."""

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
        z0 = target.encode(images)
        condition = target.condition(captions)
        losses = [
            denoising_loss(target, z0, normal_like(z0, generators), t, condition)
            for t in self.timesteps
            for _ in range(self.draws)
        ]
        by_draw = torch.stack(losses, 1)
        wording = (lambda v: f"The mean denoising loss is {v:.4g}.") if evidence else None
        return answer(self, by_draw.mean(1), target.calls - before, wording, {"losses": by_draw})
