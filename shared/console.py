"""What the three command lines share: how an error reaches the reader and the shell."""

from __future__ import annotations

import sys

import typer
from rich.console import Console
from rich.text import Text

from shared.errors import ToolkitError


def print_error(error: ToolkitError) -> None:
    """Print ``error [code]: message`` to stderr, red where the terminal can show it."""
    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text(f"error [{error.code}]: {error}", style="red"))


def run(app: typer.Typer) -> None:
    """Run a command line; a :class:`ToolkitError` becomes one red line on stderr and its own exit code.

    Any other exception keeps its traceback: it is a fault of the toolkit, not of the input.
    """
    try:
        app()
    except ToolkitError as error:
        print_error(error)
        sys.exit(error.exit_code)
