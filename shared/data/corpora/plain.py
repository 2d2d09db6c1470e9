"""Anybody's own corpus: a CSV file, or folders named for their labels; and this toolkit's forgery corpora.

labels.csv      path,label[,person][,split][,family][,mask]     label real|authentic|0 or fake|forged|1
folders         [train|val|test/]{real,fake}/[person/]NAME.mp4   or   {real,fake}/[train|val|test/][person/]NAME.mp4
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from shared.data.clip import SPLITS, Clip
from shared.data.corpora.video import (
    AUTHENTIC,
    FORGED,
    LabelledVideo,
    Reading,
    checked,
    is_there,
    read_text,
    require_folder,
    unread,
    videos_below,
)
from shared.data.forgery.known import is_forged
from shared.data.manifest import read_manifest
from shared.data.splits import split_by_identity
from shared.errors import InputError

CSV_NAME = "labels.csv"
COLUMNS = ("path", "label", "person", "split", "family", "mask")
_LABELS = {
    "real": AUTHENTIC, "authentic": AUTHENTIC, "original": AUTHENTIC, "0": AUTHENTIC,
    "fake": FORGED, "forged": FORGED, "manipulated": FORGED, "1": FORGED,
}  # fmt: skip
_LIKE_A_SPLIT = re.compile("train(ing)?|val(id(ation)?)?|test(ing)?", re.IGNORECASE)
"""In the place of a person: hardly one, and people of such a folder would be split at random."""


def read_plain(root: str | Path) -> Reading:
    """Read ``ROOT/labels.csv`` if it is there, else the folders.

    Persons may be several, with ``+`` between them; spaces round names and values do not count. Without a person, a
    file's own name is its person. In folders, a split's name is no person: it may stand above the label or below it.
    What has no split gets one by its persons: those who share a video get one together.

    Raises:
        InputError: If a row is wrong, a file is listed twice, somebody is in two splits, or nothing is found.
    """
    place = require_folder(root)
    by_csv = (place / CSV_NAME).is_file()
    rows = list(_rows_of_csv(place) if by_csv else _rows_of_folders(place))
    paths = [place / os.path.normpath(row["path"]) for row in rows]
    people = [_persons_of(path, row["person"]) for path, row in zip(paths, rows, strict=True)]
    splits = _splits_of(rows, people)
    videos: list[LabelledVideo] = []
    left_out: list[dict[str, str]] = []
    seen: dict[Path, str] = {}
    for row, path, persons in zip(rows, paths, people, strict=True):
        if not is_there(path):
            left_out.append({"path": row["path"], "reason": f"in {CSV_NAME}, but no such file"})
            continue
        if (first := seen.get(path.resolve())) is not None:
            raise InputError(
                f"{path} is there twice", found=f"{first} and {row['path']}",
                expected="each file once, with one label",
            )  # fmt: skip
        seen[path.resolve()] = row["path"]
        videos.append(_video(place, path, row, row["split"] or splits[persons[0]], persons))
    reason = f"not in {CSV_NAME}" if by_csv else "not below a folder named real or fake"
    left_out += unread(place, videos, left_out, reason)
    return checked(videos, place, "a plain corpus", left_out)


def _video(
    root: Path, path: Path, row: Mapping[str, str], split: str, persons: tuple[str, ...]
) -> LabelledVideo:
    label = _LABELS.get(row["label"].lower())
    if label is None:
        raise InputError(f"{path} has an unknown label", found=row["label"], expected="real | fake")
    mask = root / row["mask"] if row["mask"] else None
    family = (row["family"] or "forged") if label == FORGED else ""
    return LabelledVideo(path, label, split, family, persons, mask)


def _rows_of_csv(root: Path) -> Iterator[dict[str, str]]:
    """Give the rows with all columns that are known, stripped; what is not told is ""."""
    path = root / CSV_NAME
    reader = csv.DictReader(io.StringIO(read_text(path, "save it as UTF-8"), None), strict=True)
    begun = 1
    try:
        names = [name.strip().lower() for name in reader.fieldnames or ()]
        if missing := {"path", "label"} - set(names):
            raise InputError(
                f"{path} lacks columns", found=names, expected=f"{', '.join(sorted(missing))}, too"
            )
        reader.fieldnames, begun = names, reader.line_num + 1
        for row in reader:
            values = {name: (row.get(name) or "").strip() for name in COLUMNS}
            if not values["path"] or not values["label"]:
                raise InputError(
                    f"line {begun} of {path} is short", found=values,
                    expected="a path and a label",
                )  # fmt: skip
            yield values
            begun = reader.line_num + 1
    except csv.Error as error:
        raise InputError(
            f"line {begun} of {path} cannot be read", found=error, fix="close its quotes"
        ) from error


def _persons_of(path: Path, told: str) -> tuple[str, ...]:
    """Return who is seen: as told, else a person of the file's own name."""
    return tuple(filter(None, map(str.strip, told.split("+")))) or (path.stem,)


def _splits_of(
    rows: Sequence[Mapping[str, str]], people: Sequence[tuple[str, ...]]
) -> dict[str, str]:
    """Return a split for everybody: the one that is told of somebody in the group, else by the group's first name."""
    names = sorted({person for persons in people for person in persons})
    group = {name: name for name in names}

    def leader(name: str) -> str:
        while group[name] != name:
            name = group[name]
        return name

    for persons in people:
        for other in persons[1:]:
            one, two = sorted((leader(persons[0]), leader(other)))
            group[two] = one
    told = {
        leader(persons[0]): row["split"]
        for row, persons in zip(rows, people, strict=True)
        if row["split"]
    }
    own = split_by_identity(names)
    return {name: told.get(leader(name), own[leader(name)]) for name in names}


def _rows_of_folders(root: Path) -> Iterator[dict[str, str]]:
    for path in videos_below(root):
        folders = list(path.relative_to(root).parts[:-1])
        above = _taken_split(folders)
        if not folders or folders[0].lower() not in _LABELS:
            continue
        label = folders.pop(0)
        below = _taken_split(folders)
        person = folders[0] if folders else ""
        if (above and below and above != below) or _LIKE_A_SPLIT.fullmatch(person):
            raise InputError(
                f"{path} is in no clear split", found="/".join(path.relative_to(root).parts),
                expected="train | val | test once, above or below the label", fix="rename the folder",
            )  # fmt: skip
        where = str(path.relative_to(root))
        yield dict.fromkeys(COLUMNS, "") | {
            "path": where, "label": label, "person": person, "split": above or below,
        }  # fmt: skip


def _taken_split(folders: list[str]) -> str:
    """Take a split's name from the front; give "" if there is none."""
    return folders.pop(0) if folders and folders[0] in SPLITS else ""


def read_embedded(root: str | Path, quality: str = "c23") -> Reading:
    """Read a corpus of :mod:`shared.data.forgery.build` at one quality; its masks are exact.

    The persons of a forgery are those of its clip and of its donors, as far as the manifest tells whom a donor shows.

    Raises:
        InputError: If there is no such manifest or nothing of this quality.
    """
    manifest = read_manifest(root)
    shown = {clip.extra["target"]: clip.person for clip in manifest if "target" in clip.extra}
    videos = [
        LabelledVideo(
            manifest.path(clip.video),
            FORGED if is_forged(clip) else AUTHENTIC,
            clip.split,
            clip.extra["family"] if is_forged(clip) else "",
            _with_donors(clip, shown),
            manifest.path(clip.extra["known"]) if is_forged(clip) else None,
            quality,
        )
        for clip in manifest
        if clip.extra.get("quality") == quality
    ]
    return checked(videos, manifest.root, f"an embedded corpus at {quality}")


def _with_donors(clip: Clip, shown: Mapping[str, str]) -> tuple[str, ...]:
    """Return whom a clip shows and who lent it something, each once."""
    donors = (shown[name] for name in clip.extra.get("donors", ()) if name in shown)
    return tuple(dict.fromkeys((clip.person, *donors)))
