"""A Vision Transformer whose class token decides and whose patches draw the map.

Data flow (P px a patch, g = H / P; size ``paper``: ViT-B/16, D = 768, g = 14):

    pictures (B, 3, H, W) in [0, 1]
      -> ViT -> class token                            (B, D)
                patches                                (B, D, g, g)
    class token -> linear -> logits                    (B, 2)
    patches -> 1 x 1 convolution -> map logits         (B, 1, g, g)

| code           | shape        | meaning |
|----------------|--------------|---------|
| tokens.summary | (B, D)       | class token after the last layer |
| tokens.patches | (B, D, g, g) | patch tokens after the last layer |
| logits         | (B, 2)       | authentic, forged |
| map_logits     | (B, 1, g, g) | sigmoid = forged here |

Near relative: W. Zhuang et al., "UIA-ViT", ECCV 2022.

Differences from the paper: the network is ours, and UIA-ViT is no more than its relative. There the patches learn from
consistency, without known maps; here a provider's map, averaged over each patch, teaches it by cross entropy. Decision
and map share the transformer alone: neither is an input of the other.
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
