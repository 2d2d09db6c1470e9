"""Do the known members and non-members differ before any model has seen them?

If they do (web pictures against holiday photographs, 512 px against 256 px), every score separates them, and the table
looks like a successful attack. Reference: CopyMark (arXiv 2410.03640), which found that most published successes vanish
on sets of one distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import ks_2samp
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from forensics.membership.bootstrap import RESAMPLES
from forensics.membership.roc import auc
from shared.errors import InputError
from shared.statistics import Interval, bootstrap, percentile_interval

FOLDS = 5
SIGNIFICANT = 0.01


@dataclass(frozen=True)
class DistributionShift:
    """How well statistics of the pictures alone tell members from non-members.

    Attributes:
        blind_auc: Of a logistic regression on the statistics, five-fold, each picture judged by a fit without it.
        p_values: Statistic -> p-value of a Kolmogorov-Smirnov test, times the number of statistics, at most 1.
        shifted: True when the interval of ``blind_auc`` lies above 0.5, or a p-value is below 0.01.
    """

    blind_auc: Interval
    p_values: dict[str, float]
    shifted: bool


def distribution_shift(
    members: ArrayLike,
    nonmembers: ArrayLike,
    names: Sequence[str],
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> DistributionShift:
    """Compare two sets of pictures by statistics that need no model.

    Args:
        members: ``(M, F)`` statistics, one row a picture, ``M >= 5``.
        nonmembers: ``(N, F)``, ``N >= 5``.
        names: F names of the statistics.
        seed: Of the folds and of the draws.
        resamples: Draws of the interval.

    Raises:
        InputError: If a class has fewer than five pictures, a value is not finite or the columns do not fit the names.

    Example:
        >>> rows = np.random.default_rng(0).standard_normal((60, 2))
        >>> distribution_shift(rows[:30], rows[30:] + [3, 0], ["brightness", "edges"]).shifted
        True
    """
    inside, outside = _table("members", members, names), _table("non-members", nonmembers, names)
    blind = blind_scores(inside, outside, seed=seed)
    spread = bootstrap(list(blind), auc, seed, resamples=resamples)
    interval = percentile_interval(auc(*blind), spread, len(inside) + len(outside))
    p_values = {
        name: min(1.0, len(names) * float(ks_2samp(inside[:, column], outside[:, column]).pvalue))
        for column, name in enumerate(names)
    }
    shifted = interval.low > 0.5 or min(p_values.values()) < SIGNIFICANT
    return DistributionShift(interval, p_values, shifted)


def blind_scores(
    members: NDArray[np.float64], nonmembers: NDArray[np.float64], *, seed: int = 0
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return for each picture how sure a model-free classifier is that it is a member, judged by a fit without it.

    Args:
        members: ``(M, F)`` statistics, ``M >= 5``.
        nonmembers: ``(N, F)``, ``N >= 5``.
        seed: Of the folds.

    Returns:
        ``(M,)`` and ``(N,)`` log odds.
    """
    labels = np.repeat([1, 0], [len(members), len(nonmembers)])
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    odds = cross_val_predict(
        blind_classifier(), np.concatenate([members, nonmembers]), labels, cv=folds, method="decision_function"
    )  # fmt: skip
    return odds[: len(members)], odds[len(members) :]


def blind_classifier() -> Pipeline:
    """Return the classifier: both classes weigh alike, all statistics have unit variance."""
    return make_pipeline(
        StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000)
    )


def _table(name: str, values: ArrayLike, names: Sequence[str]) -> NDArray[np.float64]:
    rows = np.asarray(values, np.float64)
    if rows.ndim != 2 or len(rows) < FOLDS or rows.shape[1] != len(names):
        raise InputError(
            f"the statistics of the {name} cannot be compared",
            found=f"shape {rows.shape}",
            expected=f"({FOLDS} or more, {len(names)})",
        )
    if not np.isfinite(rows).all():
        raise InputError(f"a statistic of the {name} is not finite")
    return rows
