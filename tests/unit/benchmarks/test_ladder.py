"""The ladder keeps every rung and says where its figures come from; the shipped ones are those of the records."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

import benchmarks
from benchmarks.ladder import BY_HAND, FIGURES, RECORD, Rung, add_rung, figures_of
from benchmarks.tables import read_records, results_page, row, write_record
from shared.custody import RunRecord
from shared.errors import InputError

RECORDS = Path(benchmarks.__file__).parent / "records"
JUDGED_BY = {
    "renderer": "renderer", "opt": "opt", "focus": "forensics_shipped",
    "target-emoji": "membership", "target-portraits": "membership",
}  # fmt: skip
"""Model in the box -> the record of its figures."""


def rung(name: str, value: float, *, shipped: bool = False) -> Rung:
    return Rung(
        "renderer", name, "2026-01-02", "cpu", "3 people", "20", "1 CPU core", 90.0, "wall",
        {"PSNR": value, "mouth PSNR": value - 1}, RECORD, "2 people", "none kept", shipped, "to see",
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
    assert "### renderer" in page and "| 22.0 |" in page
    assert all(line["seconds"] == 90.0 and line["clock"] == "wall" for line in rows)


def test_one_run_judged_on_two_sets_is_two_rungs_and_the_later_one_counts(tmp_path):
    path = tmp_path / "ladder.json"
    add_rung(path, rung("first", 20.0, shipped=True))
    add_rung(path, replace(rung("first", 18.0, shipped=True), judged_on="9 people"))
    rows = json.loads(path.read_text())["result"]["rows"]
    assert [(line["value"], line["judged on"], line["shipped"]) for line in rows] == [
        (20.0, "2 people", "yes, judged anew below"), (18.0, "9 people", "yes"),
    ]  # fmt: skip


def test_what_nobody_wrote_down_is_not_invented(tmp_path):
    unknown = replace(rung("old", 20.0), seconds=None, clock="not written down", source=BY_HAND)
    line = unknown.to_row()
    assert line["seconds"] == line["clock"] == "not written down"
    assert line["figures from"] == "by hand" and line["sheet"] == "none kept"
    assert replace(unknown, figures={}).to_row()["value"] is None
    for wrong in ({"clock": "sundial"}, {"source": "hearsay"}, {"model": "kettle"}):
        with pytest.raises(InputError, match="unknown in a rung"):
            replace(unknown, **wrong)


@pytest.mark.parametrize("model", JUDGED_BY)
def test_the_shipped_rung_is_what_its_record_says_today(model):
    rows = json.loads((RECORDS / "ladder.json").read_text("utf-8"))["result"]["rows"]
    shipped = [line for line in rows if line["table"] == model and line["shipped"] == "yes"]
    assert len(shipped) == 1
    (line,) = shipped
    told = {name: line[name] for name in FIGURES[model] if name in line} | {
        line["protocol"]: line["value"]
    }
    known = figures_of(RECORDS / f"{JUDGED_BY[model]}.json", model)
    assert told == pytest.approx(known, rel=1e-3)
    assert line["figures from"] == "record"


def test_every_rung_of_the_box_says_clock_sheet_and_what_it_was_judged_on():
    rows = json.loads((RECORDS / "ladder.json").read_text("utf-8"))["result"]["rows"]
    assert {line["table"] for line in rows} == set(FIGURES)
    for line in rows:
        assert isinstance(line["seconds"], float) or line["seconds"] == "not written down"
        assert line["judged on"] and line["sheet"] and line["figures from"] in ("record", "by hand")
        sheet = Path(benchmarks.__file__).parents[1] / line["sheet"]
        assert line["sheet"] == "none kept" or " at " in line["sheet"] or sheet.is_file()


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
    assert figures_of(held, "target-emoji", "emoji-1000") == {"PIA": 0.6}
    with pytest.raises(InputError, match="no figure of opt"):
        figures_of(path, "opt")
    with pytest.raises(InputError, match="unknown model"):
        figures_of(path, "kettle")
