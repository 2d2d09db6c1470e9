"""Speed of inspections and of face extraction, the latter beside a dlib-style pipeline in the same run.

    a clip of a minute at 720p -> forensics.inspect -> seconds in all, by stage; peak memory, and of ten minutes
    frames with one face each -> ours: landmarks of the frame before, else detector -> crop
                              -> dlib: HOG detector in every frame -> crop

The 68-point file that dlib pipelines align with may not be used commercially (its data, iBUG 300-W) and is not here:
the HOG detector is timed alone, which favours dlib by a millisecond or two a face.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.memory import OwnMemory, Peak, growth, peak_megabytes
from benchmarks.tables import Rows, row
from benchmarks.timing import Timing, seconds_within, take_turns
from forensics.calibration_error import reliability
from forensics.focus.config import PROFILES
from forensics.focus.detector import FocusDetector
from forensics.focus.network import FocusNetwork
from forensics.inspection.inspect import inspect
from forensics.inspection.judge import FocusJudge, Opened, open_judge
from forensics.inspection.regions import region_maps
from forensics.inspection.watching import Watch
from shared.data.corpora.extraction import FaceSettings, find_face, finders
from shared.data.marionette.pack import sample_pack
from shared.face.crop import CropBox
from shared.face.points import points68
from shared.face.tracks import SAME, FaceTracker, overlap
from shared.media.marks import read_marks
from shared.media.video import VideoReader, VideoWriter

Image = NDArray[np.uint8]

SIZE = (1280, 720)
FPS = 25
MINUTE = 60
FEW = 32
CROP = 224
PER_CLIP = 8
"""Frames of each clip whose faces are extracted."""
TABLE = "inspection"
EXTRACTION = "extraction of faces, beside dlib"

_DECODING = "decoding"
_MARKS = "marks of generators"
STAGES: dict[str, tuple[Callable[..., Any], ...]] = {
    _MARKS: (read_marks,),
    _DECODING: (VideoReader._timed_frames, VideoReader._spread_frames),
    "finding and following faces": (FaceTracker.add,),
    "crops": (Watch._cut,),
    "detector": (FocusJudge.judge,),
    "regions": (region_maps,),
    "calibration error": (reliability,),
}
"""Stage -> the functions whose time it is."""


def speed_rows(*, runs: int, threads: int) -> tuple[Rows, list[str]]:
    """Time inspections of a minute and of ten, their memory, and the extraction; return rows and notes."""
    judge, note = _judge()
    with tempfile.TemporaryDirectory() as folder:
        minute, ten = Path(folder) / "minute.mp4", Path(folder) / "ten.mp4"
        write_clip(minute, MINUTE)
        repeat(minute, ten, 10)
        protocol = f"{SIZE[0]} x {SIZE[1]} px, H.264, one face, {threads} threads"
        rows = inspection_rows(judge, minute, ten, runs=runs, protocol=protocol)
        rows += memory_rows({MINUTE: minute, 10 * MINUTE: ten})
    found, missing = extraction_rows(runs=runs, threads=threads)
    return rows + found, [note, *missing]


def _judge() -> tuple[FocusJudge, str]:
    opened: Opened = open_judge("focus")
    if isinstance(opened.judge, FocusJudge):
        return opened.judge, "Detector: the shipped FoCus."
    network = FocusNetwork(PROFILES["cpu"].network)
    return FocusJudge(FocusDetector(network)), "Detector: FoCus of random weights."


def write_clip(path: Path, seconds: float) -> None:
    """Write the sample pack's people one after the other, enlarged, for so long."""
    with VideoWriter(path, FPS, SIZE) as writer:
        for _, frame in zip(range(round(seconds * FPS)), _endless(), strict=False):
            writer.write(frame)


def _endless() -> Iterator[Image]:
    pack = sample_pack()
    clips = [clip for clip in pack if clip.video]
    while True:
        for clip in clips:
            with VideoReader(pack.path(clip.video)) as reader:
                yield from map(staged, reader)


def staged(frame: Image, side: int = 600, size: tuple[int, int] = SIZE) -> Image:
    """Put a square frame, enlarged, into the middle of a picture of its blurred self."""
    ground = cv2.resize(cv2.GaussianBlur(frame, (0, 0), 12), size)
    left, top = (size[0] - side) // 2, (size[1] - side) // 2
    ground[top : top + side, left : left + side] = cv2.resize(
        frame, (side, side), interpolation=cv2.INTER_CUBIC
    )
    return np.asarray(ground, np.uint8)


def repeat(path: Path, out: Path, times: int) -> None:
    """Write a video so many times over, its packets unchanged."""
    with av.open(str(out), "w") as target:
        stream, shift = None, 0
        for _ in range(times):
            with av.open(str(path)) as source:
                own = source.streams.video[0]
                stream = stream or target.add_stream_from_template(own)
                for packet in source.demux(own):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                    packet.stream = stream
                    target.mux(packet)
                shift += own.duration or 0


def inspection_rows(
    judge: FocusJudge, minute: Path, ten: Path, *, runs: int, protocol: str
) -> Rows:
    """Time whole inspections in turns, then one by stage."""
    tasks: dict[str, Callable[[], Any]] = {
        "a minute, five frames a second": lambda: inspect(minute, detector=judge),
        f"a minute, {FEW} frames": lambda: inspect(minute, detector=judge, frames=FEW),
        f"ten minutes, {FEW} frames": lambda: inspect(ten, detector=judge, frames=FEW),
    }
    timings = take_turns(tasks, runs)
    rows: Rows = []
    for name, timing in timings.items():
        target: dict[str, Any] = {"target": "<= 8"} if f"{FEW} frames" in name else {}
        rows.append(_seconds(name, timing, protocol, **target))
    parts, total = seconds_within(STAGES, tasks["a minute, five frames a second"])
    alone, _ = seconds_within({_DECODING: STAGES[_DECODING]}, lambda: read_marks(minute))
    parts[_DECODING] -= alone[_DECODING]  # what the search for marks decodes is the search's
    parts["everything else"] = total - sum(parts.values())
    rows += [
        row(
            f"share of {stage}", 100 * seconds / total, unit="%", status="tiny", table=TABLE,
            protocol=f"a minute, five frames a second, under the profiler; {protocol}",
        )
        for stage, seconds in parts.items()
    ]  # fmt: skip
    return rows


def _seconds(name: str, timing: Timing, protocol: str, **more: Any) -> dict[str, Any]:
    low, high = timing.quartiles
    return row(
        name, timing.median, unit="s", status="tiny", table=TABLE, n=len(timing.seconds),
        protocol=f"{protocol}, median of runs taken in turns",
        **more, **{"quartiles s": f"{low:.2f} to {high:.2f}"},  # type: ignore[arg-type]
    )  # fmt: skip


def memory_rows(clips: dict[int, Path]) -> Rows:
    """Return the peak memory of an inspection of each clip in a process of its own, and the growth."""
    rows: Rows = []
    for seconds, path in clips.items():
        command = [sys.executable, "-m", "benchmarks.forensic_speed", str(path), str(seconds)]
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        peak = Peak(**json.loads(done.stdout.splitlines()[-1]))
        rows.append(
            row(
                f"peak memory, {seconds} s", peak.resident, unit="MB", status="tiny", table=TABLE,
                n=peak.count, seconds=seconds, protocol="frames looked at, a process a length",
                note=f"{peak.own:.0f} MB of no file; took {peak.elapsed:.0f} s",
            )
        )  # fmt: skip
    grown = row(
        "growth of memory from a minute to ten", 100 * growth(rows), unit="%", status="tiny",
        table=TABLE, target="at most 10 %",
    )  # fmt: skip
    return [*rows, grown]


def measure(path: Path, seconds: float) -> Peak:
    """Inspect a clip in this process and return what that took at the most."""
    import time

    judge, _ = _judge()
    started = time.perf_counter()
    with OwnMemory() as own:
        found = inspect(path, detector=judge)
    count = int(found.record.result["frames looked at"])
    return Peak(seconds, count, peak_megabytes(), own.peak, time.perf_counter() - started)


def faces_to_find() -> tuple[list[Image], list[NDArray[np.float32]]]:
    """Return frames with one face each, a clip after the other, and where it is (XYXY px)."""
    pack, frames, boxes = sample_pack(), [], []
    for clip in (c for c in pack if c.video and c.truth):
        points = points68(pack.truth(clip).landmarks)
        with VideoReader(pack.path(clip.video)) as reader:
            first = list(islice(reader, min(len(points), PER_CLIP)))
        for number, frame in enumerate(first):
            side = 600
            zoom = side / frame.shape[0]
            corner = np.array([(SIZE[0] - side) / 2, (SIZE[1] - side) / 2], np.float32)
            own = points[number] * zoom + corner
            frames.append(staged(frame, side))
            boxes.append(np.concatenate([own.min(axis=0), own.max(axis=0)]).astype(np.float32))
    return frames, boxes


def extraction_rows(*, runs: int, threads: int) -> tuple[Rows, list[str]]:
    """Time both pipelines on the same frames and return faces a second, recall, and what is missing."""
    frames, boxes = faces_to_find()
    pipelines: dict[str, Callable[[], list[NDArray[np.float32] | None]]] = {
        "ours": lambda: ours(frames)
    }
    missing = []
    try:
        import dlib
    except ImportError:
        missing = ["dlib is not installed: pip install 'twinface[bench]'."]
    else:
        find = dlib.get_frontal_face_detector()
        pipelines["dlib, HOG alone"] = lambda: hog(frames, find)
    timings = take_turns(pipelines, runs)
    rows: Rows = []
    for name, pipeline in pipelines.items():
        found = pipeline()
        hits = [
            box is not None and overlap(box, true) >= SAME
            for box, true in zip(found, boxes, strict=True)
        ]
        seconds = timings[name].median
        more: dict[str, Any] = {
            "recall": float(np.mean(hits)), "ms/frame": 1000 * seconds / len(frames)
        }  # fmt: skip
        rows.append(
            row(
                f"faces a second: {name}", sum(hits) / seconds, unit="faces/s", status="tiny", n=len(frames),
                table=EXTRACTION, protocol=f"{SIZE[0]} x {SIZE[1]} px frames, one thread of dlib, {threads} of ours",
                **more,
            )
        )  # fmt: skip
    if len(rows) == 2:
        rows.append(
            row(
                "faces a second of ours over dlib's", rows[0]["value"] / rows[1]["value"], unit="times",
                status="tiny", table=EXTRACTION, target=">= 4, at equal or better recall",
            )
        )  # fmt: skip
    return rows, missing


def ours(frames: list[Image]) -> list[NDArray[np.float32] | None]:
    """Find and cut faces as ``forensics prepare`` does, by its own functions."""
    settings, (detector, landmarker) = FaceSettings(size=CROP), finders()
    last, found = None, []
    for frame in frames:
        here = find_face(frame, last, detector, landmarker, settings.smallest)
        if here is not None:
            last = here
            CropBox.of_extent(here.points, settings.margin).cut(frame, settings.size)
        found.append(None if here is None else here.as_face().box)
    return found


def hog(frames: list[Image], find: Any) -> list[NDArray[np.float32] | None]:
    """Find and cut faces with dlib's frontal detector, as its pipelines do: every frame anew."""
    found: list[NDArray[np.float32] | None] = []
    for frame in frames:
        faces = find(frame, 0)
        if not faces:
            found.append(None)
            continue
        face = max(faces, key=lambda one: one.area())
        box = np.array([face.left(), face.top(), face.right(), face.bottom()], np.float32)
        x, y = (box[:2] + box[2:]) / 2
        CropBox((float(x), float(y)), 1.3 * float(box[2] - box[0])).cut(frame, CROP)
        found.append(box)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(measure(Path(sys.argv[1]), float(sys.argv[2])))) + "\n")
