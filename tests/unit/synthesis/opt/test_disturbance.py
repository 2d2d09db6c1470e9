from __future__ import annotations

import numpy as np
import pytest

from synthesis.opt.disturbance import (
    _microphone,
    _other_throat,
    _with_noise,
    _without_bands,
    disturbed,
)
from synthesis.opt.features import SILENT_MEL, SpeechFeatures, recording_level, speech_features


def spoken(seconds: float = 1.0) -> SpeechFeatures:
    t = np.arange(round(16_000 * seconds)) / 16_000
    tone = 0.1 * sum(np.sin(2 * np.pi * f * t) / k for k, f in enumerate((200, 700, 1_200), 1))
    samples = np.concatenate([np.zeros(8_000), tone, np.zeros(8_000)]).astype(np.float32)
    return speech_features(samples, recording_level(samples), 0, 25 + round(25 * seconds))


def test_nothing_moves_in_time_and_all_stays_in_range():
    heard = spoken()
    for seed in range(12):
        other = disturbed(heard, np.random.default_rng(seed))
        assert other.mel.shape == heard.mel.shape and len(other) == len(heard)
        assert other.mel.min() >= SILENT_MEL and np.isfinite(other.mel).all()
        assert other.energy.min() >= 0 and other.energy.max() <= 1.25


def test_a_longer_throat_lowers_the_formants():
    bump = np.exp(-np.square((np.arange(80) - 40) / 3))[:, None]
    assert np.argmax(_other_throat(bump, 1.15)) < 40 < np.argmax(_other_throat(bump, 0.87))
    np.testing.assert_allclose(_other_throat(bump, 1.0), bump)


def test_noise_fills_the_pauses_and_hardly_changes_what_is_loud():
    heard = spoken()
    for seed in range(5):
        mel, energy = _with_noise(heard.mel, heard.energy, np.random.default_rng(seed))
        pause, speech = slice(10, 40), slice(60, 140)
        assert energy[pause].mean() > heard.energy[pause].mean()
        assert np.abs(energy[speech] - heard.energy[speech]).max() < 0.06
        assert (mel >= heard.mel - 1e-6).all()


def test_noise_needs_speech_to_be_measured_against():
    silent = SpeechFeatures(np.full((80, 40), SILENT_MEL), np.zeros(40), np.zeros(40))
    mel, energy = _with_noise(silent.mel, silent.energy, np.random.default_rng(0))
    assert mel is silent.mel and energy is silent.energy


def test_a_hole_levels_a_few_bands():
    mel = np.random.default_rng(1).random((80, 12))
    levelled = _without_bands(mel, np.random.default_rng(0))
    changed = np.flatnonzero((levelled != mel).any(axis=1))
    assert 2 <= len(changed) <= 8 and np.ptp(changed) == len(changed) - 1
    assert np.ptp(levelled[changed], axis=0).max() < 1e-12
    np.testing.assert_allclose(levelled.sum(axis=0), mel.sum(axis=0))


def test_a_microphone_is_smooth():
    response = _microphone(np.random.default_rng(0))
    assert np.abs(np.diff(response)).max() < 0.1 < np.ptp(response)


@pytest.mark.parametrize("seed", [1, 2])
def test_the_generator_decides(seed):
    first, again = (disturbed(spoken(), np.random.default_rng(seed)).mel for _ in range(2))
    assert np.array_equal(first, again)
