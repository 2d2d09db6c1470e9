"""DRC: degrade a picture, let the model restore it, compare; what was trained on comes back.

X. Fu, X. Wang, Q. Li, J. Liu, J. Dai, J. Han, "Model Will Tell: Training Membership Inference for Diffusion Models",
arXiv:2403.08487 (2024). Only the abstract and what others report of the tables could be had; there is no public code.

    x (B, 3, S, S) -> A -> y, mask -> restored K times by the target -> (B, K, 3, S, S) -> similarity (B, K) -> mean

1. Degrade: ``y, M = A(x)``                                                        (degrade.py)
2. Restore: ``x_k = R(model, y, M, seed k)`` for k = 1 .. K                        (restore.py)
3. Compare: ``s_k = sim(x, x_k)``, in what was hidden                              (compare.py)
4. ``S(x) = mean_k s_k``; a member if S > tau. The spread of s_k says how sure the model is.

===================  ======================================
code                 paper, or its reading by others
===================  ======================================
``ratio``            mask ratio (ablated in the paper)
``inversion``        "inverted ratio" (ablated in the paper; its meaning is inferred)
``restorations``     K
===================  ======================================

Differences from the paper. Known of it: a generative prior restores a degraded picture, natural pictures are compared
by CLIP and faces by a face encoder. Ours, with their reasons: the attention mask comes from a vision transformer by
path or else from saliency, and takes exactly the asked share; the restorer is DDNM and not the blending that the one
known re-implementation used (the README compares them); what is known is encoded *without* the hidden part
(``leak_free``), which that one did not do; K = 4 restorations instead of one, since one draw is noisy; the embedded
comparator needs no download; similarity is measured in the hidden region, because the copied rest says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor

from forensics.membership.drc import compare, degrade, restore
from forensics.membership.inversion import Text
from forensics.membership.panels import ORIGINAL, as_picture, heat_picture
from forensics.membership.protocol import Evidence, Scores, image_generators
from forensics.membership.target import Target
from shared.errors import InputError

MASK, DEGRADED = "mask (white: made anew)", "degraded"
GIVEN = (ORIGINAL, MASK, DEGRADED)
"""Names of the pictures that were there before the model was asked."""


@dataclass(frozen=True)
class DRC:
    """The DRC attack.

    Attributes:
        degradation: See :class:`~forensics.membership.drc.degrade.Degrader`.
        ratio: Share of the picture that is masked.
        factor: Of super-resolution.
        noise: Share of the way to pure noise, for the degradation ``noise``.
        restorer: See :class:`~forensics.membership.drc.restore.Restorer`.
        steps: Of the sampler.
        inversion: Share of the way up to which the start is inverted instead of drawn.
        leak_free: Encode the degraded picture, not the original.
        jump: RePaint's steps back.
        resamples: RePaint's rounds.
        restorations: K.
        guidance: Guidance scale of a text-conditional target.
        comparator: See :class:`~forensics.membership.drc.compare.Comparator`.
        region: Compare ``masked`` or ``whole``.
        attention_model: Folder of a vision transformer for the attention mask.
        encoder: Folder of an encoder for the comparator ``embedding``.

    Raises:
        InputError: If a setting is impossible.
    """

    degradation: degrade.Degradation = "attention"
    ratio: float = 0.5
    factor: int = 8
    noise: float = 0.6
    restorer: restore.Kind = "ddnm"
    steps: int = 50
    inversion: float = 0.0
    leak_free: bool = True
    jump: int = 10
    resamples: int = 10
    restorations: int = 4
    guidance: float = 1.0
    comparator: compare.Kind = "filters"
    region: Literal["masked", "whole"] = "masked"
    attention_model: str | None = None
    encoder: str | None = None

    name: ClassVar[str] = "drc"
    title: ClassVar[str] = "DRC"
    higher_is_member: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Build the three steps once, so that what is impossible is refused before any work."""
        if self.restorations < 1:
            raise InputError("DRC needs a restoration", found=self.restorations, expected=">= 1")
        if self.degradation == "super-resolution" and self.restorer != "ddnm":
            raise InputError(
                "super-resolution needs the restorer ddnm", found=self.restorer, expected="ddnm"
            )
        _ = self.degrader, self.restoring, self.comparing

    @property
    def degrader(self) -> degrade.Degrader:
        """Step 1."""
        return degrade.Degrader(
            self.degradation, self.ratio, self.factor, self.noise, self.attention_model
        )

    @property
    def restoring(self) -> restore.Restorer:
        """Step 2."""
        return restore.Restorer(
            self.restorer,
            self.steps,
            self.inversion,
            self.leak_free,
            self.jump,
            self.resamples,
        )

    @property
    def comparing(self) -> compare.Comparator:
        """Step 3."""
        return compare.Comparator(self.comparator, self.region, self.encoder)

    @torch.inference_mode()
    def score(
        self,
        target: Target,
        images: Tensor,
        captions: Sequence[str],
        *,
        generator: torch.Generator,
        evidence: bool = False,
    ) -> Scores:
        """Score ``(B, 3, S, S)`` pictures by how well the model brings them back."""
        calls = target.calls
        images = images.to(target.device)
        generators = image_generators(generator, len(images))
        text = Text.of(target, captions, self.guidance)
        # 1. degrade
        degraded = self.degrader(images, generators)
        # 2. restore
        draws = restore.Draws(generators, self.restorations)
        restored, seen = self.restoring(target, images, degraded, text, draws)
        restored = restored.clamp(0, 1)
        # 3. compare
        similarity = similarities(self.comparing, images, restored, degraded.mask)
        # 4. mean over the restorations
        values = similarity.mean(1).cpu().numpy()
        pieces: tuple[Evidence, ...] = ()
        if evidence:
            shown = replace(degraded, image=seen)
            pieces = evidence_of_restorations(images, shown, restored, similarity, "The model")
        return Scores(values, True, pieces, (target.calls - calls) / len(images))


def similarities(
    comparator: compare.Comparator, images: Tensor, restored: Tensor, mask: Tensor
) -> Tensor:
    """Return the similarity of each picture with each of its restorations, ``(B, K)`` float64.

    Args:
        comparator: Step 3.
        images: ``(B, 3, S, S)`` in [0, 1].
        restored: ``(B, K, 3, S, S)`` in [0, 1].
        mask: ``(B, 1, S, S)`` 1 where the picture was made anew.
    """
    count = restored.shape[1]
    originals, masks = (rows.repeat_interleave(count, 0) for rows in (images, mask))
    return comparator(originals, restored.flatten(0, 1), masks).reshape(len(images), count)


def evidence_of_restorations(
    images: Tensor, degraded: degrade.Degraded, restored: Tensor, similarity: Tensor, who: str
) -> tuple[Evidence, ...]:
    """Return what a person can look at: original, mask, degraded, restorations, difference.

    Args:
        images: ``(B, 3, S, S)``.
        degraded: Step 1.
        restored: ``(B, K, 3, S, S)``.
        similarity: ``(B, K)``.
        who: Subject of the sentence: "The model", or what the control used instead.
    """
    spread = similarity.std(1, correction=0)
    difference = (restored - images[:, None]).abs().mean((1, 2))
    return tuple(
        Evidence(
            numbers={
                "similarity": float(similarity[row].mean()),
                "spread": float(spread[row]),
                "similarities": similarity[row].tolist(),
                "masked_share": float(degraded.mask[row].mean()),
            },
            pictures={
                ORIGINAL: as_picture(images[row]),
                MASK: as_picture(degraded.mask[row]),
                DEGRADED: as_picture(degraded.image[row]),
                **{f"restoration {k + 1}": as_picture(one) for k, one in enumerate(restored[row])},
                "mean difference": heat_picture(difference[row]),
            },
            sentence=_sentence(who, degraded, row, similarity[row].tolist()),
        )
        for row in range(len(images))
    )


def _sentence(who: str, degraded: degrade.Degraded, row: int, similarity: Sequence[float]) -> str:
    mean = sum(similarity) / len(similarity)
    if degraded.noise:
        done = f"rebuilt the picture after {degraded.noise:.0%} of the way to pure noise"
    elif degraded.factor > 1:
        done = f"rebuilt the picture from squares of {degraded.factor} px"
    else:
        done = f"re-created the hidden {float(degraded.mask[row].mean()):.0%} of the picture"
    times = "once" if len(similarity) == 1 else f"{len(similarity)} times"
    between = f", between {min(similarity):.2f} and {max(similarity):.2f}" * (len(similarity) > 1)
    return f"{who} {done} {times}, with a mean similarity of {mean:.2f} to the original{between}."
