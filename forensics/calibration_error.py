"""How far calibrated probabilities are from how often they come true.

    ECE = sum over bins b of  (weight of b) |mean probability in b - share of positives in b|

Reference: Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (AAAI 2015).
Both classes weigh alike, for the probabilities are those of answers that were equally likely beforehand.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forensics.calibration import Calibration, Method, calibrate

BINS = 10
FOLDS = 5
METHODS: tuple[Method, ...] = ("platt", "isotonic")


@dataclass(frozen=True, eq=False)
class Reliability:
    """Probabilities of known examples against how often they came true.

    Attributes:
        predicted: ``(B,)`` mean probability in each bin that is not empty.
        observed: ``(B,)`` share of examples for which the direction is right, both classes weighing alike.
        weight: ``(B,)`` share of all examples in the bin; sums to 1.
    """

    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    weight: NDArray[np.float64]

    @property
    def error(self) -> float:
        """The expected calibration error, [0, 1]."""
        return float((self.weight * np.abs(self.predicted - self.observed)).sum())


def reliability(known: Calibration, *, folds: int = FOLDS, bins: int = BINS) -> Reliability:
    """Return how reliable the probabilities of a calibration are, on examples that had no part in fitting them.

    The known examples of each class are dealt into folds; each fold gets probabilities fitted on the others.

    Args:
        known: The calibration.
        folds: Number of folds.
        bins: Bins of equal width over [0, 1].

    Raises:
        InputError: If a class has fewer than three known examples.

    Example:
        >>> from forensics.verdict import Decision
        >>> good = calibrate(np.arange(100, 200), np.arange(100), Decision.MANIPULATED)
        >>> reliability(good).error < 0.1
        True
    """
    classes = known.positives, known.negatives
    dealt = [np.arange(len(scores)) % folds for scores in classes]
    chances, truth, weights = [], [], []
    for fold in range(folds):
        right, wrong = (scores[deal != fold] for scores, deal in zip(classes, dealt, strict=True))
        # the rate decides nothing here but how few examples are refused
        rate = max(known.error_rate, 1 / (min(len(right), len(wrong)) + 1))
        fitted = calibrate(right, wrong, known.direction, error_rate=rate, method=known.method)
        for label, (scores, deal) in enumerate(zip(classes[::-1], dealt[::-1], strict=True)):
            held = scores[deal == fold]
            chances += [fitted.probability(score) for score in held]
            truth += [label] * len(held)
            weights += [0.5 / len(scores)] * len(held)
    return _binned(np.array(chances), np.array(truth, float), np.array(weights), bins)


def best_fitted(known: Calibration) -> Calibration:
    """Return it with the curve or with the steps, whichever errs less on examples that had no part in fitting them."""
    fitted = [
        calibrate(
            known.positives, known.negatives, known.direction, error_rate=known.error_rate,
            method=method,
        )
        for method in METHODS
    ]  # fmt: skip
    best = min(fitted, key=lambda one: reliability(one).error)
    return replace(best, kinds=known.kinds)


def _binned(
    chances: NDArray[np.float64],
    truth: NDArray[np.float64],
    weights: NDArray[np.float64],
    bins: int,
) -> Reliability:
    which = np.minimum((chances * bins).astype(int), bins - 1)
    total, predicted, observed = (
        np.bincount(which, values, bins) for values in (weights, weights * chances, weights * truth)
    )
    full = total > 0
    return Reliability(
        predicted[full] / total[full], observed[full] / total[full], np.asarray(total[full], float)
    )
