"""Known people's scores frame by frame, and what means of few or of many of them tell.

    track of n frames -> the largest m of 1, 2, 4, 8 that is no larger than n
                      -> its mean score against means of m evenly spread frames of each known track

A mean of few frames scatters more than one of many: thresholds of means of eight would accuse more of the authentic
photographs than they promise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forensics.calibration import Calibration, Method, calibrate_kinds
from forensics.folds import Persons
from forensics.verdict import Decision
from shared.errors import InputError

LENGTHS = (1, 2, 4, 8)
"""Numbers of frames whose means are compared. Ours; ``forensics prepare`` takes up to 8 faces of a video."""

_DIGITS = 4


@dataclass(frozen=True)
class KnownTrack:
    """One person in one known video.

    Attributes:
        persons: Everybody whom its video shows, first the one who is seen; tracks that share one are never independent.
        scores: Of its frames, in their order.
    """

    persons: Persons
    scores: tuple[float, ...]

    def mean_of(self, count: int) -> float:
        """Return the mean score of ``count`` evenly spread frames, or of all if there are fewer.

        Example:
            >>> track = KnownTrack(("a",), (0.0, 1.0, 2.0, 3.0))
            >>> track.mean_of(1), track.mean_of(2), track.mean_of(9)
            (2.0, 2.0, 1.5)
        """
        taken = min(count, len(self.scores))
        places = ((np.arange(taken) + 0.5) * len(self.scores) / max(taken, 1)).astype(int)
        return float(np.mean([self.scores[place] for place in places]))


Tracks = Sequence[Sequence[KnownTrack]]
"""Of each kind of footage or forgery."""


def calibrate_tracks(
    manipulated: Tracks, authentic: Tracks, *, error_rate: float, method: Method = "platt"
) -> Calibration:
    """Learn from known tracks what the mean score of a track of any length means.

    Args:
        manipulated: Tracks of each kind of forgery.
        authentic: Tracks of each kind of footage.
        error_rate: Allowed share of wrong answers in either class of any kind.
        method: How a mean becomes a probability.

    Returns:
        The calibration of the longest means; those of fewer frames are its ``shorter``.

    Raises:
        InputError: If a kind has too few tracks, or a track has no scores.
    """
    both = manipulated, authentic
    if not all(track.scores for kinds in both for kind in kinds for track in kind):
        raise InputError("a known track has no scores")
    found = {}
    for count in LENGTHS:
        known = calibrate_kinds(
            _means(manipulated, count), _means(authentic, count), Decision.MANIPULATED,
            error_rate=error_rate, method=method,
        )  # fmt: skip
        people = _people(manipulated, count), _people(authentic, count)
        found[count] = replace(known, people=people, frames=count)
    *few, most = LENGTHS
    return replace(found[most], shorter={count: found[count] for count in few})


def to_plain_kind(kind: Sequence[KnownTrack]) -> dict[str, Any]:
    """Return what :func:`kind_from_plain` reads: of each track the people and the scores."""
    return {
        "people": [list(track.persons) for track in kind],
        "scores": [[round(score, _DIGITS) for score in track.scores] for track in kind],
    }


def kind_from_plain(plain: dict[str, Any]) -> list[KnownTrack]:
    """Read the tracks of one kind; older calibrations tell one name a track."""
    return [
        KnownTrack(
            (told,) if isinstance(told, str) else tuple(map(str, told)), tuple(map(float, scores))
        )
        for told, scores in zip(plain["people"], plain["scores"], strict=True)
    ]


def _means(kinds: Tracks, count: int) -> list[NDArray[np.float64]]:
    return [np.array([track.mean_of(count) for track in kind]) for kind in kinds]


def _people(kinds: Tracks, count: int) -> tuple[Persons, ...]:
    """Return whom the tracks of all kinds show, in the order of their means."""
    tracks = [track for kind in kinds for track in kind]
    order = np.argsort([track.mean_of(count) for track in tracks], kind="stable")
    return tuple(tracks[place].persons for place in order)
