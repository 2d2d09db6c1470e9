"""Blinks: a random process of its own, since speech does not tell when eyes close."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from shared.motion import UNIT

_GAP_MEDIAN, _GAP_SPREAD, _SHORTEST_GAP = 3.0, 0.6, 0.8
_CLOSING, _CLOSED, _OPENING = 0.08, 0.04, 0.17


def blink_times(seconds: float, generator: np.random.Generator) -> NDArray[np.float64]:
    """Return when the lids start to close: gaps are log-normal with a median of 3 s.

    Args:
        seconds: Length of the recording.
        generator: Source of randomness.
    """
    times, now = [], float(generator.uniform(0.3, _GAP_MEDIAN))
    while now < seconds:
        times.append(now)
        gap = _GAP_MEDIAN * np.exp(_GAP_SPREAD * generator.standard_normal())
        now += max(_SHORTEST_GAP, float(gap))
    return np.array(times)


def add_blinks(
    expression: NDArray[np.float32], fps: Fraction, generator: np.random.Generator
) -> None:
    """Close both lids now and then, in place; wider closed eyes of the source stay so.

    Args:
        expression: ``(T, 52)``.
        fps: Frames a second.
        generator: Source of randomness.
    """
    times = np.arange(len(expression)) / float(fps)
    corners = np.cumsum([0.0, _CLOSING, _CLOSED, _OPENING])
    lids = [UNIT["eyeBlinkLeft"], UNIT["eyeBlinkRight"]]
    for start in blink_times(len(expression) / float(fps), generator):
        near = slice(*np.searchsorted(times, [start, start + corners[-1]]))
        curve = np.interp(times[near] - start, corners, [0.0, 1.0, 1.0, 0.0])
        expression[near, lids[0] : lids[1] + 1] = np.maximum(
            expression[near, lids[0] : lids[1] + 1], curve[:, None]
        )
