"""Structural similarity of pictures (Wang et al., IEEE TIP 2004), picture by picture."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

_REACH = 5
"""Half of the window, px."""


def ssim(image: Tensor, target: Tensor) -> Tensor:
    """Return the mean SSIM of each picture: Gaussian window of 11 px with sigma 1.5, K = (0.01, 0.03).

    Args:
        image: ``(B, C, H, W)`` in [0, 1], at least 12 px a side.
        target: ``(B, C, H, W)`` in [0, 1].

    Returns:
        ``(B,)`` at most 1.

    Example:
        >>> picture = torch.rand(2, 3, 16, 16)
        >>> ssim(picture, picture).tolist()
        [1.0, 1.0]
    """
    _, full = structural_similarity_index_measure(
        image, target, data_range=1.0, reduction="none", return_full_image=True
    )
    # as in the paper's own code, windows that reach over the border do not count
    inside = torch.as_tensor(full)[..., _REACH:-_REACH, _REACH:-_REACH]
    return inside.mean((1, 2, 3))
