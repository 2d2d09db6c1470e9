"""Mass in mask: which share of a map lies where the mask is."""

from __future__ import annotations

from torch import Tensor


def mass_in_mask(score: Tensor, mask: Tensor) -> Tensor:
    """Return ``sum score * mask / sum score`` of each picture.

    Args:
        score: ``(B, H, W)``, not negative.
        mask: ``(B, H, W)`` in [0, 1].

    Returns:
        ``(B,)`` in [0, 1]; 0 for an empty map, which shows nothing.

    Example:
        >>> import torch
        >>> mass_in_mask(torch.tensor([[[0.75, 0.25]]]), torch.tensor([[[1.0, 0.0]]])).tolist()
        [0.75]
    """
    whole = score.sum((1, 2))
    return (score * mask).sum((1, 2)) / whole.where(whole > 0, 1.0)
