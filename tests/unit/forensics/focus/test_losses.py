"""Each formula against a slow version in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from forensics.focus import losses
from forensics.focus.carp import affinity, pool, pooled_logits, posterior, propose, refined
from forensics.focus.config import FocusConfig

B, G = 5, 6


@pytest.fixture
def rng():
    return np.random.default_rng(0)


LABELS = np.array([1, 0, 1, 1, 0])


def tensors(*arrays):
    return [torch.from_numpy(np.asarray(a)) for a in arrays]


def entropy(logits, label):
    return np.log(np.exp(logits).sum()) - logits[label]


def test_classification(rng):
    logits = rng.standard_normal((B, 2))
    each = np.array([entropy(row, y) for row, y in zip(logits, LABELS, strict=True)])
    assert losses.classification(*tensors(logits, LABELS)).item() == pytest.approx(each.mean())


def test_real_suppression_area_and_agreement(rng):
    maps, other = rng.random((2, B, 1, G, G))
    maps[0] *= 0.05
    means = maps.mean((1, 2, 3))
    real = losses.real_suppression(*tensors(maps, LABELS)).item()
    assert real == pytest.approx(np.mean([means[1], means[4]]))
    slow = np.mean([max(0, 0.05 - means[i]) + max(0, means[i] - 0.5) for i in (0, 2, 3)])
    assert losses.area_hinge(*tensors(maps, LABELS)).item() == pytest.approx(slow)
    apart = np.mean([np.abs(maps[i] - other[i]).mean() for i in (1, 4)])
    assert losses.agreement(*tensors(maps, other, LABELS)).item() == pytest.approx(apart)


def test_union_coverage_fixes_what_the_views_found(rng):
    first, second, fused = rng.random((3, B, 1, G, G))
    slow = np.mean(
        [np.maximum(np.maximum(first[i], second[i]) - fused[i], 0).mean() for i in (0, 2, 3)]
    )
    parts = [part.requires_grad_() for part in tensors(fused, first, second)]
    got = losses.union_coverage(*parts, torch.from_numpy(LABELS))
    assert got.item() == pytest.approx(slow)
    got.backward()
    assert parts[0].grad.abs().sum() > 0 and parts[1].grad is None and parts[2].grad is None


def test_total_variation_of_the_fine_map(rng):
    maps = rng.random((B, 1, G, G))
    size, total = 12, 0.0
    at = np.clip((np.arange(size) + 0.5) * G / size - 0.5, 0, G - 1)
    for one in maps[:, 0]:
        rows = np.array([[np.interp(x, np.arange(G), row) for x in at] for row in one])
        fine = np.array([[np.interp(y, np.arange(G), rows[:, x]) for x in range(size)] for y in at])
        total += np.abs(np.diff(fine, axis=1)).mean() + np.abs(np.diff(fine, axis=0)).mean()
    got = losses.total_variation(torch.from_numpy(maps), size).item()
    assert got == pytest.approx(2 * total / B)


def test_equivariance_counts_what_lies_within(rng):
    first, second = rng.random((2, B, 1, G, G))
    mask = (rng.random((B, 1, G, G)) < 0.6).astype(float)
    slow = np.abs(first - second)[mask == 1].mean()
    assert losses.equivariance(*tensors(first, second, mask)).item() == pytest.approx(slow)


@pytest.mark.parametrize("kind", ["gap", "topk", "lse"])
def test_pooling_of_what_is_left(rng, kind):
    scores, kept = rng.standard_normal((B, 30)), rng.random((B, 30)) < 0.7
    for got, row, left in zip(
        pool(*tensors(scores), kind, torch.from_numpy(kept), share=0.2, sharpness=5.0),
        scores, kept, strict=True,
    ):  # fmt: skip
        values = np.sort(row[left])[::-1]
        slow = {
            "gap": values.mean(),
            "topk": values[: max(1, round(0.2 * len(values)))].mean(),
            "lse": np.log(np.mean(np.exp(5 * values))) / 5,
        }[kind]
        assert got.item() == pytest.approx(slow)


def test_logits_are_pooled_log_odds_or_one_pooling_for_each_class(rng):
    class_maps = rng.standard_normal((B, 2, G, G))
    odds = (class_maps[:, 1] - class_maps[:, 0]).reshape(B, -1)
    top = np.sort(odds, axis=1)[:, ::-1][:, : round(0.2 * G * G)].mean(1)
    got = pooled_logits(*tensors(class_maps), FocusConfig()).numpy()
    np.testing.assert_allclose(got, np.stack([np.zeros(B), top], axis=1))
    each = pooled_logits(
        *tensors(class_maps), FocusConfig(pooling_real="gap", pooling_fake="gap")
    ).numpy()
    np.testing.assert_allclose(each, class_maps.mean((2, 3)))


def test_the_posterior_and_its_proposal(rng):
    class_maps = rng.standard_normal((B, 2, G, G))
    raised = np.exp(class_maps)
    slow = raised[:, 1] / raised.sum(1)
    maps = posterior(*tensors(class_maps))
    np.testing.assert_allclose(maps[:, 0].numpy(), slow)
    regions = propose(maps, 0.5).numpy()
    assert (regions == (slow > 0.5 * slow.max((1, 2), keepdims=True))).all()
    assert not propose(torch.ones(1, 1, G, G), 0.5).any()  # nobody erases a whole face


def test_affinity_spreads_a_map_along_attention(rng):
    attentions = rng.random((4, B, 2, 1 + G * G, 1 + G * G))
    slow = attentions[1:].mean((0, 2))[:, 1:, 1:]
    slow /= slow.sum(-1, keepdims=True)
    given = tuple(tensors(*attentions))
    np.testing.assert_allclose(affinity(given).numpy(), slow)
    maps = rng.random((B, 1, G, G))
    twice = np.einsum("bij,bjk,bk->bi", slow, slow, maps.reshape(B, -1)).reshape(maps.shape)
    np.testing.assert_allclose(refined(*tensors(maps), given, 2).numpy(), twice)
