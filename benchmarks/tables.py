"""Tables from run records: every number in docs/results.md was written by a run and not by hand.

A benchmark returns rows: dicts with at least ``figure`` and ``value``. :func:`row` makes one; a record keeps them under
``result.rows``; :func:`write_results` turns the records of a folder into the generated part of a Markdown page.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from rich.table import Table

from shared.custody import RunRecord, write_atomic
from shared.errors import InputError
from shared.statistics import Interval

Rows = list[dict[str, Any]]

STATUSES = ("smoke", "tiny", "reproduced", "published")
"""How far a number carries: a working path only; measured at a small scale; at the authors' scale; taken from them."""

COLUMNS = (
    "figure",
    "value",
    "interval",
    "baseline",
    "truth",
    "target",
    "n",
    "seed",
    "protocol",
    "status",
    "note",
)
"""Columns in order; those that no row of a table fills are left out."""

FOOTNOTES = {
    "best IoU": "best IoU is an oracle's figure: its one threshold was chosen on the masks that it is judged by, so "
    "that it says what a map could show, not what it shows to one who does not know them.",
}
"""Column -> what must be said below each table that has it."""

BEGIN = "<!-- begin: written by `benchmarks tables`, do not edit -->"
END = "<!-- end: written by `benchmarks tables` -->"


def row(
    figure: str,
    value: float | Interval | None,
    *,
    status: str,
    unit: str = "",
    protocol: str = "",
    seed: int | None = None,
    n: int | None = None,
    **more: Any,
) -> dict[str, Any]:
    """Return one row.

    Args:
        figure: What was measured.
        value: A number, an interval, or None when it could not be measured (say why in ``note``).
        status: One of :data:`STATUSES`.
        unit: Unit of the value.
        protocol: On what, and how.
        seed: Seed of what is random.
        n: Units that the value is a mean over; an interval brings its own.
        **more: Further columns: ``baseline``, ``truth``, ``target``, ``note``; ``table`` names a table of its own.

    Raises:
        InputError: If the status is unknown.

    Example:
        >>> row("PSNR", Interval(25.0, 24.0, 26.0, 8), status="tiny", unit="dB")["low"]
        24.0
    """
    if status not in STATUSES:
        raise InputError("unknown status", found=status, expected=" | ".join(STATUSES))
    facts: dict[str, Any] = {"figure": figure, "value": value, "unit": unit, "n": n}
    if isinstance(value, Interval):
        facts |= {"value": value.value, "low": value.low, "high": value.high, "n": value.n}
    facts |= {"seed": seed, "protocol": protocol, "status": status, **more}
    if facts["value"] is not None and not math.isfinite(facts["value"]):
        facts |= {"value": None, "note": "not measured: nothing to take it from"}
    return {key: item for key, item in facts.items() if item not in (None, "") or key == "value"}


def number(value: Any) -> str:
    """Write a value with three significant digits, large ones whole.

    Example:
        >>> number(0.98765), number(1234.5), number(None), number("text"), number(25)
        ('0.988', '1234', 'not measured', 'text', '25')
    """
    if value is None:
        return "not measured"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return str(value)
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:#.3g}".rstrip(".")


def cells(fact: dict[str, Any]) -> dict[str, str]:
    """Return a row's columns as text; what is no known column is appended under its own name."""
    unit = f" {fact['unit']}" if fact.get("unit") else ""
    texts = {"figure": str(fact["figure"]), "value": number(fact["value"])}
    if fact["value"] is not None:
        texts["value"] += unit
    if fact.get("low") is not None:
        texts["interval"] = f"{number(fact['low'])} to {number(fact['high'])}"
    known = {*texts, "unit", "low", "high", "interval"}
    return texts | {key: number(item) for key, item in fact.items() if key not in known}


def columns_of(texts: Sequence[dict[str, str]]) -> list[str]:
    """Return the columns that any row fills, known ones first."""
    used = dict.fromkeys(key for line in texts for key in line)
    return [name for name in COLUMNS if name in used] + [
        name for name in used if name not in COLUMNS
    ]


def parts_of(rows: Rows) -> list[tuple[str, Rows]]:
    """Split rows where the name of their table changes; rows that name none are one table without a name.

    Example:
        >>> [(name, len(part)) for name, part in parts_of([{"table": "a"}, {"table": "a"}, {"table": "b"}])]
        [('a', 2), ('b', 1)]
    """
    return [
        (name, [{key: item for key, item in fact.items() if key != "table"} for fact in part])
        for name, part in groupby(rows, key=lambda fact: str(fact.get("table", "")))
    ]


def footnotes(rows: Rows) -> list[str]:
    """Return what must be said below a table of these rows."""
    return [text for name, text in FOOTNOTES.items() if any(name in fact for fact in rows)]


def rich_table(title: str, rows: Rows) -> Table:
    """Return rows as a table for a terminal; what is the same in all of them stands below it."""
    texts = [cells(fact) for fact in rows]
    names, same = columns_of(texts), {}
    for name in ("protocol", "status", "seed"):
        values = {line.get(name, "") for line in texts}
        if name in names and len(values) == 1:
            same[name] = values.pop()
            names.remove(name)
    caption = "; ".join(f"{key}: {text}" for key, text in same.items())
    table = Table(title=title, caption="\n".join(filter(None, [caption, *footnotes(rows)])))
    for name in names:
        table.add_column(
            name, justify="left" if name in ("figure", "note", "protocol") else "right"
        )
    for line in texts:
        table.add_row(*(line.get(name, "") for name in names))
    return table


def markdown_table(rows: Rows) -> str:
    """Return rows as a Markdown table.

    Example:
        >>> print(markdown_table([{"figure": "PSNR", "value": 25.0, "unit": "dB"}]))
        | figure | value |
        |---|---|
        | PSNR | 25.0 dB |
    """
    texts = [cells(fact) for fact in rows]
    names = columns_of(texts)
    lines = [names, ["---"] * len(names)]
    lines += [[line.get(name, "").replace("|", "\\|") for name in names] for line in texts]
    return "\n".join(
        "|" + "|".join(line) + "|" if line[0] == "---" else "| " + " | ".join(line) + " |"
        for line in lines
    )


def write_record(path: str | Path, record: RunRecord, rows: Rows) -> Path:
    """Put the rows into a record and write it; the folder is made."""
    record.result["rows"] = rows
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    return record.write(target)


def read_records(folder: str | Path) -> list[dict[str, Any]]:
    """Read the records of a folder that hold rows, by task and name.

    Raises:
        InputError: If there is none, or one is not a record.
    """
    records = []
    for path in sorted(Path(folder).rglob("*.json")):
        try:
            content = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise InputError(f"{path} is not a run record", found=error) from error
        if isinstance(content, dict) and content.get("result", {}).get("rows"):
            records.append(content)
    if not records:
        raise InputError(f"{folder} holds no run record with rows", fix="run a benchmark first")
    return sorted(records, key=lambda record: str(record["task"]))


def results_page(records: Sequence[dict[str, Any]]) -> str:
    """Return one section a record: its title, table, settings and notes."""
    parts = []
    for record in records:
        settings = ", ".join(f"{key} = {item}" for key, item in record.get("settings", {}).items())
        weights = ", ".join(f"{key} `{sha[:12]}`" for key, sha in record.get("weights", {}).items())
        versions = record.get("versions", {})
        facts = [
            f"Run {str(record.get('started', ''))[:10]}, torch {versions.get('torch', 'unknown')}.",
            f"Settings: {settings}." if settings else "",
            f"Weights: {weights}." if weights else "",
            *record.get("notes", []),
        ]
        parts.append(f"## {record['task']}")
        for name, rows in parts_of(record["result"]["rows"]):
            parts += [f"### {name}"] if name else []
            parts += [markdown_table(rows), *footnotes(rows)]
        parts.append("\n".join(f"- {fact}" for fact in facts if fact))
    return "\n\n".join(parts)


def write_results(folder: str | Path, page: str | Path) -> Path:
    """Write the generated part of a page anew; what stands outside the markers is kept.

    Args:
        folder: Of run records.
        page: A Markdown file with the two markers, or one that does not exist yet.

    Raises:
        InputError: If the page has no markers, or there are no records.
    """
    target = Path(page)
    text = target.read_text("utf-8") if target.is_file() else f"# Results\n\n{BEGIN}\n{END}\n"
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise InputError(f"{target} has no markers", expected=f"{BEGIN} ... {END}")
    body = results_page(read_records(folder))
    return write_atomic(target, f"{before}{BEGIN}\n\n{body}\n\n{END}{after}")
