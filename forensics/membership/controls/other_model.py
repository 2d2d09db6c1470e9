"""C3 and D3: the same attack on a model that cannot know the members; and the attack less what that model says.

A model trained on other pictures of the same kind answers what is easy about a picture; what the target knows beyond it
is memory. A U-Net of random weights answers what the architecture alone gives away.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from forensics.membership.drc.attack import GIVEN
from forensics.membership.protocol import Attack, Evidence, Scores
from forensics.membership.structural import Structural
from forensics.membership.target import Target
from shared.errors import InputError

_UNTRAINED: WeakKeyDictionary[Target, dict[int, Target]] = WeakKeyDictionary()
"""Model -> seed -> the same with random weights, as long as the model lives."""


@dataclass(frozen=True)
class ReferenceModel:
    """C3: the attack on the reference model alone.

    Attributes:
        attack: The attack to repeat.
        reference: A model of the same kind, trained on other pictures of the same distribution.
    """

    attack: Attack = field(default_factory=Structural)
    reference: Target | None = None

    name: ClassVar[str] = "reference-model"
    title: ClassVar[str] = "The attack on a reference model"
    higher_is_member: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = True
    control: ClassVar[bool] = True

    def score(
        self,
        target: Target,
        images: Tensor,
        captions: Sequence[str],
        *,
        generator: torch.Generator,
        evidence: bool = False,
    ) -> Scores:
        """Score ``(B, 3, S, S)`` pictures by the reference model; the target is not asked."""
        other = _fitting(target, self.reference)
        scores = self.attack.score(other, images, captions, generator=generator, evidence=evidence)
        return Scores(scores.oriented, True, scores.evidence, scores.calls)


@dataclass(frozen=True)
class Calibrated:
    """An attack less what a reference model says: ``S - S_ref``, both turned so that larger means member.

    Attributes:
        attack: The attack to calibrate.
        reference: A model of the same kind, trained on other pictures of the same distribution.
    """

    attack: Attack = field(default_factory=Structural)
    reference: Target | None = None

    name: ClassVar[str] = "calibrated"
    title: ClassVar[str] = "The attack less a reference model"
    higher_is_member: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = True
    control: ClassVar[bool] = False

    def score(
        self,
        target: Target,
        images: Tensor,
        captions: Sequence[str],
        *,
        generator: torch.Generator,
        evidence: bool = False,
    ) -> Scores:
        """Score ``(B, 3, S, S)`` pictures on both models with the same noise."""
        other = _fitting(target, self.reference)
        ours, theirs = (
            self.attack.score(model, images, captions, generator=generator, evidence=evidence)
            for model in (target, other)
        )
        pairs = zip(ours.evidence, theirs.evidence, strict=True)
        pieces = tuple(
            _joined(own, reference, score)
            for (own, reference), score in zip(pairs, ours.oriented - theirs.oriented, strict=False)
        )
        return Scores(ours.oriented - theirs.oriented, True, pieces, ours.calls + theirs.calls)


@dataclass(frozen=True)
class RandomWeights:
    """D3: the attack on the target's own architecture with random weights.

    Attributes:
        attack: The attack to repeat.
        seed: Of the weights.
    """

    attack: Attack = field(default_factory=Structural)
    seed: int = 0

    name: ClassVar[str] = "random-weights"
    title: ClassVar[str] = "The attack on random weights"
    higher_is_member: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = True

    def score(
        self,
        target: Target,
        images: Tensor,
        captions: Sequence[str],
        *,
        generator: torch.Generator,
        evidence: bool = False,
    ) -> Scores:
        """Score ``(B, 3, S, S)`` pictures by a U-Net that has learned nothing.

        Raises:
            InputError: If the target has no U-Net.
        """
        blank = _untrained(target, self.seed)
        scores = self.attack.score(blank, images, captions, generator=generator, evidence=evidence)
        return Scores(scores.oriented, True, scores.evidence, scores.calls)


def _fitting(target: Target, reference: Target | None) -> Target:
    if reference is None:
        raise InputError(
            "there is no reference model", fix="give one that was trained on other pictures"
        )
    if reference.image_size != target.image_size:
        raise InputError(
            "target and reference model take pictures of different sizes",
            found=f"{reference.image_size} px",
            expected=f"{target.image_size} px",
        )
    return reference


def _untrained(target: Target, seed: int) -> Target:
    known = _UNTRAINED.setdefault(target, {})
    if seed not in known:
        maker: Any = getattr(target, "untrained", None)
        if maker is None:
            raise InputError(
                f"{target.name} has no weights to replace by random ones",
                fix="leave out this control",
            )
        known[seed] = maker(seed)
    return known[seed]


def _joined(own: Evidence, reference: Evidence, score: float) -> Evidence:
    """Return the evidence of both models side by side."""
    numbers = {
        **own.numbers,
        **{f"reference_{name}": value for name, value in reference.numbers.items()},
        "calibrated": float(score),
    }
    new = {
        f"reference model: {name}": shown
        for name, shown in reference.pictures.items()
        if name not in GIVEN
    }
    sentence = f"{own.sentence} Less what a reference model reaches, {score:+.3f} is left."
    return Evidence(numbers, {**own.pictures, **new}, sentence)
