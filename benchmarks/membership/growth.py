"""Memory as a curve: what the same attacks find in targets that learnt more or fewer pictures, longer or shorter."""

from __future__ import annotations

from typing import Any

from benchmarks.membership.main_table import (
    Draws,
    Line,
    Lines,
    Progress,
    auc_interval,
    model_free,
    protocol_of,
    standing_of,
)
from benchmarks.membership.plan import Plan, entries
from benchmarks.membership.scoring import Scorer
from benchmarks.membership.subjects import Subject
from benchmarks.tables import Rows, number, row
from forensics.membership.registry import attack_class
from forensics.membership.roc import auc
from shared.statistics import Interval

_FIRST = "naive-loss"
"""Whose AUC is the row's value: the most direct question, and it never was far from the best."""

_BESIDE = ("pia", "sima", "rediffuse", "secmi", "structural", "drc")

_QUICK = (_FIRST, "pia", "sima", "structural", "image-statistics")
"""What four U-Net calls a picture or fewer are enough for: asked of everything that a target learnt."""


def quick_lines(subject: Subject, plan: Plan, scorer: Scorer, progress: Progress) -> Lines:
    """Score the quick attacks, and the control without a model, on a subject."""
    titles = [attack_class(name).title for name in _QUICK]
    progress(f"{subject.name}, age {subject.age}: {', '.join(titles)} on {subject.count} of each")
    return {
        entry.label: Line(entry, scorer(entry.attack, subject))
        for entry in entries(plan, None, oldest=False)
        if entry.label in titles
    }


def growth_rows(aged: list[list[tuple[Subject, Lines]]], draws: Draws) -> Rows:
    """Return one row a target and age, fewest learnt pictures first, the attacks beside one another.

    Args:
        aged: Targets at their ages, with the scores of the main table, or of the quick attacks.
        draws: Of the intervals.
    """
    order = sorted(
        aged, key=lambda study: (study[0][0].learnt, study[0][0].name, study[0][0].count)
    )
    return [_row(subject, lines, draws) for study in order for subject, lines in study]


def _row(subject: Subject, lines: Lines, draws: Draws) -> dict[str, Any]:
    first = attack_class(_FIRST).title
    facts: dict[str, Any] = {
        "table": "Memory by size of the set and age", "status": standing_of(subject),
        "seed": draws.seed, "protocol": protocol_of(subject),
        "members": subject.learnt, "epochs": subject.age, "steps": _steps(subject),
        "seed of the training": subject.facts["seed"],
    }  # fmt: skip
    figure = f"AUC of {first}, {subject.name}, {subject.age} epochs"
    for title in (attack_class(name).title for name in _BESIDE):
        if title not in lines:
            continue
        scores = lines[title].scores
        facts[title] = "not measured" if scores.problem else _text(auc_interval(scores, draws))
    controls = {label: auc(*scores.pair) for label, scores in model_free(lines).items()}
    best = max(controls, key=lambda label: max(controls[label], 1 - controls[label]))
    facts["best control without a model"] = f"{best}: {number(controls[best])}"
    scores = lines[first].scores
    if scores.problem:
        return row(figure, None, note=scores.problem, **facts)
    return row(figure, auc_interval(scores, draws), **facts)


def _steps(subject: Subject) -> int:
    batch = subject.facts["profile"]["training"]["batch_size"]
    return -(-subject.age * subject.learnt // int(batch))


def _text(found: Interval) -> str:
    return f"{number(found.value)} ({number(found.low)} to {number(found.high)})"
