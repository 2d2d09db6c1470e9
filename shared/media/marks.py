"""What generated media carry, and how to read it back: a comment in the file and an invisible mark in the pixels.

The comment tells most and is the first to go: sharing services strip it. The invisible mark survives scaling and usual
compression (figures in :mod:`shared.media.watermark`). Neither proves that an unmarked file is real.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import InputError
from shared.media.container import open_container
from shared.media.image import picture_kind, read_comment, read_image
from shared.media.video import VideoReader
from shared.media.watermark import WatermarkScore, embed_watermark, watermark_score

__all__ = [
    "Found",
    "Marks",
    "embed_watermark",
    "metadata_comment",
    "read_marks",
    "told_marks",
    "told_search",
    "watermark_score",
]

GENERATOR = "twinface"

SIGNIFICANCE = 1e-6
"""Below this p-value the invisible mark counts as found: one false alarm in a million files."""

FRAMES = 32
"""At most so many key frames are looked at, spread over the whole file."""

_LONGEST_COMMENT = 65_536
_LONGEST_WORD = 200
_TOLD = ("generator", "version", "method", "record_sha256")


class Found(StrEnum):
    """Which mark of this toolkit a file has."""

    WATERMARK = "watermark"
    COMMENT = "comment only"
    NONE = "none"


@dataclass(frozen=True)
class Marks:
    """The marks of one file.

    Attributes:
        metadata: The generator's comment (``generator``, ``version``, ``method``, ``record_sha256``), or None.
            It is what the file says of itself: anyone can write or strip it.
        watermark_score: Agreement with the invisible mark, standard deviations; about 0 without it.
        watermark_p_value: Upper bound of the probability of such agreement without the mark.
        frames_read: Frames that were looked at.
        found: Whether the comment names this toolkit or the p-value is below 1e-6. False does not mean genuine.
        first_second: When the first of these frames is shown; None of a picture, and in records of older versions.
        last_second: When the last of them is.
    """

    metadata: dict[str, Any] | None
    watermark_score: float
    watermark_p_value: float
    frames_read: int
    found: bool
    first_second: float | None = None
    last_second: float | None = None

    @property
    def kind(self) -> Found:
        """Which mark was found, the stronger one of two."""
        if not self.found:
            return Found.NONE
        return Found.WATERMARK if self.watermark_p_value < SIGNIFICANCE else Found.COMMENT

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads, with ``kind`` for other readers."""
        return {"kind": self.kind.value, **asdict(self)}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Marks:
        """Read marks; older versions wrote fewer fields.

        Raises:
            TypeError: If a field is missing that every version wrote, or one is unknown.
        """
        return cls(**{name: value for name, value in plain.items() if name != "kind"})


def metadata_comment(method: str, record_sha256: str = "") -> str:
    """Return the comment that a generated file carries, as JSON.

    Args:
        method: The generator's name, for example ``"osmnet"``.
        record_sha256: Hash of the run record beside the file, if there is one.

    Example:
        >>> json.loads(metadata_comment("osmnet"))["generator"]
        'twinface'
    """
    version = metadata.version(GENERATOR)
    content = {
        "generator": GENERATOR,
        "version": version,
        "method": method,
        "record_sha256": record_sha256,
    }
    return json.dumps(content)


def read_marks(path: str | Path) -> Marks:
    """Read the marks of a picture or a video: the comment, and the invisible mark in up to 32 key frames.

    Raises:
        InputError: If the file is missing, damaged, or neither picture nor video.
        LimitExceeded: If its frames are too large.
    """
    span: tuple[float | None, float | None] = (None, None)
    if picture_kind(path) is not None:
        score = watermark_score([read_image(path)])  # first: it tells a bomb from a bad file
        frames_read, comment = 1, read_comment(path)
    else:
        with closing(open_container(path)) as container:
            tags = {name.lower(): text for name, text in container.metadata.items()}
            comment = tags.get("comment")
        times, score = _of_video(path)
        frames_read, span = len(times), (round(times[0], 3), round(times[-1], 3))
    told = _parsed(comment)
    named = told is not None and told["generator"] == GENERATOR
    marked = score.p_value < SIGNIFICANCE
    return Marks(told, score.score, score.p_value, frames_read, named or marked, *span)


def _of_video(path: str | Path) -> tuple[list[float], WatermarkScore]:
    """Search key frames; of a file that was cut short they may be lost, and then the first frames."""
    with VideoReader(path) as reader:
        try:
            return _scored(reader.key_frames(FRAMES))
        except InputError:
            return _scored(itertools.islice(reader.timed(), FRAMES))


def _scored(timed: Iterable[tuple[float, NDArray[np.uint8]]]) -> tuple[list[float], WatermarkScore]:
    """Return the times of frames, and their score; none of them is kept."""
    times: list[float] = []

    def seen() -> Iterator[NDArray[np.uint8]]:
        for time, frame in timed:
            times.append(time)
            yield frame

    score = watermark_score(seen())  # goes through all
    return times, score


def told_marks(found: Marks) -> str:
    """Return in plain words which marks were found, what they are worth, and where they were looked for.

    Example:
        >>> told_marks(Marks({"generator": "twinface"}, 0.0, 1.0, 1, True))[:40]
        'A comment in the file says that this too'
    """
    return f"{_WORTH[found.kind].format(p=found.watermark_p_value)} {told_search(found)}"


_WORTH = {
    Found.WATERMARK: (
        "The invisible mark of this toolkit's generators was found: the file was made or passed through by them "
        "(without them such a mark has p = {p:.1e})."
    ),
    Found.COMMENT: (
        "A comment in the file says that this toolkit made it, which anyone can write; no invisible mark was found "
        "(p = {p:.2g})."
    ),
    Found.NONE: (
        "No mark of the generators of this toolkit was found. That is no sign of authenticity: marks can be removed, "
        "and other generators leave others."
    ),
}


def told_search(found: Marks) -> str:
    """Return in plain words in how many frames the invisible mark was looked for, and over what span.

    Example:
        >>> told_search(Marks(None, 0.0, 1.0, 32, False, 0.0, 598.4))
        'The invisible mark was looked for in 32 frames from 0.0 s to 598.4 s.'
    """
    looked = f"The invisible mark was looked for in {found.frames_read} frame"
    if found.first_second is None or found.last_second is None:
        return f"{looked}{'s' if found.frames_read > 1 else ''}."
    if found.frames_read == 1:
        return f"{looked}, at {found.first_second:.1f} s."
    return f"{looked}s from {found.first_second:.1f} s to {found.last_second:.1f} s."


def _parsed(comment: str | None) -> dict[str, Any] | None:
    """Return what a generator's JSON comment says, short strings only; a stranger's comment is None, not an error."""
    if comment is None or len(comment) > _LONGEST_COMMENT:
        return None
    try:
        content = json.loads(comment, parse_constant=_refused)
    except (ValueError, RecursionError):  # an integer of thousands of digits is a ValueError
        return None
    if not isinstance(content, dict) or not isinstance(content.get("generator"), str):
        return None
    told = {name: content.get(name) for name in _TOLD}
    return {name: text[:_LONGEST_WORD] for name, text in told.items() if isinstance(text, str)}


def _refused(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
