"""ReDiffuse (Li J. et al.): variations of a member average out to the member.

1. ``z_t = sqrt(abar_t) z_0 + sqrt(1 - abar_t) e`` and DDIM back to clean: a variation of the picture.
2. The mean of m variations, in pixels.
3. ``d = ||x - mean||_2``, small for members.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from forensics.membership.baselines.loss import answer, squared_norm
from forensics.membership.protocol import Scores, image_generators, normal_like
from forensics.membership.target import Target
from shared.diffusion.ddim import add_noise, ddim_move
from shared.errors import InputError


@dataclass(frozen=True)
class ReDiffuse:
    """Averaged variations. The original asks a service for them; here the target makes them."""

    name: ClassVar[str] = "rediffuse"
    title: ClassVar[str] = "ReDiffuse"
    higher_is_member: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = False

    t: int = 200
    """How noisy a variation starts. ours: the paper's text was not at hand."""
    interval: int = 50
    """Length of a denoising step. ours."""
    variations: int = 10
    """m. ours."""

    def __post_init__(self) -> None:
        """Check that the steps fit."""
        if self.interval < 1 or self.t < 1 or self.t % self.interval or self.variations < 1:
            raise InputError(
                "ReDiffuse's steps do not fit",
                found=f"t {self.t}, interval {self.interval}, {self.variations} variations",
                expected="t a multiple of the interval, one variation or more",
            )

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
        total = torch.zeros(images.shape, device=target.device)
        for _ in range(self.variations):
            noise = normal_like(z0, generators)
            total += target.decode(self._variation(target, z0, noise, condition)).clamp(0.0, 1.0)
        mean = total / self.variations
        distance = squared_norm(images.to(mean) - mean).sqrt()
        wording = (
            (lambda v: f"The mean of its variations is at a distance of {v:.4g}.")
            if evidence
            else None
        )
        return answer(self, distance, target.calls - before, wording)

    def _variation(
        self, target: Target, z0: Tensor, noise: Tensor, condition: Tensor | None
    ) -> Tensor:
        z = add_noise(z0, noise, float(target.alphas_cumprod[self.t]))
        for t in range(self.t, 0, -self.interval):
            # the last step goes to the clean picture
            following = t - self.interval
            cleaner = float(target.alphas_cumprod[following]) if following else 1.0
            abar = float(target.alphas_cumprod[t])
            z = ddim_move(z, target.eps(z, t, condition), abar, cleaner, target.clean_limit)
        return z
