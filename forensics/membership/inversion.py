"""Deterministic inversion and denoising under guidance, as both attacks use them.

======================  ==============================================================
code                    paper
======================  ==============================================================
``z``                   z_t, the latent
``abar``                abar_t, cumulative product of (1 - beta)
``scale``               gamma, the guidance scale
``Text.wanted, .empty`` c and uc, the embeddings of the caption and of ""
======================  ==============================================================

The guided noise is ``e_u + gamma (e_c - e_u)``. A branch whose weight is nought is not evaluated: gamma = 1 costs one
U-Net call, and so does gamma = 0.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor

from forensics.membership.target import Target
from shared.diffusion.ddim import ddim_move


@dataclass(frozen=True)
class Text:
    """What the U-Net is told of a batch, and how strongly.

    Attributes:
        wanted: c, one row a picture; None for an unconditional model.
        empty: uc, one row a picture; None where it is not needed.
        scale: gamma.
    """

    wanted: Tensor | None
    empty: Tensor | None
    scale: float

    @classmethod
    def of(cls, target: Target, captions: Sequence[str], scale: float) -> Text:
        """Embed a batch of captions, and the empty one where the scale asks for it."""
        if not target.conditional:
            return cls(None, None, 1.0)
        wanted = target.condition(captions) if scale else None
        empty = target.condition([""] * len(captions)) if scale != 1 else None
        return cls(wanted, empty, scale)

    def repeat(self, times: int) -> Text:
        """Return each row ``times`` times in a row: K restorations of a picture share its caption."""
        wanted, empty = (
            None if row is None else row.repeat_interleave(times, 0)
            for row in (self.wanted, self.empty)
        )
        return Text(wanted, empty, self.scale)

    def eps(self, target: Target, z: Tensor, t: int) -> Tensor:
        """Return the guided noise that the target predicts at step t."""
        if self.empty is None or self.wanted is None:
            return target.eps(z, t, self.wanted if self.empty is None else self.empty)
        unconditional = target.eps(z, t, self.empty)
        return unconditional + self.scale * (target.eps(z, t, self.wanted) - unconditional)


def invert(
    target: Target, z: Tensor, times: Sequence[int], abar: Tensor, text: Text
) -> Iterator[Tensor]:
    """Noise a latent deterministically, from ``times[0]`` on; yield it at each of ``times[1:]``.

    The U-Net is asked at the step that the latent *comes from*, as in diffusers' inverse scheduler.

    Args:
        target: The model.
        z: ``(B, C, h, w)`` at the level of ``times[0]``.
        times: Increasing time steps.
        abar: ``(T,)`` the noise levels, float64.
        text: What the U-Net is told.
    """
    for t_c, t in pairwise(times):
        z = ddim_move(z, text.eps(target, z, t_c), float(abar[t_c]), float(abar[t]))
        yield z


def denoise(target: Target, z: Tensor, times: Sequence[int], abar: Tensor, text: Text) -> Tensor:
    """Take a latent back along ``times``, which decrease; the same move with the same rule."""
    for z_next in invert(target, z, times, abar, text):
        z = z_next
    return z
