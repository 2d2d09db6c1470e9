"""Time stamps into a constant rate: which frame is shown at which tick."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

Item = TypeVar("Item")

LONGEST_HOLD = Fraction(600)
"""A frame shown for longer than this (s) is a broken clock, not a still scene."""

LARGEST_STEP_BACK = Fraction(1)
"""A stamp further back than this (s) is a clock that was set anew; a smaller one is a frame out of order."""


class Clock:
    """Seconds since the first frame, from time stamps that may be missing, repeated, jump or start anywhere.

    Args:
        step: The nominal time from frame to frame, seconds; used where the stamps tell nothing.

    Example:
        >>> clock = Clock(Fraction(1, 25))
        >>> [float(clock.time_of(stamp)) for stamp in (Fraction(7), None, Fraction(7) + Fraction(2, 25))]
        [0.0, 0.04, 0.08]
    """

    def __init__(self, step: Fraction) -> None:
        self._step = step
        self._zero: Fraction | None = None
        self._last: Fraction | None = None

    def time_of(self, stamp: Fraction | None) -> Fraction:
        """Return the next frame's time; never earlier than the frame before it."""
        if self._last is None:
            self._last, self._zero = Fraction(0), stamp
            return self._last
        expected = self._last + self._step
        if stamp is None:
            time = expected
        elif self._zero is None:
            time, self._zero = expected, stamp - expected
        else:
            time = stamp - self._zero
            if not -LARGEST_STEP_BACK <= time - self._last <= LONGEST_HOLD:
                time, self._zero = expected, stamp - expected
        self._last = max(time, self._last)
        return self._last


def at_constant_rate(
    timed: Iterable[tuple[Fraction, Fraction, Item]], fps: Fraction
) -> Iterator[Item]:
    """Repeat or drop frames so that they come at ``fps``; a source of that rate passes unchanged.

    Tick ``n`` at ``n / fps`` gets the frame that is shown half a tick later at the latest, so the error is unbiased.

    Args:
        timed: (time, duration, frame), times from 0 and not falling, seconds.
        fps: The wanted rate.

    Yields:
        ``max(1, round(end x fps))`` frames, where ``end`` is when the last frame ends.

    Example:
        >>> source = [(Fraction(n, 50), Fraction(1, 50), n) for n in range(6)]
        >>> list(at_constant_rate(source, Fraction(25)))
        [0, 2, 4]
    """
    tick = 0
    end = Fraction(0)
    shown: list[Item] = []
    half = Fraction(1, 2)
    for time, duration, frame in timed:
        while shown and tick + half <= time * fps:
            yield shown[0]
            tick += 1
        shown = [frame]
        end = time + duration
    while shown and (tick == 0 or tick + half <= end * fps):
        yield shown[0]
        tick += 1
