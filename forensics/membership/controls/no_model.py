"""D0 and D1: DRC without the model under audit; something that never saw the training set fills the hole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from forensics.membership.drc.attack import DRC, evidence_of_restorations, similarities
from forensics.membership.drc.degrade import Degraded
from forensics.membership.protocol import Scores, image_generators
from forensics.membership.target import Target
from shared.errors import InputError

_REACH = 3
"""Neighbourhood that the inpainter looks at, px."""


@dataclass(frozen=True)
class CopyPaste:
    """D0: the degraded picture itself is compared with the original; grey where it was masked.

    Attributes:
        attack: Whose degradation and comparator are used.
    """

    attack: DRC = field(default_factory=DRC)

    name: ClassVar[str] = "copy-paste"
    title: ClassVar[str] = "Degraded picture, not restored"
    higher_is_member: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse a degradation that hides nothing from these controls."""
        _check(self.attack)

    def score(
        self,
        target: Target,  # noqa: ARG002
        images: Tensor,
        captions: Sequence[str],  # noqa: ARG002
        *,
        generator: torch.Generator,
        evidence: bool = False,
    ) -> Scores:
        """Score ``(B, 3, S, S)`` pictures; the model is not asked."""
        degraded = self.attack.degrader(images, image_generators(generator, len(images)))
        return _scored(self.attack, images, degraded, degraded.image, evidence, "Grey filling")


@dataclass(frozen=True)
class GenericInpainter:
    """D1: Telea's inpainting (fast marching, 2004) fills the mask; super-resolution is bicubic.

    Attributes:
        attack: Whose degradation and comparator are used.
    """

    attack: DRC = field(default_factory=DRC)

    name: ClassVar[str] = "generic-inpainter"
    title: ClassVar[str] = "Restored without the model"
    higher_is_member: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse a degradation that hides nothing from these controls."""
        _check(self.attack)

    def score(
        self,
        target: Target,  # noqa: ARG002
        images: Tensor,
        captions: Sequence[str],  # noqa: ARG002
        *,
        generator: torch.Generator,
        evidence: bool = False,
    ) -> Scores:
        """Score ``(B, 3, S, S)`` pictures; the model is not asked."""
        degraded = self.attack.degrader(images, image_generators(generator, len(images)))
        filled = _enlarged(degraded) if degraded.factor > 1 else _inpainted(degraded)
        return _scored(self.attack, images, degraded, filled, evidence, "A generic inpainter")


def _check(attack: DRC) -> None:
    if attack.degradation == "noise":
        raise InputError(
            "this control needs a picture from which something was taken away",
            found="noise",
            expected="a mask or super-resolution",
        )


def _scored(
    attack: DRC, images: Tensor, degraded: Degraded, filled: Tensor, evidence: bool, who: str
) -> Scores:
    restored = filled[:, None].clamp(0, 1)
    with torch.inference_mode():
        similarity = similarities(attack.comparing, images, restored, degraded.mask)
    pieces = (
        evidence_of_restorations(images, degraded, restored, similarity, who) if evidence else ()
    )
    return Scores(similarity.mean(1).cpu().numpy(), True, pieces, 0.0)


def _enlarged(degraded: Degraded) -> Tensor:
    small = functional.avg_pool2d(degraded.image, degraded.factor)
    return functional.interpolate(
        small, size=degraded.image.shape[-2:], mode="bicubic", align_corners=False
    )


def _inpainted(degraded: Degraded) -> Tensor:
    rows = []
    for image, mask in zip(degraded.image.cpu(), degraded.mask.cpu(), strict=True):
        picture = np.round(image.permute(1, 2, 0).numpy() * 255).astype(np.uint8)
        hole = (mask[0].numpy() > 0).astype(np.uint8)
        filled = cv2.inpaint(picture, hole, _REACH, cv2.INPAINT_TELEA)
        rows.append(torch.from_numpy(filled.astype(np.float32) / 255).permute(2, 0, 1))
    return torch.stack(rows).to(degraded.image)
