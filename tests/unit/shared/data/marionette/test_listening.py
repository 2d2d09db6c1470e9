from __future__ import annotations

import numpy as np
import pytest

from benchmarks.corpus import stillness
from shared.data.marionette.heads import HeadStyle, head_style_of
from shared.data.marionette.listening import (
    ATTITUDES,
    LAG,
    cues_of,
    listening,
    reactions_to,
)
from shared.errors import InputError
from shared.motion import UNIT


def phrases(count: int = 5) -> np.ndarray:
    """Phrases of 0.8 s whose pitch falls, with pauses of 1.7 s."""
    t = np.arange(12_800) / 16_000
    pitch = np.where(t < 0.55, 180, 90)
    phrase = 0.3 * np.sin(2 * np.pi * np.cumsum(pitch) / 16_000)
    pause = np.zeros(27_200)
    return np.concatenate([np.concatenate([phrase, pause])] * count).astype(np.float32)


CUES = cues_of(phrases())


def many(attitude: str, count: int = 20, **style: float) -> list:
    return [
        listening(np.random.default_rng(seed), HeadStyle(**style), attitude, CUES, 150)
        for seed in range(count)
    ]


def test_low_pitch_and_pauses_are_cues():
    times = [cue.time for cue in CUES if cue.kind != "stress"]
    for end in np.arange(5) * 2.5 + 0.8:
        assert min(abs(time - end) for time in times) < 0.15


def test_cues_that_crowd_become_one():
    twice_as_fast = phrases()[::2]
    times = [cue.time for cue in cues_of(twice_as_fast)]
    assert len(times) == 3 and min(np.diff(times)) > 2


@pytest.mark.parametrize("sound", [np.zeros(16_000, np.float32), np.zeros(800, np.float32)])
def test_silence_gives_no_cue(sound):
    assert cues_of(sound) == []


def test_reactions_come_after_their_cue_within_the_lag():
    rng = np.random.default_rng(0)
    found = [
        reaction
        for attitude in ATTITUDES
        for _ in range(30)
        for reaction in reactions_to(CUES, attitude, HeadStyle(), rng)
    ]
    lags = np.array([reaction.start - reaction.cue for reaction in found])
    assert len(found) > 50 and LAG[0] - 1e-9 <= lags.min() and lags.max() <= LAG[1] + 1e-9


def test_attitudes_differ_in_face_and_head():
    smile, frown = UNIT["mouthSmileLeft"], UNIT["browDownLeft"]
    means = {a: np.mean([m.expression.mean(axis=0) for m in many(a)], axis=0) for a in ATTITUDES}
    assert means["positive"][smile] > 0.1 > 0.02 > means["negative"][smile]
    assert means["negative"][frown] > 0.1 > 0.02 > means["positive"][frown]
    nods = {a: np.mean([np.ptp(m.rotation[:, 0]) for m in many(a)]) for a in ATTITUDES}
    assert nods["positive"] > 1.3 * nods["neutral"]
    tilts = {a: np.mean([np.ptp(m.rotation[:, 2]) for m in many(a)]) for a in ATTITUDES}
    assert tilts["negative"] > 1.5 * tilts["positive"]


def test_a_livelier_listener_moves_more():
    calm, lively = (many("positive", listening=size) for size in (0.5, 1.6))
    reach = [np.mean([np.ptp(m.rotation[:, 0]) for m in group]) for group in (calm, lively)]
    assert reach[1] > 1.8 * reach[0]


def test_listeners_hold_still_a_good_part_of_the_time():
    rng = np.random.default_rng(0)
    shares = [
        stillness(
            listening(rng, head_style_of(rng.standard_normal(8), rng), attitude, CUES, 150).rotation
        )
        for attitude in ATTITUDES
        for _ in range(12)
    ]
    assert 0.35 < np.mean(shares) < 0.7


def test_chance_makes_listeners_differ_and_a_seed_makes_them_equal():
    first, second = many("positive", 2)
    assert np.abs(first.rotation - second.rotation).max() > np.radians(1)
    assert np.array_equal(many("positive", 1)[0].rotation, first.rotation)


def test_an_unknown_attitude_is_refused():
    with pytest.raises(InputError, match="attitude"):
        listening(np.random.default_rng(0), HeadStyle(), "bored", [], 10)
