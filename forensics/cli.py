"""The command line of the forensic wing."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from shared import console
from shared.errors import InputError, ToolkitError
from shared.media.marks import Marks, read_marks

app = typer.Typer(
    help="Examine pictures and videos: marks of generators, traces of manipulation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


@app.callback()
def _group() -> None:
    # Keeps `marks` a sub-command while it is the only one.
    pass


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
    return {"file": str(path), **dataclasses.asdict(result)}


def _print_table(results: list[tuple[Path, Marks | ToolkitError]]) -> None:
    table = Table(
        Column("file", overflow="fold"),
        "mark",
        "says of itself",
        "watermark z",
        "p-value",
        "frames",
    )
    for path, result in results:
        if isinstance(result, ToolkitError):
            console.print_error(result)
            continue
        told = result.metadata or {}
        table.add_row(
            str(path),
            "found" if result.found else "none found",
            " ".join(str(told.get(name, "")) for name in ("generator", "version", "method")).strip()
            or "-",
            f"{result.watermark_score:.1f}",
            f"{result.watermark_p_value:.1e}",
            str(result.frames_read),
        )
    if table.row_count:
        Console().print(table)
        Console().print(
            "No mark found does not mean genuine: marks can be removed, and other tools have their own."
        )


if __name__ == "__main__":
    main()
