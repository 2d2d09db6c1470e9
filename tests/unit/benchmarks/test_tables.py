"""Rows, records and the page that is written from them."""

import shutil
from pathlib import Path

import pytest

from benchmarks.tables import (
    BEGIN,
    END,
    markdown_table,
    number,
    read_records,
    rich_table,
    row,
    write_record,
    write_results,
)
from shared.custody import RunRecord
from shared.errors import InputError
from shared.statistics import Interval

ROOT = Path(__file__).parents[3]

ROWS = [
    row("PSNR", Interval(25.123, 24.0, 26.0, 8), unit="dB", seed=0, protocol="p", status="tiny"),
    row("CSIM", None, status="tiny", seed=0, protocol="p", note="not measured: no encoder"),
]


def test_a_row_takes_its_interval_apart_and_leaves_out_what_is_empty():
    assert ROWS[0] == {
        "figure": "PSNR", "value": 25.123, "unit": "dB", "low": 24.0, "high": 26.0, "n": 8,
        "seed": 0, "protocol": "p", "status": "tiny",
    }  # fmt: skip
    assert ROWS[1]["value"] is None
    assert "unit" not in ROWS[1]
    nothing = row("PSNR", float("nan"), status="tiny")
    assert nothing["value"] is None
    assert "not measured" in nothing["note"]


def test_a_status_must_be_a_known_one():
    with pytest.raises(InputError, match="smoke"):
        row("PSNR", 1.0, status="great")


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.00"), (12, "12"), (123.4, "123"), (True, "True"), (-0.00123, "-0.00123")],
)
def test_numbers_have_three_digits(value, text):
    assert number(value) == text


def test_markdown_has_one_line_a_row_and_only_columns_that_are_used():
    lines = markdown_table(ROWS).splitlines()
    assert lines[0] == "| figure | value | interval | n | seed | protocol | status | note |"
    assert lines[2].startswith("| PSNR | 25.1 dB | 24.0 to 26.0 | 8 |")
    assert "not measured" in lines[3]
    assert len(lines) == 4
    assert markdown_table([{"figure": "a|b", "value": 1}]).count("\\|") == 1


def test_the_terminal_table_says_once_what_all_rows_share():
    table = rich_table("title", ROWS)
    assert "protocol: p" in str(table.caption)
    assert "protocol" not in [column.header for column in table.columns]


def test_rows_that_name_a_table_stand_in_it(tmp_path):
    rows = [{**fact, "table": name} for name in ("first", "second") for fact in ROWS]
    write_record(tmp_path / "records" / "a.json", RunRecord("benchmarks.a"), rows)
    write_results(tmp_path / "records", tmp_path / "page.md")
    text = (tmp_path / "page.md").read_text("utf-8")
    assert text.index("### first") < text.index("### second")
    assert text.count("| figure |") == 2
    assert "| table |" not in text


def test_a_figure_of_an_oracle_is_said_to_be_one_below_its_table_alone(tmp_path):
    rows = [{**ROWS[0], "table": "plain"}, {**ROWS[0], "table": "maps", "best IoU": "0.3"}]
    write_record(tmp_path / "records" / "a.json", RunRecord("benchmarks.a"), rows)
    text = write_results(tmp_path / "records", tmp_path / "page.md").read_text("utf-8")
    assert text.count("an oracle's figure") == 1
    assert text.index("### maps") < text.index("an oracle's figure")
    assert "oracle" in str(rich_table("maps", rows[1:]).caption)
    assert "oracle" not in str(rich_table("plain", rows[:1]).caption)


def test_results_are_generated_between_the_markers_and_nothing_else_is_touched(tmp_path):
    records, page = tmp_path / "records", tmp_path / "results.md"
    write_record(records / "b.json", RunRecord("benchmarks.b", notes=["A note."]), ROWS)
    write_record(records / "a.json", RunRecord("benchmarks.a", settings={"runs": 3}), ROWS[:1])
    page.write_text(f"mine above\n{BEGIN}\nold\n{END}\nmine below\n", "utf-8")
    write_results(records, page)
    text = page.read_text("utf-8")
    assert text.startswith("mine above\n")
    assert text.endswith("mine below\n")
    assert "old" not in text
    assert text.index("## benchmarks.a") < text.index("## benchmarks.b")
    assert "runs = 3" in text
    assert "A note." in text
    write_results(records, page)
    assert page.read_text("utf-8") == text


def test_a_new_page_is_made_and_one_without_markers_is_refused(tmp_path):
    write_record(tmp_path / "records" / "a.json", RunRecord("benchmarks.a"), ROWS)
    write_results(tmp_path / "records", tmp_path / "new.md")
    assert "# Results" in (tmp_path / "new.md").read_text("utf-8")
    (tmp_path / "plain.md").write_text("text", "utf-8")
    with pytest.raises(InputError, match="markers"):
        write_results(tmp_path / "records", tmp_path / "plain.md")


def test_a_folder_without_records_and_a_broken_record_are_refused(tmp_path):
    with pytest.raises(InputError, match="no run record"):
        read_records(tmp_path)
    (tmp_path / "a.json").write_text("{", "utf-8")
    with pytest.raises(InputError, match="not a run record"):
        read_records(tmp_path)


def test_the_page_of_results_says_what_its_records_say(tmp_path):
    """Whoever commits a record runs `benchmarks tables`, too."""
    page = shutil.copy(ROOT / "docs/results.md", tmp_path / "results.md")
    write_results(ROOT / "benchmarks/records", page)
    assert Path(page).read_text("utf-8") == (ROOT / "docs/results.md").read_text("utf-8")
