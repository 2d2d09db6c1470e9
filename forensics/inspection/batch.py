"""Many files: one answer each, one report each, to be stopped and gone on with; a bad file stops no other.

FOLDER/<name>.<8 digits of its path's hash>.json   the answer; read back if file, weights and settings are the same
FOLDER/<name>.<8 digits>.html                      its report
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from forensics.inspection.inspect import Inspector
from forensics.inspection.judge import FaceJudge, open_judge
from forensics.inspection.result import Inspection
from forensics.inspection.settings import Settings
from forensics.inspection.watching import Eyes
from shared.beside import require_own, require_writable
from shared.custody import RunRecord, versions, write_atomic
from shared.errors import InputError, OutputError

Done = Callable[[Path, Inspection], None]
"""Called after each file."""

_LONGEST_NAME = 80


def inspect_files(
    files: Iterable[str | Path],
    *,
    detector: str | Path | FaceJudge = "focus",
    report: str | Path | None = None,
    json_file: str | Path | None = None,
    settings: Settings | None = None,
    device: str = "cpu",
    eyes: Eyes | None = None,
    done: Done | None = None,
) -> list[Inspection]:
    """Examine files one after another; answers that lie in the report folder already are not found anew.

    Args:
        files: Pictures and videos.
        detector: As for :func:`forensics.inspect`.
        report: Folder of one HTML and one JSON file for each; made if missing.
        json_file: File for all answers together.
        settings: How files are looked at.
        device: Where the detector runs.
        eyes: What finds faces.
        done: Called after each file.

    Returns:
        The answers, without the pictures of faces: those of many files fill the memory, and the reports have them.

    Raises:
        OutputError: If an output cannot be written.
    """
    if json_file is not None:
        require_own(json_file, b"{")
    folder = _made(report)
    opened = open_judge(detector, device=device)
    inspector = Inspector(opened, settings or Settings(), eyes or Eyes.usual())
    found = []
    for path in map(Path, files):
        answer = dataclasses.replace(_answered(inspector, path, folder), pictures={})
        found.append(answer)
        if done:
            done(path, answer)
    if json_file is not None:
        write_atomic(json_file, to_text(found))
    return found


def to_text(found: Iterable[Inspection]) -> str:
    """Return answers as the text that :func:`read_inspections` reads from a file."""
    content = {"task": "forensics.inspect", "inspections": [answer.to_json() for answer in found]}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def read_inspections(path: str | Path) -> Iterator[Inspection]:
    """Read back the answers of a ``--json`` file, in their order.

    Raises:
        InputError: If it holds none.
    """
    try:
        rows = json.loads(Path(path).read_text("utf-8"))["inspections"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} holds no inspections", found=error) from error
    return map(Inspection.from_json, rows)


def report_name(path: Path) -> str:
    """Return the name, without suffix, under which a file's answer lies; two files never share one.

    Example:
        >>> report_name(Path("a/clip.mp4")) == report_name(Path("b/clip.mp4"))
        False
    """
    digest = hashlib.sha256(str(path.resolve()).encode("utf-8", "surrogateescape")).hexdigest()
    # file systems count bytes
    name = path.name.encode("utf-8", "ignore")[:_LONGEST_NAME].decode("utf-8", "ignore")
    return f"{name}.{digest[:8]}"


def _answered(inspector: Inspector, path: Path, folder: Path | None) -> Inspection:
    if folder is None:
        return inspector.inspect(path)
    place, page = (folder / f"{report_name(path)}{end}" for end in (".json", ".html"))
    if _holds_something(page) and (earlier := _earlier(inspector, path, place)) is not None:
        return earlier
    from forensics.report.inspection import write_inspection

    found = inspector.inspect(path)
    write_inspection(found, page)
    # the answer comes last: where it lies, the report is whole
    write_atomic(place, json.dumps(found.to_json(), ensure_ascii=False) + "\n")
    return found


def _holds_something(page: Path) -> bool:
    """Tell whether a report lies there; a full disk or another program may have left an empty one."""
    return page.is_file() and page.stat().st_size > 0


def _earlier(inspector: Inspector, path: Path, place: Path) -> Inspection | None:
    """Return an earlier answer if nothing that it depends on has changed."""
    try:
        found = Inspection.from_json(place.read_text("utf-8"))
    except (OSError, ValueError, InputError):
        return None
    now = inspector.record()
    try:
        now.add_input("file", path)
    except InputError:
        return None
    same = (
        _content(found.record) == _content(now)
        and found.record.weights == now.weights
        and found.record.settings == now.settings
        and found.record.versions == versions()
    )
    return found if same else None


def _content(record: RunRecord) -> str:
    """Return the hash of the file that was examined; how its path is spelled does not matter."""
    return str(record.inputs["file"]["sha256"])


def _made(report: str | Path | None) -> Path | None:
    if report is None:
        return None
    folder = Path(report)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"cannot make the folder {folder}", found=error.strerror, fix="choose another"
        ) from error
    require_writable(folder / "report.html")
    return folder
