"""The pictures of an audit: those in question and those whose answer is known."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from forensics.membership.pictures import EXTENSIONS, find_images
from shared.custody import sha256_of
from shared.errors import InputError

Place = str | Path | Sequence[str | Path]
"""A folder of pictures, one picture, a text file with one path a line, or several of these."""

LIST_EXTENSIONS = (".txt", ".lst")


@dataclass(frozen=True)
class KnownPictures:
    """Pictures that are known to be in the training set, and pictures that are known not to be.

    Attributes:
        members: A folder, picture, list file, or several of these.
        nonmembers: The same. They must look as if drawn from the same source as the members, or the audit measures
            the difference of the sources.
    """

    members: Place
    nonmembers: Place


@dataclass(frozen=True)
class PictureSet:
    """All pictures of an audit in the order in which they are scored.

    Attributes:
        members: Known members.
        nonmembers: Known non-members.
        questioned: The pictures in question.
        hashes: SHA-256 of every file that could be opened.
        notes: Sentences about pictures that were left out.
    """

    members: tuple[Path, ...]
    nonmembers: tuple[Path, ...]
    questioned: tuple[Path, ...]
    hashes: dict[Path, str]
    notes: tuple[str, ...]

    @property
    def paths(self) -> tuple[Path, ...]:
        """Members, non-members, pictures in question."""
        return self.members + self.nonmembers + self.questioned

    def parts(self) -> tuple[slice, slice, slice]:
        """Return where in :attr:`paths` members, non-members and the pictures in question are."""
        first, second = len(self.members), len(self.members) + len(self.nonmembers)
        return slice(0, first), slice(first, second), slice(second, len(self.paths))


def known_pictures(members: Place | None, nonmembers: Place | None) -> KnownPictures | None:
    """Return the known pictures, or None if there are none of either class.

    Raises:
        InputError: If there are only some of one class.
    """
    if members is None and nonmembers is None:
        return None
    if members is None or nonmembers is None:
        raise InputError(
            "known pictures of one class only",
            found="members" if nonmembers is None else "non-members",
            expected="both",
            fix="a score means something only between known members and known non-members",
        )
    return KnownPictures(members, nonmembers)


def list_pictures(place: Place) -> list[Path]:
    """Return the pictures of a folder (and below, sorted), a list file, one picture, or several of these.

    Paths in a list file are relative to it; empty lines and lines with ``#`` in front are skipped. Whether a picture
    can be read shows later: one bad file does not stop an audit.

    Raises:
        InputError: If a place does not exist or there is no picture in it.
    """
    if not isinstance(place, str | Path):
        return [path for part in place for path in list_pictures(part)]
    root = Path(place)
    if root.is_dir():
        return find_images(root)
    if not root.is_file():
        raise InputError(
            f"there is nothing at {root}", expected="a folder, a picture or a list of pictures"
        )
    return _listed(root) if root.suffix.lower() in LIST_EXTENSIONS else [root]


def collect_pictures(questioned: Place, known: KnownPictures | None) -> PictureSet:
    """List the pictures of an audit and check that the known ones can calibrate it.

    A known picture that is also in question does not calibrate its own verdict, and copies count once.

    Raises:
        InputError: If a place is missing or empty, a picture is listed as member and as non-member, or members and
            non-members have no size in common, so that their size alone tells them apart.
    """
    asked = list(dict.fromkeys(list_pictures(questioned)))
    listed = [list_pictures(known.members), list_pictures(known.nonmembers)] if known else [[], []]
    hashes = _hashes([*asked, *listed[0], *listed[1]])
    in_question = {hashes[path] for path in asked if path in hashes}
    kept, notes = [], []
    for name, part in zip(("members", "non-members"), listed, strict=True):
        single = _without_copies(part, hashes)
        apart = tuple(path for path in single if hashes.get(path) not in in_question)
        if copies := len(part) - len(single):
            notes.append(f"{copies} known {name} are copies of others; each was taken once.")
        if asked_too := len(single) - len(apart):
            notes.append(f"{asked_too} known {name} are also in question; they calibrate nothing.")
        kept.append(apart)
    _check_apart(kept[0], kept[1], hashes)
    _check_sizes(kept[0], kept[1])
    return PictureSet(kept[0], kept[1], tuple(asked), hashes, tuple(notes))


def _listed(file: Path) -> list[Path]:
    try:
        lines = [line.strip() for line in file.read_text("utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the list {file} cannot be read", found=error) from error
    paths = [file.parent / line for line in lines if line and not line.startswith("#")]
    if not paths:
        raise InputError(f"the list {file} names no picture", expected=" ".join(EXTENSIONS))
    return paths


def _hashes(paths: Sequence[Path]) -> dict[Path, str]:
    found = {}
    for path in dict.fromkeys(paths):
        with contextlib.suppress(InputError):  # its error is told when it is scored
            found[path] = sha256_of(path)
    return found


def _without_copies(paths: Sequence[Path], hashes: Mapping[Path, str]) -> list[Path]:
    """Return each picture once: copies are no independent evidence."""
    first: dict[str, Path] = {}
    for path in paths:
        first.setdefault(hashes.get(path, str(path)), path)
    return list(first.values())


def _check_apart(
    members: Sequence[Path], nonmembers: Sequence[Path], hashes: Mapping[Path, str]
) -> None:
    inside = {hashes[path]: path for path in members if path in hashes}
    both = [inside[hashes[path]] for path in nonmembers if hashes.get(path) in inside]
    if both:
        raise InputError(
            f"{len(both)} pictures are listed as members and as non-members",
            found=both[0],
            fix="take them out of one list",
        )


def _check_sizes(members: Sequence[Path], nonmembers: Sequence[Path]) -> None:
    """Refuse classes that their shorter sides tell apart: after resizing, sharpness would do it."""
    inside, outside = _sides(members), _sides(nonmembers)
    if inside and outside and not inside.keys() & outside.keys():
        sides = " and ".join(f"{side.most_common(1)[0][0]} px" for side in (inside, outside))
        raise InputError(
            "members and non-members are pictures of different sizes",
            found=f"shorter sides of mostly {sides}, none in common",
            expected="known pictures of one source",
            fix="bring them to one size from originals of one kind",
        )


def _sides(paths: Sequence[Path]) -> Counter[int]:
    found: Counter[int] = Counter()
    for path in paths:
        try:
            with Image.open(path) as picture:
                found[min(picture.size)] += 1
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue  # its error is told when it is scored
    return found
