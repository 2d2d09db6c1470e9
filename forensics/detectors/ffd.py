"""FFD: an attention map in the middle of Xception, learnt beside the decision and multiplied onto the features.

Data flow (size ``paper``):

    pictures (B, 3, 299, 299) in [0, 1]
      -> Xception to half of its middle -> F                     (B, 728, 19, 19)
      -> 1 x 1 convolution -> map logits                         (B, 1, 19, 19)
      -> F' = F * sigmoid(map logits)                            (B, 728, 19, 19)
      -> rest of Xception                                        (B, 2048, 10, 10)
      -> mean over places, linear -> logits                      (B, 2)

| code       | notation | shape            | meaning |
|------------|----------|------------------|---------|
| low        | F        | (B, 728, 19, 19) | features before the map |
| map_logits |          | (B, 1, 19, 19)   | sigmoid = M, the attention map |
| target     | T        | (B, 1, 19, 19)   | map of a provider, averaged to this grid |
| map_l1     | L_map    |                  | mean of abs(M - T) |

Reference: H. Dang, F. Liu, J. Stehouwer, X. Liu, A. Jain, "On the Detection of Digital Face Manipulation", CVPR 2020,
direct regression of the map. Written from the description.

Differences from the paper:
- Their map comes from a convolution of its own depth, which is not stated; ours is 1 x 1.
- Targets come from any provider of ``forensics.maps`` and stay soft.
- Ours, where the notes on the paper say nothing: the weight 1 of the map, a start from scratch, and a rate that falls
  along a cosine.
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
