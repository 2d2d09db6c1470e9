"""Pointing game (Zhang et al., ECCV 2016, without their tolerance): does the map's peak lie inside the mask."""

from __future__ import annotations

import torch
from torch import Tensor


def pointing_game(score: Tensor, mask: Tensor) -> Tensor:
    """Return the share of a picture's highest pixels that lie inside its mask: 0 or 1 unless several are highest.

    Args:
        score: ``(B, H, W)``.
        mask: ``(B, H, W)`` in [0, 1]; what is above a half belongs to it.

    Returns:
        ``(B,)`` in [0, 1]. A flat map points everywhere and gives the share of the mask.

    Example:
        >>> pointing_game(torch.tensor([[[0.9, 0.6]]]), torch.tensor([[[1.0, 0.0]]])).tolist()
        [1.0]
    """
    peak = (score == score.amax((1, 2), keepdim=True)).to(torch.float32)
    return (peak * (mask > 0.5)).sum((1, 2)) / peak.sum((1, 2))
