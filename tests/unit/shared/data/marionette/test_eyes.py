from __future__ import annotations

import numpy as np

from shared.data.marionette.eyes import add_eyes, blinks, glances, stressed_brows
from shared.data.marionette.phones import Phone
from shared.motion import UNIT


def runs(mask: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(int), [0]])))
    return list(zip(edges[::2], edges[1::2], strict=True))


def test_blinks_come_about_as_often_as_asked():
    shut = blinks(np.random.default_rng(0), 25 * 600, 25, rate=16)
    assert 120 < len(runs(shut > 0.02)) < 200


def test_a_blink_closes_fully_and_opens_slower():
    shut = blinks(np.random.default_rng(1), 25 * 300, 25)
    whole = [(a, b) for a, b in runs(shut > 0) if a > 0 and b < len(shut)]
    assert all(3 <= b - a <= 9 for a, b in whole)
    assert all(shut[a:b].max() > 0.99 for a, b in whole)
    peaks = np.array([(np.argmax(shut[a:b]) + 1) / (b - a + 1) for a, b in whole])
    assert peaks.mean() < 0.48


def test_glances_are_small_and_mostly_held():
    left, up = glances(np.random.default_rng(0), 2000, 25)
    assert max(np.abs(left).max(), np.abs(up).max()) <= 0.35
    assert (np.diff(left) == 0).mean() > 0.9


def test_only_stress_raises_the_brows():
    calm = stressed_brows([Phone("AA", 0.4, 0.6, 0.2)], np.random.default_rng(0), 50, 25, 1.0)
    rng = np.random.default_rng(0)
    loud = [stressed_brows([Phone("AA", 0.4, 0.6, 1.0)], rng, 50, 25, 1.0) for _ in range(10)]
    assert calm.max() == 0
    highest = max(loud, key=lambda curve: curve.max())
    assert highest.max() > 0.3 and abs(int(highest.argmax()) - 12) <= 2


def test_eyes_leave_the_mouth_alone():
    mouth = np.zeros((60, 52), np.float32)
    mouth[:, UNIT["jawOpen"]] = 0.4
    added = add_eyes(mouth, np.random.default_rng(3), 25)
    assert np.array_equal(added[:, UNIT["jawOpen"]], mouth[:, UNIT["jawOpen"]])
    assert added.min() >= 0 and added.max() <= 1
