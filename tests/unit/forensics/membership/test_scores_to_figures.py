"""Exact curves against scikit-learn and slow counting; nothing is tuned on what it is reported on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind
from sklearn.metrics import roc_auc_score, roc_curve

from forensics.membership.bootstrap import compare, performance
from forensics.membership.dataset_inference import dataset_inference
from forensics.membership.distribution_shift import distribution_shift
from forensics.membership.roc import auc, plot_roc, roc, tpr_at_fpr
from forensics.membership.threshold import best_threshold, decide, split_parts
from shared.errors import InputError

SCORES = st.lists(st.integers(0, 12).map(float), min_size=1, max_size=40)  # many ties


def normal(seed: int, members: int, nonmembers: int, gap: float) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    return generator.standard_normal(members) + gap, generator.standard_normal(nonmembers)


@settings(max_examples=60, deadline=None)
@given(SCORES, SCORES, st.sampled_from([0.0, 0.001, 0.01, 0.1, 0.29, 0.5, 1.0]))
def test_curve_area_and_low_rates_equal_the_references(members, nonmembers, rate):
    labels = np.repeat([1, 0], [len(members), len(nonmembers)])
    scores = np.array(members + nonmembers)
    wrong, right, steps = roc_curve(labels, scores, drop_intermediate=False)
    curve = roc(members, nonmembers)
    np.testing.assert_allclose(curve.false_positive_rate, wrong, atol=1e-12)
    np.testing.assert_allclose(curve.true_positive_rate, right, atol=1e-12)
    np.testing.assert_array_equal(curve.thresholds[1:], steps[1:])
    assert auc(members, nonmembers) == pytest.approx(roc_auc_score(labels, scores))
    assert tpr_at_fpr(members, nonmembers, rate) == pytest.approx(right[wrong <= rate + 1e-9].max())


@settings(max_examples=60, deadline=None)
@given(SCORES, SCORES)
def test_no_threshold_succeeds_more_often_than_the_best(members, nonmembers):
    best = decide(members, nonmembers, best_threshold(members, nonmembers)).asr
    tried = [decide(members, nonmembers, cut).asr for cut in np.arange(-0.5, 13)]
    assert best == pytest.approx(max(tried))


def test_a_rate_is_never_above_the_one_asked_for():
    members, nonmembers = np.arange(100.0) + 0.5, np.arange(100.0)
    # the nearest point to 1.9 % would be 2 %
    assert tpr_at_fpr(members, nonmembers, 0.019) == tpr_at_fpr(members, nonmembers, 0.01)
    assert tpr_at_fpr(members, nonmembers, 0.02) > tpr_at_fpr(members, nonmembers, 0.019)


def test_the_parts_are_disjoint_whole_and_fixed_by_the_seed():
    parts = split_parts(11, 3)
    assert sorted([*parts.calibration, *parts.held_out]) == list(range(11))
    assert split_parts(11, 3).calibration.tolist() == parts.calibration.tolist()
    assert split_parts(11, 4).calibration.tolist() != parts.calibration.tolist()


def test_success_on_noise_is_chance_because_it_is_held_out():
    found = [
        performance(*normal(seed, 30, 30, 0.0), seed=seed, resamples=2).asr.value
        for seed in range(60)
    ]
    assert np.mean(found) == pytest.approx(0.5, abs=0.03)
    tuned = [
        decide(*pair, best_threshold(*pair)).asr
        for pair in (normal(seed, 15, 15, 0.0) for seed in range(60))
    ]
    assert np.mean(tuned) > 0.58  # what a function that tunes on the test would have said


def test_intervals_hold_the_truth():
    # AUC of two unit normals a gap g apart is Phi(g / sqrt 2): 0.7602 for 1
    found = performance(*normal(1, 400, 300, 1.0), seed=0, resamples=300)
    assert found.auc.low < 0.7602 < found.auc.high
    assert found.auc.high - found.auc.low < 0.1
    assert (found.members, found.nonmembers) == (400, 300)
    assert (found.auc.n, found.asr.n) == (700, 350)  # thresholds are judged on the other half
    assert found.tpr_at_01_percent.value <= found.tpr_at_1_percent.value <= found.recall.value


def test_precision_of_nobody_is_unknown():
    # members score lower: the best threshold calls nobody a member
    assert performance([0.0, 1.0], [5.0, 6.0], resamples=10).precision is None


def test_precision_does_not_depend_on_the_size_of_the_classes():
    assert decide([1.0, 0.0], [1.0, 0.0] * 50, 0.5).precision == 0.5


def test_a_control_that_sees_the_same_explains_the_attack():
    members, nonmembers = normal(5, 200, 200, 1.0)
    noise = normal(6, 200, 200, 0.0)
    alike = (members + 0.1 * noise[0], nonmembers + 0.1 * noise[1])
    free = compare((members, nonmembers), {"noise": noise}, resamples=300)
    bound = compare((members, nonmembers), {"noise": noise, "alike": alike}, resamples=300)
    assert not free.explained and free.p_value < 0.01
    assert bound.control == "alike" and bound.explained and bound.p_value > 0.05


def test_a_control_that_separates_the_wrong_way_round_counts_too():
    members, nonmembers = normal(7, 100, 100, 1.5)
    found = compare((members, nonmembers), {"reversed": (-members, -nonmembers)}, resamples=100)
    assert found.control_auc.value == found.attack_auc.value
    assert found.difference.value == 0 and found.explained


def test_pairing_narrows_the_interval():
    members, nonmembers = normal(8, 150, 150, 1.0)
    generator = np.random.default_rng(9)
    close = tuple(scores + 0.2 * generator.standard_normal(150) for scores in (members, nonmembers))
    far = normal(10, 150, 150, 1.0)
    narrow = compare((members, nonmembers), {"close": close}, resamples=300).difference
    wide = compare((members, nonmembers), {"far": far}, resamples=300).difference
    assert narrow.high - narrow.low < 0.5 * (wide.high - wide.low)


def test_a_set_is_claimed_where_a_picture_cannot_be():
    members, nonmembers = normal(11, 300, 300, 0.4)
    assert auc(members, nonmembers) < 0.65
    assert dataset_inference(members, nonmembers).p_value < 0.001
    assert dataset_inference(*normal(12, 300, 300, 0.0)).p_value > 0.05


def test_the_claim_is_welchs_test():
    members, nonmembers = normal(20, 9, 30, 0.5)
    found = dataset_inference(3 * members, nonmembers)
    test = ttest_ind(3 * members, nonmembers, equal_var=False, alternative="greater")
    expected = test.statistic, test.df, test.pvalue
    assert (found.t, found.degrees_of_freedom, found.p_value) == pytest.approx(expected)


def test_p_values_of_sets_that_were_not_used_are_uniform():
    found = [dataset_inference(*normal(seed, 12, 40, 0.0)).p_value for seed in range(300)]
    assert np.quantile(found, [0.1, 0.5, 0.9]) == pytest.approx([0.1, 0.5, 0.9], abs=0.08)


def test_a_shift_is_seen_and_its_absence_too():
    generator = np.random.default_rng(13)
    members, nonmembers = generator.standard_normal((80, 3)), generator.standard_normal((90, 3))
    names = ["brightness", "edges", "colour"]
    same = distribution_shift(members, nonmembers, names, resamples=200)
    moved = distribution_shift(members, nonmembers + np.array([0, 1, 0]), names, resamples=200)
    assert not same.shifted and 0.35 < same.blind_auc.value < 0.65
    assert moved.shifted and moved.blind_auc.low > 0.5
    assert min(moved.p_values, key=moved.p_values.__getitem__) == "edges"


def test_the_plot_is_logarithmic_and_shows_the_smallest_rate():
    axes = plot_roc({"attack": roc(*normal(14, 100, 100, 1.0))}).axes[0]
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    assert axes.get_xlim()[0] < 0.01


@pytest.mark.parametrize(
    ("members", "nonmembers"), [([], [1.0]), ([1.0], []), ([np.nan], [1.0]), ([[1.0]], [1.0])]
)
@pytest.mark.parametrize("call", [roc, auc, best_threshold, performance, dataset_inference])
def test_one_class_or_no_numbers_are_refused(call, members, nonmembers):
    with pytest.raises(InputError):
        call(members, nonmembers)


def test_what_cannot_be_split_tested_or_compared_is_refused():
    for wrong in (
        lambda: split_parts(1, 0),
        lambda: split_parts(4, 0, share=1.0),
        lambda: tpr_at_fpr([1.0], [0.0], 5),
        lambda: dataset_inference([1.0, 1.0], [1.0, 1.0]),
        lambda: compare(([1.0], [0.0]), {}),
        lambda: compare(([1.0], [0.0]), {"other": ([1.0, 2.0], [0.0])}),
        lambda: distribution_shift(np.zeros((3, 1)), np.zeros((9, 1)), ["edges"]),
    ):
        with pytest.raises(InputError):
            wrong()
