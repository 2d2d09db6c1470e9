"""What tests of several methods need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import lightning
import numpy as np
import pytest
import torch


def _seed() -> None:
    torch.manual_seed(0)
    np.random.seed(0)  # noqa: NPY002 - libraries draw from the global state


@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup() -> None:
    """Draw a fixture's weights alike, whichever test asks for it first."""
    _seed()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """Draw a test's weights alike, alone and after others: a failure then comes again."""
    _seed()


@pytest.fixture
def stopping(monkeypatch: pytest.MonkeyPatch) -> Callable:
    """Return a context in which trainings of a module end after some steps, as a time limit ends them."""

    @contextmanager
    def stop(kind: type[lightning.LightningModule], steps: int) -> Iterator[None]:
        def ends(self: lightning.LightningModule, *_: object) -> None:
            self.trainer.should_stop = self.trainer.should_stop or self.global_step == steps

        with monkeypatch.context() as patch:
            patch.setattr(kind, "on_train_batch_end", ends)
            yield

    return stop
