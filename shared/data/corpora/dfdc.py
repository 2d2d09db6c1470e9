"""DFDC (Dolhansky et al., arXiv 2006.07397) and its preview (arXiv 1910.08854), with their official splits.

DFDC      [train/]dfdc_train_part_N/{metadata.json,*.mp4}    name -> {"label": "FAKE", "original": name}
          validation/, test/                                  labels.csv (filename,label) or metadata.json
preview   dataset.json                                        path -> {"label", "set", "target_id", "swapped_id"}
"""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

from shared.data.corpora.held_out import hold_out
from shared.data.corpora.video import (
    AUTHENTIC,
    FORGED,
    LabelledVideo,
    Reading,
    checked,
    is_there,
    read_json,
    require_folder,
    unread,
)
from shared.errors import InputError

_LABELS = {
    "0": AUTHENTIC, "real": AUTHENTIC, "original": AUTHENTIC,
    "1": FORGED, "fake": FORGED,
}  # fmt: skip
_METADATA_FIX = "get the corpus's own metadata.json"


def read_dfdc(root: str | Path) -> Reading:
    """Read DFDC: its parts are ``train``, ``validation`` is ``val``, ``test`` is ``test``.

    A part is a folder ``dfdc_train_part_*`` that holds a ``metadata.json``: unpacked, it often lies in another of
    such a name.

    DFDC publishes no identities. A training video's group is its original, so that all forgeries of a recording stay
    together; the official folders were filled with different actors. Without a folder ``validation``, a tenth of the
    originals becomes ``val``: of the same actors as ``train``.

    Raises:
        InputError: If nothing of this layout is there, or labels are missing.
    """
    place = require_folder(root)
    videos: list[LabelledVideo] = []
    left_out: list[dict[str, str]] = []
    folders = [(part, "train") for part in _parts(place)]
    folders += [(place / name, split) for name, split in (("validation", "val"), ("test", "test"))]
    for folder, split in folders:
        if folder.is_dir():
            _read_folder(place, folder, split, videos, left_out)
    if not (place / "validation").is_dir():
        videos = hold_out(videos)
    left_out += unread(place, videos, left_out, "not where DFDC has its labelled videos")
    return checked(videos, place, "DFDC", left_out)


def _parts(root: Path) -> list[Path]:
    """List the outermost folders of training videos with labels.

    Raises:
        InputError: If there are folders of such a name, and labels in none of them.
    """
    labelled = sorted({path.parent for path in root.rglob("dfdc_train_part_*/metadata.json")})
    named = [path for path in root.rglob("dfdc_train_part_*") if path.is_dir()]
    if named and not labelled:
        raise InputError(
            f"no dfdc_train_part_* in {root} holds a metadata.json", found=min(named),
            fix=_METADATA_FIX,
        )  # fmt: skip
    return [part for part in labelled if not any(other in part.parents for other in labelled)]


def _read_folder(
    root: Path,
    folder: Path,
    split: str,
    videos: list[LabelledVideo],
    left_out: list[dict[str, str]],
) -> None:
    """Read one folder with its labels; every file without a label and label without a file is named."""
    labels = _labels_csv(folder) or _rows_of(folder / "metadata.json", _METADATA_FIX)
    files = {path.name: path for path in sorted(folder.rglob("*.mp4"))}
    for name in sorted(files.keys() | labels.keys()):
        row = labels.get(name)
        if row is None or name not in files:
            reason = "no label" if row is None else "in the labels, but no such file"
            left_out.append({"path": f"{folder.relative_to(root)}/{name}", "reason": reason})
            continue
        label = _label(row.get("label", row.get("is_fake")), name)
        original = row.get("original") or name
        group = f"{split}-{Path(str(original)).stem}"
        videos.append(
            LabelledVideo(files[name], label, split, "DFDC" if label == FORGED else "", (group,))
        )


def _rows_of(path: Path, fix: str) -> dict[str, dict[str, Any]]:
    """Read a JSON file that gives each video a row."""
    rows = read_json(path, fix)
    if not isinstance(rows, dict) or not all(isinstance(row, dict) for row in rows.values()):
        raise InputError(
            f"{path} does not give each video a row", expected='{"a.mp4": {...}}', fix=fix
        )
    return rows


def _labels_csv(folder: Path) -> dict[str, dict[str, Any]]:
    path = folder / "labels.csv"
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            return {str(row["filename"]): dict(row) for row in csv.DictReader(file, strict=True)}
    except (OSError, UnicodeDecodeError, csv.Error, KeyError) as error:
        raise InputError(
            f"{path} cannot be read", found=error, expected="filename,label"
        ) from error


def read_dfdc_preview(root: str | Path) -> Reading:
    """Read the DFDC preview: its ``set`` is the split, its ids are people; a tenth of ``train`` becomes ``val``.

    Raises:
        InputError: If ``dataset.json`` is missing, or somebody is in two splits.
    """
    place = require_folder(root)
    rows = _rows_of(place / "dataset.json", "it belongs to the corpus")
    videos, left_out = [], []
    for name, row in sorted(rows.items()):
        path = place / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            left_out.append({"path": name, "reason": "in dataset.json, but outside of the corpus"})
            continue
        if not is_there(path):
            left_out.append({"path": name, "reason": "in dataset.json, but no such file"})
            continue
        label = _label(row.get("label"), name)
        numbers = [row.get("target_id"), row.get("swapped_id")]
        persons = tuple(dict.fromkeys(str(n) for n in numbers if n is not None))
        persons = persons or tuple(re.findall(r"^\d+", path.stem)) or (path.stem,)
        family = path.relative_to(place).parts[0] if label == FORGED else ""
        videos.append(LabelledVideo(path, label, str(row.get("set")), family, persons))
    left_out += unread(place, videos, left_out, "not in dataset.json")
    return checked(hold_out(videos), place, "the DFDC preview", left_out)


def _label(value: object, name: str) -> str:
    found = _LABELS.get(str(value).strip().lower())
    if found is None:
        raise InputError(f"{name} has an unknown label", found=value, expected="REAL | FAKE")
    return found
