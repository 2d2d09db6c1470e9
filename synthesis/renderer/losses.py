"""The renderer's losses, one function per formula. Pictures ``(B, 3, H, W)`` in [0, 1], points in [-1, 1]."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.layers.warp import identity_grid
from synthesis.renderer.points import EYE_CENTERS, MOUTH_CENTER


def pyramid_l1(image: Tensor, target: Tensor, levels: int = 3) -> Tensor:
    """``sum_k ||down^k image - down^k target||_1`` over ``levels`` halvings, mean over pixels."""
    total = (image - target).abs().mean()
    for _ in range(levels - 1):
        image, target = F.avg_pool2d(image, 2), F.avg_pool2d(target, 2)
        total = total + (image - target).abs().mean()
    return total


def gradient_l1(image: Tensor, target: Tensor) -> Tensor:
    """``||grad image - grad target||_1``: sharpness."""
    difference = image - target
    across = (difference[..., 1:] - difference[..., :-1]).abs().mean()
    return across + (difference[..., 1:, :] - difference[..., :-1, :]).abs().mean()


def region_weight(
    points: Tensor, size: int, *, mouth_radius: float = 0.16, eye_radius: float = 0.06
) -> Tensor:
    """Return Gaussians at the mouth (channel 0) and the eyes (channel 1), ``(B, 2, size, size)``.

    Args:
        points: ``(B, 478, 2)`` face points.
        size: Side of the map, px.
        mouth_radius: Standard deviation, normalised units.
        eye_radius: Standard deviation, normalised units.
    """
    grid = identity_grid(size, size, like=points)

    def bump(center: Tensor, radius: float) -> Tensor:
        distance = ((grid - center[:, None, None]) ** 2).sum(-1)
        return torch.exp(-distance / (2 * radius**2))

    mouth = bump(points[:, MOUTH_CENTER].mean(1), mouth_radius)
    eyes = torch.stack([bump(points[:, pair].mean(1), eye_radius) for pair in EYE_CENTERS]).amax(0)
    return torch.stack([mouth, eyes], dim=1)


def weighted_l1(image: Tensor, target: Tensor, weight: Tensor) -> Tensor:
    """``sum w |image - target| / sum w`` with ``weight`` (B, 1, H, W)."""
    return ((image - target).abs().mean(1, keepdim=True) * weight).sum() / weight.sum().clamp(
        min=1e-6
    )


def alpha_cost(alpha: Tensor, image_error: Tensor) -> Tensor:
    """Mean of alpha where the warped source is already right: own pixels must be worth their blur.

    Args:
        alpha: ``(B, 1, H, W)``.
        image_error: ``(B, 1, H, W)`` mean absolute error of the warped source.
    """
    return (alpha * torch.exp(-image_error / 0.04)).mean()


def flow_roughness(flow: Tensor) -> Tensor:
    """``||grad (T - identity)||_1`` of flows ``(B, h, w, 2)``."""
    moved = flow - identity_grid(flow.shape[1], flow.shape[2], like=flow)
    return (moved[:, 1:] - moved[:, :-1]).abs().mean() + (
        moved[:, :, 1:] - moved[:, :, :-1]
    ).abs().mean()


class RandomFeatures(nn.Module):
    """A frozen, randomly initialised convolutional net whose features serve as a perceptual distance.

    Reference: Liu et al., "Generic Perceptual Loss for Modeling Structured Output Dependencies", CVPR 2021: an
    untrained network works when its initialisation keeps the variance.
    """

    def __init__(self, widths: tuple[int, ...] = (16, 32, 64, 64), seed: int = 0) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(seed)
        self.levels = nn.ModuleList()
        channels = 3
        for width in widths:
            block = nn.Sequential(
                nn.Conv2d(channels, width, 3, padding=1, bias=False), nn.LeakyReLU(0.2),
                nn.Conv2d(width, width, 3, padding=1, bias=False), nn.LeakyReLU(0.2),
            )  # fmt: skip
            for layer in block:
                if isinstance(layer, nn.Conv2d):
                    nn.init.orthogonal_(layer.weight, gain=1.4, generator=generator)
            self.levels.append(block)
            channels = width
        self.requires_grad_(False)

    def forward(self, image: Tensor, target: Tensor) -> Tensor:
        """``sum_l ||phi_l(image) - phi_l(target)||_1``, mean over positions."""
        x, y = image * 2 - 1, target * 2 - 1
        total = image.new_zeros(())
        for block in self.levels:
            x, y = block(x), block(y)
            total = total + (x - y).abs().mean()
            x, y = F.avg_pool2d(x, 2), F.avg_pool2d(y, 2)
        return total
