"""How far calibrated probabilities are from how often they come true.

    ECE = sum over bins b of  (weight of b) |mean probability in b - share of positives in b|

Reference: Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (AAAI 2015).
Both classes weigh alike, for the probabilities are those of answers that were equally likely beforehand.

Examples that had no part in a fit must not resemble those that had. All that shows one person is therefore held out
together (see :mod:`forensics.folds`), and where nobody knows whom they show, they are dealt at random: sorted scores
dealt in turn would give each fold the mirror image of the others, and an error near 0 whatever the fit is worth.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forensics.calibration import Calibration, Method, calibrate
from forensics.folds import FOLDS, Folds, deal, deal_at_random
from shared.errors import InputError

BINS = 10
METHODS: tuple[Method, ...] = ("platt", "isotonic")


@dataclass(frozen=True, eq=False)
class Reliability:
    """Probabilities of known examples against how often they came true.

    Attributes:
        predicted: ``(B,)`` mean probability in each bin that is not empty.
        observed: ``(B,)`` share of examples for which the direction is right, both classes weighing alike.
        weight: ``(B,)`` share of all examples in the bin; sums to 1.
        held_out: What was held out together, in words.
    """

    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]
    weight: NDArray[np.float64]
    held_out: str = ""

    @property
    def error(self) -> float:
        """The expected calibration error, [0, 1]."""
        return float((self.weight * np.abs(self.predicted - self.observed)).sum())


def reliability(known: Calibration, *, folds: int = FOLDS, bins: int = BINS) -> Reliability:
    """Return how reliable the probabilities of a calibration are, on examples that had no part in fitting them.

    The known people are dealt into folds, or the examples at random; each fold gets probabilities fitted on the others.
    ``held_out`` tells whether those who lent a face were held out with whom they lent it to.

    Args:
        known: The calibration.
        folds: Number of folds.
        bins: Bins of equal width over [0, 1].

    Raises:
        InputError: If a class has fewer than three known examples, or hardly any without one fold's people.

    Example:
        >>> from forensics.verdict import Decision
        >>> good = calibrate(np.arange(100, 200), np.arange(100), Decision.MANIPULATED)
        >>> reliability(good).error < 0.1
        True
    """
    classes = known.positives, known.negatives
    dealt = _dealt(known, folds)
    chances, truth, weights = [], [], []
    for fold in range(folds):
        right, wrong = (
            scores[deals != fold] for scores, deals in zip(classes, dealt.numbers, strict=True)
        )
        if min(len(right), len(wrong)) < 2:
            raise InputError(
                "too few people to tell how reliable the probabilities are",
                fix="give known examples of more people of either class",
            )
        # the rate decides nothing here but how few examples are refused
        rate = max(known.error_rate, 1 / (min(len(right), len(wrong)) + 1))
        fitted = calibrate(right, wrong, known.direction, error_rate=rate, method=known.method)
        for label, (scores, deals) in enumerate(
            zip(classes[::-1], dealt.numbers[::-1], strict=True)
        ):
            held = scores[deals == fold]
            chances += [fitted.probability(score) for score in held]
            truth += [label] * len(held)
            weights += [0.5 / len(scores)] * len(held)
    found = _binned(np.array(chances), np.array(truth, float), np.array(weights), bins)
    return replace(found, held_out=dealt.held_out)


def best_fitted(known: Calibration) -> Calibration:
    """Return it with the curve or with the steps, whichever errs less on examples that had no part in fitting them."""
    classes = known.positives, known.negatives
    fitted = [
        calibrate(*classes, known.direction, error_rate=known.error_rate, method=method)
        for method in METHODS
    ]
    return min(
        (replace(known, steps=one.steps) for one in fitted), key=lambda one: reliability(one).error
    )


def _dealt(known: Calibration, folds: int) -> Folds:
    """Return the fold of each positive and of each negative."""
    if known.people is None:
        return deal_at_random(len(known.positives), len(known.negatives), folds=folds)
    return deal(*known.people, folds=folds)


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
