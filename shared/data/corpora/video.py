"""LabelledVideo: one video of a corpus, as its owner's files describe it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shared.data.clip import SPLITS
from shared.data.footage import VIDEO_SUFFIXES
from shared.errors import InputError

AUTHENTIC = "authentic"
FORGED = "forged"


@dataclass(frozen=True)
class LabelledVideo:
    """One video, or one folder of pictures in order.

    Attributes:
        path: The file or folder.
        label: ``authentic`` or ``forged``.
        split: ``train``, ``val`` or ``test``.
        family: The method that forged it, or "".
        persons: Everybody whose face is in it, first the one who is seen: of a face swap both. The corpus's own
            labels; where it has none, what certainly keeps versions of one recording together.
        mask: A video or ``.npz`` (see :mod:`shared.data.forgery.known`) of where it is forged, or None.
        quality: Name of the compression, or "".
    """

    path: Path
    label: str
    split: str
    family: str = ""
    persons: tuple[str, ...] = ()
    mask: Path | None = None
    quality: str = ""

    def __post_init__(self) -> None:
        """Check label and split."""
        if self.label not in (AUTHENTIC, FORGED):
            raise InputError("unknown label", found=self.label, expected=f"{AUTHENTIC} | {FORGED}")
        if self.split not in SPLITS:
            raise InputError("unknown split", found=self.split, expected=" | ".join(SPLITS))


@dataclass(frozen=True)
class Reading:
    """What a reader found.

    Attributes:
        videos: In a fixed order.
        left_out: One ``{"path": ..., "reason": ...}`` for each video that is there and not used, see :func:`unread`.
    """

    videos: tuple[LabelledVideo, ...]
    left_out: tuple[dict[str, str], ...] = field(default=())


def require_folder(root: str | Path) -> Path:
    """Return the folder.

    Raises:
        InputError: If it is not there.
    """
    place = Path(root)
    if not place.is_dir():
        raise InputError(f"there is no folder {place}", fix="give the folder of the corpus")
    return place


def read_json(path: Path, fix: str) -> Any:
    """Read a JSON file that belongs to a corpus.

    Raises:
        InputError: If it is missing or no JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read", found=error, fix=fix) from error


def read_text(path: Path, fix: str) -> str:
    """Read a text file that belongs to a corpus, without a byte order mark.

    Raises:
        InputError: If it is missing or not UTF-8; its line is named.
    """
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(
            f"line {line} of {path} is not UTF-8", found=error, fix="save it as UTF-8"
        ) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read", found=error.strerror, fix=fix) from error


def is_there(path: Path) -> bool:
    """Tell whether a path that somebody wrote down leads anywhere; a name too long for any file does not."""
    try:
        return path.exists()
    except OSError:
        return False


def videos_below(root: Path) -> list[Path]:
    """List the files below a folder whose names end like a video's, in a fixed order."""
    return [
        p for p in sorted(root.rglob("*")) if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file()
    ]


def unread(
    root: Path,
    videos: Iterable[LabelledVideo],
    left_out: Iterable[dict[str, str]],
    reason: str,
) -> list[dict[str, str]]:
    """Return a row for each video file below ``root`` that is neither read, nor a mask, nor left out already."""
    told = {root / row["path"] for row in left_out}
    for video in videos:
        told |= {video.path} if video.mask is None else {video.path, video.mask}
    return [
        {"path": str(path.relative_to(root)), "reason": reason}
        for path in videos_below(root)
        if path not in told
    ]


def checked(
    videos: Iterable[LabelledVideo],
    root: Path,
    layout: str,
    left_out: Sequence[dict[str, str]] = (),
) -> Reading:
    """Return a reading whose people are in one split each.

    Raises:
        InputError: If nothing was found, or somebody is in two splits.
    """
    kept = tuple(sorted(videos, key=lambda video: str(video.path)))
    if not kept:
        raise InputError(
            f"no video in {root} fits the layout of {layout}",
            found=f"{len(left_out)} that are not used",
            fix="check the folder, or use the layout plain",
        )
    splits: dict[str, set[str]] = defaultdict(set)
    for video in kept:
        for person in video.persons:
            splits[person].add(video.split)
    torn = sorted(person for person, here in splits.items() if len(here) > 1)
    if torn:
        raise InputError(
            f"people of {layout} are in two splits", found=f"{len(torn)}: {', '.join(torn[:5])}",
            expected="each person in one split",
            fix="use the owners' split files unchanged, or name the people of your own corpus",
        )  # fmt: skip
    return Reading(kept, tuple(left_out))
