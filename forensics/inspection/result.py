"""The answer of an inspection and what it rests on, as a reader and as a program get it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from forensics.calibration import Calibration
from forensics.inspection.person import Kept
from forensics.verdict import Verdict
from shared.custody import RunRecord, to_plain
from shared.errors import InputError
from shared.media.marks import Marks


@dataclass(frozen=True)
class Segment:
    """A stretch of time in which a person's smoothed score lies above the threshold.

    Attributes:
        start: Seconds.
        end: Seconds.
        score: Mean score in it.
    """

    start: float
    end: float
    score: float


@dataclass(frozen=True)
class FrameFinding:
    """One of the frames that count most.

    Attributes:
        time: Seconds.
        score: The judge's, larger = manipulated; None if it was not asked.
        box: XYXY of the face, px of the frame.
        regions: Mean of the map in each region that is seen, [0, 1].
    """

    time: float
    score: float | None
    box: tuple[float, ...]
    regions: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class TrackFinding:
    """What is answered about one person in one shot.

    Attributes:
        number: From 1, the most visible person first.
        start: Seconds, first seen.
        end: Seconds, last seen.
        verdict: The answer.
        times: Seconds of the frames that were judged, or seen where no judge was asked.
        scores: Of these frames; None where the judge gave none.
        map: Rows of the mean manipulation map over the face crop, [0, 1]; empty if there is none.
        regions: Mean of the maps in each region over the frames that count most.
        segments: Where the smoothed score lies above the threshold; empty without a calibration.
        frames: The frames that count most, highest score first.
    """

    number: int
    start: float
    end: float
    verdict: Verdict
    times: tuple[float, ...] = ()
    scores: tuple[float | None, ...] = ()
    map: tuple[tuple[float, ...], ...] = ()
    regions: Mapping[str, float] = field(default_factory=dict)
    segments: tuple[Segment, ...] = ()
    frames: tuple[FrameFinding, ...] = ()


@dataclass(frozen=True)
class Inspection:
    """The answer about one file.

    Attributes:
        verdict: About the whole file.
        tracks: About each person, the most visible first.
        marks: Of generators, read before anything else; None if the file could not be read.
        record: Hashes of file, weights and settings, versions, time, notes: the chain of custody.
        calibration_error: Expected calibration error of the probabilities, [0, 1]; None without a calibration.
        calibration: Known scores, for the report; not part of the JSON.
        pictures: Track number -> its frames that count most, for the report; not part of the JSON.
    """

    verdict: Verdict
    tracks: tuple[TrackFinding, ...]
    marks: Marks | None
    record: RunRecord
    calibration_error: float | None = None
    calibration: Calibration | None = field(default=None, compare=False, repr=False)
    pictures: Mapping[int, tuple[Kept, ...]] = field(
        default_factory=dict, compare=False, repr=False
    )

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads: everything but pictures of faces and the known scores."""
        plain: dict[str, Any] = to_plain(replace(self, calibration=None, pictures={}))
        plain["marks"] = None if self.marks is None else self.marks.to_json()
        return {name: value for name, value in plain.items() if name not in _NOT_WRITTEN}

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | str) -> Inspection:
        """Read an inspection from its JSON text or the object in it.

        Raises:
            InputError: If it is no inspection.
        """
        try:
            plain = dict(json.loads(value) if isinstance(value, str) else value)
            marks = plain["marks"]
            return cls(
                verdict=Verdict.from_json(plain["verdict"]),
                tracks=tuple(_track(row) for row in plain["tracks"]),
                marks=None if marks is None else Marks.from_json(marks),
                record=RunRecord(**plain["record"]),
                calibration_error=plain["calibration_error"],
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError("this is no inspection", found=error) from error


_NOT_WRITTEN = ("calibration", "pictures")


def _track(row: Mapping[str, Any]) -> TrackFinding:
    return TrackFinding(
        **{
            **row,
            "verdict": Verdict.from_json(row["verdict"]),
            "times": tuple(row["times"]),
            "scores": tuple(row["scores"]),
            "map": tuple(tuple(line) for line in row["map"]),
            "segments": tuple(Segment(**item) for item in row["segments"]),
            "frames": tuple(FrameFinding(**{**f, "box": tuple(f["box"])}) for f in row["frames"]),
        }
    )
