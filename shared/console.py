"""What the three command lines share: how an error reaches the reader and the shell, and results a pipe."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TextIO

import typer
from rich.console import Console

from shared.errors import OutputError, ToolkitError

STDOUT = Path("-")
"""In place of a file's name: standard output, where nothing else is printed then."""

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def tell(text: str, colour: str | None = None) -> None:
    """Print a line to stderr, in colour where the terminal can show it; a full or closed one stops no work."""
    terminal = Console(stderr=True)
    shown = colour if terminal.color_system and not terminal.no_color else None
    try:
        typer.secho(printable(text), fg=shown, err=True)
    except OSError:
        _give_up(sys.stderr)


def printable(text: str) -> str:
    """Return the text with escapes for what UTF-8 cannot hold: bytes of a file name in another encoding."""
    return text.encode(errors="backslashreplace").decode()


def print_error(error: ToolkitError) -> None:
    """Print ``error [code]: message`` to stderr, red where the terminal can show it."""
    tell(f"error [{error.code}]: {error}", "red")


def run(app: typer.Typer) -> None:
    """Run a command line; a :class:`ToolkitError` becomes one red line on stderr and its own exit code.

    So does a standard output without room; one that nobody reads any more ends the command with code 1 and no word.
    Any other exception keeps its traceback: it is a fault of the toolkit, not of the input.
    """
    try:
        app()
    except ToolkitError as error:
        _fail(error)
    except OSError as error:  # files that cannot be written are OutputErrors already
        if error.errno not in _NO_ROOM or error.filename is not None:
            raise
        _give_up(sys.stdout)
        _fail(
            OutputError(
                "standard output cannot be written", found=error.strerror,
                fix="send it to a place with space",
            )
        )  # fmt: skip


def _give_up(stream: TextIO) -> None:
    """Send what a stream still holds nowhere: Python tries it again at the end, and then exits with 120."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _fail(error: ToolkitError) -> None:
    print_error(error)
    sys.exit(error.exit_code)
