"""Anybody's own corpus: a CSV file, or folders named for their labels; and this toolkit's forgery corpora.

labels.csv      path,label[,person][,split][,family][,mask]     label real|authentic|0 or fake|forged|1
folders         [train|val|test/]{real,fake}/[person/]NAME.mp4
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from shared.data.clip import SPLITS
from shared.data.corpora.video import (
    AUTHENTIC,
    FORGED,
    LabelledVideo,
    Reading,
    checked,
    require_folder,
)
from shared.data.footage import VIDEO_SUFFIXES
from shared.data.forgery.known import is_forged
from shared.data.manifest import read_manifest
from shared.data.splits import split_by_identity
from shared.errors import InputError

CSV_NAME = "labels.csv"
_LABELS = {
    "real": AUTHENTIC, "authentic": AUTHENTIC, "original": AUTHENTIC, "0": AUTHENTIC,
    "fake": FORGED, "forged": FORGED, "manipulated": FORGED, "1": FORGED,
}  # fmt: skip


def read_plain(root: str | Path) -> Reading:
    """Read ``ROOT/labels.csv`` if it is there, else the folders.

    Persons may be several, with ``+`` between them. What has no split gets one by its persons: those who share a video
    get one together.

    Raises:
        InputError: If a row is wrong, somebody is in two splits, or nothing is found.
    """
    place = require_folder(root)
    left_out: list[dict[str, str]] = []
    by_csv = (place / CSV_NAME).is_file()
    rows = list(_rows_of_csv(place) if by_csv else _rows_of_folders(place))
    found = {place / row["path"] for row in rows}
    reason = f"not in {CSV_NAME}" if by_csv else "not below a folder named real or fake"
    left_out += [
        {"path": str(path.relative_to(place)), "reason": reason}
        for path in _videos_below(place)
        if path not in found
    ]
    people = [_persons_of(place / row["path"], row.get("person") or "") for row in rows]
    splits = _splits_of(rows, people)
    videos = []
    for row, persons in zip(rows, people, strict=True):
        path = place / row["path"]
        if not path.exists():
            left_out.append({"path": row["path"], "reason": f"in {CSV_NAME}, but no such file"})
            continue
        label = _LABELS.get(row["label"].strip().lower())
        if label is None:
            raise InputError(f"{path} has an unknown label", found=row["label"], expected="real | fake")  # fmt: skip
        split = row.get("split") or splits[persons[0]]
        mask = place / row["mask"] if row.get("mask") else None
        family = (row.get("family") or "forged") if label == FORGED else ""
        videos.append(LabelledVideo(path, label, split, family, persons, mask))
    return checked(videos, place, "a plain corpus", left_out)


def _rows_of_csv(root: Path) -> Iterator[dict[str, str]]:
    try:
        text = (root / CSV_NAME).read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{root / CSV_NAME} cannot be read", found=error, fix="save it as UTF-8"
        ) from error
    reader = csv.DictReader(io.StringIO(text))
    missing = {"path", "label"} - set(reader.fieldnames or ())
    if missing:
        raise InputError(
            f"{CSV_NAME} lacks columns", found=reader.fieldnames, expected="path,label,..."
        )
    for row in reader:
        if not row["path"] or not row["label"]:
            raise InputError(
                f"line {reader.line_num} of {CSV_NAME} is short", found=dict(row),
                expected="a path and a label",
            )  # fmt: skip
        yield row


def _persons_of(path: Path, told: str) -> tuple[str, ...]:
    """Return who is seen: as told, else a person of the file's own name."""
    return tuple(filter(None, told.split("+"))) or (path.stem,)


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
        if row.get("split")
    }
    own = split_by_identity(names)
    return {name: told.get(leader(name), own[leader(name)]) for name in names}


def _videos_below(root: Path) -> list[Path]:
    return [
        p for p in sorted(root.rglob("*")) if p.suffix.lower() in VIDEO_SUFFIXES and p.is_file()
    ]


def _rows_of_folders(root: Path) -> Iterator[dict[str, str]]:
    for path in _videos_below(root):
        parts = list(path.relative_to(root).parts)
        split = parts.pop(0) if parts[0] in SPLITS else ""
        if parts[0].lower() in _LABELS and len(parts) > 1:
            person = parts[1] if len(parts) > 2 else ""
            where = str(path.relative_to(root))
            yield {"path": where, "label": parts[0], "person": person, "split": split}


def read_embedded(root: str | Path, quality: str = "c23") -> Reading:
    """Read a corpus of :mod:`shared.data.forgery.build` at one quality; its masks are exact.

    Raises:
        InputError: If there is no such manifest or nothing of this quality.
    """
    manifest = read_manifest(root)
    videos = [
        LabelledVideo(
            manifest.path(clip.video),
            FORGED if is_forged(clip) else AUTHENTIC,
            clip.split,
            clip.extra["family"] if is_forged(clip) else "",
            (clip.person,),
            manifest.path(clip.extra["known"]) if is_forged(clip) else None,
            quality,
        )
        for clip in manifest
        if clip.extra.get("quality") == quality
    ]
    return checked(videos, manifest.root, f"an embedded corpus at {quality}")
