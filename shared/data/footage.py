"""Where footage lies and who is in it: one rule a layout, from folders and file names alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from shared.errors import InputError

VIDEO_SUFFIXES = frozenset({
    ".avi", ".flv", ".m4v", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm", ".wmv",
})  # fmt: skip
SOUND_SUFFIXES = (".m4a", ".wav", ".flac", ".aac")


@dataclass(frozen=True)
class Footage:
    """One video file of a folder of footage.

    Attributes:
        id: Unique in the folder, usable as a file name.
        path: The video.
        audio: The file that holds its sound: the video itself, or one beside it.
        person: Identity label.
    """

    id: str
    path: Path
    audio: Path
    person: str


def find_footage(root: str | Path, layout: str = "plain") -> list[Footage]:
    """List the videos of a folder, in a fixed order.

    Args:
        root: The folder.
        layout: ``plain``: any tree; the first folder below ``root`` names the person, or the file does.
            ``voxceleb2``: ``.../mp4/<person>/<video>/<number>.mp4``, sound in the file or in the same place of a
            sister folder ``aac``. ``hdtf``: ``<RD|WDA|WRA>_<Person>_<part>.mp4``; of WDA and WRA names, digits at
            the person's end number the video.

    Raises:
        InputError: If the folder is missing, the layout unknown, or no video is there that fits it.
    """
    place = Path(root)
    if layout not in _PERSON_OF:
        raise InputError("unknown layout", found=layout, expected=" | ".join(_PERSON_OF))
    if not place.is_dir():
        raise InputError(f"there is no folder {place}", fix="give the folder of the videos")
    paths = sorted(
        path
        for path in place.rglob("*")
        if path.suffix.lower() in VIDEO_SUFFIXES
        and not path.name.startswith(".")
        and path.is_file()
    )
    person_of = _PERSON_OF[layout]
    found = []
    for path in paths:
        relative = path.relative_to(place)
        person = person_of(relative)
        if person is not None:
            found.append(Footage(_name_of(relative), path, _sound_of(path), person))
    if not found:
        raise InputError(
            f"no video in {place} fits the layout {layout}",
            found=f"{len(paths)} videos",
            fix="check the folder, or use the layout plain",
        )
    return _distinct(found)


def _plain(relative: Path) -> str | None:
    return relative.parts[0] if len(relative.parts) > 1 else relative.stem


def _voxceleb2(relative: Path) -> str | None:
    parts = relative.parts
    return parts[-3] if len(parts) >= 3 and re.fullmatch(r"id\d+", parts[-3]) else None


def _hdtf(relative: Path) -> str | None:
    match = re.fullmatch(r"(RD|WDA|WRA)_(.+)_\d+", relative.stem)
    if match is None:
        return None
    series, person = match.groups()
    return person if series == "RD" else person.rstrip("0123456789") or person


_PERSON_OF: dict[str, Callable[[Path], str | None]] = {
    "plain": _plain,
    "voxceleb2": _voxceleb2,
    "hdtf": _hdtf,
}


def _name_of(relative: Path) -> str:
    """Return a file name for what is made of a video: its path with everything unusual replaced."""
    name = re.sub(r"[^\w.-]+", "_", "-".join(relative.with_suffix("").parts)).strip("._")
    return name.encode()[-120:].decode(errors="ignore")


def _distinct(footage: list[Footage]) -> list[Footage]:
    """Number the names that several videos share."""
    seen: dict[str, int] = {}
    out = []
    for item in footage:
        seen[item.id] = times = seen.get(item.id, 0) + 1
        name = item.id if times == 1 else f"{item.id}~{times}"
        out.append(Footage(name, item.path, item.audio, item.person))
    return out


def _sound_of(path: Path) -> Path:
    """Return the sound file in the same place of a sister folder ``aac``, if there is one, else the video."""
    parts = path.parts
    if "mp4" not in parts[:-1]:
        return path
    at = len(parts) - 2 - parts[-2::-1].index("mp4")
    sister = Path(*parts[:at], "aac", *parts[at + 1 :])
    return next(
        (s for suffix in SOUND_SUFFIXES if (s := sister.with_suffix(suffix)).is_file()), path
    )
