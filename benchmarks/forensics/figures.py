"""Figures of decisions and maps, with intervals over people: their faces and videos are drawn together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score

from benchmarks.tables import number
from shared.metrics.eer import equal_error_rate
from shared.metrics.iou import best_iou, iou
from shared.metrics.mass_in_mask import mass_in_mask
from shared.metrics.pointing import pointing_game
from shared.metrics.roc import auc, tpr_at_fpr
from shared.statistics import Interval, percentile_interval

Scores = NDArray[np.float64]
Labels = NDArray[np.int64]

DECISIONS: Mapping[str, Callable[[Scores, Scores], float]] = {
    "AUC": auc,
    "AP": lambda forged, authentic: float(
        average_precision_score(
            np.repeat([1, 0], [len(forged), len(authentic)]), np.concatenate([forged, authentic])
        )
    ),
    "EER": equal_error_rate,
    "TPR at 1 % FPR": lambda forged, authentic: tpr_at_fpr(forged, authentic, 0.01),
}
"""Figure -> of scores of forged and of authentic ones."""


LEVELS = 1000
"""Steps in which values of maps are counted."""


def over_people(
    statistic: Callable[[NDArray[np.int64]], NDArray[np.float64]],
    people: NDArray[Any],
    *,
    seed: int,
    resamples: int,
) -> list[Interval]:
    """Return figures with their intervals; people are drawn with replacement, with all that is theirs.

    Args:
        statistic: Maps rows ``(n,)`` to figures ``(k,)``; NaN where a draw has none.
        people: ``(N,)``.
        seed: Of the draws.
        resamples: Number of draws.
    """
    own = [np.flatnonzero(people == person) for person in sorted(set(people.tolist()))]
    generator = np.random.default_rng(seed)
    draws = [
        statistic(np.concatenate([own[n] for n in generator.integers(len(own), size=len(own))]))
        for _ in range(resamples)
    ]
    spread = np.array(draws)
    values = statistic(np.concatenate(own))
    return [
        percentile_interval(value, column[np.isfinite(column)], len(own))
        if np.isfinite(column).any()
        else Interval(float(value), float("nan"), float("nan"), len(own))
        for value, column in zip(values, spread.T, strict=True)
    ]


def by_video(scores: Scores, labels: Labels, videos: Labels, people: Any) -> tuple[Any, ...]:
    """Return mean score, label and person of each video."""
    names, first, at = np.unique(videos, return_index=True, return_inverse=True)
    sums = np.bincount(at, scores, len(names))
    return sums / np.bincount(at, minlength=len(names)), labels[first], people[first]


def decisions(
    scores: Scores, labels: Labels, people: NDArray[Any], *, seed: int, resamples: int
) -> dict[str, Interval]:
    """Return all figures of :data:`DECISIONS`.

    Args:
        scores: ``(S, N)`` of S trainings; figures are the mean over them.
        labels: ``(N,)``.
        people: ``(N,)``.
        seed: Of the intervals.
        resamples: Draws.
    """

    def figures(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        forged, authentic = rows[labels[rows] == 1], rows[labels[rows] == 0]
        each = [
            [figure(one[forged], one[authentic]) for figure in DECISIONS.values()] for one in scores
        ]
        return np.mean(each, axis=0)

    found = over_people(figures, people, seed=seed, resamples=resamples)
    return dict(zip(DECISIONS, found, strict=True))


def told(value: Interval) -> str:
    """Write a figure with its interval into one cell.

    Example:
        >>> told(Interval(0.9123, 0.85, 0.9512, 12))
        '0.912 (0.850 to 0.951)'
    """
    return f"{number(value.value)} ({number(value.low)} to {number(value.high)})"


def localisation(
    maps: NDArray[np.float32],
    masks: NDArray[np.float32],
    people: NDArray[Any],
    *,
    seed: int,
    resamples: int,
) -> dict[str, Interval | float]:
    """Return how well maps of forged faces show their masks.

    ``best IoU`` is an oracle's: its threshold is the one that serves these very masks best.

    Args:
        maps: ``(N, S, S)`` in [0, 1], each from 0 to 1.
        masks: ``(N, S, S)`` in [0, 1]; a pixel belongs to it from a half on.
        people: ``(N,)``.
        seed: Of the intervals.
        resamples: Draws.
    """
    score, mask = torch.from_numpy(maps), torch.from_numpy(masks)
    _, threshold = best_iou(score, mask)
    each = np.stack(
        [
            part.double().numpy()
            for part in (
                iou(score, mask), iou(score, mask, threshold), pointing_game(score, mask),
                mass_in_mask(score, mask),
            )
        ],
        axis=1,
    )  # fmt: skip
    found = over_people(
        lambda rows: np.nanmean(each[rows], axis=0), people, seed=seed, resamples=resamples
    )
    names = ("IoU at 0.5", "best IoU", "pointing", "mass in mask")
    return {
        **dict(zip(names, found, strict=True)),
        "pixel AUC": pixel_area(maps, masks > 0.5, people, seed=seed, resamples=resamples),
        "best threshold": threshold,
    }


def pixel_area(
    maps: NDArray[np.float32],
    inside: NDArray[np.bool_],
    people: NDArray[Any],
    *,
    seed: int,
    resamples: int,
) -> Interval:
    """Return the pixel AUC with its interval; values are counted in :data:`LEVELS` steps, which is fast to draw from.

    Args:
        maps: ``(N, S, S)`` in [0, 1].
        inside: ``(N, S, S)`` where the masks are.
        people: ``(N,)``.
        seed: Of the interval.
        resamples: Draws.
    """
    steps = np.minimum((maps * LEVELS).astype(np.int64), LEVELS - 1)
    counts = np.stack(
        [
            [np.bincount(one[place], minlength=LEVELS) for place in (mask, ~mask)]
            for one, mask in zip(steps, inside, strict=True)
        ]
    )

    def figure(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        within, outside = counts[rows].sum(axis=0).astype(np.float64)
        below = np.cumsum(outside) - outside / 2
        pairs = within.sum() * outside.sum()
        return np.array([(within * below).sum() / pairs if pairs else np.nan])

    return over_people(figure, people, seed=seed, resamples=resamples)[0]
