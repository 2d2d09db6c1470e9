"""Step 3, compare: how alike are the original and what the model made of the degraded picture.

Every comparator maps (original, restored, mask) to a similarity, 1 for equal pictures.

``filters`` needs no weights: a fixed bank in the form of LPIPS (Zhang et al., CVPR 2018) without what was learned
there. Per octave, f holds the energy of Gabor quadrature pairs in four orientations, pooled over cells of 4 px, so that
a shift by a pixel matters little, and c the pooled colour less the original's mean light. Each cell scores
``2 <f, g> / (|f|^2 + |g|^2 + C)``, and the same for c; the mean over cells, weighted by how much of each is masked, is
the similarity. ``embedding`` is the paper's form: the cosine of two embeddings of an encoder given by path (CLIP, DINO,
a face encoder).
``ssim`` is the mean of the SSIM map under the mask.

Limits of ``filters``: it knows textures, edges and colours, not what they mean. A restored face of another person in
the same light and pose scores high; a member restored at another place by some pixels scores lower than it should.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from forensics.membership.drc.encoder import load_encoder
from forensics.membership.settings import check_choice
from forensics.membership.ssim import NATIVE, ssim_map
from shared.errors import InputError

Kind = Literal["filters", "ssim", "embedding"]

_ORIENTATIONS, _OCTAVES, _CELL = 4, 3, 4
_WAVELENGTH, _ENVELOPE, _REACH = 4.0, 2.0, 4
"""Of the Gabor filters, px at each octave: wavelength, standard deviation, half of the kernel."""

_STABILISER = 1e-3
"""C: where both pictures are flat, they agree."""

_OPPONENT = ((1 / 3, 1 / 3, 1 / 3), (0.5, -0.5, 0.0), (0.25, 0.25, -0.5))
"""Rows: light, red against green, yellow against blue."""


@dataclass(frozen=True)
class Comparator:
    """How two pictures are compared.

    Attributes:
        kind: See the top of this file.
        region: ``masked`` looks at what was made anew only (for an embedding: its bounding box), ``whole`` at
            everything; with little masked, the copied rest then dominates.
        encoder: Folder of the encoder, for ``embedding``.
    """

    kind: Kind = "filters"
    region: Literal["masked", "whole"] = "masked"
    encoder: str | None = None

    def __post_init__(self) -> None:
        """Refuse unknown names, and an embedding without an encoder."""
        check_choice("comparator", self.kind, get_args(Kind))
        check_choice("region", self.region, ("masked", "whole"))
        if self.kind == "embedding" and self.encoder is None:
            raise InputError(
                "the comparator embedding needs an encoder",
                fix="give the folder of a CLIP, DINO or face encoder, or choose filters",
            )

    def __call__(self, original: Tensor, restored: Tensor, mask: Tensor) -> Tensor:
        """Return the similarity of pairs.

        Args:
            original: ``(N, 3, S, S)`` in [0, 1].
            restored: ``(N, 3, S, S)`` in [0, 1].
            mask: ``(N, 1, S, S)`` 1 where the picture was made anew.

        Returns:
            ``(N,)`` float64, at most 1.
        """
        looked = mask if self.region == "masked" else torch.ones_like(mask)
        if self.kind == "ssim":
            return weighted_mean(self.similarity_map(original, restored), looked)
        if self.kind == "filters":
            return filter_similarity(original, restored, looked)
        encoder = load_encoder(str(self.encoder), original.device)
        a, b = (encoder.embed(_boxed(picture, looked)) for picture in (original, restored))
        return (a.double() * b.double()).sum(1)

    @staticmethod
    def similarity_map(original: Tensor, restored: Tensor) -> Tensor:
        """Return the SSIM at each pixel, ``(N, 1, S, S)``, the border repeated."""
        values = ssim_map(original, restored, NATIVE).mean(1, keepdim=True)
        return functional.pad(values, (NATIVE.window // 2,) * 4, mode="replicate")


def filter_similarity(original: Tensor, restored: Tensor, mask: Tensor) -> Tensor:
    """Return the similarity under the fixed filter bank, ``(N,)`` float64.

    Example:
        >>> picture = torch.rand(1, 3, 32, 32)
        >>> everywhere = torch.ones(1, 1, 32, 32)
        >>> round(filter_similarity(picture, picture, everywhere).item(), 6)
        1.0
    """
    matrix = torch.tensor(_OPPONENT, device=original.device).reshape(3, 3, 1, 1)
    a, b = (functional.conv2d(picture.float(), matrix) for picture in (original, restored))
    light = a[:, :1].mean((2, 3), keepdim=True)
    scores = []
    for octave in range(_OCTAVES):
        if min(a.shape[-2:]) < 2 * _CELL:
            break
        texture = _agreement(_energies(a), _energies(b))
        colour = _agreement(*(_pooled(_centred(x, light)) for x in (a, b)))
        weight = functional.adaptive_avg_pool2d(
            mask.float(), (texture.shape[-2], texture.shape[-1])
        )
        scores += [weighted_mean(texture, weight), weighted_mean(colour, weight)]
        if octave < _OCTAVES - 1:
            a, b = (functional.avg_pool2d(picture, 2) for picture in (a, b))
    return torch.stack(scores).mean(0)


def weighted_mean(values: Tensor, weight: Tensor) -> Tensor:
    """Return the mean of ``(N, 1, h, w)`` values under a weight of the same shape, ``(N,)`` float64."""
    weights = weight.double()
    return (values.double() * weights).sum((1, 2, 3)) / weights.sum((1, 2, 3))


def _agreement(f: Tensor, g: Tensor) -> Tensor:
    """Return ``2 <f, g> / (|f|^2 + |g|^2 + C)`` at each cell, C also above, ``(N, 1, h, w)``."""
    product = (f * g).sum(1, keepdim=True)
    power = (f * f).sum(1, keepdim=True) + (g * g).sum(1, keepdim=True)
    return (2 * product + _STABILISER) / (power + _STABILISER)


def _energies(opponent: Tensor) -> Tensor:
    """Return the pooled Gabor energy of the light, ``(N, 4, h, w)``."""
    light = functional.pad(opponent[:, :1], (_REACH,) * 4, mode="replicate")
    found = functional.conv2d(light, _gabor_bank().to(light))
    even, odd = found.chunk(2, dim=1)
    return _pooled(torch.sqrt(even**2 + odd**2 + 1e-12))


def _pooled(values: Tensor) -> Tensor:
    return functional.avg_pool2d(values, _CELL)


def _centred(opponent: Tensor, light: Tensor) -> Tensor:
    """Take the original's mean light from both pictures, so that brightness differences count and grey does not."""
    return torch.cat([opponent[:, :1] - light, opponent[:, 1:]], 1)


def _boxed(picture: Tensor, mask: Tensor) -> Tensor:
    """Cut out each mask's bounding box, enlarged to the size of the picture."""
    size = picture.shape[-2:]
    rows = []
    for row, hidden in zip(picture, mask[:, 0] > 0, strict=True):
        vertical, horizontal = (torch.nonzero(hidden.any(axis)).flatten() for axis in (1, 0))
        top, bottom = int(vertical[0]), int(vertical[-1]) + 1
        left, right = int(horizontal[0]), int(horizontal[-1]) + 1
        part = row[None, :, top:bottom, left:right]
        rows.append(functional.interpolate(part, size=size, mode="bicubic", align_corners=False))
    return torch.cat(rows)


@lru_cache(maxsize=1)
def _gabor_bank() -> Tensor:
    """Return quadrature pairs without a mean, ``(8, 1, 9, 9)``: four even ones, then four odd ones."""
    axis = torch.arange(-_REACH, _REACH + 1, dtype=torch.float32)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    envelope = torch.exp(-(x**2 + y**2) / (2 * _ENVELOPE**2))
    filters = []
    for phase in (0.0, math.pi / 2):
        for index in range(_ORIENTATIONS):
            angle = math.pi * index / _ORIENTATIONS
            along = x * math.cos(angle) + y * math.sin(angle)
            wave = envelope * torch.cos(2 * math.pi * along / _WAVELENGTH + phase)
            wave = wave - envelope * wave.sum() / envelope.sum()
            filters.append(wave / wave.norm())
    return torch.stack(filters)[:, None]
