"""Batches: a table of jobs that resumes where it stopped, and in which one bad row stops no other."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from shared.beside import writing
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

    What was done is kept in ``jobs.jsonl`` beside the table; a row is done again only if it, a file that it names, the
    renderer or the video itself is another one than last time.

    Args:
        table: The CSV.
        renderer: Name or folder of the renderer's checkpoint; loaded once.
        progress: Called with (frames done, frames) of the row at work.

    Yields:
        One outcome a row, in order.

    Raises:
        InputError: If the table cannot be used.
        OutputError: If the journal cannot be written.
    """
    rows, folder = read_jobs(table), Path(table).parent
    journal = folder / STATE_NAME
    finished = _finished(journal)
    site = _Site(folder, Renderer.from_pretrained(renderer), finished, progress)
    _append(journal, "")
    for number, row in enumerate(rows, 1):
        cells = {name: text.strip() for name, text in row.items() if name and text and text.strip()}
        fingerprint = ""
        try:
            outcome, fingerprint = _run_row(number, cells, site)
        except ToolkitError as error:
            outcome = JobOutcome(number, "failed", cells.get("out", ""), error.code, str(error))
        except Exception as error:
            # Whatever a damaged file provokes must not stop the other rows: it is written down.
            told = f"{type(error).__name__}: {error}"
            outcome = JobOutcome(number, "failed", cells.get("out", ""), "unexpected", told)
        _append(journal, json.dumps({**outcome.__dict__, "fingerprint": fingerprint}) + "\n")
        yield outcome


@dataclass
class _Site:
    """What every row needs.

    Attributes:
        folder: Of the table.
        painter: The renderer.
        finished: Video -> fingerprint of the row that made it last.
        progress: Of the row at work.
        taken: Video -> number of the row of this table that names it.
    """

    folder: Path
    painter: Renderer
    finished: dict[str, str]
    progress: Callable[[int, int], None] | None
    taken: dict[str, int] = field(default_factory=dict)


def _finished(journal: Path) -> dict[str, str]:
    """Return video -> fingerprint of its last row; a line that was cut off when a run was killed tells nothing."""
    found: dict[str, str] = {}
    try:
        lines = journal.read_text("utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return found
    except OSError as error:
        raise InputError(f"{journal} cannot be read", found=error.strerror) from error
    for line in lines:
        try:
            held = json.loads(line)
            if held["state"] in ("done", "skipped"):
                found[held["out"]] = held["fingerprint"]
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _append(journal: Path, line: str) -> None:
    """Add a line to the journal, which ends in a whole one from the first call on."""
    with writing(journal), journal.open("ab+") as stream:
        if stream.tell():
            stream.seek(-1, os.SEEK_END)
            line = line if stream.read(1) == b"\n" else f"\n{line}"
        stream.write(line.encode())


def _run_row(number: int, cells: dict[str, str], site: _Site) -> tuple[JobOutcome, str]:
    if missing := [name for name in REQUIRED if name not in cells]:
        raise InputError("a cell is empty", found=", ".join(missing), fix="fill it in")
    files = {name: site.folder / cells[name] for name in FILES if name in cells}
    hashes = {name: sha256_of(path) for name, path in files.items()}
    out = site.folder / cells["out"]
    first = site.taken.setdefault(str(out.resolve()), number)
    if first != number:
        raise InputError("two rows name one video", found=f"{out}, of row {first}, too")
    facts = {"cells": cells, "files": hashes, "renderer": site.painter.sha256}
    fingerprint = sha256_of_json(facts)
    if site.finished.get(str(out)) == fingerprint and out.is_file():
        return JobOutcome(number, "skipped", str(out)), fingerprint
    options = {
        name: parse_option(name, text)
        for name, text in cells.items()
        if name not in (*FILES, "out")
    }
    talk(
        files["photo"], files["audio"], out, pose_video=files.get("pose_video"), pose=files.get("pose"),
        renderer=site.painter, progress=site.progress, **options,
    )  # fmt: skip
    return JobOutcome(number, "done", str(out)), fingerprint
