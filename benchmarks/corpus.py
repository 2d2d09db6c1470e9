"""What the embedded corpus is like: ``python -m benchmarks.corpus ROOT`` prints a table.

Motion and lips are measured on the truth files, detection on the videos.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from shared.data.clip import Clip, Truth
from shared.data.manifest import Manifest, read_manifest
from shared.data.marionette.lips import VISEMES
from shared.data.marionette.listening import cues_of
from shared.face.detector import CenterFace
from shared.face.head_model import HeadModel
from shared.face.landmarks import LandmarkNet
from shared.media.audio import read_audio
from shared.media.video import VideoReader
from shared.motion import Motion

Array = NDArray[np.floating]

STILL_DEGREES = 0.1
"""A head that turns less than this between two frames holds still."""
NOD_DEGREES = 0.3
"""A head that turns more than this between two frames nods, shakes or tilts: it does not drift."""
CLOSED_MILLIMETRES = 1.0
"""Lips that are less than this further apart than at rest are closed."""
_INNER_LIPS = ((61, 67), (62, 66), (63, 65))


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        name: What was measured.
        value: The number.
        unit: Its unit, or "".
        count: How many clips, frames or events it is about.
    """

    name: str
    value: float
    unit: str
    count: int


def share_below(curves: Array, fps: float, limit: float = 3.0) -> float:
    """Return the share of a motion's energy below ``limit`` Hz, its mean left out.

    Args:
        curves: ``(T, D)``.
        fps: Frames a second.
        limit: Hz.

    Example:
        >>> t = np.arange(100) / 25
        >>> round(share_below(np.sin(2 * np.pi * 1.0 * t)[:, None], 25), 2)
        1.0
    """
    window = np.hanning(len(curves))[:, None]
    power = np.abs(np.fft.rfft((curves - curves.mean(axis=0)) * window, 256, axis=0)) ** 2
    low = np.fft.rfftfreq(256, 1 / fps) < limit
    return float(power[low].sum() / max(float(power.sum()), 1e-12))


def stillness(rotation: Array) -> float:
    """Return the share of frames in which the head holds still, ``rotation`` (T, 3) radians."""
    steps = np.abs(np.diff(np.degrees(rotation), axis=0)).max(axis=1)
    return float((steps < STILL_DEGREES).mean())


def lip_gap(model: HeadModel, truth: Truth) -> Array:
    """Return how far the inner lips are apart, ``(T,)`` mm beyond the same face at rest."""
    return lip_opening(model, truth.identity, truth.motion.expression)


def lip_opening(model: HeadModel, identity: Array, expression: Array) -> Array:
    """Return how far the inner lips are apart, ``(T,)`` mm beyond the face at rest.

    Args:
        model: The head model.
        identity: ``(I,)``.
        expression: ``(T, 52)``.
    """
    with_rest = np.concatenate([np.zeros_like(expression[:1]), expression])
    points = model.points("68", np.asarray(identity, np.float32), with_rest.astype(np.float32))
    pairs = [np.linalg.norm(points[:, a] - points[:, b], axis=-1) for a, b in _INNER_LIPS]
    gaps = 1000 * np.mean(pairs, axis=0)
    return np.asarray(gaps[1:] - gaps[0])


def _truths(manifest: Manifest, kinds: tuple[str, ...]) -> Iterator[tuple[Clip, Truth]]:
    for clip in manifest:
        if clip.kind in kinds and clip.truth:
            yield clip, manifest.truth(clip)


def head_rows(manifest: Manifest) -> list[Row]:
    """Measure how heads move: spectrum, range of each axis, stillness."""
    rows = []
    for kind, kinds in (("speaking", ("speaking", "voice")), ("listening", ("listening",))):
        truths = [truth for _, truth in _truths(manifest, kinds)]
        if not truths:
            continue
        rotations = [truth.motion.rotation for truth in truths]
        below = [
            share_below(r, float(t.motion.fps)) for r, t in zip(rotations, truths, strict=True)
        ]
        rows.append(Row(f"{kind}: energy below 3 Hz", float(np.mean(below)), "share", len(truths)))
        still = float(np.mean([stillness(rotation) for rotation in rotations]))
        rows.append(Row(f"{kind}: still frames", still, "share", len(truths)))
        every = np.degrees(np.concatenate(rotations))
        for axis, name in enumerate(("pitch", "yaw", "roll")):
            low, high = np.percentile(every[:, axis], [5, 95])
            rows += [
                Row(f"{kind}: {name} std", float(every[:, axis].std()), "deg", len(every)),
                Row(f"{kind}: {name} 5 %", float(low), "deg", len(every)),
                Row(f"{kind}: {name} 95 %", float(high), "deg", len(every)),
            ]
    return rows


def reaction_lag(manifest: Manifest, longest: float = 1.2) -> list[Row]:
    """Measure how long after a speaker's cue a listener who held still starts to move.

    Cues come from the sound alone. The same with another speaker's cues is what chance gives.

    Returns:
        Median lag and share of cues with a reaction, real and by chance; nothing if there is no
        listener whose speaker is in the corpus.
    """
    by_id = {clip.id: clip for clip in manifest}
    cues: dict[str, list[float]] = {}
    pairs = []
    for clip, truth in _truths(manifest, ("listening",)):
        speaker = by_id.get(str(clip.extra.get("speaker_clip", "")))
        if speaker is None or not speaker.audio:
            continue
        if speaker.id not in cues:
            found = cues_of(read_audio(manifest.path(speaker.audio)))
            cues[speaker.id] = [cue.time for cue in found]
        pairs.append((cues[speaker.id], truth.motion))
    rows = []
    for name, shift in (("", 0), (" (by chance)", max(1, len(pairs) // 2))):
        lags: list[float] = []
        count = 0
        for index, (_, motion) in enumerate(pairs):
            times, _ = pairs[(index + shift) % len(pairs)]
            onsets, still = _onsets_after(times, motion, longest)
            lags += onsets
            count += still
        if lags:
            share = len(lags) / count
            rows.append(
                Row(f"listening: lag after a cue{name}", float(np.median(lags)), "s", count)
            )
            rows.append(Row(f"listening: cues answered{name}", share, "share", count))
    return rows


def _onsets_after(cues: list[float], motion: Motion, longest: float) -> tuple[list[float], int]:
    """Return the times from cues to the next onset, and at how many cues the head was calm."""
    moving = np.abs(np.diff(np.degrees(motion.rotation), axis=0)).max(axis=1) >= NOD_DEGREES
    fps = float(motion.fps)
    reach = round(longest * fps)
    lags: list[float] = []
    still = 0
    for cue in cues:
        at = round(cue * fps)
        if at + reach > len(moving) or moving[max(0, at - 1) : at + 1].any():
            continue
        still += 1
        after = np.flatnonzero(moving[at : at + reach])
        if len(after):
            lags.append(float(after[0] / fps))
    return lags, still


def lip_rows(manifest: Manifest) -> list[Row]:
    """Measure whether lips close where they must, and how far they open elsewhere."""
    model = HeadModel.load()
    closed: list[bool] = []
    silent: list[Array] = []
    vowels: list[float] = []
    for _, truth in _truths(manifest, ("speaking", "voice")):
        if truth.visemes is None:
            continue
        gap = lip_gap(model, truth)
        for viseme, start, end in _runs(truth.visemes):
            name, part = VISEMES[viseme], gap[max(0, start - 1) : end + 1]
            if name == "PP":
                closed.append(bool(part.min() < CLOSED_MILLIMETRES))
            elif name == "sil" and end - start >= 4:
                # The lips have two frames to come and two to go.
                silent.append(gap[start + 2 : end - 1] if start else gap[: end - 2])
            elif name == "aa":
                vowels.append(float(part.max()))
    if not closed:
        return []
    quiet = np.concatenate(silent) if silent else np.zeros(1)
    return [
        Row("lips: closed in p, b, m", float(np.mean(closed)), "share", len(closed)),
        Row(
            "lips: closed in pauses",
            float((quiet < CLOSED_MILLIMETRES).mean()),
            "share",
            len(quiet),
        ),
        Row("lips: gap of open vowels, median", float(np.median(vowels)), "mm", len(vowels)),
    ]


def _runs(labels: NDArray[np.int8]) -> Iterator[tuple[int, int, int]]:
    """Give (label, first, after last) of each run of equal labels."""
    edges = [0, *(np.flatnonzero(np.diff(labels)) + 1).tolist(), len(labels)]
    for start, end in pairwise(edges):
        yield int(labels[start]), start, end


def detection_rows(manifest: Manifest, clips: int = 40, frames: int = 2) -> list[Row]:
    """Measure on frames of evenly chosen clips whether detector and landmark net see the faces."""
    filmed = [clip for clip in manifest if clip.video]
    places = np.unique(np.linspace(0, len(filmed) - 1, min(clips, len(filmed))).astype(int))
    detector, landmarker = CenterFace(), LandmarkNet()
    seen, confident, errors, total = 0, 0, [], 0
    for place in places:
        clip = filmed[place]
        truth = manifest.truth(clip)
        pictures = [frame.copy() for frame in VideoReader(manifest.path(clip.video))]
        for index in np.linspace(0, len(pictures) - 1, frames).astype(int):
            total += 1
            faces = detector.detect(pictures[index])
            if not faces:
                continue
            seen += 1
            found = landmarker(pictures[index], faces[0])
            confident += found.presence > 0.5
            real = truth.landmarks[index]
            eyes = max(float(np.linalg.norm(real[36] - real[45])), 1.0)
            miss = np.linalg.norm(found.points68[17:] - real[17:], axis=-1).mean()
            errors.append(float(miss) / eyes)
    if not total:
        return []
    return [
        Row("detection: CenterFace recall", seen / total, "share", total),
        Row("detection: landmark net sure", confident / total, "share", total),
        Row("detection: landmark error, median", float(np.median(errors)), "eye distances", seen),
    ]


def measure(manifest: Manifest) -> list[Row]:
    """Return all measurements that the corpus allows."""
    rows = head_rows(manifest) + reaction_lag(manifest) + lip_rows(manifest)
    return rows + (detection_rows(manifest) if any(clip.video for clip in manifest) else [])


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.corpus", description=__doc__)
    parser.add_argument("root", help="folder of a corpus")
    manifest = read_manifest(parser.parse_args(arguments).root)
    table = Table("measured", "value", "unit", "of")
    for row in measure(manifest):
        table.add_row(row.name, f"{row.value:.3f}", row.unit, str(row.count))
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
