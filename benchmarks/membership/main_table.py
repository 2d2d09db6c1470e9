"""The main table: every attack and control on every target at every age, and the robustness of the attacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.membership.plan import Entry, Plan, by_name, entries
from benchmarks.membership.scoring import NONE, ClassScores, Scorer
from benchmarks.membership.subjects import Subject
from benchmarks.tables import Rows, number, row
from forensics.membership.bootstrap import compare, performance
from forensics.membership.distortions import DISTORTIONS
from forensics.membership.registry import attack_class
from forensics.membership.roc import auc
from shared.statistics import Interval, bootstrap, percentile_interval

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Draws:
    """How intervals are drawn.

    Attributes:
        seed: Of the draws.
        resamples: Their number.
    """

    seed: int
    resamples: int = 1000


@dataclass(frozen=True)
class Line:
    """An entry of the main table with its scores.

    Attributes:
        entry: Which attack or control.
        scores: Its scores.
    """

    entry: Entry
    scores: ClassScores


Lines = dict[str, Line]


def score_all(
    subject: Subject, plan: Plan, scorer: Scorer, progress: Progress, *, oldest: bool
) -> Lines:
    """Score every attack and control on a subject; label -> line."""
    found = {}
    for entry in entries(plan, subject.reference, oldest=oldest):
        progress(f"{subject.name}, age {subject.age}: {entry.label}")
        found[entry.label] = Line(entry, scorer(entry.attack, subject))
    return found


def standing_of(subject: Subject) -> str:
    """Return how far the figures of a subject carry: a target of a few pictures shows a working path only."""
    return "smoke" if subject.count < 50 else "tiny"


def protocol_of(subject: Subject) -> str:
    """Return on what a subject's figures were measured."""
    beside = f", reference of {subject.reference_age} epochs" if subject.reference else ""
    return (
        f"{subject.count} members, {subject.count} non-members of other identities; target learnt "
        f"{subject.learnt} pictures for {subject.age} epochs{beside}"
    )


def main_rows(aged: list[tuple[Subject, Lines]], draws: Draws) -> Rows:
    """Return the main table of one target: its oldest age in full, the AUC at the younger ones beside it."""
    subject, lines = aged[-1]
    younger = aged[:-1]
    rows: Rows = []
    for label, line in lines.items():
        facts: dict[str, Any] = {
            "table": f"{subject.name}, {subject.age} epochs", "status": standing_of(subject),
            "protocol": protocol_of(subject), "seed": draws.seed,
        }  # fmt: skip
        if line.scores.problem:
            rows.append(row(label, None, note=line.scores.problem, **facts))
            continue
        found = performance(*line.scores.pair, seed=draws.seed, resamples=draws.resamples)
        facts |= {f"AUC, {young.age} epochs": _auc_of(other, label) for young, other in younger}
        facts |= {
            "TPR at 1 % FPR": found.tpr_at_1_percent.value,
            "TPR at 0.1 % FPR": found.tpr_at_01_percent.value,
            "ASR": found.asr.value,
            "precision": found.precision.value if found.precision else None,
            "recall": found.recall.value,
            "kind": "control" if line.entry.control else "attack",
        }
        if not line.entry.control:
            facts |= _against_controls(line, lines, draws)
        rows.append(row(f"AUC of {label}", found.auc, **facts))
    return rows


def _auc_of(lines: Lines, label: str) -> str:
    line = lines.get(label)
    if line is None or line.scores.problem:
        return "not measured"
    return number(auc(*line.scores.pair))


def model_free(lines: Lines) -> dict[str, ClassScores]:
    """Return the controls that know no denoiser: what any of them sees is not memory."""
    return {
        label: line.scores
        for label, line in lines.items()
        if line.entry.control and not line.entry.knows_model and not line.scores.problem
    }


def _against_controls(line: Line, lines: Lines, draws: Draws) -> dict[str, str]:
    controls = {label: scores.pair for label, scores in model_free(lines).items()}
    found = compare(line.scores.pair, controls, seed=draws.seed, resamples=draws.resamples)
    gap = found.difference
    return {
        "best control": f"{found.control}: {number(found.control_auc.value)}",
        "ahead of it by": f"{gap.value:.3f} ({gap.low:.3f} to {gap.high:.3f})",
        "explained by it": "yes" if found.explained else "no",
    }


def robustness(
    subject: Subject,
    plan: Plan,
    attackers: tuple[str, ...],
    distortions: tuple[str, ...],
    scorer: Scorer,
    progress: Progress,
) -> dict[str, dict[str, ClassScores]]:
    """Score attacks, with the plan's settings, on distorted pictures: distortion -> attack's name -> scores."""
    found: dict[str, dict[str, ClassScores]] = {}
    for name in (NONE, *distortions):
        progress(f"{subject.name}, age {subject.age}, distortion: {name}")
        found[name] = {
            attacker: scorer(by_name(plan, attacker), subject, name) for attacker in attackers
        }
    return found


def robustness_rows(
    subject: Subject, found: Mapping[str, Mapping[str, ClassScores]], draws: Draws
) -> Rows:
    """Return one row a distortion: the structural attack's AUC, the others' beside it."""
    rows: Rows = []
    for name, scores in found.items():
        title = "no distortion" if name == NONE else DISTORTIONS[name].title
        first, *others = scores
        facts: dict[str, Any] = {
            attack_class(other).title: number(auc(*scores[other].pair))
            for other in others
            if not scores[other].problem
        }
        published = name != NONE and DISTORTIONS[name].published
        paper: dict[str, Any] = {"in the paper": "yes"} if published else {}
        rows.append(
            row(
                f"AUC of {attack_class(first).title}, {title}",
                None if scores[first].problem else auc_interval(scores[first], draws),
                status=standing_of(subject), seed=draws.seed,
                protocol=protocol_of(subject), table=f"Robustness, {subject.name}",
                note=scores[first].problem, **facts, **paper,
            )
        )  # fmt: skip
    return rows


def auc_interval(scores: ClassScores, draws: Draws) -> Interval:
    """Return the AUC with its bootstrap interval over pictures."""
    spread = bootstrap(scores.pair, auc, draws.seed, resamples=draws.resamples)
    return percentile_interval(auc(*scores.pair), spread, sum(map(len, scores.pair)))


def auc_gap(first: ClassScores, second: ClassScores, draws: Draws) -> Interval:
    """Return the first AUC less the second with the paired bootstrap interval over pictures."""
    paired = [
        np.stack(pair, axis=1) for pair in zip(first.pair, second.pair, strict=True)
    ]  # fmt: skip

    def gap(members: np.ndarray, nonmembers: np.ndarray) -> float:
        return auc(members[:, 0], nonmembers[:, 0]) - auc(members[:, 1], nonmembers[:, 1])

    spread = bootstrap(paired, gap, draws.seed, resamples=draws.resamples)
    return percentile_interval(gap(*paired), spread, sum(map(len, first.pair)))
