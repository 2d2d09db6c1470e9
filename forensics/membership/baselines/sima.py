"""SimA (Rao et al., 2025): the noise that the model sees in the untouched picture, in one call.

``A = ||eps_theta(x_0, t)||_p``: the predicted noise points away from the data, so it is small near a member.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from forensics.membership.baselines.loss import answer
from forensics.membership.protocol import Scores
from forensics.membership.target import Target


@dataclass(frozen=True)
class SimA:
    """The norm of the predicted noise of a clean picture."""

    name: ClassVar[str] = "sima"
    title: ClassVar[str] = "SimA"
    higher_is_member: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = False

    t: int = 100
    """The time step that the model is told. ours."""
    p: float = 4.0
    """Of the norm; the paper."""

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
        noise = target.eps(target.encode(images), self.t, target.condition(captions))
        values = torch.linalg.vector_norm(noise.double().flatten(1), ord=self.p, dim=1)
        wording = (lambda v: f"The model sees noise of norm {v:.4g} in it.") if evidence else None
        return answer(self, values, target.calls - before, wording)
