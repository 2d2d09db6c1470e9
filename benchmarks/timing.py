"""Wall clocks: tasks timed turn by turn, and where the time of one call goes."""

from __future__ import annotations

import cProfile
import os
import platform
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FunctionType
from typing import Any

import cv2
import numpy as np
import torch


@dataclass(frozen=True)
class Timing:
    """How long a task took.

    Attributes:
        seconds: Of each run, warm-up left out.
    """

    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle run, seconds."""
        return float(np.median(self.seconds))

    @property
    def quartiles(self) -> tuple[float, float]:
        """What a quarter of the runs stays under, and what a quarter goes over, seconds."""
        low, high = np.quantile(self.seconds, [0.25, 0.75])
        return float(low), float(high)


def take_turns(
    tasks: Mapping[str, Callable[[], Any]], runs: int, *, warmup: int = 1
) -> dict[str, Timing]:
    """Time tasks turn by turn, so that a machine whose load drifts favours none of them.

    Example:
        >>> timings = take_turns({"a": lambda: 1, "b": lambda: 2}, runs=3)
        >>> len(timings["a"].seconds), timings["b"].median >= 0
        (3, True)
    """
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for turn in range(warmup + runs):
        for name, task in tasks.items():
            begun = time.perf_counter()
            task()
            if turn >= warmup:
                seconds[name].append(time.perf_counter() - begun)
    return {name: Timing(tuple(spent)) for name, spent in seconds.items()}


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch and OpenCV use ``count`` threads within the block."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


def seconds_within(
    stages: Mapping[str, Sequence[Callable[..., Any]]], task: Callable[[], Any]
) -> tuple[dict[str, float], float]:
    """Run a task once under Python's profiler and return the seconds within some of its functions, and in all.

    A function's time includes what it calls; the functions of a stage must not call each other.

    Args:
        stages: Name -> Python functions.
        task: What is run.

    Example:
        >>> def nap(): time.sleep(0.02)
        >>> parts, total = seconds_within({"nap": [nap]}, lambda: (nap(), nap()))
        >>> 0.04 <= parts["nap"] <= total
        True
    """
    profiler = cProfile.Profile()
    begun = time.perf_counter()
    profiler.runcall(task)
    total = time.perf_counter() - begun
    spent: dict[Any, float] = {}
    for entry in profiler.getstats():
        spent[entry.code] = spent.get(entry.code, 0.0) + entry.totaltime
    parts = {
        name: sum(spent.get(_code(function), 0.0) for function in functions)
        for name, functions in stages.items()
    }
    return parts, total


def _code(function: Callable[..., Any]) -> Any:
    """Return the code that the profiler knows a function by, beneath any decorators."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function.__code__ if isinstance(function, FunctionType) else function


def machine() -> dict[str, Any]:
    """Return what a timing depends on beside the code: processor, cores, load in the minute before."""
    names = [
        line.partition(":")[2].strip()
        for line in _lines(Path("/proc/cpuinfo"))
        if line.startswith("model name")
    ]
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": os.cpu_count() or 1,
        "load before": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else "unknown",
    }


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines() if path.is_file() else []
