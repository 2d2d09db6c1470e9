"""Exact receiver operating characteristic of members against non-members, every score a threshold.

Nothing is swept and nothing interpolated: the curve has one point for each distinct score, and the true positive rate
at a false positive rate is read at the largest rate that is not above it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from shared.errors import InputError

LOW_RATES = (0.01, 0.001)
"""False positive rates at which membership attacks are compared (Carlini et al., 2022)."""

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Roc:
    """The curve, from nobody called a member to everybody.

    Attributes:
        false_positive_rate: ``(P,)`` in [0, 1], not decreasing.
        true_positive_rate: ``(P,)`` in [0, 1], not decreasing.
        thresholds: ``(P,)`` decreasing; at point i a score is called a member from ``thresholds[i]`` on. The first
            is infinite.
    """

    false_positive_rate: Scores
    true_positive_rate: Scores
    thresholds: Scores


def checked(members: ArrayLike, nonmembers: ArrayLike) -> tuple[Scores, Scores]:
    """Return both classes' scores as float64 vectors.

    Raises:
        InputError: If a class is empty or a score is not finite.
    """
    classes = {"members": np.asarray(members, float), "non-members": np.asarray(nonmembers, float)}
    for name, scores in classes.items():
        if scores.ndim != 1 or len(scores) == 0:
            raise InputError(
                f"there are no scores of {name}",
                found=f"shape {scores.shape}",
                expected="scores of both classes",
                fix="give pictures of members and of non-members",
            )
        if not np.isfinite(scores).all():
            raise InputError(
                f"a score of the {name} is not finite", found=int((~np.isfinite(scores)).sum())
            )
    return classes["members"], classes["non-members"]


def roc(members: ArrayLike, nonmembers: ArrayLike) -> Roc:
    """Return the exact curve.

    Args:
        members: ``(M,)`` scores, larger = member.
        nonmembers: ``(N,)`` scores.

    Raises:
        InputError: If a class is empty or a score is not finite.

    Example:
        >>> curve = roc([3.0, 2.0], [1.0, 2.0])
        >>> curve.false_positive_rate.tolist(), curve.true_positive_rate.tolist()
        ([0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0])
    """
    inside, outside = (np.sort(scores) for scores in checked(members, nonmembers))
    thresholds = np.unique(np.concatenate([inside, outside]))[::-1]
    rates = [
        1 - np.searchsorted(scores, thresholds, side="left") / len(scores)
        for scores in (outside, inside)
    ]
    return Roc(
        np.concatenate([[0.0], rates[0]]),
        np.concatenate([[0.0], rates[1]]),
        np.concatenate([[np.inf], thresholds]),
    )


def auc(members: ArrayLike, nonmembers: ArrayLike) -> float:
    """Return the area under the curve: how often a member scores above a non-member, ties counting half.

    Args:
        members: ``(M,)`` scores, larger = member.
        nonmembers: ``(N,)`` scores.

    Raises:
        InputError: If a class is empty or a score is not finite.

    Example:
        >>> auc([3.0, 2.0], [1.0, 2.0])
        0.875
    """
    inside, outside = checked(members, nonmembers)
    outside = np.sort(outside)
    below = np.searchsorted(outside, inside, side="left")
    not_above = np.searchsorted(outside, inside, side="right")
    return float((below + not_above).mean() / (2 * len(outside)))


def tpr_at_fpr(members: ArrayLike, nonmembers: ArrayLike, rate: float) -> float:
    """Return the true positive rate at the largest false positive rate that is not above ``rate``.

    With fewer than ``1 / rate`` non-members that is the rate without any false positive.

    Args:
        members: ``(M,)`` scores, larger = member.
        nonmembers: ``(N,)`` scores.
        rate: In [0, 1].

    Raises:
        InputError: If a class is empty, a score is not finite, or the rate is not in [0, 1].

    Example:
        >>> tpr_at_fpr([3.0, 2.0], [1.0, 2.0], 0.1), tpr_at_fpr([3.0, 2.0], [1.0, 2.0], 0.5)
        (0.5, 1.0)
    """
    inside, outside = checked(members, nonmembers)
    if not 0 <= rate <= 1:
        raise InputError("a false positive rate lies between 0 and 1", found=rate)
    allowed = int(np.floor(rate * len(outside) + 1e-9))  # 0.29 * 100 is a little below 29
    if allowed >= len(outside):
        return 1.0
    # whoever scores above the first non-member that must not be called a member
    return float((inside > np.partition(outside, -allowed - 1)[-allowed - 1]).mean())


def plot_roc(curves: dict[str, Roc], *, log: bool = True) -> Figure:
    """Draw curves, by default with both axes logarithmic, where the rates that matter can be seen.

    Args:
        curves: Name -> curve, in the order of the legend.
        log: Logarithmic axes, from a tenth of the smallest rate on; else both from 0 to 1.

    Returns:
        A figure that belongs to no window.
    """
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.subplots()
    floor = 1.0
    for name, curve in curves.items():
        axes.step(curve.false_positive_rate, curve.true_positive_rate, where="post", label=name)
        rates = np.concatenate([curve.false_positive_rate, curve.true_positive_rate])
        floor = min(floor, rates[rates > 0].min())
    chance = np.geomspace(floor / 10, 1, 50)
    axes.plot(chance, chance, color="0.6", linestyle=":", label="chance")
    if log:
        axes.set(xscale="log", yscale="log", xlim=(floor / 2, 1), ylim=(floor / 2, 1.05))
    axes.set(xlabel="non-members called members", ylabel="members called members")
    axes.legend(fontsize="small", loc="lower right")
    axes.grid(alpha=0.3)
    return figure
