"""Real footage -> a manifest: in parallel, to be stopped and gone on with, every omission with its reason.

OUT/manifest.jsonl    one clip a line
OUT/left_out.jsonl    one unused stretch of footage a line, with its reason
OUT/clips/            <clip>.mp4 .flac .npz
OUT/state/            one file a video that is done; delete it to do the video again
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import cv2
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from shared.custody import sha256_of_json, write_atomic
from shared.data.clip import Clip
from shared.data.cutting import CutSettings, LeftOut, Outcome, Tools, cut_footage
from shared.data.footage import Footage, find_footage
from shared.data.manifest import Manifest, write_manifest
from shared.data.splits import SHARES, split_by_identity
from shared.errors import InputError, OutputError, ToolkitError
from shared.face.detector import CenterFace
from shared.face.head_model import HeadModel
from shared.face.landmarks import LandmarkNet

LEFT_OUT_NAME = "left_out.jsonl"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Job:
    """One video to do."""

    footage: Footage
    source: str
    split: str
    out: Path
    settings: CutSettings

    @property
    def state(self) -> Path:
        return self.out / "state" / f"{self.footage.id}.json"

    @property
    def running(self) -> Path:
        """A file with the process's number while it works on the video: it tells whose fault a crash was."""
        return self.state.with_suffix(".running")

    @property
    def key(self) -> str:
        """Return what the result depends on, hashed: settings, person, and the files' size and time."""
        files = [
            (str(path), path.stat().st_size, path.stat().st_mtime_ns)
            for path in (self.footage.path, self.footage.audio)
        ]
        return sha256_of_json([self.settings, self.footage.person, files])


def prepare(
    root: str | Path,
    out: str | Path,
    *,
    layout: str = "plain",
    workers: int = 2,
    fps: Fraction | int = 25,
    size: int = 256,
    shortest: float = 2.0,
    longest: float = 10.0,
    smallest: float = 64.0,
    licence: str = "",
    seed: int = 0,
    shares: Mapping[str, float] = SHARES,
    progress: Progress | None = None,
) -> Manifest:
    """Turn a folder of videos into a manifest of clips with face crops, sound and fitted Motion.

    Each clip is one person, alone, in one fixed square crop; people are split by identity. Finished videos are
    skipped when the same command is given again. No video stops the rest: what cannot be used, even one whose
    decoding kills its process, stands in ``left_out.jsonl`` with its reason.

    Args:
        root: Folder of the videos.
        out: Folder of the manifest; made if missing.
        layout: ``plain``, ``voxceleb2`` or ``hdtf``; see :func:`shared.data.footage.find_footage`.
        workers: Processes.
        fps: Frames a second of the clips.
        size: Side of the clips, px.
        shortest: Seconds; shorter pieces are left out.
        longest: Seconds; longer pieces are cut into equal parts.
        smallest: Least side of a face's box in the footage, px.
        licence: Written into every clip.
        seed: Of the split.
        shares: Expected share of the people in ``train``, ``val`` and ``test``.
        progress: Called with (videos done, videos in all).

    Raises:
        InputError: If no video is found, an argument is out of range, or no clip came out.
        OutputError: If ``out`` cannot be written.
    """
    if workers < 1:
        raise InputError("workers must be at least 1", found=workers)
    if Path(out).resolve().is_relative_to(Path(root).resolve()):
        raise InputError(
            "the output lies inside the footage", found=out, fix="choose another folder"
        )
    settings = CutSettings(Fraction(fps), size, shortest, longest, smallest, licence)
    footage = find_footage(root, layout)
    splits = split_by_identity((item.person for item in footage), seed, shares)
    jobs = [
        _Job(item, item.path.relative_to(root).as_posix(), splits[item.person], Path(out), settings)
        for item in footage
    ]
    _make_folders(Path(out), jobs)
    waiting = [job for job in jobs if _finished(job) is None]
    done = len(jobs) - len(waiting)
    report = progress or _quiet
    report(done, len(jobs))
    for _ in _run(waiting, workers):
        done += 1
        report(done, len(jobs))
    return _collect(Path(out), jobs)


def _quiet(_done: int, _total: int) -> None:
    """Report nothing."""


def _make_folders(out: Path, jobs: Sequence[_Job]) -> None:
    """Make the output's folders and forget which videos an interrupted run was at."""
    try:
        (out / "state").mkdir(parents=True, exist_ok=True)
        for job in jobs:
            job.running.unlink(missing_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot write {out}", found=error.strerror, fix="choose a writable folder"
        ) from error


def _run(jobs: Sequence[_Job], workers: int) -> Iterator[_Job]:
    """Do the jobs and give each one that is done. One that kills its process is tried again alone."""
    yield from _pool(jobs, workers)
    while rest := [job for job in jobs if _finished(job) is None]:
        suspects = [job for job in rest if job.running.exists()]
        if not suspects:
            raise ToolkitError("the processes die before they begin", fix="give fewer workers")
        for job in suspects:
            job.running.unlink()
            yield from _pool([job], 1)
            if _finished(job) is None:
                why = LeftOut(job.source, "crashed", "its process died twice")
                _record(job, Outcome(left_out=[why]))
                yield job
        yield from _pool([job for job in rest if _finished(job) is None], workers)


def _pool(jobs: Sequence[_Job], workers: int) -> Iterator[_Job]:
    """Do the jobs in parallel until all are done or a process dies."""
    if not jobs:
        return
    # Fresh processes: forking one that runs threads can hang.
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)), mp_context=get_context("spawn"), initializer=_one_thread
    )
    try:
        futures = {pool.submit(_do, job): job for job in jobs}
        for future in as_completed(futures):
            try:
                future.result()
            except BrokenProcessPool:
                return
            yield futures[future]
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one_thread() -> None:
    """Leave the cores to the other processes."""
    cv2.setNumThreads(1)
    threadpool_limits(1)


@cache
def _tools() -> Tools:
    """Load the networks once a process."""
    return Tools(CenterFace(), LandmarkNet(), HeadModel.load())


def _do(job: _Job) -> None:
    """Do one video and write down what became of it."""
    job.running.write_text(str(os.getpid()))
    tools = _tools()
    try:
        outcome = cut_footage(job.footage, job.source, job.split, job.out, job.settings, tools)
    except OutputError:
        raise
    except Exception as error:
        # Whatever a damaged file provokes in a decoder or a network must not stop the other files.
        why = LeftOut(job.source, "failed", f"{type(error).__name__}: {error}")
        outcome = Outcome(left_out=[why])
    _record(job, outcome)


def _record(job: _Job, outcome: Outcome) -> None:
    """Write a job's outcome; from then on it is done."""
    write_atomic(job.state, json.dumps({"key": job.key, **asdict(outcome)}, ensure_ascii=False))
    job.running.unlink(missing_ok=True)


def _finished(job: _Job) -> Outcome | None:
    """Return the outcome of a job that was done with the same settings and whose files are all there."""
    try:
        state = json.loads(job.state.read_text("utf-8"))
        if state["key"] != job.key:
            return None
        clips = [Clip.from_json(json.dumps(row)) for row in state["clips"]]
        left_out = [LeftOut(**row) for row in state["left_out"]]
    except (OSError, ValueError, KeyError, TypeError, InputError):
        return None
    files = (job.out / name for clip in clips for name in (clip.video, clip.audio, clip.truth))
    return Outcome(clips, left_out) if all(file.is_file() for file in files) else None


def _collect(out: Path, jobs: Sequence[_Job]) -> Manifest:
    """Write the manifest and the list of what was left out."""
    clips: list[Clip] = []
    left_out: list[LeftOut] = []
    for job in jobs:
        outcome = _finished(job) or Outcome()
        clips += [replace(clip, split=job.split) for clip in outcome.clips]
        left_out += outcome.left_out
    lines = [json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in left_out]
    write_atomic(out / LEFT_OUT_NAME, "".join(lines))
    if not clips:
        counts = Counter(item.reason for item in left_out)
        raise InputError(
            f"no clip came out of {len(jobs)} videos",
            found=", ".join(f"{reason}: {count}" for reason, count in counts.most_common()),
            fix=f"see {out / LEFT_OUT_NAME}",
        )
    return write_manifest(out, clips)
