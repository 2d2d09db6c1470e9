"""PIA and PIAN (Kong et al., ICLR 2024): the noise predicted for the clean picture should be predicted again.

1. ``e0 = eps_theta(x_0, 0)``; PIAN rescales it so that ``mean |e0| = sqrt(2 / pi)``, as if it were Gaussian.
2. ``x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) e0``.
3. ``R = ||e0 - eps_theta(x_t, t)||_p^p``, small for members.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from forensics.membership.baselines.loss import answer
from forensics.membership.protocol import Scores
from forensics.membership.target import Target
from shared.diffusion.ddim import add_noise


@dataclass(frozen=True)
class PIA:
    """The proximal initialisation attack: two U-Net calls, no randomness."""

    name: ClassVar[str] = "pia"
    title: ClassVar[str] = "PIA"
    higher_is_member: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = False

    t: int = 200
    """Where the noise is predicted again. From memory of the paper (200 for DDPM); not checked."""
    p: float = 4.0
    """Of the norm; the authors' DDPM code."""

    def score(
        self,
        target: Target,
        images: Tensor,
        captions: Sequence[str],
        *,
        generator: torch.Generator,  # noqa: ARG002 (nothing is drawn)
        evidence: bool = False,
    ) -> Scores:
        """Score pictures; see :class:`forensics.membership.protocol.Attack`."""
        before = target.calls
        condition = target.condition(captions)
        z0 = target.encode(images)
        # 1.
        e0 = self.scaled(target.eps(z0, 0, condition))
        # 2.
        z_t = add_noise(z0, e0, float(target.alphas_cumprod[self.t]))
        # 3.
        error = (e0 - target.eps(z_t, self.t, condition)).double()
        values = error.abs().pow(self.p).flatten(1).sum(1)
        wording = (
            (lambda v: f"The model sees the noise that it added itself with an error of {v:.4g}.")
            if evidence
            else None
        )
        return answer(self, values, target.calls - before, wording)

    def scaled(self, e0: Tensor) -> Tensor:
        """Return e0 as it is."""
        return e0


@dataclass(frozen=True)
class PIAN(PIA):
    """PIA with e0 normalised."""

    name: ClassVar[str] = "pian"
    title: ClassVar[str] = "PIAN"

    def scaled(self, e0: Tensor) -> Tensor:
        """Return e0 with a mean absolute value of sqrt(2 / pi), picture by picture."""
        mean = e0.abs().mean((1, 2, 3), keepdim=True)
        return e0 * math.sqrt(2.0 / math.pi) / mean.clamp_min(1e-12)
