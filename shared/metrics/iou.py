"""Intersection over union of a map in [0, 1] with a mask: at a given threshold, and at the best one."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def iou(score: Tensor, mask: Tensor, threshold: float = 0.5) -> Tensor:
    """Return ``|score >= t and mask| / |score >= t or mask|`` of each picture.

    Args:
        score: ``(B, H, W)`` in [0, 1].
        mask: ``(B, H, W)`` in [0, 1]; what is above a half belongs to it.
        threshold: t.

    Returns:
        ``(B,)`` in [0, 1]; NaN where neither has a pixel.

    Example:
        >>> iou(torch.tensor([[[0.9, 0.6, 0.1]]]), torch.tensor([[[1.0, 0.0, 0.0]]])).tolist()
        [0.5]
    """
    called, true = score >= threshold, mask > 0.5
    both = (called & true).sum((1, 2))
    return both / (called | true).sum((1, 2))


def best_iou(score: Tensor, mask: Tensor) -> tuple[float, float]:
    """Return the largest mean IoU over pictures that one threshold for all of them reaches, and that threshold.

    Each of the 101 percentiles of the maps' own values is tried, and 0, 0.01 ... 1; so a map that is narrow is not held
    against one that is wide. Pictures with an empty mask do not count. The threshold is chosen on the masks that are
    given: on test masks the figure is an oracle's.

    Args:
        score: ``(B, H, W)`` in [0, 1].
        mask: ``(B, H, W)`` in [0, 1].

    Example:
        >>> best_iou(torch.tensor([[[0.3, 0.2, 0.1]]]), torch.tensor([[[1.0, 1.0, 0.0]]]))[0]
        1.0
    """
    kept = (mask > 0.5).any(2).any(1)
    own = np.percentile(score[kept].numpy(), np.arange(101)) if kept.any() else ()
    thresholds = sorted({*torch.linspace(0, 1, 101).tolist(), *map(float, own)})
    means = [float(iou(score[kept], mask[kept], t).mean()) for t in thresholds]
    best = max(range(len(means)), key=means.__getitem__)
    return means[best], thresholds[best]
