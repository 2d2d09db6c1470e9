"""What generated media carry, and how to read it back: a comment in the file and an invisible mark in the pixels.

The comment tells most and is the first to go: sharing services strip it. The invisible mark survives scaling and usual
compression (figures in :mod:`shared.media.watermark`). Neither proves that an unmarked file is real.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
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
    "Marks",
    "embed_watermark",
    "metadata_comment",
    "read_marks",
    "told_marks",
    "watermark_score",
]

GENERATOR = "twinface"

SIGNIFICANCE = 1e-6
"""Below this p-value the invisible mark counts as found: one false alarm in a million files."""

FRAMES = 32
"""At most so many key frames are looked at."""

_LONGEST_COMMENT = 65_536
_LONGEST_WORD = 200
_TOLD = ("generator", "version", "method", "record_sha256")


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
    """

    metadata: dict[str, Any] | None
    watermark_score: float
    watermark_p_value: float
    frames_read: int
    found: bool


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
    if picture_kind(path) is not None:
        frames_read, score = _scored([read_image(path)])  # first: it tells a bomb from a bad file
        comment = read_comment(path)
    else:
        with closing(open_container(path)) as container:
            tags = {name.lower(): text for name, text in container.metadata.items()}
            comment = tags.get("comment")
        frames_read, score = _of_video(path)
    told = _parsed(comment)
    named = told is not None and told["generator"] == GENERATOR
    return Marks(
        told, score.score, score.p_value, frames_read, named or score.p_value < SIGNIFICANCE
    )


def _of_video(path: str | Path) -> tuple[int, WatermarkScore]:
    """Search key frames; of a file that was cut short they may be lost, and then all frames."""
    try:
        with VideoReader(path, key_frames_only=True) as reader:
            return _scored(itertools.islice(reader, FRAMES))
    except InputError:
        with VideoReader(path) as reader:
            return _scored(itertools.islice(reader, FRAMES))


def _scored(frames: Iterable[NDArray[np.uint8]]) -> tuple[int, WatermarkScore]:
    """Return how many frames there were, and their score; none of them is kept."""
    count = itertools.count()
    score = watermark_score(frame for frame, _ in zip(frames, count, strict=False))
    return next(count), score


def told_marks(found: Marks) -> str:
    """Return in plain words what marks that were found are worth.

    Example:
        >>> told_marks(Marks({"generator": "twinface"}, 0.0, 1.0, 1, True))[:40]
        'A comment in the file says that this too'
    """
    if found.watermark_p_value < SIGNIFICANCE:
        return (
            "The invisible mark of this toolkit's generators was found: the file was made or passed through by them "
            f"(without them such a mark has p = {found.watermark_p_value:.1e})."
        )
    return (
        "A comment in the file says that this toolkit made it, which anyone can write; no invisible mark was found "
        f"(p = {found.watermark_p_value:.2g})."
    )


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
