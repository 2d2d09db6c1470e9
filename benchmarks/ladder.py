"""The ladder: which trainings were tried for each shipped checkpoint, what came out, and why one of them won.

A rung is a training run and how it was judged. Rungs are kept in one run record, a table for each model, from which
``benchmarks tables`` makes the page. ``benchmarks rung`` reads a rung's figures from the record of its judgement; for
runs whose record was not kept they were written down by hand in their session, and the rung says so::

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

_ATTACKS = ("PIA", "Structural MIA", "DRC")
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
    "target-emoji": _ATTACKS,
    "target-portraits": _ATTACKS,
    "target-portraits-pixel": _ATTACKS,
    "autoencoder": ("PSNR of its pictures",),
    "reference": ("Structural MIA on the reference model", "DRC on the reference model"),
}  # fmt: skip
"""Model -> the figures that its rungs are compared by, the first one foremost.

A reference model learnt neither members nor non-members: what it tells of them should be 0.5.
"""

UNKNOWN = "not written down"
CLOCKS = ("wall", "CPU", UNKNOWN)
RECORD, BY_HAND = "record", "by hand"


@dataclass(frozen=True)
class Rung:
    """One training run, judged once.

    Attributes:
        model: A key of :data:`FIGURES`.
        name: Of the run, for the table.
        date: ISO date.
        profile: Of the recipe.
        data: What it learned from, and how much.
        steps: Optimiser steps, as text: stages may differ.
        machine: Kind of machine.
        seconds: Of the training, or None where nobody wrote it down.
        clock: One of :data:`CLOCKS`: what the seconds are of.
        figures: Name -> value on held-out data.
        source: :data:`RECORD` if the figures were read from the record of the judgement, else :data:`BY_HAND`.
        judged_on: The held-out data.
        sheet: Path of a sheet of samples, or ``none kept``.
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
    clock: str
    figures: dict[str, float]
    source: str
    judged_on: str
    sheet: str
    shipped: bool
    why: str

    def __post_init__(self) -> None:
        """Check what is one of few."""
        for value, known in (
            (self.model, tuple(FIGURES)), (self.clock, CLOCKS), (self.source, (RECORD, BY_HAND)),
        ):  # fmt: skip
            if value not in known:
                raise InputError("unknown in a rung", found=value, expected=" | ".join(known))

    def to_row(self) -> dict[str, Any]:
        """Return the rung as a row of its model's table; its first figure is the value."""
        known = [name for name in FIGURES[self.model] if name in self.figures]
        names = known + [name for name in self.figures if name not in known]
        first = names[0] if names else ""
        more: dict[str, Any] = {name: self.figures[name] for name in names[1:]}
        more |= {"judged on": self.judged_on, "figures from": self.source}
        return row(
            f"{self.name} ({self.date})", self.figures.get(first), status="tiny", protocol=first,
            table=self.model, note=self.why, **more, data=self.data, steps=self.steps, profile=self.profile,
            machine=self.machine, seconds=UNKNOWN if self.seconds is None else self.seconds, clock=self.clock,
            sheet=self.sheet, shipped="yes" if self.shipped else "no",
        )  # fmt: skip


def figures_of(
    record: str | Path | dict[str, Any], model: str, target: str | None = None
) -> dict[str, float]:
    """Read a model's figures from the record of its judgement.

    Args:
        record: A file, or its content.
        model: A key of :data:`FIGURES`.
        target: Of a membership target or a reference: as the record names it [default: the model's own].

    Raises:
        InputError: If the model is unknown, or the record holds none of its figures.
    """
    if model not in FIGURES:
        raise InputError("unknown model", found=model, expected=" | ".join(FIGURES))
    content = record if isinstance(record, dict) else json.loads(Path(record).read_text("utf-8"))
    rows = content["result"]["rows"]
    if model == "reference" or model.startswith("target-"):
        rows = _of_target(rows, target or model.removeprefix("target-"))
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
    """Add a rung to the ladder's record, in the place of one of the same name that was judged on the same data.

    Of each model one rung is shipped, the newest; the same run judged before on other data is marked so.
    """
    target, line = Path(path), rung.to_row()
    rows: Rows = []
    if target.is_file():
        rows = json.loads(target.read_text("utf-8"))["result"]["rows"]
    keys = ("table", "figure", "judged on")
    rows = [_beside(fact, line) for fact in rows if any(fact.get(key) != line[key] for key in keys)]
    order = list(FIGURES)
    rows = sorted([*rows, line], key=lambda fact: order.index(fact["table"]))
    record = RunRecord(TASK, notes=["`value` is the figure that `protocol` names; held-out data."])
    return write_record(target, record, rows)


def _beside(fact: dict[str, Any], line: dict[str, Any]) -> dict[str, Any]:
    """Return a row as it stands beside a new one: no longer shipped, where the new one is."""
    if line["shipped"] == "no" or fact["table"] != line["table"]:
        return fact
    same = fact["figure"] == line["figure"]
    return {**fact, "shipped": "yes, judged anew below" if same else "no"}
