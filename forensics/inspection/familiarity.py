"""Is a face like those that a detector was calibrated on? Far from them its scores mean nothing.

    d(f) = mean over features of ((f - mean) / spread)^2;   unlike(f) = d(f) / limit

``mean`` and ``spread`` are of a detector's features of known faces, and the limit is what all but a two-hundredth of
them keep. A simple form of the distance of K. Lee et al., "A Simple Unified Framework for Detecting Out-of-Distribution
Samples", NeurIPS 2018: one Gaussian for all, its features taken for independent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import InputError

KEPT = 0.995
"""Share of known faces that are within the limit. Ours."""


@dataclass(frozen=True, eq=False)
class Familiarity:
    """What known faces look like to a detector.

    Attributes:
        mean: ``(D,)``.
        spread: ``(D,)`` standard deviations.
        limit: Distance that all but few known faces keep.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    limit: float

    @classmethod
    def of(cls, features: NDArray[np.floating]) -> Familiarity:
        """Learn from the features ``(N, D)`` of known faces.

        Raises:
            InputError: If there are fewer than two, or one is not finite.
        """
        rows = np.asarray(features, np.float64)
        if rows.ndim != 2 or len(rows) < 2 or not np.isfinite(rows).all():
            raise InputError("known faces need finite features", found=rows.shape)
        mean, spread = rows.mean(axis=0), rows.std(axis=0)
        spread = np.maximum(spread, 1e-3 * max(float(spread.max()), 1e-9))
        distances = np.square((rows - mean) / spread).mean(axis=1)
        return cls(mean, spread, max(float(np.quantile(distances, KEPT)), 1e-9))

    def unlike(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return how unlike faces with features ``(N, D)`` are; above 1 is beyond the known ones.

        Example:
            >>> known = Familiarity.of(np.random.default_rng(0).normal(size=(500, 4)))
            >>> known.unlike(np.array([[0.0] * 4, [9.0] * 4])).round().tolist()[0]
            0.0
        """
        distances = np.square((features - self.mean) / self.spread).mean(axis=1)
        return np.asarray(distances / self.limit, np.float64)

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads."""
        rounded = {name: np.round(getattr(self, name), 6).tolist() for name in ("mean", "spread")}
        return {**rounded, "limit": self.limit}

    @classmethod
    def from_json(cls, plain: dict[str, Any]) -> Familiarity:
        """Read one."""
        mean, spread = (np.asarray(plain[name], np.float64) for name in ("mean", "spread"))
        return cls(mean, spread, float(plain["limit"]))
