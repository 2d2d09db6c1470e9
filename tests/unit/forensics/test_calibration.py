from __future__ import annotations

import numpy as np
import pytest

from forensics.calibration import calibrate, calibrate_kinds, needed
from forensics.verdict import Decision, Reason
from shared.errors import InputError

MEMBER, NONMEMBER = Decision.MEMBER, Decision.NONMEMBER


def drawn(seed: int, gap: float, count: int = 40, error_rate: float = 0.1):
    generator = np.random.default_rng(seed)
    known = generator.standard_normal(count) + gap, generator.standard_normal(count)
    return calibrate(*known, MEMBER, error_rate=error_rate), generator


@pytest.mark.parametrize("gap", [0.0, 1.0, 3.0, 6.0])
def test_wrong_answers_stay_below_the_error_rate(gap):
    wrong = []
    for seed in range(60):
        known, generator = drawn(seed, gap)
        outsiders = generator.standard_normal(40)
        wrong.append(np.mean([known.judge(score) == MEMBER for score in outsiders]))
        insiders = generator.standard_normal(40) + gap
        wrong.append(np.mean([known.judge(score) == NONMEMBER for score in insiders]))
    assert np.mean(wrong) <= 0.1 + 0.01


def test_far_classes_get_answers_and_equal_ones_none():
    far, _ = drawn(1, 6.0)
    assert far.judge(6.0) == MEMBER and far.judge(0.0) == NONMEMBER
    middle = (far.positives[0] + far.negatives[-1]) / 2
    assert far.judge(middle) is Reason.OUT_OF_RANGE  # between both: like neither
    assert far.judge(far.positives[0] - 1e-3) == MEMBER
    assert far.judge(far.negatives[-1] + 1e-3) == NONMEMBER
    assert far.judge(100.0) is far.judge(-100.0) is Reason.OUT_OF_RANGE
    near, _ = drawn(2, 0.0)
    assert near.judge(0.0) is Reason.OVERLAP


def test_the_thresholds_are_where_the_answers_begin():
    known, _ = drawn(3, 1.0)
    cut = known.thresholds()
    for step in (1e-9, -1e-9):
        assert (known.judge(cut[MEMBER].value + step) == MEMBER) == (step > 0)
        assert (known.judge(cut[NONMEMBER].value + step) == NONMEMBER) == (step < 0)
    assert "10.0%" in cut[MEMBER].origin and "non-member" in cut[MEMBER].origin


def test_probabilities_are_calibrated_whatever_the_unit():
    known, generator = drawn(4, 1.5, count=800)
    truth = generator.integers(0, 2, 4000)
    scores = generator.standard_normal(4000) + 1.5 * truth
    told = np.array([known.probability(score) for score in scores])
    for low in (0.1, 0.3, 0.5, 0.7):
        some = (told >= low) & (told < low + 0.2)
        assert truth[some].mean() == pytest.approx(told[some].mean(), abs=0.06)
    scaled = calibrate(known.positives * 1e-4 + 7, known.negatives * 1e-4 + 7, MEMBER)
    assert scaled.probability(7.0001) == pytest.approx(known.probability(1.0), abs=1e-6)


def test_unequal_classes_do_not_tilt_the_probability():
    generator = np.random.default_rng(5)
    known = calibrate(generator.standard_normal(2000) + 1, generator.standard_normal(100), MEMBER)
    assert known.probability(0.5) == pytest.approx(0.5, abs=0.06)


def test_scores_that_are_all_equal_say_nothing():
    known = calibrate(np.ones(30), np.ones(30), MEMBER)
    assert known.judge(1.0) is Reason.OVERLAP and known.probability(1.0) == pytest.approx(0.5)


@pytest.mark.parametrize("count", [0, 18])
def test_too_few_examples_are_refused(count):
    assert needed(0.05) == 19
    for known in ((np.arange(count), np.arange(30)), (np.arange(30), np.arange(count))):
        with pytest.raises(InputError, match="too few"):
            calibrate(*known, MEMBER)


def test_just_enough_examples_can_give_both_answers():
    known = calibrate(np.arange(19) + 30.0, np.arange(19), MEMBER)
    assert known.judge(40) == MEMBER and known.judge(5) == NONMEMBER


@pytest.mark.parametrize("rate", [0, 0.5, 2])
def test_an_error_rate_that_means_nothing_is_refused(rate):
    with pytest.raises(InputError, match="error rate"):
        needed(rate)


def test_the_rate_holds_in_the_worse_of_two_kinds():
    generator = np.random.default_rng(3)
    shifts = (0.0, 3.0)  # the second kind of footage scores higher, whatever it shows
    positives = [generator.normal(2 + shift, 1, 800) for shift in shifts]
    negatives = [generator.normal(shift, 1, 800) for shift in shifts]
    pooled = calibrate(np.concatenate(positives), np.concatenate(negatives), MEMBER)
    known = calibrate_kinds(positives, negatives, MEMBER)
    fresh = generator.normal(3.0, 1, 2000)  # negatives of the second kind
    wrong = {
        name: np.mean([one.judge(score) is MEMBER for score in fresh])
        for name, one in (("pooled", pooled), ("kinds", known))
    }
    assert wrong["pooled"] > 0.07
    assert wrong["kinds"] <= 0.05 + 0.02
    assert known.thresholds()[MEMBER].value > pooled.thresholds()[MEMBER].value
    assert known.probability(2.0) == pooled.probability(2.0)


def test_a_kind_with_too_few_examples_is_refused():
    known = np.arange(40.0)
    with pytest.raises(InputError, match="too few"):
        calibrate_kinds([known + 20, known[:5]], [known], MEMBER)
    with pytest.raises(InputError, match="too few"):
        calibrate_kinds([known + 20], [], MEMBER)


def test_a_family_that_scores_as_the_other_class_does_is_seldom_called_that():
    generator = np.random.default_rng(5)
    plain, hidden, honest = (generator.normal(centre, 1, 400) for centre in (4, 0, 0))
    pooled = calibrate(np.concatenate([plain, hidden]), honest, MEMBER)
    known = calibrate_kinds([plain, hidden], [honest], MEMBER)
    fresh = generator.normal(0, 1, 2000)  # of the hidden family
    told = [np.mean([one.judge(s) is NONMEMBER for s in fresh]) for one in (pooled, known)]
    assert told[0] > 0.08 and told[1] <= 0.05 + 0.02
    assert len(known.positives) == 800 and len(known.negatives) == 400
