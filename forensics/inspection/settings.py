"""How a file is looked at; every setting that can change an answer, as the record cites it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from numbers import Integral

from shared.errors import InputError

USUAL_RATE = Fraction(5)
"""Frames looked at a second. Ours: neighbouring frames tell the same."""
LEAST_RATE = Fraction(1)
"""Of a long video; below it a person is lost between two looks."""
USUAL_FRAMES = 600
"""A video in which the usual rate would look at more is looked at less often, down to the least rate."""


@dataclass(frozen=True)
class Settings:
    """How a file is looked at.

    Attributes:
        frames: About so many frames, spread evenly over the file; None goes by the rates of this module.
        people: Faces followed at once, the largest ones; the others are counted.
        tracks: People kept in the result, the most visible ones; the others are counted.
        kept_frames: Frames a person whose pictures are kept: those that score highest.
        apart: Seconds between two of them.
        smoothing: Seconds over which scores are averaged before they are compared with the threshold.
        margin: Side of a face crop over the larger side of the landmarks' extent; that of the crops that a judge
            learned from. The default is that of ``forensics prepare``.
        batch_size: Crops judged at once.

    Raises:
        InputError: If a number is out of range.
    """

    frames: int | None = None
    people: int = 12
    tracks: int = 64
    kept_frames: int = 4
    apart: float = 0.5
    smoothing: float = 1.0
    margin: float = 1.3
    batch_size: int = 16

    def __post_init__(self) -> None:
        """Refuse what could look at nothing."""
        for name in ("frames", "people", "tracks", "kept_frames", "batch_size"):
            value = getattr(self, name)
            if not (value is None and name == "frames") and (
                not isinstance(value, Integral) or int(value) < 1
            ):
                raise InputError(
                    f"the setting {name} is a count", found=value, expected="a whole number from 1"
                )
        for name in ("apart", "smoothing"):
            if not 0 <= (seconds := getattr(self, name)) < math.inf:
                raise InputError(
                    f"the setting {name} is a time", found=seconds, expected="0 s or more"
                )
        if not 1 <= self.margin <= 3:
            raise InputError("a margin lies between 1 and 3", found=self.margin)

    def rate(self, duration: float | None) -> Fraction:
        """Return how many frames a second are looked at.

        Args:
            duration: Seconds that the file says it lasts, or None.

        Example:
            >>> Settings().rate(10.0), Settings().rate(240.0), Settings(frames=32).rate(8.0)
            (Fraction(5, 1), Fraction(5, 2), Fraction(4, 1))
        """
        if duration is None or not math.isfinite(duration) or duration <= 0:
            return USUAL_RATE
        if self.frames is not None:
            return min(Fraction(self.frames) / Fraction(duration), Fraction(120))
        return max(LEAST_RATE, min(USUAL_RATE, USUAL_FRAMES / Fraction(duration)))
