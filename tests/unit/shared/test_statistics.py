from __future__ import annotations

import numpy as np
import pytest

from shared.errors import InputError
from shared.statistics import Interval, bootstrap, bootstrap_interval, percentile_interval


def test_the_interval_of_a_mean_is_about_two_standard_errors():
    values = np.random.default_rng(0).standard_normal(400)
    found = bootstrap_interval(values, seed=1)
    error = values.std() / 20
    assert found.value == pytest.approx(values.mean())
    assert found.low == pytest.approx(values.mean() - 1.96 * error, abs=0.3 * error)
    assert found.high == pytest.approx(values.mean() + 1.96 * error, abs=0.3 * error)
    assert found.n == 400


def test_it_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(2)
    hits = 0
    for seed in range(120):
        found = bootstrap_interval(generator.exponential(size=60), seed=seed, resamples=300)
        hits += found.low <= 1 <= found.high
    assert 0.85 <= hits / 120 <= 0.99


def test_rows_are_drawn_whole_and_the_statistic_is_free():
    x = np.random.default_rng(3).standard_normal(200)
    pairs = np.stack([x, 2 * x], axis=1)
    found = bootstrap_interval(pairs, lambda rows: np.corrcoef(rows.T)[0, 1], seed=0)
    assert (found.low, found.high) == pytest.approx((1, 1))


def test_the_seed_decides():
    values = np.arange(10.0)
    assert bootstrap_interval(values, seed=5) == bootstrap_interval(values, seed=5)
    assert bootstrap_interval(values, seed=5) != bootstrap_interval(values, seed=6)


@pytest.mark.parametrize("bad", [[], [1.0, np.nan]])
def test_refuses_what_has_no_interval(bad):
    with pytest.raises(InputError):
        bootstrap_interval(bad)
    with pytest.raises(InputError, match="level"):
        bootstrap_interval([1.0], level=95)


def test_groups_are_drawn_apart_and_rows_together():
    generator = np.random.default_rng(4)
    first, second = generator.standard_normal((80, 1)), generator.standard_normal((50, 1)) + 1
    twice = [np.hstack([first, first + 0.5]), np.hstack([second, second + 0.5])]

    def gaps(a, b):
        return b.mean(axis=0) - a.mean(axis=0)

    spread = bootstrap(twice, gaps, seed=0, resamples=500)
    assert spread.shape == (500, 2)
    np.testing.assert_allclose(spread[:, 0], spread[:, 1])  # paired: the draws are the same
    assert spread[:, 0].std() == pytest.approx(np.sqrt(1 / 80 + 1 / 50), rel=0.2)


def test_an_interval_of_given_draws():
    assert percentile_interval(0.5, np.linspace(0, 1, 101), 7, 0.9) == Interval(
        0.5, pytest.approx(0.05), pytest.approx(0.95), 7
    )
