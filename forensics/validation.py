"""The AUC of held-out faces while a detector learns."""

from __future__ import annotations

from typing import Any

import lightning
import numpy as np
from torch import Tensor

from shared.metrics.roc import auc


class ValidatedModule(lightning.LightningModule):
    """What learns to tell forged faces: calling it with pictures gives an output with ``logits`` (B, 2)."""

    def __init__(self) -> None:
        super().__init__()
        self._scores: list[float] = []
        self._labels: list[int] = []

    def validation_step(self, batch: dict[str, Tensor], _index: int) -> None:
        """Keep the scores of held-out faces; labels are 1 for forged."""
        output: Any = self(batch["image"])
        self._scores += output.logits.softmax(1)[:, 1].float().tolist()
        self._labels += batch["label"].tolist()

    def on_validation_epoch_end(self) -> None:
        """Log the AUC of what was kept, and forget it.

        Raises:
            InputError: If a class is missing, or a score is not finite.
        """
        scores, labels = np.array(self._scores), np.array(self._labels)
        self._scores, self._labels = [], []
        self.log("val/auc", auc(scores[labels == 1], scores[labels == 0]), prog_bar=True)
