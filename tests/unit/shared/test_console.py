from __future__ import annotations

import pytest
import typer

from shared.console import run
from shared.errors import FaceNotFound

app = typer.Typer()


@app.command()
def fail(how: str) -> None:
    raise (
        FaceNotFound("no [bold]face", fix="show one " + "x" * 200)
        if how == "ours"
        else ValueError("a fault")
    )


def test_a_toolkit_error_is_one_line_and_its_exit_code(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["x", "ours"])
    with pytest.raises(SystemExit) as caught:
        run(app)
    assert caught.value.code == FaceNotFound.exit_code
    # Long and with brackets: neither wrapped nor taken for markup.
    assert (
        capsys.readouterr().err
        == "error [face-not-found]: no [bold]face; show one " + "x" * 200 + "\n"
    )


def test_a_fault_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["x", "theirs"])
    monkeypatch.setattr(app, "pretty_exceptions_enable", False)
    with pytest.raises(ValueError, match="a fault"):
        run(app)
