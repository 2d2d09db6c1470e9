"""From a score to an answer with a known rate of error, by comparison with scores of known examples.

    score s -> p_against = (1 + #{examples against with score >= s}) / (n + 1)      conformal p-values: exact at any n,
               p_for     = (1 + #{examples for     with score <= s}) / (m + 1)      whatever the scores look like

``s`` speaks for the direction when ``p_against <= alpha``: of the cases in which the direction is wrong, at most a
share alpha gets such an answer. It speaks against when ``p_for <= alpha``. Neither: both classes score like this.
Both: the score lies between classes that do not overlap, and the much nearer one is answered. In the middle of the gap,
or far beyond every known example, the score is outside the calibrated range.

Where the examples of a class are of several kinds (qualities of compression, corpora, families of forgery), the rate is
kept within each kind and not on the average of all: p is the largest over the class's kinds ("Mondrian" prediction with
an unknown kind).

Reference: Vovk, Gammerman, Shafer, "Algorithmic Learning in a Random World" (2005), class-conditional conformal
prediction; the probability is Platt's (1999) or isotonic (Zadrozny, Elkan, KDD 2002), with both classes equally likely
beforehand.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from forensics.folds import Persons
from forensics.verdict import OPPOSITE, Decision, Reason, Threshold
from shared.errors import InputError

ERROR_RATE = 0.05
"""Share of wrong answers that is allowed in either class. Ours: the papers report rates and give no verdicts."""

MARGIN = 0.25
"""How far beyond the known examples a score may lie, in shares of their range. Ours."""


Method = Literal["platt", "isotonic"]
"""How a score becomes a probability: a logistic curve, or the rising steps that fit best."""

Kinds = tuple[NDArray[np.float64], ...]
"""Increasing scores of each kind of example of a class; empty: all are of one kind."""

GAP = 2.0
"""Between classes that do not overlap, how much nearer one must be. Ours."""


def needed(error_rate: float) -> int:
    """Return how many known examples of a class an answer with this error rate needs.

    Raises:
        InputError: If the rate is not in (0, 0.5).

    Example:
        >>> needed(0.05), needed(0.01)
        (19, 99)
    """
    if not 0 < error_rate < 0.5:
        raise InputError("the error rate lies between 0 and 0.5", found=error_rate)
    return math.ceil(1 / error_rate - 1 - 1e-9)


@dataclass(frozen=True)
class Calibration:
    """Known examples' scores and what follows from them.

    Attributes:
        direction: What larger scores speak for.
        positives: ``(M,)`` increasing scores of examples for which the direction is right.
        negatives: ``(N,)`` increasing scores of examples for which it is wrong.
        error_rate: Allowed share of wrong answers in either class.
        slope: Of the log odds, per unit of score.
        intercept: Log odds at score 0.
        steps: ``(2, K)`` increasing scores and their probabilities, with straight lines between them; None: the
            logistic curve of slope and intercept.
        kinds: The positives' and the negatives' kinds, the increasing scores of each.
        people: Everybody whom each of the positives and of the negatives shows; None: not known.
        frames: Each score is the mean of so many; None: it is no mean.
        shorter: Number of scores -> the calibration of means of so few; a mean of few scatters more.
    """

    direction: Decision
    positives: NDArray[np.float64]
    negatives: NDArray[np.float64]
    error_rate: float
    slope: float
    intercept: float
    steps: NDArray[np.float64] | None = None
    kinds: tuple[Kinds, Kinds] = ((), ())
    people: tuple[tuple[Persons, ...], tuple[Persons, ...]] | None = None
    frames: int | None = None
    shorter: Mapping[int, Calibration] = field(default_factory=dict)

    def of(self, count: int) -> Calibration:
        """Return the calibration for a mean of ``count`` scores: that of the longest means that are no longer."""
        if self.frames is None or count >= self.frames:
            return self
        return self.shorter[max((n for n in self.shorter if n <= count), default=min(self.shorter))]

    @property
    def method(self) -> Method:
        """How a score becomes a probability."""
        return "platt" if self.steps is None else "isotonic"

    def probability(self, score: float) -> float:
        """Return the probability of the direction if both answers were equally likely beforehand."""
        if self.steps is not None:
            return float(np.interp(score, *self.steps))
        return float(1 / (1 + np.exp(-np.clip(self.slope * score + self.intercept, -500, 500))))

    def p_against(self, score: float) -> float:
        """Return how often an example for which the direction is wrong scores at least so high, in (0, 1]."""
        return max(
            float((1 + len(known) - np.searchsorted(known, score, side="left")) / (1 + len(known)))
            for known in self._negatives
        )

    def p_for(self, score: float) -> float:
        """Return how often an example for which the direction is right scores at most so high, in (0, 1]."""
        return max(
            float((1 + np.searchsorted(known, score, side="right")) / (1 + len(known)))
            for known in self._positives
        )

    @property
    def _positives(self) -> Kinds:
        return self.kinds[0] or (self.positives,)

    @property
    def _negatives(self) -> Kinds:
        return self.kinds[1] or (self.negatives,)

    def judge(self, score: float) -> Decision | Reason:
        """Return the answer, or the reason why there is none.

        Args:
            score: Oriented, finite.
        """
        known = np.concatenate([self.positives, self.negatives])
        margin = MARGIN * (known.max() - known.min())
        if not known.min() - margin <= score <= known.max() + margin:
            return Reason.OUT_OF_RANGE
        speaks_for = self.p_against(score) <= self.error_rate
        speaks_against = self.p_for(score) <= self.error_rate
        if speaks_for and speaks_against:
            return self._in_the_gap(score)
        if speaks_for:
            return self.direction
        return OPPOSITE[self.direction] if speaks_against else Reason.OVERLAP

    def _in_the_gap(self, score: float) -> Decision | Reason:
        """Side with the class that is much nearer; either answer keeps the error rates."""
        near = np.abs(self.positives - score).min(), np.abs(self.negatives - score).min()
        if near[0] * GAP < near[1]:
            return self.direction
        return OPPOSITE[self.direction] if near[1] * GAP < near[0] else Reason.OUT_OF_RANGE

    def thresholds(self) -> dict[Decision, Threshold]:
        """Return the scores from which on either answer is given, and their origin in words."""
        other, rate = OPPOSITE[self.direction], self.error_rate
        # p <= alpha means: at most floor(alpha (n + 1)) - 1 known examples lie as far out
        high = max(k[::-1][int(rate * (len(k) + 1) + 1e-9) - 1] for k in self._negatives)
        low = min(k[int(rate * (len(k) + 1) + 1e-9) - 1] for k in self._positives)
        told = "at most {:.1%} of examples that are {} score beyond it; from {} known ones"
        if self.frames is not None:
            told += f", means of {self.frames} frames" if self.frames > 1 else ", single frames"
        return {
            self.direction: Threshold(float(high), told.format(rate, other, len(self.negatives))),
            other: Threshold(float(low), told.format(rate, self.direction, len(self.positives))),
        }


def calibrate(
    positives: ArrayLike,
    negatives: ArrayLike,
    direction: Decision,
    *,
    error_rate: float = ERROR_RATE,
    method: Method = "platt",
) -> Calibration:
    """Learn from known examples what a score means.

    Args:
        positives: ``(M,)`` oriented scores of examples for which the direction is right.
        negatives: ``(N,)`` oriented scores of examples for which it is wrong.
        direction: What larger scores speak for.
        error_rate: Allowed share of wrong answers in either class.
        method: How a score becomes a probability.

    Raises:
        InputError: If a class has too few examples for the error rate, or a score is not finite.

    Example:
        >>> known = calibrate(np.arange(10, 30), np.arange(20), Decision.MEMBER)
        >>> "; ".join(known.judge(score) for score in (25, 15, 3, 90))
        'member; both classes score like this; non-member; outside the calibrated range'
    """
    if method not in ("platt", "isotonic"):
        raise InputError("unknown calibration", found=method, expected="platt | isotonic")
    classes = {direction: positives, OPPOSITE[direction]: negatives}
    scores = [
        _checked(name, np.sort(np.asarray(values, np.float64)), needed(error_rate), error_rate)
        for name, values in classes.items()
    ]
    pooled = np.concatenate(scores)
    centre, spread = float(pooled.mean()), float(pooled.std()) or 1.0
    fitted = LogisticRegression(class_weight="balanced").fit(
        (pooled[:, None] - centre) / spread, np.repeat([1, 0], [len(row) for row in scores])
    )
    slope = float(fitted.coef_[0, 0]) / spread
    intercept = float(fitted.intercept_[0]) - slope * centre
    found = Calibration(direction, scores[0], scores[1], error_rate, slope, intercept)
    return found if method == "platt" else replace(found, steps=_rising_steps(*scores))


def calibrate_kinds(
    positives: Sequence[ArrayLike],
    negatives: Sequence[ArrayLike],
    direction: Decision,
    *,
    error_rate: float = ERROR_RATE,
    method: Method = "platt",
) -> Calibration:
    """Learn from known examples of several kinds what a score means, so that the error rate holds in each of them.

    Args:
        positives: Scores of each kind of example for which the direction is right, as :func:`calibrate`'s.
        negatives: Scores of each kind of example for which it is wrong; they need not be as many kinds.
        direction: What larger scores speak for.
        error_rate: Allowed share of wrong answers in either class of any kind.
        method: How a score becomes a probability; one curve for all kinds.

    Raises:
        InputError: As :func:`calibrate`, for any kind.

    Example:
        >>> plain, hidden = np.arange(40, 60), np.arange(20, 40)  # one family of forgeries is harder to see
        >>> known = calibrate_kinds([plain, hidden], [np.arange(20, 40)], Decision.MANIPULATED)
        >>> str(known.judge(50)), str(known.judge(30)), str(known.judge(18))
        ('manipulated', 'both classes score like this', 'authentic')
    """
    least, classes = needed(error_rate), {direction: positives, OPPOSITE[direction]: negatives}
    kinds = [
        tuple(_checked(name, np.sort(np.asarray(k, np.float64)), least, error_rate) for k in each)
        for name, each in classes.items()
    ]
    right, wrong = (np.concatenate(each or (np.empty(0),)) for each in kinds)
    pooled = calibrate(right, wrong, direction, error_rate=error_rate, method=method)
    return replace(pooled, kinds=(kinds[0], kinds[1]))


def _rising_steps(
    positives: NDArray[np.float64], negatives: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the isotonic fit, both classes weighing alike.

    Where all known examples are of one class it says 0 or 1; one more example of the other is allowed for.
    """
    counts = len(positives), len(negatives)
    fitted = IsotonicRegression(out_of_bounds="clip").fit(
        np.concatenate([positives, negatives]), np.repeat([1.0, 0.0], counts),
        sample_weight=np.repeat([0.5 / count for count in counts], counts),
    )  # fmt: skip
    low, high = 1 / (counts[0] + 2), 1 - 1 / (counts[1] + 2)
    return np.stack([fitted.X_thresholds_, np.clip(fitted.y_thresholds_, low, high)])


def _checked(
    name: Decision, scores: NDArray[np.float64], least: int, error_rate: float
) -> NDArray[np.float64]:
    if scores.ndim != 1 or len(scores) < least:
        raise InputError(
            f"too few known examples that are {name}",
            found=len(scores),
            expected=f"{least} or more for an error rate of {error_rate:g}",
            fix="give more, or allow a larger error rate",
        )
    if not np.isfinite(scores).all():
        raise InputError(f"a score of a known {name} is not finite")
    return scores
