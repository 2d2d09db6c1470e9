"""Anybody's own corpus: a CSV file, or folders named for their labels; and this toolkit's forgery corpora.

labels.csv      path,label[,person][,split][,family][,mask]     label real|authentic|0 or fake|forged|1
folders         [train|val|test/]{real,fake}/[person/]NAME.mp4
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
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

    Persons may be several, with ``+`` between them. What has no split gets one by its first person.

    Raises:
        InputError: If a row is wrong, somebody is in two splits, or nothing is found.
    """
    place = require_folder(root)
    left_out: list[dict[str, str]] = []
    rows = _rows_of_csv(place) if (place / CSV_NAME).is_file() else _rows_of_folders(place)
    videos = []
    for row in rows:
        path = place / row["path"]
        if not path.exists():
            left_out.append({"path": row["path"], "reason": f"in {CSV_NAME}, but no such file"})
            continue
        label = _LABELS.get(row["label"].strip().lower())
        if label is None:
            raise InputError(f"{path} has an unknown label", found=row["label"], expected="real | fake")  # fmt: skip
        persons = tuple(filter(None, (row.get("person") or path.stem).split("+")))
        split = row.get("split") or split_by_identity(persons[:1])[persons[0]]
        mask = place / row["mask"] if row.get("mask") else None
        family = (row.get("family") or "forged") if label == FORGED else ""
        videos.append(LabelledVideo(path, label, split, family, persons, mask))
    return checked(videos, place, "a plain corpus", left_out)


def _rows_of_csv(root: Path) -> Iterator[dict[str, str]]:
    with (root / CSV_NAME).open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = {"path", "label"} - set(reader.fieldnames or ())
        if missing:
            raise InputError(
                f"{CSV_NAME} lacks columns", found=reader.fieldnames, expected="path,label,..."
            )
        yield from reader


def _rows_of_folders(root: Path) -> Iterator[dict[str, str]]:
    for path in sorted(root.rglob("*")):
        parts = list(path.relative_to(root).parts)
        if path.suffix.lower() not in VIDEO_SUFFIXES or not path.is_file():
            continue
        split = parts.pop(0) if parts[0] in SPLITS else ""
        if parts[0].lower() in _LABELS and len(parts) > 1:
            person = parts[1] if len(parts) > 2 else path.stem
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
