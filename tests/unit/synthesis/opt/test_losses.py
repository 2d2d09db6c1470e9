"""Each formula against a slow version in numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from synthesis.opt import losses

B, T, C = 3, 12, 5


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def valid(rng):
    return rng.random((B, T)) < 0.7


def tensors(*arrays):
    return [torch.from_numpy(a) for a in arrays]


def mean_over(valid, value):
    """Mean of value(b, t) over the frames that count."""
    return np.mean([value(b, t) for b in range(B) for t in range(T) if valid[b, t]])


def test_landmark_weights_are_those_of_the_notes():
    weights = losses.landmark_weights().numpy()
    assert [weights[i] for i in (0, 16, 17, 36, 47, 48, 59, 60, 67)] == [
        1, 1, 0.5, 0.5, 0.5, 3, 3, 5, 5,
    ]  # fmt: skip


def test_reconstruction(rng, valid):
    predicted, mel = rng.random((2, B, 80, 4 * T))
    slow = mean_over(
        valid,
        lambda b, t: np.abs(
            predicted[b, :, 4 * t : 4 * t + 4] - mel[b, :, 4 * t : 4 * t + 4]
        ).mean(),
    )
    assert losses.reconstruction(*tensors(predicted, mel, valid)).item() == pytest.approx(slow)


def test_at_time_reads_between_frames(rng):
    sequence = rng.random((B, T, C))
    positions = rng.uniform(-1, T + 1, (B, 7))
    got = losses.at_time(*tensors(sequence, positions)).numpy()
    for b in range(B):
        for k in range(7):
            slow = [np.interp(positions[b, k], np.arange(T), sequence[b, :, c]) for c in range(C)]
            np.testing.assert_allclose(got[b, k], slow)


def test_content_invariance(rng, valid):
    one, two = rng.random((2, B, T, C))
    slow = mean_over(valid, lambda b, t: np.mean((one[b, t] - two[b, t]) ** 2))
    assert losses.content_invariance(*tensors(one, two, valid)).item() == pytest.approx(slow)


def test_variance_guard(rng, valid):
    content = rng.standard_normal((B, T, C)) * [0.1, 0.5, 1.0, 2.0, 0.0]
    flat = content[valid]
    slow = np.mean([max(0, 1 - np.sqrt(flat[:, j].var(ddof=1) + 1e-4)) for j in range(C)])
    assert losses.variance_guard(*tensors(content, valid)).item() == pytest.approx(slow)


def test_covariance_guard(rng, valid):
    content = rng.standard_normal((B, T, C))
    content[..., 1] += content[..., 0]
    covariance = np.cov(content[valid].T)
    slow = sum(covariance[i, j] ** 2 for i in range(C) for j in range(C) if i != j) / C
    assert losses.covariance_guard(*tensors(content, valid)).item() == pytest.approx(slow)


def test_speaker_entropy(rng):
    logits, speaker = rng.standard_normal((B, 4)), np.array([0, 3, 1])
    slow = -np.mean([logits[b, s] - np.log(np.exp(logits[b]).sum()) for b, s in enumerate(speaker)])
    assert losses.speaker_entropy(*tensors(logits, speaker)).item() == pytest.approx(slow)


def test_mouth_contrast(rng, valid):
    audio, mouth = rng.standard_normal((2, B, T, C))
    audio /= np.linalg.norm(audio, axis=-1, keepdims=True)
    mouth /= np.linalg.norm(mouth, axis=-1, keepdims=True)
    terms = []
    for first, second in ((audio, mouth), (mouth, audio)):
        values = []
        for b in range(B):
            frames = [t for t in range(0, T, 3) if valid[b, t]]
            for t in frames:
                scores = [first[b, t] @ second[b, u] / 0.1 for u in frames]
                right = first[b, t] @ second[b, t] / 0.1
                values.append(np.log(np.sum(np.exp(scores))) - right)
        terms.append(np.mean(values))
    got = losses.mouth_contrast(*tensors(audio, mouth, valid), temperature=0.1, every=3)
    assert got.item() == pytest.approx(np.mean(terms))


def test_mouth_contrast_does_not_gain_from_knowing_the_clip(rng):
    """A vector that only tells the clip leaves the loss at chance, since negatives share it."""
    clip = np.repeat(np.eye(B)[:, None], 20, axis=1)
    everywhere = np.ones((B, 20), bool)
    got = losses.mouth_contrast(*tensors(clip, clip, everywhere), temperature=0.1)
    assert got.item() == pytest.approx(np.log(4))


def points(rng):
    return rng.random((B, T, 68, 2)), rng.random((B, T, 68, 2)), rng.uniform(0.2, 0.4, B)


def test_landmark_loss(rng, valid):
    guess, truth, eyes = points(rng)

    def one(b, t):
        total = weight_sum = 0.0
        for i in range(68):
            weight = 5 if i >= 60 else 3 if i >= 48 else 1 if i <= 16 else 0.5
            total += weight * np.abs(guess[b, t, i] - truth[b, t, i]).sum()
            weight_sum += weight
        return total / weight_sum / eyes[b]

    got = losses.landmark_loss(*tensors(guess, truth, eyes, valid)).item()
    assert got == pytest.approx(mean_over(valid, one))


@pytest.mark.parametrize(
    ("loss", "first", "second"),
    [(losses.opening_loss, 62, 66), (losses.width_loss, 48, 54)],
)
def test_mouth_distances(rng, valid, loss, first, second):
    guess, truth, eyes = points(rng)

    def one(b, t):
        spans = [np.linalg.norm(p[b, t, first] - p[b, t, second]) for p in (guess, truth)]
        return abs(spans[0] - spans[1]) / eyes[b]

    got = loss(*tensors(guess, truth, eyes, valid)).item()
    assert got == pytest.approx(mean_over(valid, one), rel=1e-6)


def test_distance_has_a_gradient_where_the_lips_touch():
    closed = torch.zeros(1, 1, 68, 2, requires_grad=True)
    losses.distance_between(closed, 62, 66).sum().backward()
    assert torch.isfinite(closed.grad).all()


def test_velocity_loss(rng, valid):
    guess, truth = rng.random((2, B, T, C))
    values = [
        np.abs((guess[b, t] - guess[b, t - 1]) - (truth[b, t] - truth[b, t - 1])).mean()
        for b in range(B)
        for t in range(1, T)
        if valid[b, t] and valid[b, t - 1]
    ]
    got = losses.velocity_loss(*tensors(guess, truth, valid)).item()
    assert got == pytest.approx(np.mean(values))


def test_identity_landmark_loss(rng, valid):
    guess, _, eyes = points(rng)
    source = rng.random((B, 68, 2))
    slow = mean_over(
        valid,
        lambda b, t: np.mean(np.linalg.norm(guess[b, t] - source[b], axis=-1)) / eyes[b],
    )
    got = losses.identity_landmark_loss(*tensors(guess, source, eyes, valid)).item()
    assert got == pytest.approx(slow)


def test_no_valid_frame_gives_zero_and_not_nan():
    nothing = torch.zeros(B, T, dtype=torch.bool)
    assert losses.masked_mean(torch.rand(B, T, C), nothing).item() == 0


def test_moment_entropy_leaves_unknown_frames_out(rng):
    logits = rng.standard_normal((B, T, 4))
    labels = rng.integers(-1, 4, (B, T))
    chance = np.exp(logits) / np.exp(logits).sum(axis=-1, keepdims=True)
    slow = mean_over(labels >= 0, lambda b, t: -np.log(chance[b, t, labels[b, t]]))
    assert losses.moment_entropy(*tensors(logits, labels)).item() == pytest.approx(slow)
    unknown = torch.full((B, T), -1)
    assert losses.moment_entropy(torch.from_numpy(logits), unknown).item() == 0


def test_content_cycle(rng, valid):
    one, two = rng.random((2, B, T, C))
    slow = mean_over(valid, lambda b, t: np.abs(one[b, t] - two[b, t]).mean())
    assert losses.content_cycle(*tensors(one, two, valid)).item() == pytest.approx(slow)


def test_sync_entropy(rng, valid):
    logits = rng.standard_normal((B, T, T))
    share = 1 / (1 + np.exp(-logits))
    right = mean_over(valid, lambda b, t: -np.log(share[b, t, t]))
    wrong = np.mean(
        [
            -np.log(1 - share[b, i, j])
            for b in range(B)
            for i in range(T)
            for j in range(T)
            if abs(i - j) >= 5 and valid[b, i] and valid[b, j]
        ]
    )
    got = losses.sync_entropy(*tensors(logits, valid))
    assert got.item() == pytest.approx(right + wrong)
    assert losses.sync_loss(*tensors(logits, valid)).item() == pytest.approx(right)


def test_relative_opening(rng, valid):
    points, target = rng.random((2, B, T, 68, 2))
    source, eyes = rng.random((B, 68, 2)), rng.uniform(0.8, 1.2, B)

    def relative(one, b):
        gap = [
            np.linalg.norm(p[losses.UPPER_INNER] - p[losses.LOWER_INNER]) for p in (one, source[b])
        ]
        return (gap[0] - gap[1]) / eyes[b]

    slow = mean_over(valid, lambda b, t: abs(relative(points[b, t], b) - relative(target[b, t], b)))
    openings = [losses.opening_of(*tensors(p, source, eyes)) for p in (points, target)]
    got = losses.relative_opening_loss(*openings, torch.from_numpy(valid))
    assert got.item() == pytest.approx(slow, abs=1e-6)


def test_closure_asks_only_where_the_true_lips_are_shut(rng):
    points, target = rng.uniform(0, 0.1, (2, B, T, 68, 2))
    source = rng.uniform(0, 0.1, (B, 68, 2))
    eyes, closure = rng.uniform(0.8, 1.2, B), rng.random((B, T)) < 0.7
    shut = rng.random((B, T)) < 0.5
    upper, lower = losses.UPPER_INNER, losses.LOWER_INNER
    for b, t in zip(*np.nonzero(shut), strict=True):
        target[b, t, [upper, lower]] = source[b, [upper, lower]]

    def gap(one):
        return np.linalg.norm(one[upper] - one[lower])

    asked = [
        (b, t)
        for b in range(B)
        for t in range(T)
        if closure[b, t] and gap(target[b, t]) - gap(source[b]) < losses.SHUT * eyes[b]
    ]
    slow = np.mean([max(0.0, gap(points[b, t]) - gap(source[b])) / eyes[b] for b, t in asked])
    got = losses.closure_loss(*tensors(points, target, source, eyes, closure))
    assert got.item() == pytest.approx(slow, abs=1e-5)
