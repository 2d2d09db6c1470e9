"""What every training of a detector has in common: balanced batches, held-out faces, averaged weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader

from forensics.face_batches import Augmentation, FaceBatches, validation_batches
from forensics.faces import FaceSet
from shared.training.run import Budget, fit

AVERAGE = 0.99
"""Decay of the average of the weights."""
COUNTED = 50
"""Batches that the statistics of batch normalisation are counted on anew."""


def fit_on_faces(
    module: lightning.LightningModule,
    faces: FaceSet,
    out: Path,
    budget: Budget,
    size: int,
    *,
    maps: NDArray[np.float32] | None = None,
    validation: FaceSet | None = None,
    augmentation: Augmentation | None = None,
    seed: int = 0,
    minutes: float | None = None,
    device: str = "auto",
) -> None:
    """Train a module on faces, or go on with the training that ``out`` holds; it ends with its average weights.

    Args:
        module: Takes batches of :class:`FaceBatches`.
        faces: Authentic and forged.
        out: Folder of the run.
        budget: Steps, batch size, precision.
        size: Side of the pictures, px.
        maps: ``(N, h, w)`` that teach where.
        validation: Faces of other people; their AUC is logged.
        augmentation: How pictures are varied.
        seed: Of the draws.
        minutes: Wall clock at most.
        device: Lightning's accelerator name.

    Raises:
        InputError: If a class has no face.
    """
    batches = FaceBatches(
        faces, budget.batch_size, size, seed, maps=maps, augmentation=augmentation
    )
    fit(
        module,
        DataLoader(batches, batch_size=None),
        out=out,
        budget=replace(budget, minutes=minutes),
        validation=validation and validation_batches(validation, size, budget.batch_size),
        average=AVERAGE,
        device=device,
    )
    # averaged weights never saw a batch; and in a short training running statistics are still those they began with
    update_bn(_pictures(batches, module.device), module)


def _pictures(batches: FaceBatches, device: torch.device) -> Iterator[Tensor]:
    """Yield the pictures alone of as many batches as are counted."""
    for batch in islice(batches, COUNTED):
        yield batch["image"].to(device)
