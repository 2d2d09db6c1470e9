"""What a step of a training draws follows from the seed and the step's number alone.

So the same seed gives the same weights whatever ran before in the process, and a training that was stopped and goes on
is the training that was not stopped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import lightning
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

Batch = dict[str, Tensor]
_NETWORK = 1
"""The network's stream of chance, beside that of data and augmentation."""


def step_seed(*key: int) -> int:
    """Return the seed that belongs to a key, for example (seed, step)."""
    return int(np.random.SeedSequence(key).generate_state(1)[0])


def step_generator(seed: int, step: int) -> torch.Generator:
    """Return the source of a step's chance."""
    return torch.Generator().manual_seed(step_seed(seed, step))


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed torch's global generators, of the CPU and of cards, and put them back afterwards."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield


class StepSeeds(Callback):
    """Seeds what layers draw from the global generators, dropout and drop-connect, anew at each step.

    Args:
        seed: Of the training.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def on_train_batch_start(
        self,
        trainer: lightning.Trainer,
        pl_module: lightning.LightningModule,  # noqa: ARG002
        batch: Any,  # noqa: ARG002
        batch_idx: int,  # noqa: ARG002
    ) -> None:
        """Seed the step that begins."""
        torch.manual_seed(step_seed(self.seed, trainer.global_step, _NETWORK))


class StepBatches(IterableDataset, ABC):
    """An endless stream of batches, each drawn by the seed and its number; workers take turns.

    Args:
        seed: Of the draws.
    """

    def __init__(self, seed: int) -> None:
        self.seed, self.first = seed, 0

    def begin(self, step: int) -> None:
        """Let the stream begin at a step: where a resumed training stands."""
        self.first = step

    def at(self, step: int) -> Batch:
        """Return the batch of a step."""
        return self.draw(np.random.default_rng([self.seed, step]))

    @abstractmethod
    def draw(self, rng: np.random.Generator) -> Batch:
        """Draw a batch."""

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches without end."""
        worker = get_worker_info()
        number, workers = (worker.id, worker.num_workers) if worker else (0, 1)
        return (self.at(step) for step in count(self.first + number, workers))
