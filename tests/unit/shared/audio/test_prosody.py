from __future__ import annotations

import numpy as np
import pytest

from shared.audio.mel import columns_of
from shared.audio.prosody import SILENCE_DB, log_energy, pitch, speech_level


def pulses(f0: float, seconds: float = 0.6) -> np.ndarray:
    """A buzz with twenty harmonics that fall by 1/k, as the larynx makes."""
    t = np.arange(int(16_000 * seconds)) / 16_000
    top = int(min(20, 7000 // f0))
    waves = [np.sin(2 * np.pi * f0 * k * t + 0.3 * k) / k for k in range(1, top + 1)]
    return (0.1 * np.sum(waves, axis=0)).astype(np.float32)


@pytest.mark.parametrize("f0", [70, 85, 120, 180, 250, 330, 450])
def test_finds_the_pitch_of_a_buzz(f0):
    found = pitch(pulses(f0))
    assert found.voiced[5:-5].all()
    np.testing.assert_allclose(found.f0[5:-5], f0, rtol=0.01)


def test_noise_and_silence_are_unvoiced():
    hiss = (0.1 * np.random.default_rng(0).standard_normal(16_000)).astype(np.float32)
    assert pitch(hiss).voiced.mean() < 0.02
    silence = pitch(np.zeros(16_000, np.float32))
    assert not silence.voiced.any()
    assert (silence.f0 == 0).all()


def test_level_is_decibels_below_full_scale():
    t = np.arange(16_000) / 16_000
    tone = 0.1 * np.sin(2 * np.pi * 400 * t)
    np.testing.assert_allclose(log_energy(tone)[3:-3], -23.0, atol=0.05)
    np.testing.assert_allclose(log_energy(tone / 10)[3:-3], -43.0, atol=0.05)
    assert (log_energy(np.zeros(1600)) == SILENCE_DB).all()


def test_level_is_that_of_the_speech_and_not_of_the_pauses():
    buzz = pulses(120)
    padded = np.concatenate([np.zeros(160_000, np.float32), buzz])
    assert speech_level(log_energy(padded)) == pytest.approx(speech_level(log_energy(buzz)), abs=1)
    assert speech_level(log_energy(np.zeros(1600, np.float32))) == SILENCE_DB


@pytest.mark.parametrize("chunk", [1, 13, 500])
def test_chunks_equal_the_whole(chunk):
    sound = np.concatenate([pulses(100, 0.31), pulses(230, 0.2)])
    total = columns_of(sound)
    edges = [(a, min(a + chunk, total)) for a in range(0, total, chunk)]
    energy = np.concatenate([log_energy(sound, *edge) for edge in edges])
    f0 = np.concatenate([pitch(sound, *edge).f0 for edge in edges])
    np.testing.assert_allclose(energy, log_energy(sound), atol=1e-4)
    np.testing.assert_allclose(f0, pitch(sound).f0, atol=1e-2)
