"""Losses of the detectors, one function per formula. Maps ``(B, 1, h, w)``, targets soft in [0, 1]."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def activation_l1(activations: Tensor, labels: Tensor) -> Tensor:
    """``mean |a_y - 1| + |a_(1 - y)|``: the half of the face's own class is active, the other is not (ClassNSeg).

    Args:
        activations: ``(B, 2)``, not negative.
        labels: ``(B,)``.
    """
    wanted = F.one_hot(labels, 2).to(activations)
    return (activations - wanted).abs().sum(1).mean()


def map_cross_entropy(map_logits: Tensor, target: Tensor) -> Tensor:
    """``- t log p - (1 - t) log(1 - p)``, mean over places; two-channel cross entropy with soft targets is the same."""
    return F.binary_cross_entropy_with_logits(map_logits, target)


def map_l1(map_logits: Tensor, target: Tensor) -> Tensor:
    """``|p - t|``, mean over places (FFD)."""
    return (map_logits.sigmoid() - target).abs().mean()


def dice(map_logits: Tensor, target: Tensor) -> Tensor:
    """``1 - (2 sum p t + 1) / (sum p + sum t + 1)`` of each picture, mean; an empty map of an empty target costs 0."""
    p = map_logits.sigmoid()
    both, sizes = (p * target).sum((1, 2, 3)), (p + target).sum((1, 2, 3))
    return (1 - (2 * both + 1) / (sizes + 1)).mean()


def reconstruction_mse(image: Tensor, target: Tensor) -> Tensor:
    """``(x' - x)^2``, mean over pixels."""
    return torch.square(image - target).mean()
