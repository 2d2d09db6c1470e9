"""What the guide promises: one command from a fresh clone audits something real, and is mostly right."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from forensics.cli import app
from forensics.verdict import Verdict
from shared.zoo.pipelines import find_pipeline


def test_the_first_command_of_the_guide(tmp_path):
    report, record = tmp_path / "report.html", tmp_path / "record.json"
    command = ["audit", "target-emoji", "--method", "pia", "--report", report, "--json", record]
    done = CliRunner().invoke(app, [str(word) for word in command])
    assert done.exit_code == 0, done.output
    learnt = json.loads((find_pipeline("target-emoji") / "members.json").read_text())["learnt"]
    result = json.loads(record.read_text("utf-8"))["result"]
    verdicts = [Verdict.from_json(row) for row in result["verdicts"]]
    answered = [verdict for verdict in verdicts if verdict.decision != "inconclusive"]
    right = [
        (verdict.decision == "member") == (verdict.subject.rsplit("/", 1)[-1] in learnt)
        for verdict in answered
    ]
    assert len(verdicts) == 10
    assert len(answered) >= 6
    assert sum(right) >= len(right) - 1
    assert "<img" in report.read_text("utf-8")
