"""Pieces of work: in order, once, with their failures."""

from __future__ import annotations

import os
import signal
from functools import partial
from pathlib import Path

import pytest

from shared.data.resumable import DIED, PASSING, Piece, run_pieces
from shared.errors import InputError, OutputError, WeightsError


def square(log: Path, number: int) -> dict:
    """Square a number, fall over 3, die of 4."""
    with (log / str(number)).open("a") as file:
        file.write("x")
    if number == 3:
        raise ValueError("three")
    if number == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"square": number * number}


def pieces(numbers, key="a"):
    return [Piece(f"n{number}", key, number) for number in numbers]


def times_done(log: Path) -> dict[str, int]:
    return {path.name: len(path.read_text()) for path in log.iterdir()}


@pytest.fixture
def log(tmp_path: Path) -> Path:
    folder = tmp_path / "log"
    folder.mkdir()
    return folder


def test_outcomes_come_in_order_and_failures_with_their_reason(tmp_path, log):
    seen = []
    out = run_pieces(
        pieces([2, 3, 1]), partial(square, log), tmp_path / "state",
        progress=lambda *counts: seen.append(counts),
    )  # fmt: skip
    assert out == [{"square": 4}, {"failed": "ValueError: three"}, {"square": 1}]
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_what_is_done_is_not_done_again_until_its_key_changes(tmp_path, log):
    work, state = partial(square, log), tmp_path / "state"
    run_pieces(pieces([1, 3]), work, state)
    run_pieces(pieces([1, 2, 3]), work, state)
    assert times_done(log) == {"1": 1, "2": 1, "3": 1}
    (state / "n2.json").write_text("{")
    run_pieces(pieces([1], "b") + pieces([2]), work, state)
    assert times_done(log) == {"1": 2, "2": 2, "3": 1}


def test_a_piece_that_kills_its_process_is_left_out_and_the_rest_done(tmp_path, log):
    out = run_pieces(pieces([1, 4, 5, 6]), partial(square, log), tmp_path / "state", workers=2)
    assert out == [{"square": 1}, {"failed": DIED, PASSING: True}, {"square": 25}, {"square": 36}]  # fmt: skip
    assert times_done(log)["4"] == 2


def test_one_worker_apart_outlives_a_deadly_piece(tmp_path, log):
    out = run_pieces(pieces([4, 2]), partial(square, log), tmp_path / "state", apart=True)
    assert out == [{"failed": DIED, PASSING: True}, {"square": 4}]


def test_an_outcome_that_is_not_whole_is_made_again(tmp_path, log):
    work, state = partial(square, log), tmp_path / "state"
    run_pieces(pieces([1, 2]), work, state)
    again = run_pieces(pieces([1, 2]), work, state, whole=lambda one: one["square"] == 1)
    assert again == [{"square": 1}, {"square": 4}]
    assert times_done(log) == {"1": 1, "2": 2}


def scarce(log: Path, number: int) -> dict:
    """Find no memory for 5 and no model for 6, once each."""
    first = not (log / str(number)).exists()
    (log / str(number)).touch()
    if first and number == 5:
        raise MemoryError
    if first and number == 6:
        raise WeightsError("the model is not installed")
    return {"square": number * number}


def test_a_passing_shortage_is_tried_again_in_the_next_run(tmp_path, log):
    work, state = partial(scarce, log), tmp_path / "state"
    assert "MemoryError" in run_pieces(pieces([1, 5]), work, state)[1]["failed"]
    assert run_pieces(pieces([1, 5]), work, state) == [{"square": 1}, {"square": 25}]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_missing_model_ends_the_run_and_leaves_nothing_out(tmp_path, log, workers):
    work, state = partial(scarce, log), tmp_path / "state"
    with pytest.raises(WeightsError, match="not installed"):
        run_pieces(pieces([6, 1]), work, state, workers=workers)
    assert run_pieces(pieces([6, 1]), work, state) == [{"square": 36}, {"square": 1}]


def test_what_killed_the_last_run_is_done_apart(tmp_path, log):
    state = tmp_path / "state"
    state.mkdir()
    (state / "n4.running").write_text("1")
    assert run_pieces(pieces([1, 4, 2]), partial(square, log), state) == [
        {"square": 1}, {"failed": DIED, PASSING: True}, {"square": 4},
    ]  # fmt: skip


def test_wrong_arguments_are_named(tmp_path, log):
    work = partial(square, log)
    with pytest.raises(InputError, match="workers"):
        run_pieces(pieces([1]), work, tmp_path, workers=0)
    with pytest.raises(InputError, match="same name"):
        run_pieces(pieces([1, 1]), work, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        run_pieces(pieces([1]), work, tmp_path / "file")
