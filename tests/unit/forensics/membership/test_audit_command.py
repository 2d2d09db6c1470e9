"""`forensics audit` with a model that knows its members by heart in place of one on disk."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from typer.testing import CliRunner

from forensics.cli import app
from forensics.verdict import Verdict
from shared.errors import InputError, OutputError, ToolkitError, WeightsError

Run = Callable[..., tuple[int, str, BaseException | None]]


@pytest.fixture
def run(case, monkeypatch) -> Run:
    monkeypatch.setattr("forensics.membership.audit.open_target", lambda *_, **__: case.target)

    def call(*arguments: object) -> tuple[int, str, BaseException | None]:
        command = ["audit", "model", *map(str, arguments), "--method", "structural"]
        result = CliRunner().invoke(app, [*command, "--error-rate", "0.1"])
        return result.exit_code, " ".join(result.stdout.split()), result.exception

    return call


def test_the_whole_way_to_report_and_record(case, run, tmp_path):
    options = ["--members", case.known.members, "--nonmembers", case.known.nonmembers]
    outputs = ["--report", tmp_path / "out.html", "--json", tmp_path / "out.json"]
    code, out, _ = run(*case.questioned, *options, *outputs, "--set", "interval=100")
    assert code == 0
    record = json.loads((tmp_path / "out.json").read_text("utf-8"))
    verdicts = [Verdict.from_json(row) for row in record["result"]["verdicts"]]
    assert [verdict.decision for verdict in verdicts[:4]] == ["member"] * 4
    assert record["settings"]["method"]["interval"] == 100
    assert "Texture of the picture" in record["result"]["control_auc"]
    # a model without weights cannot be given random ones; that stops nothing and is said
    assert any("random weights" in note for note in record["notes"]) and "note:" in out
    assert "known to be outside" in (tmp_path / "out.html").read_text("utf-8")
    assert sorted(p.suffix for p in (tmp_path / "out.scores").iterdir())[0] == ".jsonl"
    assert out.count("member") >= 8


def test_a_bad_picture_changes_the_exit_code_alone(case, run):
    case.questioned[0].write_bytes(b"nothing")
    code, out, _ = run(*case.questioned)
    assert code == 2
    assert "unreadable" in out and "uncalibrated" in out
    code, piped, _ = run(*case.questioned, "--json", "-")
    assert code == 2 and json.loads(piped)["task"] == "forensics.audit"


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["gone.png"], InputError),
        (["{asked}", "--members", "{members}"], InputError),
        (["{asked}", "--set", "interval"], InputError),
        (["{asked}", "--set", "speed=3"], InputError),
        (["{asked}", "--set", "interval=often"], InputError),
        (["{asked}", "--captions", "gone.csv"], InputError),
        (["{asked}", "--caption", "a man", "--captioner", "gone"], InputError),
        (["{asked}", "--captioner", "gone"], WeightsError),
        (["{asked}", "--report", "gone/out.html"], OutputError),
    ],
)
def test_bad_options_are_told_before_any_work(case, run, arguments, kind):
    places = {"{asked}": case.questioned[0], "{members}": case.known.members}
    code, _, error = run(*(places.get(text, text) for text in arguments))
    assert code != 0
    assert isinstance(error, kind) and isinstance(error, ToolkitError)
    assert case.target.calls == 0
