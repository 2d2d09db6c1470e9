"""The same seed gives the same weights, and a training that was stopped is the training that was not."""

from __future__ import annotations

from pathlib import Path

import lightning
import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from shared.errors import InputError
from shared.training.plan import PLAN_NAME, claim, weights_hash
from shared.training.run import LAST, Budget, fit
from shared.training.steps import StepBatches, seeded, step_generator, step_seed


class _Numbers(StepBatches):
    def draw(self, rng: np.random.Generator) -> dict[str, Tensor]:
        return {"x": torch.from_numpy(rng.normal(size=(4, 6)).astype(np.float32))}


class _Forgetful(lightning.LightningModule):
    """Learns with dropout, and with draws of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.5), nn.Linear(8, 1))
        self.fails_at: int | None = None
        self.ends_at: int | None = None

    def training_step(self, batch: dict[str, Tensor], _index: int) -> Tensor:
        if self.global_step == self.fails_at:
            raise RuntimeError("the machine went away")
        return (self.layers(batch["x"]) - batch["x"].sum(1, keepdim=True)).square().mean()

    def on_train_batch_end(self, *_: object) -> None:
        if self.global_step == self.ends_at:
            self.trainer.should_stop = True  # as a time limit does

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-2)


def trained(out: Path, *, seed: int = 0, workers: int = 0, **stops: int) -> dict[str, Tensor]:
    with seeded(3):
        module = _Forgetful()
    for name, step in stops.items():
        setattr(module, name, step)
    loader = DataLoader(_Numbers(seed), batch_size=None, num_workers=workers)
    fit(
        module, loader, out=out, budget=Budget(6, save_every=3), seed=seed, average=0.9, device="cpu"
    )  # fmt: skip
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(first: dict[str, Tensor], second: dict[str, Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def test_the_seed_decides_the_weights_whatever_ran_before(tmp_path):
    first = trained(tmp_path / "first")
    torch.rand(1000)
    assert same(trained(tmp_path / "again"), first)
    assert not same(trained(tmp_path / "other", seed=1), first)


def test_the_seed_reaches_dropout(tmp_path):
    """The same data, the same first weights: only what the layers drop differs."""
    weights = []
    for seed in (0, 1):
        with seeded(3):
            module = _Forgetful()
        loader = DataLoader(_Numbers(0), batch_size=None)
        fit(module, loader, out=tmp_path / str(seed), budget=Budget(2), seed=seed, device="cpu")
        weights.append(module.state_dict())
    assert not same(*weights)


def test_a_training_leaves_the_global_generator_as_it_was(tmp_path):
    before = torch.get_rng_state()
    trained(tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("stop", [{"ends_at": 2}, {"ends_at": 3}, {"fails_at": 4}])
def test_a_training_that_was_stopped_is_the_training_that_was_not(tmp_path, stop):
    """By its time limit or by accident; what goes on is the weights, not their average."""
    whole = trained(tmp_path / "whole")
    if "fails_at" in stop:
        with pytest.raises(RuntimeError, match="went away"):
            trained(tmp_path / "parts", **stop)
    else:
        assert not same(trained(tmp_path / "parts", **stop), whole)
    assert same(trained(tmp_path / "parts"), whole)
    assert same(trained(tmp_path / "parts"), whole)  # nothing is left to do


def test_the_last_checkpoint_keeps_the_weights_apart_from_their_average(tmp_path):
    average = trained(tmp_path)
    kept = torch.load(tmp_path / LAST, weights_only=True)
    assert same(kept["state_dict"], average)
    assert not same(kept["current_model_state"], average)


def test_batches_follow_from_their_number_whoever_draws_them():
    stream = _Numbers(5)
    stream.begin(2)
    alone, shared = (
        [
            batch["x"]
            for batch, _ in zip(DataLoader(stream, batch_size=None, num_workers=n), range(3), strict=False)
        ]
        for n in (0, 2)
    )  # fmt: skip
    assert all(torch.equal(one, other) for one, other in zip(alone, shared, strict=True))
    assert torch.equal(alone[1], stream.at(3)["x"])
    assert not torch.equal(alone[0], alone[1])
    draws = [torch.rand(2, generator=step_generator(0, step)) for step in (4, 4, 5)]
    assert torch.equal(draws[0], draws[1]) and not torch.equal(draws[0], draws[2])
    assert len({step_seed(0, 1), step_seed(1, 0), step_seed(0, 1, 1)}) == 3


PLAN = {"seed": 0, "budget": {"steps": 8, "batch_size": 4}, "start": None}


def test_a_folder_is_not_gone_on_with_as_something_else(tmp_path):
    claim(tmp_path, PLAN)
    (tmp_path / "stage" / LAST).parent.mkdir()
    (tmp_path / "stage" / LAST).touch()
    claim(tmp_path, PLAN)
    others = {
        "seed 0": {**PLAN, "seed": 1},
        r"budget.steps 8\b.*expected budget.steps 9": {**PLAN, "budget": {**PLAN["budget"], "steps": 9}},
        "start None": {**PLAN, "start": "0f"},
    }  # fmt: skip
    for told, other in others.items():
        with pytest.raises(InputError, match=told):
            claim(tmp_path, other)
    (tmp_path / PLAN_NAME).unlink()
    with pytest.raises(InputError, match=f"no {PLAN_NAME}"):
        claim(tmp_path, PLAN)


def test_a_folder_in_which_nothing_was_learnt_may_become_anything(tmp_path):
    claim(tmp_path, PLAN)
    claim(tmp_path, {**PLAN, "seed": 1})
    assert '"seed": 1' in (tmp_path / PLAN_NAME).read_text()


def test_weights_are_told_apart():
    with seeded(0):
        first, other = nn.Linear(2, 2), nn.Linear(2, 2)
    assert weights_hash(first) != weights_hash(other)
    other.load_state_dict(first.state_dict())
    assert weights_hash(first) == weights_hash(other)


@pytest.mark.parametrize("minutes", [float("nan"), float("inf"), -1.0])
def test_minutes_that_are_no_time_are_told(minutes):
    with pytest.raises(InputError, match=f"minutes .found {minutes}"):
        Budget(6, minutes)
