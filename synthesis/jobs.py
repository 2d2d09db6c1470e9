"""Batches: a table of jobs that resumes where it stopped, and in which one bad row stops no other."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from shared.beside import writing
from shared.custody import sha256_of, sha256_of_json
from shared.errors import InputError, ToolkitError
from shared.zoo.checkpoints import checkpoint_hash
from synthesis.options import parse_option
from synthesis.renderer.generator import Renderer
from synthesis.talking_head import DEFAULT_POSE, METHODS, TalkOptions, talk

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
    renderer, the driver, the default pose or the video itself is another one than last time.

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
    painter = Renderer.from_pretrained(renderer)
    tools = {name: checkpoint_hash(name) for name in METHODS}
    tools |= {"renderer": painter.sha256, "default pose": sha256_of(DEFAULT_POSE)}
    site = _Site(folder, painter, tools, finished, progress)
    _append(journal, "")
    for number, row in enumerate(rows, 1):
        cells = {name: text.strip() for name, text in row.items() if name and text and text.strip()}
        made = _Made()
        try:
            outcome, made = _run_row(number, cells, site)
        except ToolkitError as error:
            outcome = JobOutcome(number, "failed", cells.get("out", ""), error.code, str(error))
        except Exception as error:
            # Whatever a damaged file provokes must not stop the other rows: it is written down.
            told = f"{type(error).__name__}: {error}"
            outcome = JobOutcome(number, "failed", cells.get("out", ""), "unexpected", told)
        _append(journal, json.dumps({**asdict(outcome), **asdict(made)}) + "\n")
        yield outcome


@dataclass(frozen=True)
class _Made:
    """What a video was made of, and the video: two that are equal need not be made again.

    Attributes:
        fingerprint: Of the row, its files and the tools.
        video: SHA-256 of the video.
    """

    fingerprint: str = ""
    video: str = ""


@dataclass
class _Site:
    """What every row needs.

    Attributes:
        folder: Of the table.
        painter: The renderer.
        tools: Name -> SHA-256 of what every video is made with.
        finished: Path of a video -> what the row that made it last left.
        progress: Of the row at work.
        taken: Video -> number of the row of this table that names it.
    """

    folder: Path
    painter: Renderer
    tools: dict[str, str]
    finished: dict[str, _Made]
    progress: Callable[[int, int], None] | None
    taken: dict[str, int] = field(default_factory=dict)


def _finished(journal: Path) -> dict[str, _Made]:
    """Return path of a video -> what its last row left; a line that was cut off when a run was killed tells nothing."""
    found: dict[str, _Made] = {}
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
                found[held["out"]] = _Made(held["fingerprint"], held["video"])
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


def _run_row(number: int, cells: dict[str, str], site: _Site) -> tuple[JobOutcome, _Made]:
    if missing := [name for name in REQUIRED if name not in cells]:
        raise InputError("a cell is empty", found=", ".join(missing), fix="fill it in")
    files = {name: site.folder / cells[name] for name in FILES if name in cells}
    hashes = {name: sha256_of(path) for name, path in files.items()}
    out = site.folder / cells["out"]
    first = site.taken.setdefault(str(out.resolve()), number)
    if first != number:
        raise InputError("two rows name one video", found=f"{out}, of row {first}, too")
    fingerprint = sha256_of_json({"cells": cells, "files": hashes, "tools": site.tools})
    held = site.finished.get(str(out), _Made())
    if held.fingerprint == fingerprint and out.is_file() and sha256_of(out) == held.video:
        return JobOutcome(number, "skipped", str(out)), held
    options = {
        name: parse_option(name, text)
        for name, text in cells.items()
        if name not in (*FILES, "out")
    }
    talk(
        files["photo"], files["audio"], out, pose_video=files.get("pose_video"), pose=files.get("pose"),
        renderer=site.painter, progress=site.progress, **options,
    )  # fmt: skip
    return JobOutcome(number, "done", str(out)), _Made(fingerprint, sha256_of(out))
