"""One Lightning entry for every method: it trains, averages, saves and resumes; methods bring a module and data."""

from __future__ import annotations

import logging
import math
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import (
    Callback,
    EMAWeightAveraging,
    ModelCheckpoint,
    RichProgressBar,
)

from shared.errors import InputError
from shared.training.log import ResumedLog
from shared.training.steps import StepBatches, StepSeeds

LAST = "last.ckpt"

# Lightning advertises a logging service at this level
logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)


@dataclass(frozen=True)
class Budget:
    """How long a training may take.

    Attributes:
        steps: Optimiser steps at most.
        minutes: Wall clock at most, counted over all resumed runs; None for no limit.
        batch_size: Samples a step.
        precision: Lightning's name, ``"32-true"`` on a CPU, ``"bf16-mixed"`` on a GPU.
        save_every: Steps between checkpoints.

    Raises:
        InputError: If the minutes are no number from 0 on.
    """

    steps: int
    minutes: float | None = None
    batch_size: int = 16
    precision: str = "32-true"
    save_every: int = 250

    def __post_init__(self) -> None:
        """Check the range of what a person gives."""
        if self.minutes is not None and not 0 <= self.minutes < math.inf:
            raise InputError(
                "a training takes some minutes", found=self.minutes, expected="0 or more"
            )


class Average(EMAWeightAveraging):
    """The moving average of the weights, which the module gets after the last checkpoint was written.

    So a run that was stopped goes on from its weights, not from their average.
    """

    def on_train_end(
        self, trainer: lightning.Trainer, pl_module: lightning.LightningModule
    ) -> None:
        """Leave the weights as they are."""

    def give(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Replace the weights of a trained module by their average."""
        super().on_train_end(trainer, module)


def fit(
    module: lightning.LightningModule,
    train: Any,
    *,
    out: str | Path,
    budget: Budget,
    seed: int,
    validation: Any = None,
    average: float | None = 0.999,
    callbacks: tuple[Callback, ...] = (),
    device: str = "auto",
    clip: float | None = 1.0,
    progress: bool | None = None,
) -> lightning.LightningModule:
    """Train a module, going on from ``out/last.ckpt`` when it exists.

    What layers draw follows from the seed and the step alone; the global generators are left as they were. Where data
    is :class:`StepBatches`, a resumed run goes on with the batches that it would have seen.

    Args:
        module: What is trained.
        train: A data loader.
        out: Folder of checkpoints and the log (``metrics.csv``, which a resumed run continues).
        budget: Steps, minutes, precision.
        seed: Of what layers draw; the module's weights are the caller's.
        validation: A data loader, run every ``save_every`` steps.
        average: Decay of the exponential moving average of the weights, or None; the module ends with the average.
        callbacks: More Lightning callbacks.
        device: Lightning's accelerator name.
        clip: Largest norm of the gradient.
        progress: Show a progress bar; by default only on a terminal.

    Returns:
        The trained module.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    show = sys.stderr.isatty() if progress is None else progress
    parts: list[Callback] = [
        ModelCheckpoint(
            dirpath=folder, save_last=True, save_top_k=0, every_n_train_steps=budget.save_every
        ),
        StepSeeds(seed),
    ]
    averages = [] if average is None else [Average(decay=average)]
    parts += averages
    if show:
        parts.append(RichProgressBar())
    trainer = lightning.Trainer(
        accelerator=device,
        devices=1,
        precision=budget.precision,  # type: ignore[arg-type]
        max_steps=budget.steps,
        max_time=timedelta(minutes=budget.minutes) if budget.minutes else None,
        gradient_clip_val=clip,
        logger=ResumedLog(folder),
        log_every_n_steps=25,
        val_check_interval=budget.save_every if validation is not None else None,
        check_val_every_n_epoch=None if validation is not None else 1,
        num_sanity_val_steps=0,
        callbacks=[*parts, *callbacks],
        enable_progress_bar=show,
        enable_model_summary=False,
    )
    last = folder / LAST
    begun = last if last.exists() else None
    if isinstance(getattr(train, "dataset", None), StepBatches):
        train.dataset.begin(0 if begun is None else _steps_of(begun))
    with torch.random.fork_rng():
        trainer.fit(module, train, validation, ckpt_path=begun, weights_only=True)
    trainer.save_checkpoint(last, weights_only=False)  # the optimiser too, so that it can go on
    for one in averages:
        one.give(trainer, module)
    return module


def _steps_of(checkpoint: Path) -> int:
    kept = torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=True)
    return int(kept["global_step"])
