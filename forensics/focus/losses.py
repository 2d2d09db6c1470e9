"""FoCus' losses, one function per formula. Maps ``(B, 1, g, g)`` in [0, 1], labels ``(B,)`` with 1 for forged."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def classification(logits: Tensor, labels: Tensor) -> Tensor:
    """``CE(l, y)``, mean over the batch; logits ``(B, 2)`` of (authentic, forged)."""
    return F.cross_entropy(logits, labels)


def real_suppression(maps: Tensor, labels: Tensor) -> Tensor:
    """``L_real = mean(m | y = 0)``: authentic faces show no cue."""
    return _mean_where(maps.mean((1, 2, 3)), labels == 0)


def area_hinge(maps: Tensor, labels: Tensor, low: float = 0.05, high: float = 0.5) -> Tensor:
    """``L_area = max(0, low - mean m) + max(0, mean m - high)``, over the forged faces."""
    area = maps.mean((1, 2, 3))
    return _mean_where(F.relu(low - area) + F.relu(area - high), labels == 1)


def total_variation(maps: Tensor, size: int) -> Tensor:
    """``L_tv``: mean of ``|m(x + 1, y) - m(x, y)| + |m(x, y + 1) - m(x, y)|`` of the map at ``size`` px, in patches.

    The bilinear rise between two patches sums up to their difference whatever the size, so the mean is multiplied by
    px a patch: the weight means the same at any size.
    """
    fine = F.interpolate(maps, size=(size, size), mode="bilinear", align_corners=False)
    per_patch = size / maps.shape[-1]
    return per_patch * (fine.diff(dim=-1).abs().mean() + fine.diff(dim=-2).abs().mean())


def equivariance(map_moved: Tensor, map_of_moved: Tensor, inside: Tensor) -> Tensor:
    """``L_eq = || T(m(x)) - m(T(x)) ||_1``, mean over what lies within the picture (SEAM)."""
    return ((map_moved - map_of_moved).abs() * inside).sum() / inside.sum().clamp(min=1)


def union_coverage(fused: Tensor, first: Tensor, second: Tensor, labels: Tensor) -> Tensor:
    """``mean max(0, max(m_1, m_2) - m_f)`` over the forged faces: what either view finds stays found.

    What they found is fixed; the fusion is moved, and with it the views that it mixes, the weaker one most.
    """
    either = torch.maximum(first, second).detach()
    return _mean_where(F.relu(either - fused).mean((1, 2, 3)), labels == 1)


def agreement(first: Tensor, second: Tensor, labels: Tensor) -> Tensor:
    """``mean |m_1 - m_2|`` over the authentic faces: there is nothing that one view alone could see."""
    return _mean_where((first - second).abs().mean((1, 2, 3)), labels == 0)


def _mean_where(values: Tensor, kept: Tensor) -> Tensor:
    weight = kept.to(values)
    return (values * weight).sum() / weight.sum().clamp(min=1)
