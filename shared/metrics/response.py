"""Gain: how much of a true change in a picture a synthesised change reproduces."""

from __future__ import annotations

from torch import Tensor


def response_gain(change: Tensor, true_change: Tensor, mask: Tensor) -> Tensor:
    """Return the projection of a change on the true one, ``sum m <d, D> / sum m <D, D>``, of each picture.

    1 means full control, 0 that nothing happens (or that what happens has nothing to do with the truth).

    Args:
        change: ``(B, C, H, W)`` picture with the cause minus picture without it.
        true_change: ``(B, C, H, W)`` the same difference of true pictures.
        mask: ``(B, 1, H, W)`` where the change is judged; an empty mask, or no true change in it, gives NaN.

    Returns:
        ``(B,)``.

    Example:
        >>> import torch
        >>> truth = torch.rand(1, 3, 4, 4)
        >>> response_gain(0.5 * truth, truth, torch.ones(1, 1, 4, 4)).tolist()
        [0.5]
    """
    along = (mask * change * true_change).sum((1, 2, 3))
    return along / (mask * true_change**2).sum((1, 2, 3))
