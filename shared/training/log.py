"""A training's log that goes on where the training goes on."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers import CSVLogger


class ResumedLog(CSVLogger):
    """``metrics.csv`` in a run's folder; a resumed run appends to it.

    Lightning's own logger deletes the file of the run before. A run that is resumed from a checkpoint
    older than the last row logs those steps again: both rows stay.

    Args:
        folder: Of the run.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__(folder, name="", version="")

    @property
    def experiment(self) -> Any:
        """The writer of the file, made when it is first asked for."""
        if self._experiment is None:
            file = Path(self.log_dir) / "metrics.csv"
            earlier = file.read_bytes() if file.is_file() else b""
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Experiment logs directory")
                writer = super().experiment
            if earlier:
                file.write_bytes(earlier)
                # the names of the columns, so that a new one is added to them instead of replacing them
                writer.metrics_keys = earlier.splitlines()[0].decode().split(",")
        return super().experiment
