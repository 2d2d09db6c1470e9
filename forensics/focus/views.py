"""The second view of a face, and the moves that a map must follow. Pictures ``(B, 3, H, W)`` in [0, 1]."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from shared.layers.precision import full_precision

_LUMINANCE = (0.299, 0.587, 0.114)
_DCT_BLOCK = 8
_GAIN = 4.0
"""Of the residuals, which are small beside edges. ours."""


@full_precision
def second_view(pictures: Tensor, kind: str) -> Tensor:
    """Return the view that shows seams: ``sobel``, ``srm`` or ``dct``, ``(B, 3, H, W)`` in [0, 1]."""
    return {"sobel": sobel, "srm": srm, "dct": dct_high_pass}[kind](pictures)


def sobel(pictures: Tensor) -> Tensor:
    """Return ``|Gx|, |Gy|, sqrt(Gx^2 + Gy^2)`` of the luminance, at most 1.

    The scale is the same for every picture. Scaled by its largest edge, as is usual, a picture shows everywhere how
    strong its strongest edge is: a classifier then reads the class where nothing was forged.
    """
    across = pictures.new_tensor([[-1, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    both = _filtered(_luminance(pictures), torch.stack([across, across.T]))
    gx, gy = both[:, :1], both[:, 1:]
    magnitude = (gx.square() + gy.square() + 1e-12).sqrt() - 1e-6
    return torch.cat([gx.abs(), gy.abs(), magnitude], dim=1).clamp(max=1)


def srm(pictures: Tensor) -> Tensor:
    """Return four times the magnitude of three noise residuals of the luminance, at most 1.

    Fridrich, Kodovsky, "Rich Models for Steganalysis of Digital Images", TIFS 2012.
    """
    kernels = pictures.new_zeros(3, 5, 5)
    kernels[0, 1:4, 1:4] = pictures.new_tensor([[-1, 2, -1], [2, -4, 2], [-1, 2, -1]]) / 4
    kernels[1] = pictures.new_tensor(
        [[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2],
         [-1, 2, -2, 2, -1]]
    ) / 12  # fmt: skip
    kernels[2, 2, 1:4] = pictures.new_tensor([1, -2, 1]) / 2
    return (_GAIN * _filtered(_luminance(pictures), kernels).abs()).clamp(max=1)


def dct_high_pass(pictures: Tensor) -> Tensor:
    """Return the magnitude of what the upper half of the frequencies of 8 x 8 blocks makes up, four times, at most 1.

    A side that blocks do not divide is filled by repetition and cut again.
    """
    height, width = pictures.shape[-2:]
    fill = (-width) % _DCT_BLOCK, (-height) % _DCT_BLOCK
    whole = F.pad(pictures, (0, fill[0], 0, fill[1]), mode="replicate")
    basis = _dct_basis(pictures)
    blocks = whole.unfold(2, _DCT_BLOCK, _DCT_BLOCK).unfold(3, _DCT_BLOCK, _DCT_BLOCK)
    order = torch.arange(_DCT_BLOCK, device=pictures.device)
    high = (order[:, None] + order >= _DCT_BLOCK).to(pictures)
    spectrum = basis @ blocks @ basis.T * high
    kept = (basis.T @ spectrum @ basis).transpose(3, 4).flatten(4, 5).flatten(2, 3)
    return (_GAIN * kept[..., :height, :width].abs()).clamp(max=1)


def _dct_basis(like: Tensor) -> Tensor:
    n = torch.arange(_DCT_BLOCK, device=like.device, dtype=like.dtype)
    basis = torch.cos(math.pi * (2 * n + 1) * n[:, None] / (2 * _DCT_BLOCK)) * math.sqrt(
        2 / _DCT_BLOCK
    )
    return torch.cat([basis[:1] / math.sqrt(2), basis[1:]])


def _luminance(pictures: Tensor) -> Tensor:
    weights = pictures.new_tensor(_LUMINANCE).view(1, 3, 1, 1)
    return (pictures * weights).sum(1, keepdim=True)


def _filtered(pictures: Tensor, kernels: Tensor) -> Tensor:
    reach = kernels.shape[-1] // 2
    return F.conv2d(F.pad(pictures, (reach,) * 4, mode="replicate"), kernels[:, None])


def random_moves(
    count: int,
    generator: torch.Generator,
    *,
    shift: float = 0.15,
    zoom: float = 0.15,
    like: Tensor,
) -> Tensor:
    """Return affine moves for :func:`moved`, ``(B, 2, 3)``: a mirror half of the time, a shift and a zoom.

    Args:
        count: B.
        generator: Decides everything; on the CPU.
        shift: Largest shift, in shares of half the side.
        zoom: Largest change of size.
        like: Where the moves shall lie.
    """
    draws = torch.rand(4, count, generator=generator) * 2 - 1
    scale = 1 + zoom * draws[0]
    theta = torch.zeros(count, 2, 3)
    theta[:, 0, 0] = scale * torch.where(draws[1] < 0, -1.0, 1.0)
    theta[:, 1, 1] = scale
    theta[:, :, 2] = shift * draws[2:].T
    return theta.to(like)


@full_precision
def moved(pictures: Tensor, theta: Tensor) -> Tensor:
    """Return ``T(x)``: pictures or maps ``(B, C, H, W)`` resampled where ``theta`` says, mirrored at the border."""
    grid = F.affine_grid(theta, list(pictures.shape), align_corners=False)
    return F.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


@full_precision
def inside(theta: Tensor, shape: torch.Size) -> Tensor:
    """Return ``(B, 1, H, W)`` 1 where a moved map of this shape shows what lies within the picture."""
    grid = F.affine_grid(theta, list(shape), align_corners=False)
    return (grid.abs().amax(-1) <= 1).to(theta)[:, None]
