"""Batches: a table of jobs that resumes where it stopped, and in which one bad row stops no other."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.custody import sha256_of, sha256_of_json
from shared.errors import InputError, ToolkitError
from synthesis.options import parse_option
from synthesis.renderer.generator import Renderer
from synthesis.talking_head import TalkOptions, talk

FILES = ("photo", "audio", "pose_video", "pose")
REQUIRED = ("photo", "audio", "out")
STATE_NAME = "jobs.jsonl"


@dataclass(frozen=True)
class JobOutcome:
    """What became of one row.

    Attributes:
        row: Number in the table, from 1.
        state: ``done``, ``skipped`` (was done before) or ``failed``.
        out: The video.
        code: Code of the error, or "".
        message: The error, or "".
    """

    row: int
    state: str
    out: str
    code: str = ""
    message: str = ""


def read_jobs(table: str | Path) -> list[dict[str, str]]:
    """Read a CSV of jobs: columns ``photo, audio, out`` and, if wanted, any option of ``talk``.

    Paths are relative to the table's folder.

    Raises:
        InputError: If the table cannot be read, is empty, or has a column that means nothing.
    """
    path = Path(table)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"the table {path} cannot be read", found=error) from error
    if not rows:
        raise InputError(
            f"the table {path} has no rows", expected="a header line, then one job a line"
        )
    known = {*FILES, "out", *TalkOptions.__dataclass_fields__}
    columns = {name for row in rows for name in row if name is not None}
    if unknown := columns - known:
        raise InputError(
            "the table has unknown columns",
            found=", ".join(sorted(unknown)),
            expected=", ".join(sorted(known)),
        )
    if missing := set(REQUIRED) - columns:
        raise InputError(
            "the table lacks columns",
            found=", ".join(sorted(missing)),
            expected=", ".join(REQUIRED),
        )
    return rows


def run_jobs(
    table: str | Path,
    *,
    renderer: str | Path = "renderer",
    progress: Callable[[int, int], None] | None = None,
) -> Iterator[JobOutcome]:
    """Run the jobs of a table one after the other.

    What was done is kept in ``jobs.jsonl`` beside the table; a row is done again only if it, or a file that it
    names, has changed.

    Args:
        table: The CSV.
        renderer: Name or folder of the renderer's checkpoint; loaded once.
        progress: Called with (frames done, frames) of the row at work.

    Yields:
        One outcome a row, in order.
    """
    rows, folder = read_jobs(table), Path(table).parent
    journal = folder / STATE_NAME
    finished = _finished(journal)
    painter = Renderer.from_pretrained(renderer)
    for number, row in enumerate(rows, 1):
        cells = {name: text.strip() for name, text in row.items() if name and text and text.strip()}
        try:
            outcome = _run_row(number, cells, folder, finished, painter, progress)
        except ToolkitError as error:
            outcome = (
                JobOutcome(number, "failed", cells.get("out", ""), error.code, str(error)),
                "",
            )
        with journal.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({**outcome[0].__dict__, "fingerprint": outcome[1]}) + "\n")
        yield outcome[0]


def _finished(journal: Path) -> set[str]:
    if not journal.is_file():
        return set()
    lines = [json.loads(line) for line in journal.read_text("utf-8").splitlines() if line.strip()]
    return {line["fingerprint"] for line in lines if line["state"] in ("done", "skipped")}


def _run_row(
    number: int,
    cells: dict[str, str],
    folder: Path,
    finished: set[str],
    painter: Renderer,
    progress: Callable[[int, int], None] | None,
) -> tuple[JobOutcome, str]:
    if missing := [name for name in REQUIRED if name not in cells]:
        raise InputError("a cell is empty", found=", ".join(missing), fix="fill it in")
    files = {name: folder / cells[name] for name in FILES if name in cells}
    for path in files.values():
        if not path.is_file():
            raise InputError(f"there is no file {path}", fix="paths are relative to the table")
    hashes = {name: sha256_of(path) for name, path in files.items()}
    fingerprint = sha256_of_json({"cells": cells, "files": hashes})
    out = folder / cells["out"]
    if fingerprint in finished and out.is_file():
        return JobOutcome(number, "skipped", str(out)), fingerprint
    options = {
        name: parse_option(name, text)
        for name, text in cells.items()
        if name not in (*FILES, "out")
    }
    talk(
        files["photo"], files["audio"], out, pose_video=files.get("pose_video"), pose=files.get("pose"),
        renderer=painter, progress=progress, **options,
    )  # fmt: skip
    return JobOutcome(number, "done", str(out)), fingerprint
