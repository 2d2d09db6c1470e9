from __future__ import annotations

import csv
import warnings
from pathlib import Path

from shared.training.log import ResumedLog


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_a_resumed_run_goes_on_in_the_same_file_and_may_log_something_new(tmp_path: Path) -> None:
    first = ResumedLog(tmp_path)
    first.log_metrics({"loss": 2.0}, step=1)
    first.log_metrics({"loss": 1.0}, step=2)
    first.finalize("success")
    again = ResumedLog(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again.log_metrics({"loss": 0.5, "validation": 0.7}, step=3)
        again.save()
        again.log_metrics({"loss": 0.4}, step=4)
        again.save()
    assert [(row["step"], row["loss"]) for row in rows(tmp_path)] == [
        ("1", "2.0"), ("2", "1.0"), ("3", "0.5"), ("4", "0.4"),
    ]  # fmt: skip
    assert [row["validation"] for row in rows(tmp_path)] == ["", "", "0.7", ""]


def test_a_first_run_begins_an_empty_file(tmp_path: Path) -> None:
    log = ResumedLog(tmp_path / "run")
    log.log_metrics({"loss": 1.0}, step=5)
    log.save()
    assert rows(tmp_path / "run") == [{"loss": "1.0", "step": "5"}]
