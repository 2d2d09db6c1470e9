from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from forensics.cli import app
from shared.media.image import write_image
from shared.media.marks import embed_watermark, metadata_comment

GREY = np.full((128, 128, 3), 120, np.uint8)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    return {
        "marked": write_image(
            tmp_path / "marked.png", embed_watermark(GREY), comment=metadata_comment("opt")
        ),
        "plain": write_image(tmp_path / "plain.png", GREY),
        "missing": tmp_path / "missing.mp4",
    }


def run(*arguments: object) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, result.stdout, result.stderr


def test_table(files: dict[str, Path]) -> None:
    code, out, err = run("marks", files["marked"], files["plain"])
    assert (code, err) == (0, "")
    kinds = [line.split("│")[2].strip() for line in out.splitlines() if "│" in line]
    assert [kind for kind in kinds if kind] == ["watermark", "none"]
    assert "opt" in out
    assert "does not mean genuine" in " ".join(out.split())


def test_json(files: dict[str, Path]) -> None:
    code, out, _ = run("marks", "--json", files["marked"], files["plain"])
    marked, plain = json.loads(out)
    assert code == 0
    assert marked["found"] is True
    assert [marked["kind"], plain["kind"]] == ["watermark", "none"]
    assert marked["metadata"]["method"] == "opt"
    assert plain["found"] is False


def test_one_bad_file_does_not_stop_the_others(files: dict[str, Path]) -> None:
    code, out, err = run("marks", files["missing"], files["marked"])
    assert code == 2
    assert "found" in out
    assert err.startswith("error [bad-input]: no file at")
    assert err.count("\n") == 1


def test_bad_files_in_json(files: dict[str, Path]) -> None:
    code, out, _ = run("marks", "--json", files["missing"], files["marked"])
    bad, good = json.loads(out)
    assert code == 2
    assert bad["error"]["code"] == "bad-input"
    assert good["found"]


def test_no_files_is_a_usage_error() -> None:
    assert run("marks")[0] == 2


def test_what_a_file_says_of_itself_is_printed_as_it_is(tmp_path: Path) -> None:
    """Square brackets are markup to the terminal library: they must neither vanish nor raise."""
    path = tmp_path / "photo [final].png"
    write_image(path, np.zeros((64, 64, 3), np.uint8), comment='{"generator": "[/x] [bold]"}')
    code, out, _ = run("marks", path)
    assert code == 0 and "[final]" in out and "[/x]" in out
