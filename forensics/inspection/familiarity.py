"""Is a face like those that a detector was calibrated on? Far from them its scores mean nothing.

    z = (f - mean) / spread,  a = axes z
    d(f) = sum_k a_k^2 / (v_k + floor) + (|z|^2 - sum_k a_k^2) / floor;   unlike(f) = d(f) / limit

``mean`` and ``spread`` are of a detector's features of known faces, ``axes`` the directions in which these vary by
more than ``floor`` (``v_k``), and the limit is what all but a two-hundredth of them keep, each judged by faces of
other people: a neighbouring frame of its own video would vouch for it. The distance of K. Lee et al., "A Simple
Unified Framework for Detecting Out-of-Distribution Samples", NeurIPS 2018, with one Gaussian for all; the floor keeps
directions in which the known faces hardly vary from counting for everything. With features taken for independent,
real photographs lay within the limit (the astronaut at 0.91 of it) and were called manipulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forensics.folds import Persons, deal, deal_at_random
from shared.errors import InputError

KEPT = 0.995
"""Share of known faces that are within the limit. Ours."""
FLOOR = 0.1
"""Variance that every direction has at least, of the mean one's 1. Ours."""

_FEWEST = 10
_ARRAYS = ("mean", "spread", "axes", "variances")


@dataclass(frozen=True, eq=False)
class Familiarity:
    """What known faces look like to a detector.

    Attributes:
        mean: ``(D,)``.
        spread: ``(D,)`` standard deviations.
        axes: ``(K, D)`` directions of unit length.
        variances: ``(K,)`` along them.
        limit: Distance that all but few known faces keep.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    axes: NDArray[np.float64]
    variances: NDArray[np.float64]
    limit: float

    @classmethod
    def of(
        cls, features: NDArray[np.floating], persons: Sequence[Persons] | None = None
    ) -> Familiarity:
        """Learn from the features ``(N, D)`` of known faces.

        Args:
            features: Of the faces.
            persons: Whom the video of each face shows; see :func:`forensics.folds.deal` for who is held out together.
                None: the faces have nothing to do with each other.

        Raises:
            InputError: If there are fewer than ten, one is not finite, or nearly all are of one person.
        """
        rows = np.asarray(features, np.float64)
        if rows.ndim != 2 or len(rows) < _FEWEST or not np.isfinite(rows).all():
            raise InputError(
                "known faces need finite features", found=rows.shape, expected=f">= {_FEWEST} faces"
            )
        if persons is not None and len(persons) != len(rows):
            raise InputError(
                "each known face needs its people",
                found=f"{len(persons)} for {len(rows)} faces",
                fix="give them face by face",
            )
        dealt = deal_at_random(len(rows)) if persons is None else deal(persons)
        (folds,) = dealt.numbers
        if len(used := np.unique(folds)) < 2:
            raise InputError(
                "known faces of one person tell nothing about others", found=len(rows),
                fix="give videos of several people",
            )  # fmt: skip
        # few faces lie nearer to their own covariance than any other face does
        apart = [_learnt(rows[folds != fold]).unlike(rows[folds == fold]) for fold in used]
        limit = float(np.quantile(np.concatenate(apart), KEPT))
        return replace(_learnt(rows), limit=max(limit, 1e-9))

    def unlike(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return how unlike faces with features ``(N, D)`` are; above 1 is beyond the known ones.

        Example:
            >>> known = Familiarity.of(np.random.default_rng(0).normal(size=(500, 4)))
            >>> known.unlike(np.array([[0.0] * 4, [9.0] * 4])).round().tolist()[0]
            0.0
        """
        scaled = (features - self.mean) / self.spread
        along = np.square(scaled @ self.axes.T)
        rest = np.square(scaled).sum(axis=1) - along.sum(axis=1)
        distances = (along / (self.variances + FLOOR)).sum(axis=1) + rest / FLOOR
        return np.asarray(distances / self.limit, np.float64)

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        rounded = {name: np.round(getattr(self, name), 6).tolist() for name in _ARRAYS}
        return {**rounded, "limit": self.limit}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Familiarity:
        """Read one."""
        mean, spread, axes, variances = (np.asarray(plain[name], np.float64) for name in _ARRAYS)
        return cls(mean, spread, axes.reshape(-1, len(mean)), variances, float(plain["limit"]))


def _learnt(rows: NDArray[np.float64]) -> Familiarity:
    """Return mean, spread and axes of ``(N, D)``, with a limit of 1."""
    mean, spread = rows.mean(axis=0), rows.std(axis=0)
    spread = np.maximum(spread, 1e-3 * max(float(spread.max()), 1e-9))
    scaled = (rows - mean) / spread
    variances, directions = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    kept = variances > FLOOR
    return Familiarity(mean, spread, directions.T[kept], variances[kept], 1.0)
