"""``forensics inspect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from forensics.verdict import Reason
from shared import zoo
from shared.console import STDOUT, printable, tell
from shared.errors import InputError, WeightsError

if TYPE_CHECKING:
    from forensics.inspection.result import Inspection


def inspect_command(
    files: Annotated[list[Path], typer.Argument(help="Pictures and videos.", show_default=False)],
    detector: Annotated[
        str, typer.Option(help="Name of a shipped detector, or the folder of a checkpoint.")
    ] = "focus",
    report: Annotated[
        Path | None, typer.Option(help="Folder for a report (HTML) and a record of each file.")
    ] = None,
    as_json: Annotated[
        Path | None,
        typer.Option("--json", help="Write all answers to one file; - is standard output."),
    ] = None,
    frames: Annotated[
        int | None,
        typer.Option(help="Look at about so many frames; by default five a second."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1.")] = "cpu",
) -> None:
    """Say whether the faces of pictures and videos were manipulated, where, when, and how sure that is.

    Without a trained and calibrated detector every answer is inconclusive. With --report the same command goes on where
    it was stopped. Exit code 0 when every file was examined, whatever the answer, 2 when one could not be (a folder
    is none: name the files in it); the others are all the same. With --json - what people read goes to standard error.

    Examples:
      forensics inspect clip.mp4 --report out
      forensics inspect *.mp4 --report out --json out.json --frames 32
    """
    _check_there(detector)
    from forensics.inspection.batch import inspect_files, to_text
    from forensics.inspection.settings import Settings

    piped = as_json == STDOUT
    found = inspect_files(
        files, detector=detector, report=report, json_file=None if piped else as_json,
        settings=Settings(frames=frames), device=device,
        done=lambda path, answer: tell(f"{path}: {answer.verdict.decision}"),
    )  # fmt: skip
    _print(found, Console(stderr=piped))
    if piped:
        typer.echo(printable(to_text(found)), nl=False)
    if any(one.verdict.reason is Reason.UNREADABLE for one in found):
        raise typer.Exit(InputError.exit_code)


def _check_there(detector: str) -> None:
    """Refuse a checkpoint that is not there at once: the imports alone take seconds.

    Raises:
        WeightsError: If there is neither a shipped one of this name nor such a folder.
    """
    shipped = Path(zoo.__path__[0]) / "weights"
    if not (Path(detector).is_dir() or (shipped / detector).is_dir()):
        names = ", ".join(sorted(place.name for place in shipped.iterdir()))
        raise WeightsError(f"no checkpoint {detector}", expected=f"a folder, or one of: {names}")


def _print(found: list[Inspection], output: Console) -> None:
    table = Table(Column("file", overflow="fold"), "face", "answer", "score", "probability", "mark")
    for one in found:
        mark = one.marks.kind.value if one.marks else "-"
        for face, verdict in [
            ("all", one.verdict),
            *((str(track.number), track.verdict) for track in one.tracks),
        ]:
            table.add_row(
                Text(printable(one.verdict.subject) if face == "all" else ""),
                face,
                verdict.decision + (f": {verdict.reason}" if verdict.reason else ""),
                "-" if verdict.score is None else f"{verdict.score:.4g}",
                "-" if verdict.probability is None else f"{verdict.probability:.1%}",
                mark if face == "all" else "",
            )
    output.print(table)
    for one in found:
        problem = one.verdict.evidence.get("problem")
        told = f" ({problem})" if problem else ""
        for sentence in (
            f"{one.verdict.sentence}{told}",
            *(f"note: {note}" for note in one.record.notes),
        ):
            output.print(Text(printable(f"{one.verdict.subject}: {sentence}")))
