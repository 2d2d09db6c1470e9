"""The AUC of held-out faces while a detector learns."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from shared.metrics.roc import auc


class ValidationScores:
    """Collects scores of one round of validation."""

    def __init__(self) -> None:
        self._scores: list[float] = []
        self._labels: list[int] = []

    def add(self, scores: Tensor, labels: Tensor) -> None:
        """Keep a batch: ``(B,)`` scores, larger = forged, and ``(B,)`` labels, 1 = forged."""
        self._scores += scores.float().tolist()
        self._labels += labels.tolist()

    def auc(self) -> float:
        """Return the AUC of what was kept, and forget it.

        Raises:
            InputError: If a class is missing, or a score is not finite.

        Example:
            >>> import torch
            >>> held = ValidationScores()
            >>> held.add(torch.tensor([0.9, 0.2]), torch.tensor([1, 0]))
            >>> held.auc()
            1.0
        """
        scores, labels = np.array(self._scores), np.array(self._labels)
        self._scores, self._labels = [], []
        return auc(scores[labels == 1], scores[labels == 0])
