"""The ladder keeps every rung, and its figures come from records."""

import json

import pytest

from benchmarks.ladder import Rung, add_rung, figures_of
from benchmarks.tables import read_records, results_page, row, write_record
from shared.custody import RunRecord
from shared.errors import InputError


def rung(name: str, value: float, *, shipped: bool = False) -> Rung:
    return Rung(
        "renderer", name, "2026-01-02", "cpu", "3 people", "20", "1 CPU core", 90.0,
        {"PSNR": value, "mouth PSNR": value - 1}, shipped, "to see",
    )  # fmt: skip


def test_rungs_are_kept_replaced_by_name_and_only_the_newest_is_shipped(tmp_path):
    path = tmp_path / "ladder.json"
    add_rung(path, rung("first", 20.0, shipped=True))
    add_rung(path, rung("second", 22.0, shipped=True))
    add_rung(path, rung("first", 21.0))
    rows = json.loads(path.read_text())["result"]["rows"]
    assert {line["figure"]: (line["value"], line["shipped"]) for line in rows} == {
        "second (2026-01-02)": (22.0, "yes"), "first (2026-01-02)": (21.0, "no"),
    }  # fmt: skip
    page = results_page(read_records(tmp_path))
    assert "### renderer" in page and "| 22.0 |" in page and "2 min" in page


def test_figures_are_read_from_a_record_of_the_right_kind(tmp_path):
    rows = [row("PSNR", 30.5, status="tiny"), row("weather", 3.0, status="tiny")]
    path = write_record(tmp_path / "renderer.json", RunRecord("benchmarks.renderer"), rows)
    assert figures_of(path, "renderer") == {"PSNR": 30.5}
    table = {"table": "emoji, 800 epochs"}
    rows = [
        row("PIA", 5.5, status="tiny", unit="ms", table="Cost, emoji"), row("AUC of PIA", 0.9, status="tiny", **table),
        row("AUC of PIA", 0.6, status="tiny", table="emoji-1000, 400 epochs"),
    ]  # fmt: skip
    held = write_record(tmp_path / "membership.json", RunRecord("benchmarks.membership"), rows)
    assert figures_of(held, "target-emoji") == {"PIA": 0.9}
    with pytest.raises(InputError, match="no figure of opt"):
        figures_of(path, "opt")
    with pytest.raises(InputError, match="unknown model"):
        figures_of(path, "kettle")
