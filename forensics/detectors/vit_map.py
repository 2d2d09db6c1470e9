"""A Vision Transformer whose class token decides and whose patches draw the map.

pictures (B, 3, H, W) -> ViT -> class token -> logits (B, 2);  patches -> 1 x 1 convolution -> map logits (B, 1, g, g)

Near relative: W. Zhuang et al., "UIA-ViT", ECCV 2022, whose patches learn from consistency instead of a map.
"""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from forensics.backbones.vit import SIZES, PatchTransformer, VitSize
from forensics.detectors.network import DetectorNetwork, DetectorOutput

__all__ = ["SIZES", "VitMap"]


class VitMap(DetectorNetwork):
    """The network.

    Args:
        size: Sizes of the transformer.
        weights: Folder of a local transformers ViT, or None.
    """

    def __init__(self, size: VitSize, weights: str | Path | None = None) -> None:
        backbone = PatchTransformer(size, weights)
        super().__init__(backbone.size)
        self.backbone = backbone
        self.decision = nn.Linear(self.backbone.width, 2)
        self.draw = nn.Conv2d(self.backbone.width, 1, 1)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> DetectorOutput:  # noqa: ARG002
        """Return decision and map."""
        tokens = self.backbone(pictures)
        return DetectorOutput(self.decision(tokens.summary), self.draw(tokens.patches))
