"""What every training of a detector has in common: balanced batches, held-out faces, averaged weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader

from forensics.face_batches import Augmentation, FaceBatches, validation_batches
from forensics.faces import FaceSet
from shared.custody import sha256_of_arrays
from shared.training.plan import claim
from shared.training.run import Budget, fit
from shared.training.steps import seeded

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
    plan: Mapping[str, Any],
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
        plan: What else decides the weights; ``out`` is refused where it holds a training of another.
        maps: ``(N, h, w)`` that teach where.
        validation: Faces of other people; their AUC is logged.
        augmentation: How pictures are varied.
        seed: Of the draws.
        minutes: Wall clock at most.
        device: Lightning's accelerator name.

    Raises:
        InputError: If a class has no face, or ``out`` holds another training.
    """
    batches = FaceBatches(
        faces, budget.batch_size, size, seed, maps=maps, augmentation=augmentation
    )
    learnt = sha256_of_arrays(faces.frames, faces.labels, faces.counterparts, maps)
    claim(
        out,
        {**plan, "seed": seed, "augmentation": batches.augmentation, "faces_sha256": learnt},
    )
    fit(
        module,
        DataLoader(batches, batch_size=None),
        out=out,
        budget=replace(budget, minutes=minutes),
        validation=validation and validation_batches(validation, size, budget.batch_size),
        average=AVERAGE,
        device=device,
        seed=seed,
    )
    # averaged weights never saw a batch; and in a short training running statistics are still those they began with
    with seeded(seed):
        update_bn(_pictures(batches, module.device), module)


def _pictures(batches: FaceBatches, device: torch.device) -> Iterator[Tensor]:
    """Yield the pictures alone of as many batches as are counted."""
    for step in range(COUNTED):
        yield batches.at(step)["image"].to(device)
