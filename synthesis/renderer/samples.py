"""Pictures of a training in progress: what the renderer draws of held-out people, looked at instead of guessed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from numpy.typing import NDArray
from torch import Tensor

from shared.media.image import write_image
from synthesis.renderer.network import Rendering


def sample_sheet(batch: dict[str, Tensor], out: Rendering, rows: int = 6) -> NDArray[np.uint8]:
    """Return source | target | drawn | warped source | alpha of the first pairs, ``(rows S, 5 S, 3)`` uint8."""
    columns = [
        batch["source"],
        batch["target"],
        out.image,
        out.warped,
        out.alpha.expand(-1, 3, -1, -1),
    ]
    tiles = torch.cat([column[:rows].float().cpu() for column in columns], dim=3)
    sheet = torch.cat(list(tiles), dim=1).permute(1, 2, 0).clamp(0, 1)
    return np.asarray((sheet * 255).round().byte().numpy())


class SamplePictures(Callback):
    """Writes a sheet of the first validation batch each time that a training is validated.

    Args:
        folder: Of the pictures, named after the step.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_validation_batch_end(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,
        outputs: Any,  # noqa: ARG002
        batch: dict[str, Tensor],
        batch_idx: int,
        dataloader_idx: int = 0,  # noqa: ARG002
    ) -> None:
        """Draw the first batch again and keep it."""
        if batch_idx == 0:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{trainer.global_step:06d}.png"
            write_image(path, sample_sheet(batch, pl_module(batch)))
