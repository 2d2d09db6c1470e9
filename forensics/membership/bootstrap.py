"""What an attack achieves, and whether it achieves more than its best control, with paired bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forensics.membership.roc import LOW_RATES, auc, checked, tpr_at_fpr
from forensics.membership.threshold import best_threshold, decide, split_parts
from shared.errors import InputError
from shared.statistics import Interval, bootstrap, percentile_interval

RESAMPLES = 1000
"""Draws of an interval; its ends then wander by about a twentieth of its width."""

ClassScores = tuple[ArrayLike, ArrayLike]
"""Scores of members and of non-members, larger = member."""


@dataclass(frozen=True)
class Performance:
    """An attack's figures, each with its 95 % bootstrap interval over pictures, all on the held-out part.

    Attributes:
        auc: Area under the curve.
        asr: Attack success rate at ``threshold``.
        precision: At ``threshold``; None when nobody is called a member.
        recall: At ``threshold``.
        tpr_at_1_percent: True positive rate at the largest false positive rate not above 1 %.
        tpr_at_01_percent: The same for 0.1 %.
        threshold: Of the largest success rate on the calibration part.
        members: Held-out members.
        nonmembers: Held-out non-members; below 1,000 the rate at 0.1 % is the rate without false positives.
    """

    auc: Interval
    asr: Interval
    precision: Interval | None
    recall: Interval
    tpr_at_1_percent: Interval
    tpr_at_01_percent: Interval
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
    """Fix the threshold on half of the pictures and report on the other half.

    Args:
        members: ``(M,)`` scores, larger = member.
        nonmembers: ``(N,)`` scores.
        seed: Of the split and of the draws.
        resamples: Draws.

    Raises:
        InputError: If a class has fewer than two scores or a score is not finite.
    """
    inside, outside = checked(members, nonmembers)
    parts = split_parts(len(inside), seed), split_parts(len(outside), seed + 1)
    threshold = best_threshold(inside[parts[0].calibration], outside[parts[1].calibration])
    return held_out_performance(
        inside[parts[0].held_out], outside[parts[1].held_out], threshold, seed=seed, resamples=resamples
    )  # fmt: skip


def held_out_performance(
    members: ArrayLike,
    nonmembers: ArrayLike,
    threshold: float,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> Performance:
    """Report on pictures that had no part in fixing the threshold.

    Args:
        members: ``(M,)`` held-out scores, larger = member.
        nonmembers: ``(N,)`` held-out scores.
        threshold: From the calibration part.
        seed: Of the draws.
        resamples: Draws.

    Raises:
        InputError: If a class is empty or a score is not finite.
    """
    inside, outside = checked(members, nonmembers)

    def figures(drawn: NDArray[np.float64], others: NDArray[np.float64]) -> list[float]:
        decided = decide(drawn, others, threshold)
        low = [tpr_at_fpr(drawn, others, rate) for rate in LOW_RATES]
        return [auc(drawn, others), decided.asr, decided.recall, *low, decided.precision]

    values = figures(inside, outside)
    spread = bootstrap([inside, outside], figures, seed, resamples=resamples)
    count = len(inside) + len(outside)
    area, asr, recall, at_1, at_01 = (
        percentile_interval(values[index], spread[:, index], count) for index in range(5)
    )
    called = spread[:, 5][np.isfinite(spread[:, 5])]  # draws in which anybody is called a member
    precision = percentile_interval(values[5], called, count) if called.size else None
    return Performance(
        area, asr, precision, recall, at_1, at_01, threshold, len(inside), len(outside)
    )


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

    def areas(drawn: NDArray[np.float64], others: NDArray[np.float64]) -> list[float]:
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
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    inside, outside = checked(*scores)
    if (inside.shape, outside.shape) != (members, nonmembers):
        raise InputError(
            f"the control {name} has scores of other pictures",
            found=f"{len(inside)} + {len(outside)}",
            expected=f"{members[0]} + {nonmembers[0]}",
        )
    return (inside, outside) if auc(inside, outside) >= 0.5 else (-inside, -outside)
