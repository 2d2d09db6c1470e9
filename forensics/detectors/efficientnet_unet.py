"""EfficientNet with a U-Net decoder: decision from the last features, map from all of them.

Data flow (B4, H = W = 380; odd sides are rounded, and the decoder rises to the side of each skip):

    pictures (B, 3, H, W) in [0, 1]
      -> EfficientNet -> features at strides 2, 4, 8, 16         (B, 24 | 32 | 56 | 160, H/s, W/s)
                         and 32                                  (B, 1792, H/32, W/32)
    stride 32 -> mean over places, dropout, linear -> logits     (B, 2)
    stride 32 -> bilinear to stride 16, beside the skip, two 3 x 3 convolutions    (B, 160, H/16, W/16)
      -> the same to strides 8, 4 and 2                          (B, 56 | 32 | 24, H/s, W/s)
      -> 1 x 1 convolution -> map logits                         (B, 1, H/2, W/2)

| code       | shape                 | meaning |
|------------|-----------------------|---------|
| deep       | (B, 1792, H/32, W/32) | last features of the encoder |
| skips      | (B, C_s, H/s, W/s)    | features of the encoder at strides 2, 4, 8, 16 |
| fine       | (B, C, H/s, W/s)      | features of the decoder: C = C_s, 16 at least |
| map_logits | (B, 1, H/2, W/2)      | sigmoid = forged here |

References: M. Tan, Q. Le, "EfficientNet", ICML 2019; O. Ronneberger, P. Fischer, T. Brox, "U-Net", MICCAI 2015.

Differences from the papers: the pair is ours, no paper is named; so are its two losses of the map, cross entropy plus
Dice, with weight 1 each. Against U-Net: the encoder is EfficientNet, features rise bilinearly instead of by transposed
convolutions, convolutions are padded and normalised by batches, and the map ends at half the side. Against
EfficientNet: two classes, and B4's dropout at every size.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from forensics.backbones.efficientnet import SIZES, EfficientNet, EfficientNetSize
from forensics.detectors.losses import dice, map_cross_entropy
from forensics.detectors.network import (
    DetectorNetwork,
    DetectorOutput,
    PooledHead,
    SpatialClassifier,
)

__all__ = ["SIZES", "EfficientNetUNet"]

_DROPOUT = 0.4
"""B4's."""


class EfficientNetUNet(DetectorNetwork, SpatialClassifier):
    """The network.

    Args:
        size: Sizes of the backbone; the decoder's widths are those of its skips.
        weights: Folder of a local transformers EfficientNet, or None.
    """

    def __init__(self, size: EfficientNetSize, weights: str | Path | None = None) -> None:
        backbone = EfficientNet(size, weights)
        super().__init__(backbone.size)
        self.backbone = backbone
        self.head = PooledHead(self.backbone.width, _DROPOUT)
        widths = self.backbone.widths[::-1]
        rises, before = [], widths[0]
        for skip in widths[1:]:
            rises.append(_Rise(before, skip, max(16, skip)))
            before = max(16, skip)
        self.rises = nn.ModuleList(rises)
        self.last = nn.Conv2d(before, 1, 1)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> DetectorOutput:  # noqa: ARG002
        """Return decision and map."""
        *skips, deep = self.backbone.pyramid(pictures)
        fine = deep
        for rise, skip in zip(self.rises, reversed(skips), strict=True):
            fine = rise(fine, skip)
        return DetectorOutput(self.head(deep), self.last(fine))

    def features(self, pictures: Tensor) -> Tensor:
        """Return the last features."""
        return self.backbone(pictures)

    def decide(self, features: Tensor) -> Tensor:
        """Return logits of the last features."""
        return self.head(features)

    def map_loss(self, map_logits: Tensor, target: Tensor) -> Tensor:
        """Return cross entropy plus Dice."""
        return map_cross_entropy(map_logits, target) + dice(map_logits, target)


class _Rise(nn.Module):
    """Twice the size, beside what the encoder saw at that size."""

    def __init__(self, inside: int, skip: int, outside: int) -> None:
        super().__init__()
        self.mix = nn.Sequential(
            nn.Conv2d(inside + skip, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(),
            nn.Conv2d(outside, outside, 3, padding=1, bias=False), nn.BatchNorm2d(outside), nn.ReLU(),
        )  # fmt: skip

    def forward(self, features: Tensor, skip: Tensor) -> Tensor:
        larger = F.interpolate(features, size=skip.shape[2:], mode="bilinear", align_corners=False)
        return self.mix(torch.cat([larger, skip], dim=1))
