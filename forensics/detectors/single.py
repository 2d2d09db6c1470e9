"""The detectors that everyone compares with: Xception and EfficientNet, from labels alone.

Data flow:

    pictures (B, 3, H, W) in [0, 1]
      -> backbone -> features                  (B, C, h, w): Xception (B, 2048, 10, 10) of 299 px,
                                               EfficientNet-B4 (B, 1792, 11, 11) of 380 px
      -> mean over places, dropout, linear -> logits    (B, 2)

| code     | shape        | meaning |
|----------|--------------|---------|
| features | (B, C, h, w) | last features; Grad-CAM looks at them |
| logits   | (B, 2)       | authentic, forged |

References: A. Roessler et al., "FaceForensics++", ICCV 2019, for Xception as a detector; M. Tan, Q. Le, "EfficientNet",
ICML 2019.

Differences from the papers: Roessler et al. begin Xception from ImageNet and train its new last layer before the rest;
ours begins from scratch and trains all layers at once, with a dropout of 0.5 that is ours. EfficientNet has two classes
and B4's dropout of 0.4 at every size. No map can teach either (``has_map``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

from torch import Tensor, nn

from forensics.backbones.efficientnet import EfficientNet, EfficientNetSize
from forensics.backbones.xception import Xception, XceptionSize
from forensics.detectors.network import (
    DetectorNetwork,
    DetectorOutput,
    PooledHead,
    SpatialClassifier,
)


class _Single(DetectorNetwork, SpatialClassifier):
    has_map: ClassVar[bool] = False

    def __init__(self, backbone: nn.Module, width: int, sizes: Any, dropout: float) -> None:
        super().__init__(sizes)
        self.backbone = backbone
        self.head = PooledHead(width, dropout)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> DetectorOutput:  # noqa: ARG002
        """Return the decision."""
        return DetectorOutput(self.decide(self.features(pictures)))

    def features(self, pictures: Tensor) -> Tensor:
        """Return the last features."""
        return self.backbone(pictures)

    def decide(self, features: Tensor) -> Tensor:
        """Return logits of the last features."""
        return self.head(features)


class XceptionDetector(_Single):
    """Xception with two classes.

    Args:
        size: Sizes.
    """

    def __init__(self, size: XceptionSize) -> None:
        backbone = Xception(size)
        super().__init__(backbone, backbone.width, size, dropout=0.5)


class EfficientNetDetector(_Single):
    """EfficientNet with two classes; B4 at the published size.

    Args:
        size: Sizes.
        weights: Folder of a local transformers EfficientNet, or None.
    """

    def __init__(self, size: EfficientNetSize, weights: str | Path | None = None) -> None:
        backbone = EfficientNet(size, weights)
        super().__init__(backbone, backbone.width, backbone.size, dropout=0.4)
