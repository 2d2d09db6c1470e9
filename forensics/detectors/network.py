"""What all networks of this folder have in common.

pictures (B, 3, H, W) in [0, 1], labels in training -> network -> logits (B, 2), map logits (B, 1, h, w)
map (B, 1, h', w') of a provider -> averaged to (h, w) -> the network's own loss of its map
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from forensics.detectors.losses import map_cross_entropy

Batch = dict[str, Tensor]


@dataclass(frozen=True)
class DetectorOutput:
    """What a network says.

    Attributes:
        logits: ``(B, 2)`` of (authentic, forged).
        map_logits: ``(B, 1, h, w)``, sigmoid = forged here; None without a map.
        reconstruction: ``(B, 3, H, W)`` in [0, 1], of networks that draw the picture again.
    """

    logits: Tensor
    map_logits: Tensor | None = None
    reconstruction: Tensor | None = None


class DetectorNetwork(nn.Module, ABC):
    """A network with its losses.

    Attributes:
        has_map: Whether maps can teach it.
        sizes: What builds it anew; ``sizes.image`` is the side of the pictures, px.
    """

    has_map: ClassVar[bool] = True

    def __init__(self, sizes: Any) -> None:
        super().__init__()
        self.sizes = sizes

    @property
    def image(self) -> int:
        """Side of the pictures, px."""
        return int(self.sizes.image)

    @abstractmethod
    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> DetectorOutput:
        """Return what it says of ``(B, 3, H, W)``; labels are known in training alone."""

    def losses(self, output: DetectorOutput, batch: Batch) -> dict[str, Tensor]:
        """Return the terms of the loss, not weighted: ``map`` where the batch has maps, and what else there is."""
        terms = {"class": F.cross_entropy(output.logits, batch["label"])}
        if "map" in batch and output.map_logits is not None:
            height, width = output.map_logits.shape[2:]
            target = F.adaptive_avg_pool2d(batch["map"], (height, width))
            terms["map"] = self.map_loss(output.map_logits, target)
        return terms

    def map_loss(self, map_logits: Tensor, target: Tensor) -> Tensor:
        """Return the loss of a map against soft targets ``(B, 1, h, w)`` in [0, 1], by default cross entropy."""
        return map_cross_entropy(map_logits, target)


class SpatialClassifier(ABC):
    """A network whose decision is a function of one feature map, so that Grad-CAM can look at it."""

    @abstractmethod
    def features(self, pictures: Tensor) -> Tensor:
        """Return ``(B, C, h, w)``."""

    @abstractmethod
    def decide(self, features: Tensor) -> Tensor:
        """Return logits ``(B, 2)``."""


class PooledHead(nn.Module):
    """Mean over places, dropout, one linear layer.

    Args:
        width: Channels.
        dropout: Probability.
    """

    def __init__(self, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(width, 2)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits ``(B, 2)`` of ``(B, C, h, w)``."""
        return self.linear(self.dropout(features.mean((2, 3))))
