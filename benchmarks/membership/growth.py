"""Memory as a curve: what the same attacks find in targets that learnt more or fewer pictures, longer or shorter.

And what makes a picture remembered: emoji come with skin tones, so that of some the set holds near copies.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

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
from benchmarks.membership.scoring import ClassScores, Scorer
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


def sibling_rows(subject: Subject, lines: Lines, draws: Draws) -> Rows:
    """Compare pictures of which their own part holds others of the same identity with those that stand alone.

    Args:
        subject: With everything that it learnt, so that no sibling is missing.
        lines: Of the quick attacks.
        draws: Of the intervals.

    Returns:
        No row where all pictures are of one kind.
    """
    halves = subject.identities[: subject.count], subject.identities[subject.count :]
    counts = [Counter(half) for half in halves]
    several = [
        np.array([count[own] > 1 for own in half])
        for half, count in zip(halves, counts, strict=True)
    ]
    if any(len(set(part.tolist())) < 2 for part in several):
        return []
    rows: Rows = []
    for label, line in lines.items():
        for title, wanted in (("alone", False), ("beside near copies", True)):
            members, others = (
                scores[part == wanted]
                for scores, part in zip(line.scores.pair, several, strict=True)
            )
            found = auc_interval(ClassScores(members, others, line.scores.calls), draws)
            protocol = (
                f"{len(members)} members and {len(others)} non-members {title} in their part; target learnt "
                f"{subject.learnt} pictures for {subject.age} epochs"
            )
            rows.append(
                row(f"AUC of {label}, pictures {title}", found, protocol=protocol, seed=draws.seed,
                    status=standing_of(subject), table=f"Near copies in the set, {subject.name}")
            )  # fmt: skip
    return rows


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
