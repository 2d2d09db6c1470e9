"""The ladder: which trainings were tried for each shipped checkpoint, what came out, and why one of them won.

A rung is a training run and the record of its judgement. Rungs are kept in one run record, a table for each model, from
which ``benchmarks tables`` makes the page; no figure is typed::

    record of `benchmarks renderer|opt|forensics|membership` ─ figures of the model ─┐
    what was run: data, steps, profile, machine, seconds, why ───────────────────────┴─► rung ─► ladder.json
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.tables import Rows, row, write_record
from shared.custody import RunRecord
from shared.errors import InputError

TASK = "benchmarks.ladder"

FIGURES: dict[str, tuple[str, ...]] = {
    "renderer": (
        "PSNR", "mouth PSNR", "mouth gain, jaw wide open", "mouth gain in held vowels", "blink gain",
        "yaw-sweep slope", "identity similarity to the source (CSIM)",
    ),
    "opt": (
        "correlation of the opening with the truth", "share of closures, p, b, m, driven",
        "mouth landmark distance / interocular",
        "correlation of the opening between two voices, driven",
        "speaker accuracy of a linear probe, frame, content",
        "speaker accuracy of a linear probe, clip, content",
    ),
    "focus": ("frame AUC: focus; judged on all c23", "expected calibration error: focus"),
    "target-emoji": ("PIA", "Structural MIA", "DRC"),
    "target-portraits": ("PIA", "Structural MIA", "DRC"),
}  # fmt: skip
"""Model -> the figures that its rungs are compared by, the first one foremost."""


@dataclass(frozen=True)
class Rung:
    """One training run.

    Attributes:
        model: A key of :data:`FIGURES`.
        name: Of the run, for the table.
        date: ISO date.
        profile: Of the recipe.
        data: What it learned from, and how much.
        steps: Optimiser steps, as text: stages may differ.
        machine: Kind of machine.
        seconds: Wall clock of the training, or None where nobody wrote it down.
        figures: Name -> value on held-out data.
        shipped: Whether its weights are the shipped ones.
        why: Why it was tried, and why it won or lost.
    """

    model: str
    name: str
    date: str
    profile: str
    data: str
    steps: str
    machine: str
    seconds: float | None
    figures: dict[str, float]
    shipped: bool
    why: str

    def to_row(self) -> dict[str, Any]:
        """Return the rung as a row of its model's table; its first figure is the value."""
        names = [name for name in FIGURES[self.model] if name in self.figures] or list(self.figures)
        first = names[0] if names else None
        more: dict[str, Any] = {name: self.figures[name] for name in names[1:]}
        minutes = "not written down" if self.seconds is None else f"{self.seconds / 60:.0f} min"
        value = self.figures[first] if first else None
        return row(
            f"{self.name} ({self.date})", value, status="tiny", protocol=first or "", table=self.model,
            **more, data=self.data, steps=self.steps, profile=self.profile, machine=self.machine,
            trained=minutes, shipped="yes" if self.shipped else "no", note=self.why,
        )  # fmt: skip


def figures_of(record: str | Path | dict[str, Any], model: str) -> dict[str, float]:
    """Read a model's figures from the record of its judgement.

    Raises:
        InputError: If the model is unknown, or the record holds none of its figures.
    """
    if model not in FIGURES:
        raise InputError("unknown model", found=model, expected=" | ".join(FIGURES))
    content = record if isinstance(record, dict) else json.loads(Path(record).read_text("utf-8"))
    rows = content["result"]["rows"]
    if model.startswith("target-"):
        rows = _of_target(rows, model.removeprefix("target-"))
    values = {fact["figure"]: fact["value"] for fact in rows}
    found = {name: values[name] for name in FIGURES[model] if values.get(name) is not None}
    if not found:
        raise InputError(
            f"the record has no figure of {model}",
            found=sorted(values)[:5],
            expected=FIGURES[model],
        )
    return found


def _of_target(rows: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    """Return the main table of one target, with its figures named by the attack alone."""
    mark = "AUC of "
    return [
        {**fact, "figure": fact["figure"].removeprefix(mark)}
        for fact in rows
        if re.fullmatch(rf"{re.escape(name)}, \d+ epochs", fact.get("table", ""))
        and fact["figure"].startswith(mark)
    ]


def add_rung(path: str | Path, rung: Rung) -> Path:
    """Add a rung to the ladder's record, in the place of one with the same name; the newest shipped one is the only.

    Raises:
        InputError: If the model is unknown.
    """
    if rung.model not in FIGURES:
        raise InputError("unknown model", found=rung.model, expected=" | ".join(FIGURES))
    target, line = Path(path), rung.to_row()
    rows: Rows = []
    if target.is_file():
        rows = json.loads(target.read_text("utf-8"))["result"]["rows"]
    rows = [
        {**fact, "shipped": "no"} if rung.shipped and fact["table"] == rung.model else fact
        for fact in rows
        if (fact["table"], fact["figure"]) != (rung.model, line["figure"])
    ]
    order = list(FIGURES)
    rows = sorted([*rows, line], key=lambda fact: order.index(fact["table"]))
    record = RunRecord(TASK, notes=["`value` is the figure that `protocol` names; held-out data."])
    return write_record(target, record, rows)
