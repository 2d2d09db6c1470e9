"""How sure a figure is: bootstrap intervals over the units that were drawn."""

from __future__ import annotations

from collections.abc import Callable
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
    rows = np.asarray(values, np.float64)
    if rows.ndim == 0 or len(rows) == 0:
        raise InputError("there is nothing to take an interval of", found="0 values")
    if not np.isfinite(rows).all():
        raise InputError("a value is not finite", fix="leave out what could not be measured")
    if not 0 < level < 1:
        raise InputError("the level of an interval lies between 0 and 1", found=level)
    generator = np.random.default_rng(seed)
    draws = generator.integers(len(rows), size=(resamples, len(rows)))
    spread = np.array([statistic(rows[draw]) for draw in draws])
    low, high = np.quantile(spread, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(statistic(rows)), float(low), float(high), len(rows))
