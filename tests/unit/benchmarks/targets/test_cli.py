"""The commands `benchmarks targets`."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from benchmarks.cli import app
from shared.errors import InputError

RUN = CliRunner()


def test_a_target_is_trained_from_a_file(drawn_parts, tmp_path):
    data = drawn_parts.save(tmp_path / "set.npz")
    done = RUN.invoke(
        app,
        ["targets", "train", "pixel", "--profile", "smoke", "--data", str(data), "--out",
         str(tmp_path / "target"), "--ages", "1", "--device", "cpu"],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert (tmp_path / "target/members/age-0001/model_index.json").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["data", "emoji", "--out", "x.npz"], "package"),
        (["data", "faces", "--out", "x.npz"], "unknown pictures"),
        (["train", "pixel", "--data", "x", "--out", "y", "--part", "nonmembers"], "unknown part"),
        (["train", "pixel", "--data", "x", "--out", "y", "--ages", "old"], "whole numbers"),
        (["train", "pixel", "--data", "missing.npz", "--out", "y"], "no captioned pictures"),
    ],
)
def test_bad_input_is_told(arguments, message):
    done = RUN.invoke(app, ["targets", *arguments])
    assert isinstance(done.exception, InputError)
    assert message in str(done.exception)
