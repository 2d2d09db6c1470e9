"""The command line of the forensic wing."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Column, Table
from rich.text import Text

from forensics.calibrate import calibrate_command
from forensics.inspection.command import inspect_command
from forensics.prepare import prepare_command
from forensics.verdict import Reason
from shared import console
from shared.beside import require_own
from shared.errors import InputError, ToolkitError
from shared.media.marks import Marks, read_marks

if TYPE_CHECKING:
    from forensics.membership.findings import Audit

app = typer.Typer(
    help="Examine pictures, videos and models: manipulated faces, marks of generators, traces of training.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.command()
def marks(
    files: Annotated[list[Path], typer.Argument(help="Pictures and videos.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Look for the marks that this toolkit puts into what it makes: the file's comment and the invisible watermark.

    "No mark" is no proof that a file is genuine. Exit code 0 when every file was read, 2 when one was not; the others
    are examined all the same.
    """
    results = [(path, _examined(path)) for path in files]
    if as_json:
        Console(soft_wrap=True, highlight=False).out(
            json.dumps([_row(*result) for result in results], indent=2)
        )
    else:
        _print_table(results)
    if any(isinstance(result, ToolkitError) for _, result in results):
        raise typer.Exit(InputError.exit_code)


@app.command("audit")
def audit_command(
    model: Annotated[
        str,
        typer.Argument(
            help="Folder of a diffusers pipeline, id of one on the hub, target-emoji or target-portraits."
        ),
    ],
    images: Annotated[
        list[Path] | None,
        typer.Argument(help="The pictures in question: files, folders, lists of paths (.txt)."),
    ] = None,
    method: Annotated[str, typer.Option(help="structural, drc or one of their rivals.")] = "drc",
    members: Annotated[
        Path | None, typer.Option(help="Pictures known to be in the training set.")
    ] = None,
    nonmembers: Annotated[
        Path | None, typer.Option(help="Pictures of the same source known not to be in it.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a report (HTML).")] = None,
    as_json: Annotated[
        Path | None, typer.Option("--json", help="Write the record; - is standard output.")
    ] = None,
    caption: Annotated[str, typer.Option(help="One caption for all pictures.")] = "",
    captions: Annotated[
        Path | None, typer.Option(help="CSV with the columns image and caption.")
    ] = None,
    captioner: Annotated[
        Path | None, typer.Option(help="Folder of a local model that writes the captions.")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="A model of the same kind trained on other pictures.")
    ] = None,
    setting: Annotated[
        list[str] | None,
        typer.Option("--set", help="A setting of the method: NAME=VALUE. May be repeated."),
    ] = None,
    error_rate: Annotated[
        float, typer.Option(help="Share of wrong answers allowed in either class.")
    ] = 0.05,
    seed: Annotated[int, typer.Option(help="Decides everything random.")] = 0,
    batch_size: Annotated[int, typer.Option(help="Pictures scored at once.")] = 8,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1.")] = "cpu",
    allow_download: Annotated[
        bool, typer.Option("--allow-download", help="Fetch MODEL from the hub if it is an id.")
    ] = False,
    work: Annotated[
        Path | None,
        typer.Option(help="Folder of finished scores; by default beside the report or record."),
    ] = None,
) -> None:
    """Ask a diffusion model whether pictures were in its training set.

    An answer needs known members and non-members; controls that cannot know the answer run beside the method. The same
    command goes on where it was stopped. Exit code 2 when a picture could not be examined; the others are all the same.

    The models in the box bring pictures of their own.

    Examples:
      forensics audit target-emoji --method pia --report out.html
      forensics audit MODEL photo.png --members A --nonmembers B --report out.html
      forensics audit MODEL FOLDER --method structural --set preset=official --members A --nonmembers B --json out.json
    """
    from forensics.membership.audit import audit
    from forensics.membership.known import known_pictures
    from forensics.membership.shipped import Question
    from forensics.report.membership import write_report

    piped = as_json == console.STDOUT
    record = None if piped else as_json
    outputs = [path for path in (report, record) if path is not None]
    for place, beginning in ((report, b"<!doctype html>"), (record, b"{")):
        if place is not None:
            require_own(place, beginning)
    if work is None and outputs:
        work = outputs[0].with_suffix(".scores")
    asked = Question(model, images or [], members, nonmembers, captions).completed()
    with _bar() as progress:
        found = audit(
            asked.model, asked.images, method=method, settings=_settings(setting or []),
            calibration=known_pictures(asked.members, asked.nonmembers), caption=caption,
            captions=asked.captions, captioner=captioner, reference=reference, error_rate=error_rate, seed=seed,
            batch_size=batch_size, device=device, allow_download=allow_download, work=work,
            progress=_shown(progress),
        )  # fmt: skip
    if os.environ.get("RANK", "0") != "0":
        return  # started by accelerate: the first process writes for all
    if record:
        found.record.write(record)
    if report:
        write_report(found, report)
    _print_verdicts(found, Console(stderr=piped))
    if piped:
        typer.echo(console.printable(found.record.to_text()), nl=False)
    if any(verdict.reason is Reason.UNREADABLE for verdict in found.verdicts):
        raise typer.Exit(InputError.exit_code)


@app.command("train")
def train_command(
    what: Annotated[
        str,
        typer.Argument(
            help="focus, classnseg, ffd, efficientnet-unet, vit-map, xception or efficientnet."
        ),
    ],
    corpus: Annotated[
        list[Path],
        typer.Option(help="Folder of `forensics prepare` or of a forgery corpus; may be repeated."),
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the run; it resumes.")],
    beside: Annotated[
        Path | None,
        typer.Option(
            help="Forgery corpus of extracted faces: forged ones come beside their counterparts."
        ),
    ] = None,
    profile: Annotated[str, typer.Option(help="smoke, cpu, gpu or paper.")] = "cpu",
    maps: Annotated[
        str | None, typer.Option(help="Whose maps teach a detector where: known, focus, ...")
    ] = None,
    teacher: Annotated[
        Path | None, typer.Option(help="Checkpoint that the maps come from, if they need one.")
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Folder of a local transformers backbone to begin from.")
    ] = None,
    start: Annotated[
        str | None, typer.Option(help="focus: an earlier one of the same sizes to go on from.")
    ] = None,
    per_clip: Annotated[int, typer.Option(help="Frames of each clip of a forgery corpus.")] = 8,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    minutes: Annotated[float | None, typer.Option(help="Wall clock at most.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Train a detector of forged faces; the checkpoint ends in OUT/checkpoint.

    Examples:
      forensics train focus --corpus corpus/faces-c23 --beside corpus/forged -o runs/focus
      forensics train ffd --corpus corpus/forged --maps focus --teacher runs/focus/checkpoint -o runs/ffd
    """
    from forensics.train import train

    with _bar() as progress:
        show = _shown(progress)
        folder = train(
            what, corpus, out, beside=beside, profile=profile, maps=maps, teacher=teacher, weights=weights,
            start=start, per_clip=per_clip, seed=seed, minutes=minutes, device=device,
            progress=lambda done, total: show("clips read", done, total),
        )  # fmt: skip
    typer.echo(f"checkpoint: {folder}")


app.command("inspect")(inspect_command)


app.command("prepare")(prepare_command)


app.command("calibrate")(calibrate_command)


def main() -> None:
    """Run the ``forensics`` command."""
    console.run(app)


def _examined(path: Path) -> Marks | ToolkitError:
    try:
        return read_marks(path)
    except ToolkitError as error:
        return error


def _row(path: Path, result: Marks | ToolkitError) -> dict[str, Any]:
    if isinstance(result, ToolkitError):
        return {"file": str(path), "error": {"code": result.code, "message": str(result)}}
    return {"file": str(path), **result.to_json()}


def _settings(texts: list[str]) -> dict[str, Any]:
    """Read NAME=VALUE; a value that is no number, true or false is a text."""
    found = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError("a setting has a name and a value", found=text, expected="NAME=VALUE")
        try:
            found[name.replace("-", "_")] = json.loads(value)
        except ValueError:
            found[name.replace("-", "_")] = value
    return found


def _bar() -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
        console=Console(stderr=True),
    )  # fmt: skip


def _shown(progress: Progress) -> Callable[[str, int, int], None]:
    """Return what gives each step of an audit its own bar."""
    bars: dict[str, TaskID] = {}

    def show(what: str, done: int, total: int) -> None:
        if what not in bars:
            bars[what] = progress.add_task(what)
        progress.update(bars[what], completed=done, total=total)

    return show


def _print_verdicts(found: Audit, output: Console) -> None:
    from forensics.report.membership import headline

    table = Table(Column("picture", overflow="fold"), "answer", "score", "probability")
    for name, verdict in zip(
        _short([v.subject for v in found.verdicts]), found.verdicts, strict=True
    ):
        table.add_row(
            Text(name),
            verdict.decision + (f": {verdict.reason}" if verdict.reason else ""),
            "-" if verdict.score is None else f"{verdict.score:.4g}",
            "-" if verdict.probability is None else f"{verdict.probability:.1%}",
        )
    output.print(table)
    sentences = [headline(found), found.set_answer.sentence if found.set_answer else ""]
    output.print(Text(" ".join(sentence for sentence in sentences if sentence)))
    for note in found.record.notes:
        output.print(Text(f"note: {note}"))


def _short(paths: list[str]) -> list[str]:
    """Return file names without their folders where that confuses none.

    Example:
        >>> _short(["a/x.png", "a/y.png"]), _short(["a/x.png", "b/x.png"])
        (['x.png', 'y.png'], ['a/x.png', 'b/x.png'])
    """
    names = [Path(path).name for path in paths]
    return names if len(set(names)) == len(names) else paths


def _print_table(results: list[tuple[Path, Marks | ToolkitError]]) -> None:
    table = Table(
        Column("file", overflow="fold"),
        "mark",
        "says of itself",
        "watermark z",
        "p-value",
        "key frames",
    )
    for path, result in results:
        if isinstance(result, ToolkitError):
            console.print_error(result)
            continue
        told = result.metadata or {}
        table.add_row(
            Text(str(path)),
            result.kind.value,
            Text(
                " ".join(
                    str(told.get(name, "")) for name in ("generator", "version", "method")
                ).strip()
                or "-"
            ),
            f"{result.watermark_score:.1f}",
            f"{result.watermark_p_value:.1e}",
            _frames(result),
        )
    if table.row_count:
        Console().print(table)
        Console().print(
            "No mark found does not mean genuine: marks can be removed, and other tools have their own."
        )


def _frames(marks: Marks) -> str:
    """Return how many frames were looked at, and over what span where there is one."""
    if marks.frames_read < 2 or marks.first_second is None or marks.last_second is None:
        return str(marks.frames_read)
    return f"{marks.frames_read}, {marks.first_second:.1f} to {marks.last_second:.1f} s"


if __name__ == "__main__":
    main()
