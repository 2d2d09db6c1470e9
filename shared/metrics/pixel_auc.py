"""Pixel AUC: how often a pixel inside the mask scores above one outside, over all pictures together."""

from __future__ import annotations

from torch import Tensor

from shared.metrics.roc import auc


def pixel_auc(score: Tensor, mask: Tensor) -> float:
    """Return the area under the curve of pixels of one or many pictures, pooled.

    Args:
        score: ``(B, H, W)``.
        mask: ``(B, H, W)`` in [0, 1]; what is above a half belongs to it.

    Raises:
        InputError: If no pixel lies inside, or none outside.

    Example:
        >>> import torch
        >>> pixel_auc(torch.tensor([[[0.9, 0.6, 0.1]]]), torch.tensor([[[1.0, 0.0, 0.0]]]))
        1.0
    """
    inside = mask > 0.5
    return auc(score[inside].double().cpu().numpy(), score[~inside].double().cpu().numpy())
