"""Exact receiver operating characteristic of positives against negatives, every score a threshold.

Nothing is swept and nothing interpolated: the curve has one point for each distinct score, and the true positive rate
at a false positive rate is read at the largest rate that is not above it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared.errors import InputError

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Roc:
    """The curve, from nothing called positive to everything.

    Attributes:
        false_positive_rate: ``(P,)`` in [0, 1], not decreasing.
        true_positive_rate: ``(P,)`` in [0, 1], not decreasing.
        thresholds: ``(P,)`` decreasing; at point i a score is called positive from ``thresholds[i]`` on. The first
            is infinite.
    """

    false_positive_rate: Scores
    true_positive_rate: Scores
    thresholds: Scores


def checked(
    positives: ArrayLike,
    negatives: ArrayLike,
    names: tuple[str, str] = ("positives", "negatives"),
) -> tuple[Scores, Scores]:
    """Return both classes' scores as float64 vectors.

    Args:
        positives: ``(M,)``.
        negatives: ``(N,)``.
        names: Of the classes, for the error.

    Raises:
        InputError: If a class is empty or a score is not finite.
    """
    classes = dict(
        zip(names, (np.asarray(positives, float), np.asarray(negatives, float)), strict=True)
    )
    for name, scores in classes.items():
        if scores.ndim != 1 or len(scores) == 0:
            raise InputError(
                f"there are no scores of {name}",
                found=f"shape {scores.shape}",
                expected="scores of both classes",
                fix=f"give {names[0]} and {names[1]}",
            )
        if not np.isfinite(scores).all():
            raise InputError(
                f"a score of the {name} is not finite", found=int((~np.isfinite(scores)).sum())
            )
    return classes[names[0]], classes[names[1]]


def roc(positives: ArrayLike, negatives: ArrayLike) -> Roc:
    """Return the exact curve.

    Args:
        positives: ``(M,)`` scores, larger = positive.
        negatives: ``(N,)`` scores.

    Raises:
        InputError: If a class is empty or a score is not finite.

    Example:
        >>> curve = roc([3.0, 2.0], [1.0, 2.0])
        >>> curve.false_positive_rate.tolist(), curve.true_positive_rate.tolist()
        ([0.0, 0.0, 0.5, 1.0], [0.0, 0.5, 1.0, 1.0])
    """
    inside, outside = (np.sort(scores) for scores in checked(positives, negatives))
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


def auc(positives: ArrayLike, negatives: ArrayLike) -> float:
    """Return the area under the curve: how often a positive scores above a negative, ties counting half.

    Args:
        positives: ``(M,)`` scores, larger = positive.
        negatives: ``(N,)`` scores.

    Raises:
        InputError: If a class is empty or a score is not finite.

    Example:
        >>> auc([3.0, 2.0], [1.0, 2.0])
        0.875
    """
    inside, outside = checked(positives, negatives)
    outside = np.sort(outside)
    below = np.searchsorted(outside, inside, side="left")
    not_above = np.searchsorted(outside, inside, side="right")
    return float((below + not_above).mean() / (2 * len(outside)))


def tpr_at_fpr(positives: ArrayLike, negatives: ArrayLike, rate: float) -> float:
    """Return the true positive rate at the largest false positive rate that is not above ``rate``.

    With fewer than ``1 / rate`` negatives that is the rate without any false positive.

    Args:
        positives: ``(M,)`` scores, larger = positive.
        negatives: ``(N,)`` scores.
        rate: In [0, 1].

    Raises:
        InputError: If a class is empty, a score is not finite, or the rate is not in [0, 1].

    Example:
        >>> tpr_at_fpr([3.0, 2.0], [1.0, 2.0], 0.1), tpr_at_fpr([3.0, 2.0], [1.0, 2.0], 0.5)
        (0.5, 1.0)
    """
    inside, outside = checked(positives, negatives)
    if not 0 <= rate <= 1:
        raise InputError("a false positive rate lies between 0 and 1", found=rate)
    allowed = int(np.floor(rate * len(outside) + 1e-9))  # 0.29 * 100 is a little below 29
    if allowed >= len(outside):
        return 1.0
    # whoever scores above the first negative that must not be called positive
    return float((inside > np.partition(outside, -allowed - 1)[-allowed - 1]).mean())
