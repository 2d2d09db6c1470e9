"""Thresholds: fixed on one part of the labelled pictures, judged on the other.

The published tables tune the threshold on the pictures that they report on, or nearly; here no function does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forensics.membership.roc import checked, roc
from shared.errors import InputError

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Parts:
    """Which pictures of one class fix the threshold and which ones judge it.

    Attributes:
        calibration: ``(C,)`` indices, increasing.
        held_out: ``(H,)`` indices, increasing; none is in ``calibration``.
    """

    calibration: Indices
    held_out: Indices


@dataclass(frozen=True)
class Decisions:
    """How well a fixed threshold tells the classes apart.

    Attributes:
        asr: Attack success rate: the mean of the shares of members and of non-members that are named rightly, so that
            0.5 is chance whatever the sizes of the classes.
        precision: Share of true members among those called members, if both classes were of one size; NaN when nobody
            is called a member.
        recall: Share of members that are called members.
    """

    asr: float
    precision: float
    recall: float


def split_parts(count: int, seed: int, *, share: float = 0.5) -> Parts:
    """Split the pictures of one class by lot.

    Args:
        count: Pictures of the class, at least 2.
        seed: Of the lot.
        share: Of the pictures that fix the threshold, in (0, 1); each part has one picture at least.

    Raises:
        InputError: If there are fewer than two pictures or the share is not in (0, 1).

    Example:
        >>> parts = split_parts(5, seed=0)
        >>> len(parts.calibration), len(parts.held_out)
        (2, 3)
    """
    if count < 2:
        raise InputError(
            "too few pictures to fix a threshold and to judge it", found=count, expected="2 or more"
        )
    if not 0 < share < 1:
        raise InputError("the share of the calibration part lies between 0 and 1", found=share)
    order = np.random.default_rng(seed).permutation(count)
    size = int(np.clip(round(share * count), 1, count - 1))
    return Parts(np.sort(order[:size]), np.sort(order[size:]))


def split_classes(members: int, nonmembers: int, seed: int) -> tuple[Parts, Parts]:
    """Split both classes in halves, each by its own lot.

    Args:
        members: Known members, at least 2.
        nonmembers: Known non-members, at least 2.
        seed: Of the lots.

    Raises:
        InputError: If a class has fewer than two pictures.
    """
    lots = np.random.SeedSequence(seed).generate_state(2)
    return split_parts(members, int(lots[0])), split_parts(nonmembers, int(lots[1]))


def best_threshold(members: ArrayLike, nonmembers: ArrayLike) -> float:
    """Return the threshold of the largest attack success rate: half-way between the two scores that it parts.

    Of equally good ones the largest, which calls the fewest pictures members. A score above it counts as a member.

    Args:
        members: ``(M,)`` scores of the calibration part, larger = member.
        nonmembers: ``(N,)`` scores of the calibration part.

    Raises:
        InputError: If a class is empty or a score is not finite.

    Example:
        >>> best_threshold([3.0, 4.0], [1.0, 2.0])
        2.5
    """
    curve = roc(members, nonmembers)
    best = int(np.argmax(curve.true_positive_rate - curve.false_positive_rate))
    steps = curve.thresholds
    if best == 0:
        return float(np.nextafter(steps[1], np.inf))
    if best == len(steps) - 1:
        return float(np.nextafter(steps[-1], -np.inf))
    return float((steps[best] + steps[best + 1]) / 2)


def decide(members: ArrayLike, nonmembers: ArrayLike, threshold: float) -> Decisions:
    """Judge a threshold on pictures that had no part in fixing it; scores above it are called members.

    Args:
        members: ``(M,)`` held-out scores, larger = member.
        nonmembers: ``(N,)`` held-out scores.
        threshold: From the calibration part.

    Raises:
        InputError: If a class is empty or a score is not finite.

    Example:
        >>> decide([3.0, 2.0], [1.0, 1.5], 2.5)
        Decisions(asr=0.75, precision=1.0, recall=0.5)
    """
    inside, outside = checked(members, nonmembers)
    found, wrong = float((inside > threshold).mean()), float((outside > threshold).mean())
    called = found + wrong
    return Decisions((found + 1 - wrong) / 2, found / called if called else float("nan"), found)
