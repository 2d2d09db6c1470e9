"""Equal error rate: where a detector misses as often as it raises a false alarm."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from shared.metrics.roc import roc


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
