"""Does memory grow with a recording's length? Peak memory of each task, in a process of its own.

    video    a 256 px clip with sound is written, then read
    audio    a recording is streamed from a file of another sample rate, as every command reads it
    driver   a recording becomes a Motion: the way of ``synthesis talk`` but for the renderer,
             which sees one frame at a time

Each task runs on a short and a long input. What a process holds for itself (heap and stacks) is told
apart from its peak in residence, which counts the pages of files that the system may drop at any time.
"""

from __future__ import annotations

import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from benchmarks.tables import Rows, row
from shared.errors import InputError
from shared.media.audio import RATE, audio_duration, read_audio, stream_audio
from shared.media.video import VideoReader, VideoWriter

SIZE = 256
FPS = 25
RECORDED_RATE = 22_050
"""Hz of the recordings on disk: none of the toolkit's own rates, so that they are resampled."""
TOLERANCE = 0.10
"""The longest input may need this share more than the shortest."""
_SPEECH = Path(__file__).parents[1] / "synthesis" / "samples" / "speech.flac"
_PAUSE = 0.02


@dataclass(frozen=True)
class Task:
    """Something whose memory is measured.

    Attributes:
        work: Takes a number of seconds and a folder, returns how many things it handled.
        seconds: The short and the long input.
        counted: What ``work`` counts.
        tolerance: Share by which the long input may exceed the short one, or None where the result
            itself is held in memory.
    """

    work: Callable[[float, Path], int]
    seconds: tuple[float, ...]
    counted: str
    tolerance: float | None = TOLERANCE


@dataclass(frozen=True)
class Peak:
    """What one run of a task took.

    Attributes:
        seconds: Length of the input.
        count: Things handled, checked against the length by :func:`peak_rows`.
        resident: Peak resident memory in MB (1e6 bytes), interpreter and libraries included.
        own: Peak of the part that belongs to no file, MB; 0 where the system does not tell it.
        elapsed: Wall-clock seconds.
    """

    seconds: float
    count: int
    resident: float
    own: float
    elapsed: float


def write_and_read_video(seconds: float, folder: Path) -> int:
    """Write a clip with sound, read it back, and return its frames."""
    path = folder / "clip.mp4"
    with VideoWriter(path, FPS, (SIZE, SIZE), audio=(_tone(seconds), RATE)) as writer:
        for frame in _frames(round(seconds * FPS)):
            writer.write(frame)
    with VideoReader(path) as reader:
        frames = sum(1 for _ in reader)
    samples = sum(len(block) for block in stream_audio(path))
    return frames if samples == round(seconds * RATE) else 0


def stream_recording(seconds: float, folder: Path) -> int:
    """Ask a recording for its length, stream it, and return its samples at 16 kHz."""
    path = write_recording(folder / "recording.flac", seconds)
    whole = round(audio_duration(path) * RATE)
    count = sum(len(block) for block in stream_audio(path))
    return count if count == whole else 0


def drive_recording(seconds: float, folder: Path) -> int:
    """Turn a recording into a Motion as ``synthesis talk`` does, and return its frames."""
    from synthesis.opt.generator import OptDriver
    from synthesis.talking_head import DEFAULT_POSE, TalkOptions, reference_pose, spooled

    path = write_recording(folder / "recording.flac", seconds)
    samples = spooled(stream_audio(path, rate=RATE), folder / "samples.f32")
    driver = OptDriver.from_pretrained()
    pose, _ = reference_pose(TalkOptions(), None, DEFAULT_POSE)
    drive = driver.drive(
        samples, np.zeros(driver.config.identity_dim), np.zeros(52), np.zeros(3), [0, 0, -1],
        pose=pose, mode="relative",
    )  # fmt: skip
    return len(drive.motion)


TASKS = {
    "video": Task(write_and_read_video, (20.0, 600.0), "frames"),
    "audio": Task(stream_recording, (20.0, 3 * 3600.0), "samples"),
    "driver": Task(drive_recording, (120.0, 3 * 3600.0), "frames", tolerance=None),
}
_PER_SECOND = {"frames": FPS, "samples": RATE}


def peak_rows(name: str, seconds: Sequence[float] | None = None) -> Rows:
    """Measure a task on inputs of several lengths, each in a new process.

    Args:
        name: One of :data:`TASKS`.
        seconds: Lengths; by default the task's own.

    Returns:
        A row a length, then one of the growth from the shortest to the longest.

    Raises:
        InputError: If there is no such task, or a length is too short.
        RuntimeError: If a task did not handle the whole input.
    """
    if name not in TASKS:
        raise InputError("nothing of that name is measured", found=name, expected=" | ".join(TASKS))
    task = TASKS[name]
    lengths = list(task.seconds if seconds is None else seconds)
    if not lengths or not all(math.isfinite(length) and length >= 1 / FPS for length in lengths):
        raise InputError("lengths are out of range", found=lengths, expected=f"{1 / FPS} s or more")
    rows = []
    for length in lengths:
        peak = _in_new_process(name, length)
        if peak.count != round(length * _PER_SECOND[task.counted]):
            raise RuntimeError(f"{name} handled {peak.count} {task.counted} of {length:g} s")
        rows.append(_row(name, task, peak))
    return [*rows, growth_row(rows, task.tolerance)] if len(rows) > 1 else rows


def growth(rows: Rows) -> float:
    """Return by what share the longest input's peak exceeds the shortest's; 0.1 is 10 %.

    Example:
        >>> round(growth([{"seconds": 1, "value": 100.0}, {"seconds": 9, "value": 104.0}]), 3)
        0.04
    """
    ordered = sorted(rows, key=lambda fact: fact["seconds"])
    return float(ordered[-1]["value"] / ordered[0]["value"] - 1)


def growth_row(rows: Rows, tolerance: float | None) -> dict[str, Any]:
    """Return the growth of a task's memory as a row, with what is allowed if anything is."""
    facts: dict[str, Any] = {} if tolerance is None else {"target": f"at most {tolerance:.0%}"}
    note = "" if tolerance else "the Motion of the whole recording is held in memory"
    return row(
        "growth from the shortest to the longest", 100 * growth(rows), unit="%", status="tiny",
        table=rows[0]["table"], note=note, **facts,
    )  # fmt: skip


def within_bounds(rows: Rows) -> bool:
    """Tell whether every task whose growth is limited stayed below its limit."""
    grown = [fact for fact in rows if fact["figure"].startswith("growth") and "target" in fact]
    return all(fact["value"] <= 100 * TOLERANCE for fact in grown)


def _row(name: str, task: Task, peak: Peak) -> dict[str, Any]:
    files = f"{peak.resident - peak.own:.0f} MB of it pages of files; " if peak.own else ""
    return row(
        f"peak memory, {peak.seconds:g} s",
        peak.resident,
        unit="MB",
        n=peak.count,
        status="tiny",
        protocol=f"{task.counted}, a process a length",
        note=f"{files}took {peak.elapsed:.0f} s",
        table=name,
        seconds=peak.seconds,
    )


def _in_new_process(name: str, seconds: float) -> Peak:
    command = [sys.executable, "-m", "benchmarks.memory", name, str(seconds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return Peak(**json.loads(done.stdout.splitlines()[-1]))


def measure(name: str, seconds: float) -> Peak:
    """Run a task in this process and return what it took so far at the most."""
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder, OwnMemory() as own:
        count = TASKS[name].work(seconds, Path(folder))
    return Peak(seconds, count, peak_megabytes(), own.peak, time.perf_counter() - started)


class OwnMemory:
    """Watches how much memory of this process belongs to no file.

    Attributes:
        peak: The most that was seen, MB; 0 where there is no ``/proc``.
    """

    def __init__(self) -> None:
        self.peak = 0.0
        self._done = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> OwnMemory:
        """Begin to watch."""
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop watching."""
        self._done.set()
        self._watch.join()

    def _look(self) -> None:
        ended = False
        while not ended:
            ended = self._done.wait(_PAUSE)
            self.peak = max(self.peak, _status_megabytes("RssAnon") or 0.0)


def write_recording(path: Path, seconds: float) -> Path:
    """Write the shipped sentence again and again until a length is reached, in pieces."""
    sentence = read_audio(_SPEECH, rate=RECORDED_RATE)
    remaining = round(seconds * RECORDED_RATE)
    with soundfile.SoundFile(path, "w", RECORDED_RATE, 1, "PCM_16") as file:
        while remaining > 0:
            file.write(sentence[:remaining])
            remaining -= len(sentence)
    return path


def _frames(count: int) -> Iterator[NDArray[np.uint8]]:
    """Give a gradient that drifts, with a little grain: neither free to encode nor endless to make."""
    grain = np.random.default_rng(0).integers(0, 8, (2 * SIZE, SIZE, 3), dtype=np.uint8)
    ramp = np.broadcast_to(np.arange(SIZE, dtype=np.uint8)[:, None, None] // 2, (SIZE, SIZE, 3))
    for index in range(count):
        yield np.roll(ramp, index, axis=0) + grain[index % SIZE : index % SIZE + SIZE]


def _tone(seconds: float) -> Iterator[NDArray[np.float32]]:
    second = np.sin(2 * np.pi * 220 * np.arange(RATE) / RATE).astype(np.float32) * np.float32(0.3)
    remaining = round(seconds * RATE)
    while remaining > 0:
        yield second[:remaining]
        remaining -= RATE


def peak_megabytes() -> float:
    """Return the most that this process has held in memory so far, MB, pages of files included."""
    # Linux: ru_maxrss also counts the parent's peak, which a new process inherits.
    peak = _status_megabytes("VmHWM")
    if peak is not None:
        return peak
    largest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return largest * (1 if os.uname().sysname == "Darwin" else 1024) / 1e6


def _status_megabytes(field: str) -> float | None:
    """Return a field of this process's status in MB, or None where the system has no such thing."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    for line in status.read_text().splitlines():
        if line.startswith(f"{field}:"):
            return int(line.split()[1]) * 1024 / 1e6
    return None


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(measure(sys.argv[1], float(sys.argv[2])))) + "\n")
