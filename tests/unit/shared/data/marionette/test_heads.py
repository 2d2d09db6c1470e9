from __future__ import annotations

import numpy as np
import pytest

from benchmarks.corpus import share_below
from shared.data.marionette.heads import HeadStyle, drift, exercise, head_style_of, speaking
from shared.data.marionette.phones import Phone
from shared.motion import UNIT

STILL = HeadStyle(drift=(0.0, 0.0, 0.0), melody=0.0, sway=0.0, beat_share=1.0, beat=5.0)


def voice(seconds: float = 4.0) -> np.ndarray:
    t = np.arange(round(seconds * 16_000)) / 16_000
    pitch = 120 + 30 * np.sin(2 * np.pi * 0.6 * t)
    return (0.2 * np.sin(2 * np.pi * np.cumsum(pitch) / 16_000)).astype(np.float32)


def move(seed: int, style: HeadStyle | None = None, phones=(), frames: int = 100):
    rng = np.random.default_rng(seed)
    style = style or head_style_of(rng.standard_normal(8), rng)
    return speaking(rng, style, phones, voice(), frames)


def test_the_same_seed_moves_the_same_and_another_differently():
    assert np.array_equal(move(1).rotation, move(1).rotation)
    assert np.abs(move(1).rotation - move(2).rotation).max() > np.radians(1)


def test_speech_moves_slowly():
    assert min(share_below(move(seed).rotation, 25) for seed in range(12)) > 0.9


def test_ranges_are_those_of_conversation():
    every = np.degrees(np.concatenate([move(seed).rotation for seed in range(60)]))
    reach = np.percentile(np.abs(every), 95, axis=0)
    assert 5 < reach[0] < 15 and 8 < reach[1] < 20 and 2 < reach[2] < 10


def test_a_stressed_vowel_dips_the_head_and_the_dip_decays():
    phones = [Phone("AA", 0.9, 1.1, stress=1.0)]
    pitch = np.degrees(move(0, STILL, phones).rotation[:, 0])
    peak = int(pitch.argmax())
    assert abs(peak / 25 - 1.0) < 0.15 and 3 < pitch[peak] < 8
    assert pitch[peak + 10] < 0.3 * pitch[peak] and abs(pitch[peak - 6]) < 0.1


def test_the_head_rises_with_the_voice():
    style = HeadStyle(drift=(0.0, 0.0, 0.0), melody=2.0, sway=0.0)
    pitch = move(0, style).rotation[:, 0]
    rise = np.sin(2 * np.pi * 0.6 * np.arange(100) / 25)
    assert np.corrcoef(pitch, rise)[0, 1] < -0.8


@pytest.mark.parametrize("highest", [0.8, 2.5])
def test_drift_ends_at_its_highest_frequency(highest):
    times = np.arange(2000) / 25
    wave = drift(np.random.default_rng(0), times, 0.4, highest)[:, None]
    assert share_below(wave[:250], 25, highest + 0.3) > 0.999
    assert 0.5 < wave.std() < 1.5


def test_liveliness_can_be_seen_in_the_face():
    rng = np.random.default_rng(0)
    faces = rng.standard_normal((300, 8))
    sizes = [head_style_of(face, rng).listening for face in faces]
    assert np.corrcoef(sizes, faces[:, 4])[0, 1] > 0.5
    assert min(sizes) >= 0.5 and max(sizes) <= 1.6


def test_exercise_keeps_its_limits_and_repeats_poses():
    movement = exercise(np.random.default_rng(0), 400)
    assert (np.degrees(np.abs(movement.rotation)).max(axis=0) <= [18.001, 30.001, 12.001]).all()
    assert np.degrees(np.abs(movement.rotation)).max(axis=0)[1] > 25
    repeated = (np.diff(movement.rotation, axis=0) == 0).all(axis=1)
    changed = (np.diff(movement.expression, axis=0) != 0).any(axis=1)
    assert 0.25 < repeated.mean() < 0.45 and changed[repeated].mean() > 0.95
    assert movement.expression.min() >= 0 and movement.expression.max() <= 1
    assert (movement.expression[:, UNIT["jawOpen"]] > 0.4).mean() > 0.05


def test_no_frames_are_no_trouble():
    assert exercise(np.random.default_rng(0), 0).expression.shape == (0, 52)
    assert move(0, frames=1).rotation.shape == (1, 3)
