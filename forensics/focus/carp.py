"""Classification Attentive Regions Proposal: from patch features to a decision that shows where it comes from.

A = Conv1x1(Z) (B, 2, g, g);  l_c = P(A_c);  m = softmax_c(A)[forged];  R = 1[m > delta max m]
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from forensics.focus.config import FocusConfig

_AFFINITY_LAYERS = 3


def pool(scores: Tensor, kind: str, kept: Tensor, *, share: float, sharpness: float) -> Tensor:
    """Return P(A_c) of one class map.

    Args:
        scores: ``(B, N)`` of the patches.
        kind: ``gap`` (mean), ``topk`` (mean of the largest) or ``lse`` (log-mean-exp).
        kept: ``(B, N)`` bool; patches that were erased do not count. At least one must be left.
        share: Of the patches that top-k takes, at least one.
        sharpness: r of ``log(mean(exp(r a))) / r``.

    Returns:
        ``(B,)``.
    """
    weight = kept.to(scores)
    if kind == "topk":
        count = (weight.sum(1) * share).round().clamp(min=1)
        ranked = scores.masked_fill(~kept, float("-inf")).sort(dim=1, descending=True).values
        taken = torch.arange(scores.shape[1], device=scores.device) < count[:, None]
        return ranked.masked_fill(~taken, 0).sum(1) / count
    if kind == "lse":
        raised = (sharpness * scores).masked_fill(~kept, float("-inf"))
        return (torch.logsumexp(raised, 1) - weight.sum(1).log()) / sharpness
    return (scores * weight).sum(1) / weight.sum(1)


def pooled_logits(class_maps: Tensor, config: FocusConfig, erased: Tensor | None = None) -> Tensor:
    """Return the logits ``(B, 2)`` of (authentic, forged) of class maps ``(B, 2, g, g)``.

    Args:
        class_maps: A.
        config: Which pooling each class has.
        erased: ``(B, g, g)`` bool.
    """
    flat = class_maps.flatten(2)
    if config.pooling_real == "none":
        flat = torch.stack([torch.zeros_like(flat[:, 0]), flat[:, 1] - flat[:, 0]], dim=1)
    kept = torch.ones_like(flat[:, 0], dtype=torch.bool) if erased is None else ~erased.flatten(1)
    authentic = "gap" if config.pooling_real == "none" else config.pooling_real
    kinds = (authentic, config.pooling_fake)
    return torch.stack(
        [
            pool(flat[:, c], kind, kept, share=config.topk_share, sharpness=config.sharpness)
            for c, kind in enumerate(kinds)
        ],
        dim=1,
    )


def posterior(class_maps: Tensor) -> Tensor:
    """Return ``m = softmax_c(A)[forged]``, ``(B, 1, g, g)``."""
    return class_maps.softmax(1)[:, 1:]


def activation(class_maps: Tensor, config: FocusConfig) -> Tensor:
    """Return the class activation map after the fact, ``relu(A_forged) / max``, ``(B, 1, g, g)``.

    Where the decision reads ``A_forged - A_authentic`` alone, that is the map: half of ``A_forged`` is then
    never trained.
    """
    positive = class_maps[:, 1:]
    if config.pooling_real == "none":
        positive = positive - class_maps[:, :1]
    positive = F.relu(positive)
    return positive / positive.amax((2, 3), keepdim=True).clamp(min=1e-6)


def propose(maps: Tensor, delta: float) -> Tensor:
    """Return the attentive regions ``R = 1[m > delta max m]``, ``(B, g, g)`` bool; never the whole map."""
    region = maps[:, 0] > delta * maps[:, 0].amax((1, 2), keepdim=True)
    return region & ~least(maps)


def least(maps: Tensor) -> Tensor:
    """Return where maps ``(B, 1, g, g)`` are least, ``(B, g, g)`` bool; at one place at least."""
    return maps[:, 0] <= maps[:, 0].amin((1, 2), keepdim=True)


def affinity(attentions: tuple[Tensor, ...]) -> Tensor:
    """Return how much patches look at each other in the last three layers, rows summing to 1, ``(B, g g, g g)``."""
    last = torch.stack(attentions[-_AFFINITY_LAYERS:]).mean((0, 2))[:, 1:, 1:]
    return last / last.sum(-1, keepdim=True)


def refined(maps: Tensor, attentions: tuple[Tensor, ...], power: int) -> Tensor:
    """Return ``Aff^p m``: attention spreads the map, but is not the map."""
    spread, flat = affinity(attentions), maps.flatten(2).transpose(1, 2)
    for _ in range(power):
        flat = spread @ flat
    return flat.transpose(1, 2).reshape(maps.shape)
