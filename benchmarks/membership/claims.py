"""The two papers' claims, answered in words from the scores; where the answer is another one, it is said."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchmarks.membership.main_table import (
    Draws,
    Lines,
    auc_gap,
    auc_interval,
    model_free,
    protocol_of,
    standing_of,
)
from benchmarks.membership.plan import PIXEL_RIVALS
from benchmarks.membership.scoring import ClassScores
from benchmarks.membership.subjects import Subject
from benchmarks.tables import Rows, row
from forensics.membership.distortions import DISTORTIONS
from forensics.membership.registry import attack_class
from forensics.membership.roc import auc
from shared.statistics import Interval, bootstrap, percentile_interval

CONTROL_LIMIT = 0.55
"""What the best control may reach for an attack to be believed."""

_ROBUSTNESS = {"Is structure more robust?": "structural", "Is DRC more robust?": "drc"}
"""Question -> attack; the papers ask the first only."""

Robust = Mapping[str, Mapping[str, ClassScores]]


def answer(gap: Interval) -> str:
    """Say in words what a difference of two AUCs shows.

    Example:
        >>> answer(Interval(0.1, 0.05, 0.15, 10)), answer(Interval(0.01, -0.02, 0.04, 10))
        ('yes', 'not shown: the interval holds 0')
    """
    if gap.low > 0:
        return "yes"
    return "no, it is behind" if gap.high < 0 else "not shown: the interval holds 0"


def best_of(lines: Mapping[str, ClassScores]) -> str:
    """Return the label with the largest AUC."""
    return max(lines, key=lambda label: auc(*lines[label].pair))


def claim_rows(aged: list[tuple[Subject, Lines]], robust: Robust, draws: Draws) -> Rows:
    """Answer the claims on one target.

    Args:
        aged: The target at its ages, youngest first, with the scores of the main table.
        robust: Scores on distorted pictures, of the oldest age.
        draws: Of the intervals.
    """
    oldest, lines = aged[-1]
    facts: dict[str, Any] = {"table": f"Claims, {oldest.name}", "seed": draws.seed}
    rows = [_structure_beats_pixels(oldest, lines, draws, facts)]
    for asked, name in _ROBUSTNESS.items():
        rows += _more_robust(oldest, robust, draws, facts, asked, name)
    rows += [_drc_beats_rest(subject, found, draws, facts) for subject, found in aged]
    controls = {label: _turned(scores) for label, scores in model_free(lines).items()}
    if not controls:
        return rows
    best = best_of(controls)
    turned = controls[best]
    limit = "within the limit" if auc(*turned.pair) <= CONTROL_LIMIT else "above the limit"
    rows.append(
        row(
            f"AUC of the best control without a model, {oldest.age} epochs",
            auc_interval(turned, draws), target=f"at most {CONTROL_LIMIT}",
            note=f"{limit}: {best}", **_frame(oldest), **facts,
        )
    )  # fmt: skip
    return rows


def _frame(subject: Subject) -> dict[str, Any]:
    return {"status": standing_of(subject), "protocol": protocol_of(subject)}


def _turned(scores: ClassScores) -> ClassScores:
    if auc(*scores.pair) >= 0.5:
        return scores
    return ClassScores(-scores.members, -scores.nonmembers, scores.calls)


def _title(name: str) -> str:
    return attack_class(name).title


def _structure_beats_pixels(
    subject: Subject, lines: Lines, draws: Draws, facts: dict[str, Any]
) -> dict[str, Any]:
    figure = (
        "Does structure beat pixels? AUC of the structural attack less the best of SecMI, PIA and naive loss, "
        f"{subject.age} epochs"
    )
    own = lines[_title("structural")].scores
    rivals = {_title(name): lines[_title(name)].scores for name in PIXEL_RIVALS}
    problem = next((one.problem for one in (own, *rivals.values()) if one.problem), "")
    if problem:
        return row(figure, None, note=problem, **_frame(subject), **facts)
    best = best_of(rivals)
    gap = auc_gap(own, rivals[best], draws)
    return row(
        figure, gap, target="above 0", note=f"{answer(gap)}; best rival: {best}", **_frame(subject), **facts,
    )  # fmt: skip


def _more_robust(
    subject: Subject, robust: Robust, draws: Draws, facts: dict[str, Any], asked: str, own: str
) -> Rows:
    """Compare mean AUCs over the paper's four distortions, pictures drawn once for all."""
    chosen = [name for name in robust if name in DISTORTIONS and DISTORTIONS[name].published]
    whole = [
        name
        for name in (own, *PIXEL_RIVALS)
        if chosen and all(name in robust[one] and not robust[one][name].problem for one in chosen)
    ]
    rivals = [name for name in whole if name != own]
    if own not in whole or not rivals:
        return []

    def mean_auc(name: str) -> float:
        return float(np.mean([auc(*robust[change][name].pair) for change in chosen]))

    best = max(rivals, key=mean_auc)
    groups = [
        np.stack(
            [getattr(robust[change][name], side) for name in (own, best) for change in chosen],
            axis=1,
        )
        for side in ("members", "nonmembers")
    ]  # fmt: skip

    def gap(members: np.ndarray, nonmembers: np.ndarray) -> float:
        each = [
            auc(members[:, column], nonmembers[:, column]) for column in range(members.shape[1])
        ]
        return float(np.mean(each[: len(chosen)]) - np.mean(each[len(chosen) :]))

    spread = bootstrap(groups, gap, draws.seed, resamples=draws.resamples)
    found = percentile_interval(gap(*groups), spread, sum(map(len, groups)))
    figure = (
        f"{asked} Mean AUC over the paper's four distortions, less the best of SecMI, PIA and naive loss, "
        f"{subject.age} epochs"
    )
    note = f"{answer(found)}; best rival: {_title(best)}"
    return [row(figure, found, target="above 0", note=note, **_frame(subject), **facts)]


def _drc_beats_rest(
    subject: Subject, lines: Lines, draws: Draws, facts: dict[str, Any]
) -> dict[str, Any]:
    own = _title("drc")
    figure = f"Does DRC beat the rest? AUC of DRC less the best other attack, {subject.age} epochs"
    if lines[own].scores.problem:
        return row(figure, None, note=lines[own].scores.problem, **_frame(subject), **facts)
    rest = {
        label: line.scores
        for label, line in lines.items()
        if not line.entry.control and not line.scores.problem and not label.startswith(own)
    }
    best = best_of(rest)
    gap = auc_gap(lines[own].scores, rest[best], draws)
    return row(
        figure, gap, target="above 0", note=f"{answer(gap)}; best other: {best}", **_frame(subject), **facts,
    )  # fmt: skip
