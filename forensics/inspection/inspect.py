"""One call from a picture or video to an answer: is a face in it manipulated, where, when, and how sure is that?

file -> marks of generators -> frames -> one track a person -> face crops
     -> the judge's scores and maps, a few crops at a time; of each person sums and the best frames are kept
     -> calibration -> a verdict a person, a verdict on the file, hashes -> JSON, HTML
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from forensics.calibration import Calibration
from forensics.calibration_error import reliability
from forensics.inspection.answers import (
    UNLIKE,
    answer_file,
    answer_track,
    segments,
    unreadable,
)
from forensics.inspection.judge import FaceJudge, Opened, open_judge
from forensics.inspection.person import Kept, Map, Person
from forensics.inspection.regions import REGIONS, region_maps, region_means
from forensics.inspection.result import FrameFinding, Inspection, TrackFinding
from forensics.inspection.settings import Settings
from forensics.inspection.watching import Eyes, Sight, Watch
from forensics.verdict import EXPLANATIONS
from shared.custody import RunRecord, sha256_of_json, to_plain
from shared.errors import InputError, ToolkitError
from shared.face.head_model import HEAD_MODEL_SHA256
from shared.media.marks import Marks, read_marks, told_marks

CROP = 224
"""Side of the crops that a report shows when there is no judge to ask, px."""

Progress = Callable[[int], None]
"""Called with the number of frames looked at so far."""


def inspect(
    file: str | Path,
    *,
    detector: str | Path | FaceJudge = "focus",
    frames: int | None = None,
    settings: Settings | None = None,
    device: str = "cpu",
    eyes: Eyes | None = None,
    progress: Progress | None = None,
) -> Inspection:
    """Say whether the faces of a picture or video were manipulated.

    A file that cannot be examined, a detector that is missing, untrained or uncalibrated, and a picture without a face
    are answered by an inconclusive verdict with its reason, not by an exception.

    Args:
        file: Any picture or video that :mod:`shared.media` reads.
        detector: ``"focus"``, the folder of a checkpoint, or a judge.
        frames: Look at about so many frames; by default five a second, less often in long videos.
        settings: The other ways to look; ``frames`` above wins.
        device: Where the detector runs.
        eyes: What finds faces; by default the toolkit's own.
        progress: Called now and then.

    Raises:
        InputError: If a setting is out of range.
        MissingExtra: If a package that finds faces is missing.
    """
    chosen = settings or Settings()
    if frames is not None:
        chosen = dataclasses.replace(chosen, frames=frames)
    opened = open_judge(detector, device=device)
    return Inspector(opened, chosen, eyes or Eyes.usual(), progress).inspect(Path(file))


@dataclasses.dataclass(frozen=True)
class Inspector:
    """What examines one file after another.

    Attributes:
        opened: The judge, or why there is none.
        settings: How files are looked at.
        eyes: What finds faces.
        progress: Called with the number of frames looked at.
    """

    opened: Opened
    settings: Settings
    eyes: Eyes
    progress: Progress | None = None

    def inspect(self, path: Path) -> Inspection:
        """Examine one file."""
        record = self.record()
        custody = {
            "file": "",
            "weights": sha256_of_json(record.weights),
            "settings": sha256_of_json(record.settings),
        }
        try:
            record.add_input("file", path)
            custody["file"] = record.inputs["file"]["sha256"]
            found = read_marks(path)
            watch = Watch(path, self.settings, self.eyes, self._size)
            people, forgotten = self._people(watch)
        except ToolkitError as error:
            return Inspection(unreadable(path, error, custody), (), None, record)
        tracks = tuple(
            self._finding(number, person, f"{path}, face {number}", custody, watch)
            for number, person in enumerate(people, 1)
        )
        verdict = answer_file(
            path, tracks, self.opened, custody, left_out=forgotten, crowd=watch.crowd,
            unseen=bool(watch.unseen),
        )  # fmt: skip
        record.notes += list(self._notes(watch, found, forgotten, people))
        record.result = {**watch.facts, "frames looked at": watch.frames}
        known = self._calibration(tracks)
        return Inspection(
            verdict, tracks, found, record, reliability(known).error if known else None, known,
            {number: tuple(person.kept) for number, person in enumerate(people, 1)},
        )  # fmt: skip

    def record(self) -> RunRecord:
        """Begin the record: what is asked, with what."""
        judge = self.opened.judge
        record = RunRecord("forensics.inspect")
        record.weights = {**self.eyes.fingerprint, "head model": HEAD_MODEL_SHA256}
        if judge is not None:
            record.weights |= judge.fingerprint()
        record.settings = {
            "detector": judge.name if judge else "none",
            "usable": self.opened.reason is None,
            **to_plain(self.settings),
        }
        return record

    def _calibration(self, tracks: Sequence[TrackFinding]) -> Calibration | None:
        """Return what most of the answers rest on: that of the longest track's length."""
        known = self.opened.judge.calibration if self.opened.judge else None
        longest = max((len(track.scores) for track in tracks), default=0)
        return known.of(longest) if known and longest else known

    @property
    def _size(self) -> int:
        return self.opened.judge.size if self.opened.judge else CROP

    def _people(self, watch: Watch) -> tuple[list[Person], int]:
        """Read the file; return its most visible people and how many others there are.

        Of these, pictures and maps are dropped on the way and scores kept: who is seen late may be seen long.
        """
        people: dict[int, Person] = {}
        for sights in _batches(watch, self.settings.batch_size):
            for sight, score, one_map, unlike in self._judged(sights):
                person = people.setdefault(sight.person, Person(sight.person))
                person.add(sight, score, one_map, self.settings)
                person.unlike += [] if unlike is None else [unlike]
            for person in self._ranked(people.values())[self.settings.tracks :]:
                person.drop_pictures()
            if self.progress:
                self.progress(watch.frames)
        ranked = self._ranked(people.values())
        return ranked[: self.settings.tracks], len(ranked[self.settings.tracks :])

    @staticmethod
    def _ranked(people: Iterable[Person]) -> list[Person]:
        return sorted(people, key=lambda person: -person.area)

    def _judged(
        self, sights: list[Sight]
    ) -> Iterator[tuple[Sight, float | None, Map | None, float | None]]:
        if not self.opened.may_ask or self.opened.judge is None:
            yield from ((sight, None, None, None) for sight in sights)
            return
        crops = torch.from_numpy(np.stack([sight.crop for sight in sights]))
        with torch.inference_mode():
            scores, maps, *rest = self.opened.judge.judge(crops.permute(0, 3, 1, 2).float() / 255)
        if scores.shape != (len(sights),) or maps.ndim != 3 or len(maps) != len(sights):
            raise InputError(
                f"{self.opened.judge.name} gives answers of another shape",
                found=f"{tuple(scores.shape)} and {tuple(maps.shape)}",
                expected="(B,) and (B, h, w)",
            )
        shown = maps.float().clamp(0, 1).nan_to_num().cpu().numpy()
        unlike = rest[0].double().tolist() if rest else [None] * len(sights)
        yield from zip(sights, scores.double().tolist(), shown, unlike, strict=True)

    def _finding(
        self, number: int, person: Person, subject: str, custody: dict[str, str], watch: Watch
    ) -> TrackFinding:
        usable = self.opened.judge if self.opened.reason is None else None
        mean_map = person.mean_map()
        frames = _frames(person.kept, self._size, asked=bool(person.scores))
        evidence: dict[str, Any] = {
            "frames": len(person.times), "seconds": [person.times[0], person.times[-1]]
        }  # fmt: skip
        if person.fresh:
            evidence["pictures that differ"] = sum(person.fresh)
        if person.unlike:
            evidence[UNLIKE] = round(float(np.nanmedian(person.unlike)), 4)
        stretches = (
            segments(
                person.times, person.scores, usable.calibration, self.settings.smoothing,
                fresh=person.fresh, end=watch.seconds,
            )
            if usable and usable.calibration and person.scores and evidence.get(UNLIKE, 0) <= 1
            else ()
        )  # fmt: skip
        return TrackFinding(
            number, person.times[0], person.times[-1],
            answer_track(
                subject, person.scores, self.opened, evidence, custody, fresh=person.fresh,
                stretches=stretches,
            ),
            tuple(round(time, 3) for time in person.times),
            tuple(None if np.isnan(score) else score for score in person.scores),
            () if mean_map is None else tuple(tuple(row) for row in mean_map.round(4).tolist()),
            _mean_regions(frames), stretches, frames,
        )  # fmt: skip

    def _notes(
        self, watch: Watch, found: Marks, forgotten: int, people: Sequence[Person]
    ) -> Iterator[str]:
        if self.opened.reason is not None:
            yield f"{EXPLANATIONS[self.opened.reason]}: {self.opened.problem}."
        if found.found:
            yield told_marks(found)
        yield from watch.unseen
        if watch.damaged:
            yield f"{watch.damaged} packets or frames of the file are damaged and were left out."
        if watch.facts.get("variable rate"):
            yield "Its frame rate varies; frames were taken by their time stamps."
        if watch.crowd > 0:
            yield (
                f"Up to {watch.crowd} smaller faces in a frame were not examined: only the "
                f"{self.settings.people} largest are."
            )
        if forgotten:
            yield (
                f"{forgotten} briefly or barely visible faces were left out of the result: only the "
                f"{self.settings.tracks} most visible are kept."
            )
        lost = sum(int(np.isnan(person.scores).sum()) for person in people if person.scores)
        if lost:
            yield f"The detector gave no finite score for {lost} face crops; they were left out."


def _batches(sights: Watch, size: int) -> Iterator[list[Sight]]:
    batch: list[Sight] = []
    for sight in sights:
        batch.append(sight)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _frames(kept: Sequence[Kept], size: int, *, asked: bool) -> tuple[FrameFinding, ...]:
    """Return the frames that count most, with the map's mean in each region where there is a map."""
    labels = None
    if kept and all(one.map is not None for one in kept):
        try:
            labels = region_maps(np.stack([one.sight.points for one in kept]), size)
        except InputError:
            labels = None  # landmarks that no head fits: a frame without named regions
    return tuple(
        FrameFinding(
            round(one.sight.time, 3),
            one.score if asked else None,
            tuple(round(float(value), 1) for value in one.sight.box),
            {}
            if labels is None or one.map is None
            else {name: round(v, 4) for name, v in region_means(one.map, labels[place]).items()},
        )
        for place, one in enumerate(kept)
    )


def _mean_regions(frames: Sequence[FrameFinding]) -> dict[str, float]:
    return {
        name: round(float(np.mean([f.regions[name] for f in frames if name in f.regions])), 4)
        for name in REGIONS
        if any(name in frame.regions for frame in frames)
    }
