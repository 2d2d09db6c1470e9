"""FFD: an attention map in the middle of Xception, learnt beside the decision and multiplied onto the features.

    pictures (B, 3, 299, 299) -> Xception to half of its middle (B, 728, 19, 19)
        -> 1 x 1 convolution -> map logits (B, 1, 19, 19);  features * sigmoid(map logits)
        -> rest of Xception -> mean -> logits (B, 2)

Reference: H. Dang, F. Liu, J. Stehouwer, X. Liu, A. Jain, "On the Detection of Digital Face Manipulation", CVPR 2020,
direct regression of the map. Written from the description.

Differences from the paper: their map comes from a convolution of its own depth, which is not stated; ours is 1 x 1.
"""

from __future__ import annotations

from torch import Tensor, nn

from forensics.backbones.xception import SIZES, Xception, XceptionSize
from forensics.detectors.losses import map_l1
from forensics.detectors.network import (
    DetectorNetwork,
    DetectorOutput,
    PooledHead,
    SpatialClassifier,
)

__all__ = ["FFD", "SIZES"]


class FFD(DetectorNetwork, SpatialClassifier):
    """The network.

    Args:
        size: Sizes of Xception.
    """

    def __init__(self, size: XceptionSize) -> None:
        super().__init__(size)
        self.backbone = Xception(size)
        self.regress = nn.Conv2d(self.backbone.middle_width, 1, 1)
        self.head = PooledHead(self.backbone.width)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> DetectorOutput:  # noqa: ARG002
        """Return decision and map."""
        low = self.backbone.low(pictures)
        map_logits = self.regress(low)
        high = self.backbone.high(low * map_logits.sigmoid())
        return DetectorOutput(self.head(high), map_logits)

    def features(self, pictures: Tensor) -> Tensor:
        """Return the last features."""
        low = self.backbone.low(pictures)
        return self.backbone.high(low * self.regress(low).sigmoid())

    def decide(self, features: Tensor) -> Tensor:
        """Return logits of the last features."""
        return self.head(features)

    def map_loss(self, map_logits: Tensor, target: Tensor) -> Tensor:
        """Return the L1 distance of the maps."""
        return map_l1(map_logits, target)
