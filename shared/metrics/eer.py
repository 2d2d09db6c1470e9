"""Equal error rate: where a detector misses as often as it raises a false alarm."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from shared.metrics.roc import checked, roc


def equal_error_rate(positives: ArrayLike, negatives: ArrayLike) -> float:
    """Return the rate at which the curve's chords cross ``false positive rate = 1 - true positive rate``.

    Args:
        positives: ``(M,)`` scores, larger = positive.
        negatives: ``(N,)`` scores.

    Returns:
        In [0, 1]; 0 when the classes are apart, 0.5 by chance.

    Raises:
        InputError: If a class is empty or a score is not finite.

    Example:
        >>> equal_error_rate([3.0, 4.0, 1.0, 5.0], [0.0, 2.0, 0.5, 0.2])
        0.25
    """
    curve = roc(positives, negatives)
    gap = curve.false_positive_rate - (1 - curve.true_positive_rate)  # rises from -1 to 1
    after = int(np.argmax(gap >= 0))
    before = after - 1
    share = -gap[before] / (gap[after] - gap[before])
    rates = curve.false_positive_rate
    return float(rates[before] + share * (rates[after] - rates[before]))


def equal_error_threshold(positives: ArrayLike, negatives: ArrayLike) -> float:
    """Return the score from which on a detector says "positive" if it is to err alike in both classes.

    Args:
        positives: ``(M,)`` scores, larger = positive.
        negatives: ``(N,)`` scores.

    Returns:
        The score at which the two rates of errors differ least.

    Raises:
        InputError: If a class is empty or a score is not finite.

    Example:
        >>> equal_error_threshold([3.0, 4.0, 1.0, 5.0], [0.0, 2.0, 0.5, 0.2])
        2.0
    """
    of, against = (np.sort(scores) for scores in checked(positives, negatives))
    scores = np.unique(np.concatenate([of, against]))
    missed = np.searchsorted(of, scores) / len(of)
    alarms = 1 - np.searchsorted(against, scores) / len(against)
    return float(scores[np.argmin(np.abs(missed - alarms))])
