"""Sampling pictures and features along backward flows, in normalised coordinates (``align_corners=False``)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def identity_grid(height: int, width: int, *, like: Tensor) -> Tensor:
    """Return where each pixel's centre lies, ``(H, W, 2)`` = (x, y) in [-1, 1], on ``like``'s device and dtype.

    Example:
        >>> identity_grid(1, 2, like=torch.zeros(1)).tolist()
        [[[-0.5, 0.0], [0.5, 0.0]]]
    """
    y = (torch.arange(height, device=like.device, dtype=like.dtype) * 2 + 1) / height - 1
    x = (torch.arange(width, device=like.device, dtype=like.dtype) * 2 + 1) / width - 1
    return torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)


def warp(picture: Tensor, flow: Tensor) -> Tensor:
    """Look ``picture`` (B, C, H, W) up where ``flow`` (B, h, w, 2) points; the border is continued outward.

    Example:
        >>> picture = torch.rand(1, 3, 8, 8)
        >>> same = warp(picture, identity_grid(8, 8, like=picture)[None])
        >>> bool(torch.allclose(picture, same, atol=1e-5))
        True
    """
    return F.grid_sample(picture, flow, mode="bilinear", padding_mode="border", align_corners=False)


def resize_flow(flow: Tensor, size: int) -> Tensor:
    """Interpolate a flow ``(B, h, w, 2)`` to ``(B, size, size, 2)``; its values are positions and stay as they are."""
    if flow.shape[1] == size:
        return flow
    moved = flow - identity_grid(flow.shape[1], flow.shape[2], like=flow)
    moved = F.interpolate(
        moved.permute(0, 3, 1, 2), size=(size, size), mode="bilinear", align_corners=False
    )
    return moved.permute(0, 2, 3, 1) + identity_grid(size, size, like=flow)


def gaussian_maps(points: Tensor, size: int, variance: float) -> Tensor:
    """Draw each of ``points`` (B, K, 2) in [-1, 1] as a Gaussian of peak 1 on a ``size`` px grid, ``(B, K, H, W)``.

    The Gaussian is separable, so two rows of exponentials make each map.
    """
    axis = (torch.arange(size, device=points.device, dtype=points.dtype) * 2 + 1) / size - 1
    rows = torch.exp(-((axis - points[..., None]) ** 2) / (2 * variance))
    return rows[:, :, 1, :, None] * rows[:, :, 0, None, :]
