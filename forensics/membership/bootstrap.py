"""What an attack achieves, and whether it achieves more than its best control, with paired bootstrap intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from forensics.membership.roc import LOW_RATES, Scores, auc, checked, tpr_at_fpr
from forensics.membership.threshold import best_threshold, decide, split_classes
from shared.errors import InputError
from shared.statistics import Interval, bootstrap, percentile_interval

RESAMPLES = 1000
"""Draws of an interval; its ends then wander by about a twentieth of its width."""

ClassScores = tuple[ArrayLike, ArrayLike]
"""Scores of members and of non-members, larger = member."""


@dataclass(frozen=True)
class Performance:
    """An attack's figures, each with its 95 % bootstrap interval over pictures.

    What needs no threshold is measured on all pictures, the rest on the held-out part.

    Attributes:
        auc: Area under the curve, all pictures.
        tpr_at_1_percent: True positive rate at the largest false positive rate not above 1 %, all pictures.
        tpr_at_01_percent: The same for 0.1 %; with fewer than 1,000 non-members the rate without false positives.
        asr: Attack success rate at ``threshold``, held-out part.
        precision: At ``threshold``, held-out part; None when nobody is called a member.
        recall: At ``threshold``, held-out part.
        threshold: Of the largest success rate on the calibration part.
        members: Known members.
        nonmembers: Known non-members.
    """

    auc: Interval
    tpr_at_1_percent: Interval
    tpr_at_01_percent: Interval
    asr: Interval
    precision: Interval | None
    recall: Interval
    threshold: float
    members: int
    nonmembers: int


@dataclass(frozen=True)
class Comparison:
    """An attack against the control that separates the same pictures best.

    Attributes:
        control: Its name.
        attack_auc: Of the attack.
        control_auc: Of the control, turned in the direction in which it separates: at least 0.5.
        difference: ``attack_auc - control_auc`` with its paired interval.
        p_value: One-sided: how often, over the draws, the attack is not ahead.
        explained: True when the interval reaches down to 0: what the attack sees can be seen without it.
    """

    control: str
    attack_auc: Interval
    control_auc: Interval
    difference: Interval
    p_value: float
    explained: bool


def performance(
    members: ArrayLike, nonmembers: ArrayLike, *, seed: int = 0, resamples: int = RESAMPLES
) -> Performance:
    """Measure an attack: the threshold is fixed on half of the pictures and judged on the other half.

    Args:
        members: ``(M,)`` scores, larger = member.
        nonmembers: ``(N,)`` scores.
        seed: Of the split and of the draws.
        resamples: Draws.

    Raises:
        InputError: If a class has fewer than two scores or a score is not finite.
    """
    inside, outside = checked(members, nonmembers)
    first, second = split_classes(len(inside), len(outside), seed)
    threshold = best_threshold(inside[first.calibration], outside[second.calibration])

    def at_all_thresholds(drawn: Scores, others: Scores) -> list[float]:
        return [auc(drawn, others), *(tpr_at_fpr(drawn, others, rate) for rate in LOW_RATES)]

    def at_the_threshold(drawn: Scores, others: Scores) -> list[float]:
        decided = decide(drawn, others, threshold)
        return [decided.asr, decided.recall, decided.precision]

    area, at_1, at_01 = _intervals((inside, outside), at_all_thresholds, seed, resamples)
    rest = inside[first.held_out], outside[second.held_out]
    asr, recall, precision = _intervals(rest, at_the_threshold, seed, resamples)
    return Performance(
        area, at_1, at_01, asr, None if np.isnan(precision.value) else precision, recall, threshold,
        len(inside), len(outside),
    )  # fmt: skip


def _intervals(
    classes: tuple[Scores, Scores],
    figures: Callable[..., list[float]],
    seed: int,
    resamples: int,
) -> list[Interval]:
    """Return the interval of each figure; NaN for one that the pictures do not define."""
    values = figures(*classes)
    spread = bootstrap(classes, figures, seed, resamples=resamples)
    # no precision in a draw in which nobody is called a member: it counts as the value itself
    spread = np.where(np.isnan(spread), values, spread)
    count = sum(map(len, classes))
    return [
        percentile_interval(value, draws, count)
        for value, draws in zip(values, spread.T, strict=True)
    ]


def compare(
    attack: ClassScores,
    controls: Mapping[str, ClassScores],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Comparison:
    """Test an attack against its best control on the same pictures.

    The best control is chosen on these pictures too, and may separate in either direction; both favour the control.

    Args:
        attack: Scores of members ``(M,)`` and non-members ``(N,)``, larger = member.
        controls: Name -> scores of the same pictures in the same order.
        seed: Of the draws.
        resamples: Draws.

    Raises:
        InputError: If there is no control, or one has scores of other pictures.
    """
    inside, outside = checked(*attack)
    if not controls:
        raise InputError("an attack is compared with controls", found="none")
    turned = {
        name: _turned(name, scores, inside.shape, outside.shape)
        for name, scores in controls.items()
    }
    best = max(turned, key=lambda name: auc(*turned[name]))
    paired = [np.stack(pair, axis=1) for pair in zip((inside, outside), turned[best], strict=True)]

    def areas(drawn: Scores, others: Scores) -> list[float]:
        return [auc(drawn[:, column], others[:, column]) for column in (0, 1)]

    values, spread = areas(*paired), bootstrap(paired, areas, seed, resamples=resamples)
    gaps, count = spread[:, 0] - spread[:, 1], len(inside) + len(outside)
    difference = percentile_interval(values[0] - values[1], gaps, count)
    return Comparison(
        best,
        percentile_interval(values[0], spread[:, 0], count),
        percentile_interval(values[1], spread[:, 1], count),
        difference,
        float((1 + (gaps <= 0).sum()) / (1 + resamples)),
        difference.low <= 0,
    )


def _turned(
    name: str, scores: ClassScores, members: tuple[int, ...], nonmembers: tuple[int, ...]
) -> tuple[Scores, Scores]:
    inside, outside = checked(*scores)
    if (inside.shape, outside.shape) != (members, nonmembers):
        raise InputError(
            f"the control {name} has scores of other pictures",
            found=f"{len(inside)} + {len(outside)}",
            expected=f"{members[0]} + {nonmembers[0]}",
        )
    return (inside, outside) if auc(inside, outside) >= 0.5 else (-inside, -outside)
