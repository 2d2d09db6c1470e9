from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.media.timing import LONGEST_HOLD, Clock, ticks

STEP = Fraction(1, 25)
RATES = st.sampled_from(
    [Fraction(r) for r in (1, 12, 24, 25, 30, 60)] + [Fraction(30000, 1001), Fraction(24000, 1001)]
)


def at_constant_rate(timed: list, fps: Fraction) -> list:
    return [item for _, item in ticks(timed, fps)]


def steady(count: int, fps: Fraction) -> list[tuple[Fraction, Fraction, int]]:
    return [(n / fps, 1 / fps, n) for n in range(count)]


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 100), RATES)
def test_own_rate_changes_nothing(count: int, fps: Fraction) -> None:
    assert at_constant_rate(steady(count, fps), fps) == list(range(count))


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 100), RATES, RATES)
def test_frame_count_and_order(count: int, own: Fraction, wanted: Fraction) -> None:
    given_back = at_constant_rate(steady(count, own), wanted)
    exact = count / own * wanted
    assert max(1, exact - Fraction(1, 2)) <= len(given_back) <= max(1, exact + Fraction(1, 2))
    assert given_back == sorted(given_back)


@settings(deadline=None, max_examples=40)
@given(st.integers(2, 100), RATES, RATES)
def test_no_frame_is_off_by_more_than_half_a_tick_and_half_a_frame(
    count: int, own: Fraction, wanted: Fraction
) -> None:
    # Shown at tick n: the frame whose time of display holds n / wanted, give or take half a tick.
    shown = at_constant_rate(steady(count, own), wanted)
    assert abs(len(shown) - max(1, count / own * wanted)) <= Fraction(1, 2)
    for tick, frame in enumerate(shown):
        error = tick / wanted - frame / own
        assert -1 / wanted / 2 <= error <= 1 / own + 1 / wanted / 2


def test_a_held_frame_is_repeated_until_the_next() -> None:
    timed = [(Fraction(0), STEP, "a"), (Fraction(1), STEP, "b")]
    assert at_constant_rate(timed, Fraction(25)) == ["a"] * 25 + ["b"]


def test_no_frames_give_no_frames() -> None:
    assert at_constant_rate([], Fraction(25)) == []


@settings(deadline=None, max_examples=40)
@given(st.lists(st.one_of(st.none(), st.fractions(-1000, 1000)), min_size=1, max_size=50))
def test_clock_never_runs_back_nor_far_ahead(stamps: list[Fraction | None]) -> None:
    clock = Clock(STEP)
    times = [clock.time_of(stamp) for stamp in stamps]
    assert times[0] == 0
    assert all(0 <= b - a <= LONGEST_HOLD for a, b in itertools.pairwise(times))


@pytest.mark.parametrize(
    ("stamps", "times"),
    [
        ([5, 6, 7], [0, 1, 2]),
        ([None, None, 9], [0, STEP, 2 * STEP]),
        ([0, 1, 10_000, 10_001], [0, 1, 1 + STEP, 2 + STEP]),
        ([0, 50, 2, 3], [0, 50, 50 + STEP, 51 + STEP]),
        ([0, Fraction(2, 25), Fraction(1, 25), Fraction(3, 25)], [0, 2 * STEP, 2 * STEP, 3 * STEP]),
    ],
    ids=["any start", "missing", "jump ahead", "set back", "out of order"],
)
def test_clock_mends(stamps: list[int | Fraction | None], times: list[int | Fraction]) -> None:
    clock = Clock(STEP)
    assert [clock.time_of(None if s is None else Fraction(s)) for s in stamps] == times
