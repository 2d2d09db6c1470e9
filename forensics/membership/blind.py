"""What the pictures give away without any model: a fitted control, the sets compared, the odd ones out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import LedoitWolf
from sklearn.preprocessing import StandardScaler

from forensics.membership.controls.image_statistics import STATISTICS
from forensics.membership.distribution_shift import (
    DistributionShift,
    blind_classifier,
    blind_scores,
    distribution_shift,
)

FAR = 2.0
"""How many times farther than the farthest known picture another must lie to be of another kind. Ours."""


@dataclass(frozen=True)
class Blind:
    """What statistics of the pictures say.

    Attributes:
        shift: Whether known members and non-members differ by themselves.
        scores: ``(P,)`` log odds of membership by a classifier of the statistics, each known picture judged by a fit
            without it; NaN for a picture that could not be read.
        unlike: ``(Q,)`` which pictures in question are unlike all known ones.
    """

    shift: DistributionShift
    scores: NDArray[np.float64]
    unlike: NDArray[np.bool_]


def judge_blindly(
    statistics: NDArray[np.float64],
    members: slice,
    nonmembers: slice,
    questioned: slice,
    *,
    seed: int,
) -> Blind:
    """Look at the pictures without the model.

    Args:
        statistics: ``(P, F)`` of all pictures, in rows of NaN where one could not be read.
        members: Where the known members are.
        nonmembers: Where the known non-members are.
        questioned: Where the pictures in question are.
        seed: Of the folds and draws.

    Raises:
        InputError: If fewer than five known pictures of a class could be read.
    """
    readable = np.asarray(np.isfinite(statistics).all(axis=1), np.bool_)
    places = np.arange(len(statistics))
    inside, outside, asked = (
        places[part][readable[part]] for part in (members, nonmembers, questioned)
    )
    shift = distribution_shift(statistics[inside], statistics[outside], STATISTICS, seed=seed)
    scores = np.full(len(statistics), np.nan)
    scores[inside], scores[outside] = blind_scores(
        statistics[inside], statistics[outside], seed=seed
    )
    known = np.concatenate([inside, outside])
    unlike = np.zeros(len(places[questioned]), dtype=np.bool_)
    if len(asked):
        labels = np.repeat([1, 0], [len(inside), len(outside)])
        fitted = blind_classifier().fit(statistics[known], labels)
        scores[asked] = fitted.decision_function(statistics[asked])
        unlike[asked - questioned.start] = _far(statistics[known], statistics[asked])
    return Blind(shift, scores, unlike)


def _far(known: NDArray[np.float64], asked: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which rows lie far outside the known ones, by Mahalanobis distance with a shrunk covariance."""
    scaler = StandardScaler().fit(known)
    shape = LedoitWolf().fit(scaler.transform(known))
    limit = FAR**2 * shape.mahalanobis(scaler.transform(known)).max()
    return np.asarray(shape.mahalanobis(scaler.transform(asked)) > limit, np.bool_)
