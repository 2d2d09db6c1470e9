"""Detection and localisation metrics against slow or independent references."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import jaccard_score, roc_curve

from shared.metrics.eer import equal_error_rate, equal_error_threshold
from shared.metrics.iou import best_iou, iou
from shared.metrics.mass_in_mask import mass_in_mask
from shared.metrics.pointing import pointing_game


@pytest.fixture
def maps() -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    mask = (rng.random((4, 6, 5)) < 0.3).astype(np.float32)
    score = np.clip(0.4 * mask + 0.7 * rng.random(mask.shape), 0, 1).astype(np.float32)
    return torch.from_numpy(score), torch.from_numpy(mask)


def test_equal_error_rate_is_where_both_errors_of_the_curve_meet():
    rng = np.random.default_rng(1)
    inside, outside = rng.standard_normal(300) + 1, rng.standard_normal(200)
    wrong, right, _ = roc_curve(
        np.repeat([1, 0], [300, 200]), np.concatenate([inside, outside]), drop_intermediate=False
    )
    fine = np.linspace(0, 1, 200_001)
    slow = fine[np.argmin(np.abs(1 - np.interp(fine, wrong, right) - fine))]
    assert equal_error_rate(inside, outside) == pytest.approx(slow, abs=1 / 200)
    assert equal_error_rate(outside + 9, outside) == 0


def test_iou_is_the_jaccard_score(maps):
    score, mask = maps
    slow = [
        jaccard_score(m.flatten() > 0.5, s.flatten() >= 0.5)
        for s, m in zip(score.numpy(), mask.numpy(), strict=True)
    ]
    assert iou(score, mask).tolist() == pytest.approx(slow)


def test_no_threshold_is_better_than_the_best(maps):
    score, mask = maps
    best, threshold = best_iou(score, mask)
    assert best == pytest.approx(float(iou(score, mask, threshold).mean()))
    assert all(float(iou(score, mask, t).mean()) <= best + 1e-6 for t in (0.1, 0.33, 0.5, 0.77))


def test_an_authentic_picture_does_not_count_in_the_best_iou(maps):
    score, mask = maps
    with_authentic = torch.cat([mask, torch.zeros(1, 6, 5)])
    assert best_iou(torch.cat([score, score[:1]]), with_authentic) == best_iou(score, mask)


def test_the_peak_points_into_the_mask_or_not(maps):
    score, mask = maps
    slow = [m.flatten()[np.argmax(s)] for s, m in zip(score.numpy(), mask.numpy(), strict=True)]
    assert pointing_game(score, mask).tolist() == pytest.approx(slow)
    assert pointing_game(torch.zeros_like(mask), mask).tolist() == pytest.approx(
        mask.mean((1, 2)).tolist()
    )


def test_mass_in_mask_ignores_the_maps_scale(maps):
    score, mask = maps
    slow = (score.numpy() * mask.numpy()).sum((1, 2)) / score.numpy().sum((1, 2))
    assert mass_in_mask(score, mask).tolist() == pytest.approx(slow.tolist())
    assert mass_in_mask(0.1 * score, mask).tolist() == pytest.approx(slow.tolist())


def test_an_empty_map_has_no_mass_in_the_mask(maps):
    score, mask = maps
    assert mass_in_mask(torch.zeros_like(score), mask).tolist() == [0] * len(mask)


def test_the_best_iou_does_not_depend_on_the_scale_of_a_narrow_map(maps):
    score, mask = maps
    assert best_iou(score**8, mask)[0] == pytest.approx(best_iou(score, mask)[0], abs=0.02)


def test_both_errors_are_alike_at_the_threshold():
    rng = np.random.default_rng(0)
    inside, outside = rng.normal(1, 1, 301), rng.normal(0, 1, 200)
    threshold = equal_error_threshold(inside, outside)
    rate = equal_error_rate(inside, outside)
    assert (inside < threshold).mean() == pytest.approx(rate, abs=0.01)
    assert (outside >= threshold).mean() == pytest.approx(rate, abs=0.01)
