"""One LightningModule for all detectors: a network brings its losses, a recipe their weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from forensics.detectors.config import DetectorProfile
from forensics.detectors.network import Batch, DetectorNetwork, DetectorOutput
from forensics.validation import ValidatedModule


class DetectorModule(ValidatedModule):
    """Trains a :class:`DetectorNetwork` on batches of :class:`forensics.face_batches.FaceBatches`.

    Args:
        network: What is trained.
        profile: Recipe and budget.
    """

    def __init__(self, network: DetectorNetwork, profile: DetectorProfile) -> None:
        super().__init__()
        self.network = network
        self.profile = profile

    def forward(self, pictures: Tensor) -> DetectorOutput:
        """Return decisions and maps."""
        return self.network(pictures)

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Return the sum of the terms, the map's with its weight, and log each."""
        output = self.network(batch["image"], batch["label"])
        terms = self.network.losses(output, batch)
        self.log_dict({f"train/{name}": value.detach() for name, value in terms.items()})
        weights = {"map": self.profile.recipe.map_weight}
        return torch.stack([weights.get(name, 1.0) * value for name, value in terms.items()]).sum()

    def configure_optimizers(self) -> dict[str, Any]:
        """Adam with a cosine."""
        recipe = self.profile.recipe
        optimizer = torch.optim.Adam(
            self.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self.profile.budget.steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
