"""Does memory grow with a video's length? Peak memory of writing and reading a clip, in a process of its own.

python -m benchmarks.memory            # 20 s against 600 s
python -m benchmarks.memory 5 50
"""

from __future__ import annotations

import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.tables import Rows, rich_table, row
from shared.errors import InputError
from shared.media.audio import RATE, stream_audio
from shared.media.video import VideoReader, VideoWriter

SIZE = 256
FPS = 25
SECONDS = (20.0, 600.0)
TOLERANCE = 0.10
"""The longest clip may need this share more than the shortest."""

_CHILD = "--one"


@dataclass(frozen=True)
class ClipMemory:
    """One clip, written and read.

    Attributes:
        seconds: Length of the clip.
        frames: Frames that were read back.
        samples: Sound samples that were read back.
        write_megabytes: Peak resident memory after writing, MB (1e6 bytes), interpreter and libraries included.
        read_megabytes: Peak resident memory after reading too.
        elapsed: Wall-clock seconds for both.
    """

    seconds: float
    frames: int
    samples: int
    write_megabytes: float
    read_megabytes: float
    elapsed: float


def video_memory(seconds: Sequence[float] = SECONDS) -> Rows:
    """Write and read a 256 px clip with sound of each length, each in a new process.

    Returns:
        A row a length, with the peak resident memory in MB (1e6 bytes), interpreter and libraries included.

    Raises:
        InputError: If a length is not positive.
    """
    if not seconds or not all(math.isfinite(length) and length >= 1 / FPS for length in seconds):
        raise InputError(
            "clip lengths are out of range",
            found=list(seconds),
            expected=f"at least {1 / FPS} s each",
        )
    return [_row(_in_new_process(length)) for length in seconds]


def growth(rows: Rows) -> float:
    """Return by what share the longest clip's peak exceeds the shortest's; 0.1 is 10 %.

    Example:
        >>> round(growth([{"seconds": 1, "value": 100.0}, {"seconds": 9, "value": 104.0}]), 3)
        0.04
    """
    ordered = sorted(rows, key=lambda fact: fact["seconds"])
    return float(ordered[-1]["value"] / ordered[0]["value"] - 1)


def _row(measured: ClipMemory) -> dict[str, Any]:
    return row(
        f"peak memory, {measured.seconds:g} s written and read",
        measured.read_megabytes,
        unit="MB",
        status="tiny",
        protocol=f"{SIZE} px, {FPS} fps, mono sound, a process a clip",
        n=measured.frames,
        seconds=measured.seconds,
        writing_only=measured.write_megabytes,
        took=measured.elapsed,
    )


def _in_new_process(seconds: float) -> ClipMemory:
    command = [sys.executable, "-m", "benchmarks.memory", _CHILD, str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return ClipMemory(**json.loads(done.stdout))


def _measure(seconds: float) -> ClipMemory:
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        with VideoWriter(path, FPS, (SIZE, SIZE), audio=(_sound(seconds), RATE)) as writer:
            for frame in _frames(round(seconds * FPS)):
                writer.write(frame)
        written = _peak_megabytes()
        with VideoReader(path) as reader:
            frames = sum(1 for _ in reader)
        samples = sum(len(block) for block in stream_audio(path))
    return ClipMemory(
        seconds, frames, samples, written, _peak_megabytes(), time.perf_counter() - started
    )


def _frames(count: int) -> Iterator[NDArray[np.uint8]]:
    """Give a gradient that drifts, with a little grain: neither free to encode nor endless to make."""
    grain = np.random.default_rng(0).integers(0, 8, (2 * SIZE, SIZE, 3), dtype=np.uint8)
    ramp = np.broadcast_to(np.arange(SIZE, dtype=np.uint8)[:, None, None] // 2, (SIZE, SIZE, 3))
    for index in range(count):
        yield np.roll(ramp, index, axis=0) + grain[index % SIZE : index % SIZE + SIZE]


def _sound(seconds: float) -> Iterator[NDArray[np.float32]]:
    second = np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE).astype(np.float32) * np.float32(0.3)
    remaining = round(seconds * RATE)
    while remaining > 0:
        yield second[:remaining]
        remaining -= RATE


def _peak_megabytes() -> float:
    status = Path("/proc/self/status")
    if status.exists():
        # Linux: ru_maxrss also counts the parent's peak, which a new process inherits.
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(peak.split()[1]) * 1024 / 1e6
    peak_rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak_rss * (1 if os.uname().sysname == "Darwin" else 1024) / 1e6


def main(arguments: Sequence[str]) -> int:
    """Measure the lengths given (seconds), print a table; exit code 1 if memory grows with length."""
    if arguments[:1] == [_CHILD]:
        sys.stdout.write(json.dumps(asdict(_measure(float(arguments[1])))))
        return 0
    rows = video_memory([float(argument) for argument in arguments] or SECONDS)
    console = Console()
    console.print(rich_table("memory", rows))
    console.print(f"growth {growth(rows):+.1%}, allowed {TOLERANCE:.0%}")
    return int(growth(rows) > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
