"""Time stamps into a constant rate: which frame is shown at which tick."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import TypeVar

Item = TypeVar("Item")

LONGEST_HOLD = Fraction(600)
"""A frame shown for longer than this (s) is a broken clock, not a still scene."""

LONG_HOLD = Fraction(10)
MOST_HELD = Fraction(3600)
"""Frames that are shown for more than 10 s may together hold for so long (s); after that the clock is broken."""

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
        self._held = Fraction(0)

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
            hold = time - self._last
            self._held += hold if hold > LONG_HOLD else 0
            if not -LARGEST_STEP_BACK <= hold <= LONGEST_HOLD or (
                hold > LONG_HOLD and self._held > MOST_HELD
            ):
                time, self._zero = expected, stamp - expected
        self._last = max(time, self._last)
        return self._last


def ticks(
    timed: Iterable[tuple[Fraction, Fraction, Item]], fps: Fraction, hold: Fraction | None = None
) -> Iterator[tuple[Fraction, Item]]:
    """Repeat or drop frames so that they come at ``fps``; a source of that rate passes unchanged.

    Tick ``n`` at ``n / fps`` gets the frame that is shown half a tick later at the latest, so the error is unbiased.

    Args:
        timed: (time, duration, frame), times from 0 and not falling, seconds.
        fps: The wanted rate.
        hold: A frame is repeated for so many seconds at most; the ticks after that are left out. None: all of them.

    Yields:
        ``max(1, round(end x fps))`` frames without ``hold``, where ``end`` is when the last frame ends; each with a
        time at which it is shown: the tick's, or the frame's own where it comes up to half a tick later.

    Example:
        >>> long = [(Fraction(0), Fraction(1), "a"), (Fraction(500), Fraction(1), "b")]
        >>> [(float(time), frame) for time, frame in ticks(long, Fraction(1), hold=Fraction(2))]
        [(0.0, 'a'), (1.0, 'a'), (500.0, 'b')]
    """
    tick, begun = 0, 0
    end = Fraction(0)
    shown: list[tuple[Fraction, Item]] = []
    half = Fraction(1, 2)
    most = None if hold is None else max(1, math.floor(hold * fps))

    def until(limit: Fraction) -> Iterator[tuple[Fraction, Item]]:
        nonlocal tick
        last = math.floor(limit - half)  # the ticks up to this one are this frame's
        stop = last if most is None else min(last, begun + most - 1)
        own, item = shown[0]
        for number in range(tick, stop + 1):
            yield max(own, number / fps), item
        tick = max(tick, last + 1)

    for time, duration, frame in timed:
        if shown:
            yield from until(time * fps)
        shown, begun = [(time, frame)], tick
        end = time + duration
    if shown:
        yield from until(max(end * fps, half) if tick == 0 else end * fps)
