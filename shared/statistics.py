"""How sure a figure is: bootstrap intervals over the units that were drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared.errors import InputError

Statistic = Callable[[NDArray[np.floating]], float]


@dataclass(frozen=True)
class Interval:
    """A figure and its bootstrap percentile interval.

    Attributes:
        value: The statistic of the data.
        low: Lower end.
        high: Upper end.
        n: Units that were drawn from.
    """

    value: float
    low: float
    high: float
    n: int


def _mean(values: NDArray[np.floating]) -> float:
    return float(np.mean(values))


def bootstrap_interval(
    values: ArrayLike,
    statistic: Statistic = _mean,
    seed: int = 0,
    *,
    level: float = 0.95,
    resamples: int = 2000,
) -> Interval:
    """Return a statistic with its percentile interval (Efron, 1979).

    Args:
        values: ``(n, ...)``; rows are drawn with replacement, so a row must be a unit that is
            independent of the others (a clip or a person, not a frame).
        statistic: Maps ``(n, ...)`` to a number; by default the mean.
        seed: Of the draws.
        level: Of the interval.
        resamples: Number of draws.

    Raises:
        InputError: If there are no values, one is not finite, or the level is not in (0, 1).

    Example:
        >>> bootstrap_interval([1.0, 1.0, 1.0])
        Interval(value=1.0, low=1.0, high=1.0, n=3)
    """
    rows = _finite_rows(values)
    spread = bootstrap([rows], statistic, seed, resamples=resamples)
    return percentile_interval(statistic(rows), spread, len(rows), level)


def bootstrap(
    groups: Sequence[ArrayLike],
    statistic: Callable[..., ArrayLike],
    seed: int = 0,
    *,
    resamples: int = 2000,
) -> NDArray[np.float64]:
    """Return a statistic of several groups over bootstrap draws, each group drawn from by itself.

    What stands in one row is drawn together: give the scores of two methods as two columns and their difference
    is paired.

    Args:
        groups: One ``(n_g, ...)`` for each argument of ``statistic``; groups may differ in size.
        statistic: Maps the drawn groups to a number, or to an array ``(k,)`` of them.
        seed: Of the draws.
        resamples: Number of draws.

    Returns:
        ``(resamples,)`` or ``(resamples, k)``.

    Raises:
        InputError: If a group is empty or has a value that is not finite.

    Example:
        >>> bootstrap([[1.0, 1.0], [3.0]], lambda a, b: b.mean() - a.mean(), resamples=3).tolist()
        [2.0, 2.0, 2.0]
    """
    rows = [_finite_rows(group) for group in groups]
    generator = np.random.default_rng(seed)
    draws = [generator.integers(len(row), size=(resamples, len(row))) for row in rows]
    return np.array(
        [
            statistic(*(row[draw[index]] for row, draw in zip(rows, draws, strict=True)))
            for index in range(resamples)
        ],
        np.float64,
    )


def percentile_interval(value: float, spread: ArrayLike, n: int, level: float = 0.95) -> Interval:
    """Return a figure with the middle ``level`` of its bootstrap spread.

    Args:
        value: The statistic of the data.
        spread: ``(resamples,)`` the statistic of the draws.
        n: Units that were drawn from.
        level: Of the interval.

    Raises:
        InputError: If the level is not in (0, 1).
    """
    if not 0 < level < 1:
        raise InputError("the level of an interval lies between 0 and 1", found=level)
    low, high = np.quantile(np.asarray(spread, np.float64), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(value), float(low), float(high), n)


def _finite_rows(values: ArrayLike) -> NDArray[np.float64]:
    rows = np.asarray(values, np.float64)
    if rows.ndim == 0 or len(rows) == 0:
        raise InputError("there is nothing to take an interval of", found="0 values")
    if not np.isfinite(rows).all():
        raise InputError("a value is not finite", fix="leave out what could not be measured")
    return rows
