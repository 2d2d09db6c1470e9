"""How far calibrated probabilities are from how often they come true.

    ECE = sum over bins b of  (weight of b) |mean probability in b - share of positives in b|

Reference: Naeini, Cooper, Hauskrecht, "Obtaining well calibrated probabilities using Bayesian binning" (AAAI 2015).
Both classes weigh alike, for the probabilities are those of answers that were equally likely beforehand.

Examples that had no part in a fit must not resemble those that had. All that shows one person is therefore held out
together, and where nobody knows whom they show, they are dealt at random: sorted scores dealt in turn would give each
fold the mirror image of the others, and an error near 0 whatever the fit is worth.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from forensics.calibration import Calibration, Method, calibrate
from shared.errors import InputError

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

    The known people are dealt into folds, or the examples at random; each fold gets probabilities fitted on the others.

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
        right, wrong = (scores[deal != fold] for scores, deal in zip(classes, dealt, strict=True))
        if min(len(right), len(wrong)) < 2:
            raise InputError(
                "too few people to tell how reliable the probabilities are",
                fix="give known examples of more people of either class",
            )
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
    classes = known.positives, known.negatives
    fitted = [
        calibrate(*classes, known.direction, error_rate=known.error_rate, method=method)
        for method in METHODS
    ]
    return min(
        (replace(known, steps=one.steps) for one in fitted), key=lambda one: reliability(one).error
    )


def _dealt(known: Calibration, folds: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the fold of each positive and of each negative: one fold a person, or any at random."""
    if known.people is None:
        deal = np.random.default_rng(0)
        right, wrong = (
            deal.permutation(len(scores)) % folds for scores in (known.positives, known.negatives)
        )
        return right, wrong
    # by hash: names often tell a family, a corpus or an order
    names = sorted({*known.people[0], *known.people[1]}, key=_hash)
    fold = {name: place % folds for place, name in enumerate(names)}
    right, wrong = (np.array([fold[name] for name in people], int) for people in known.people)
    return right, wrong


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()


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
