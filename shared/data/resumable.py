"""Many independent pieces of work over processes: to be stopped and gone on with, and no piece lost silently.

STATE/<name>.json      what became of a piece that is done; delete it to do the piece again
STATE/<name>.running   a process is at it: tells whose fault a crash was

What failed for want of memory, or took its process with it, is tried again in the next run; and what was under way when
a run ended is then done in a process of its own.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from itertools import chain
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Generic, TypeVar

import cv2
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from shared.custody import write_atomic
from shared.errors import (
    InputError,
    MissingExtra,
    NotTrained,
    OutputError,
    ToolkitError,
    WeightsError,
)

P = TypeVar("P")
Outcome = dict[str, Any]
"""What a piece of work came to, as JSON can hold it."""

DIED = "its process died twice"
"""Why a piece failed that nobody could ask."""

PASSING = "passing"
"""Key of an outcome that another run may not have."""

Whole = Callable[[Outcome], bool]
"""Tells whether all that an outcome names is still there."""

Progress = Callable[[int, int], None]
"""Called with (pieces done, pieces in all)."""


@dataclass(frozen=True)
class Piece(Generic[P]):
    """One piece of work.

    Attributes:
        name: Unique, usable as a file name.
        key: Hash of everything that the outcome depends on; another key is done again.
        task: What the work is given; can be pickled.
    """

    name: str
    key: str
    task: P


def run_pieces(
    pieces: Sequence[Piece[P]],
    work: Callable[[P], Outcome],
    state: str | Path,
    *,
    workers: int = 1,
    apart: bool = False,
    whole: Whole | None = None,
    progress: Progress | None = None,
) -> list[Outcome]:
    """Do all pieces that are not done yet; give the outcomes of all, in order.

    A piece that raises has the outcome ``{"failed": reason}``, one that kills its process twice ``{"failed": DIED}``.
    What is wrong with all pieces alike (a missing model or package, a place that cannot be written) ends the run.

    Args:
        pieces: The work.
        work: Does one piece; a function of a module, for it goes to other processes.
        state: Folder of the outcomes; made if missing.
        workers: Processes; 1 works in this process.
        apart: Never work in this process: a piece may kill it.
        whole: What an outcome of an earlier run must pass; what does not is done again.
        progress: Called after each piece.

    Raises:
        InputError: If ``workers`` is below 1 or two pieces have one name.
        OutputError: If the state cannot be written.
        WeightsError: If the work lacks a model.
        MissingExtra: If it lacks a package.
    """
    if workers < 1:
        raise InputError("workers must be at least 1", found=workers)
    if len({piece.name for piece in pieces}) < len(pieces):
        raise InputError("two pieces of work have the same name")
    place = Path(state)
    suspects = _make_ready(place, pieces)
    waiting = []
    for piece in pieces:
        earlier = _outcome(place, piece)
        stale = whole is not None and earlier is not None and not whole(earlier)
        if earlier is not None and (stale or earlier.get(PASSING)):
            _path(place, piece).unlink()
            earlier = None
        waiting += [piece] if earlier is None else []
    done = len(pieces) - len(waiting)
    if progress:
        progress(done, len(pieces))
    here = [piece for piece in waiting if workers == 1 and not apart and piece.name not in suspects]
    away = [piece for piece in waiting if piece not in here]
    for _ in chain(_here(here, work, place), _apart(away, work, place, workers)):
        done += 1
        if progress:
            progress(done, len(pieces))
    outcomes = [_outcome(place, piece) for piece in pieces]
    return [{"failed": "its outcome was lost"} if one is None else one for one in outcomes]


def _make_ready(state: Path, pieces: Sequence[Piece[P]]) -> set[str]:
    """Make the folder; return and forget what an interrupted run was at."""
    try:
        state.mkdir(parents=True, exist_ok=True)
        marked = [piece for piece in pieces if _running(state, piece).exists()]
        for piece in marked:
            _running(state, piece).unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot write {state}", found=error.strerror, fix="choose a writable folder"
        ) from error
    return {piece.name for piece in marked}


def _here(pieces: Sequence[Piece[P]], work: Callable[[P], Outcome], state: Path) -> Iterator[None]:
    for piece in pieces:
        _do(piece, work, state)
        yield


def _apart(
    pieces: Sequence[Piece[P]], work: Callable[[P], Outcome], state: Path, workers: int
) -> Iterator[None]:
    """Do the pieces in other processes. One that kills its process is tried again alone."""
    yield from _pool(pieces, work, state, workers)
    while rest := [piece for piece in pieces if _outcome(state, piece) is None]:
        suspects = [piece for piece in rest if _running(state, piece).exists()]
        if not suspects:
            raise ToolkitError("the processes die before they begin", fix="give fewer workers")
        for piece in suspects:
            _running(state, piece).unlink()
            yield from _pool([piece], work, state, 1)
            if _outcome(state, piece) is None:
                _record(state, piece, {"failed": DIED, PASSING: True})
                yield
        rest = [piece for piece in rest if _outcome(state, piece) is None]
        yield from _pool(rest, work, state, workers)


def _pool(
    pieces: Sequence[Piece[P]], work: Callable[[P], Outcome], state: Path, workers: int
) -> Iterator[None]:
    """Do the pieces in parallel until all are done or a process dies."""
    if not pieces:
        return
    # Fresh processes: forking one that runs threads can hang.
    pool = ProcessPoolExecutor(
        min(workers, len(pieces)), mp_context=get_context("spawn"), initializer=_one_thread
    )
    try:
        for future in as_completed([pool.submit(_do, piece, work, state) for piece in pieces]):
            try:
                future.result()
            except BrokenProcessPool:
                return
            yield
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one_thread() -> None:
    """Leave the cores to the other processes."""
    cv2.setNumThreads(1)
    threadpool_limits(1)


def _do(piece: Piece[P], work: Callable[[P], Outcome], state: Path) -> None:
    """Do one piece and write down what became of it."""
    _running(state, piece).write_text(str(os.getpid()))
    try:
        outcome = work(piece.task)
    except (OutputError, WeightsError, NotTrained, MissingExtra, ImportError):
        raise
    except MemoryError as error:
        outcome = {"failed": f"{type(error).__name__}: {error}", PASSING: True}
    except Exception as error:
        # Whatever a damaged file provokes must not stop the other pieces: it is written down.
        outcome = {"failed": f"{type(error).__name__}: {error}"}
    _record(state, piece, outcome)


def _path(state: Path, piece: Piece[P]) -> Path:
    return state / f"{piece.name}.json"


def _running(state: Path, piece: Piece[P]) -> Path:
    return state / f"{piece.name}.running"


def _record(state: Path, piece: Piece[P], outcome: Outcome) -> None:
    """Write an outcome; from then on the piece is done."""
    row = {"key": piece.key, "outcome": outcome}
    write_atomic(_path(state, piece), json.dumps(row, ensure_ascii=False) + "\n")
    _running(state, piece).unlink(missing_ok=True)


def _outcome(state: Path, piece: Piece[P]) -> Outcome | None:
    """Return what became of a piece, if it was done with this key."""
    try:
        row = json.loads(_path(state, piece).read_text("utf-8"))
        return row["outcome"] if row["key"] == piece.key else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
