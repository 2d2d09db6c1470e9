"""SecMI (Duan et al., ICML 2023), the statistic: how well a step up the noise and back returns.

1. DDIM-invert x_0 in steps of k up to ``tau = t_sec - k``.
2. One more step, to ``tau + k``.
3. One DDIM step back, to tau. ``SecMI_stat = ||x_back - x_tau||_2^2``, small for members.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from forensics.membership.baselines.loss import answer, squared_norm
from forensics.membership.protocol import Scores
from forensics.membership.target import Target
from shared.diffusion.ddim import ddim_move
from shared.errors import InputError


@dataclass(frozen=True)
class SecMI:
    """The t-error at one time step; the defaults are the authors' code's."""

    name: ClassVar[str] = "secmi"
    title: ClassVar[str] = "SecMI (stat)"
    higher_is_member: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = False

    t_sec: int = 100
    """One step above the level at which the error is taken."""
    interval: int = 10
    """k, the length of a step."""

    def __post_init__(self) -> None:
        """Check that the steps fit."""
        if not 0 < self.interval < self.t_sec or self.t_sec % self.interval:
            raise InputError(
                "SecMI's steps do not fit",
                found=f"t_sec {self.t_sec}, interval {self.interval}",
                expected="t_sec a multiple of the interval, two intervals or more",
            )

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

        def move(z: Tensor, start: int, end: int) -> Tensor:
            levels = [float(target.alphas_cumprod[t]) for t in (start, end)]
            return ddim_move(z, target.eps(z, start, condition), *levels)

        tau = self.t_sec - self.interval
        # 1. invert to tau
        z = target.encode(images)
        for t in range(0, tau, self.interval):
            z = move(z, t, t + self.interval)
        # 2. and 3. a step up and back
        back = move(move(z, tau, self.t_sec), self.t_sec, tau)
        wording = (
            (lambda v: f"A step up the noise and back misses by {v:.4g}.") if evidence else None
        )
        return answer(self, squared_norm(back - z), target.calls - before, wording)
