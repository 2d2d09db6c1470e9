from __future__ import annotations

import numpy as np
import pytest

from shared.audio.mel import log_mel
from shared.audio.prosody import log_energy, pitch
from synthesis.opt.perturbation import (
    VOICE_CHANGES,
    VoiceChange,
    add_noise,
    change_channel,
    change_gain,
    equalise,
    reverberate,
    shift_voice,
)

VOWEL = {"AA": (730, 1090), "IY": (270, 2290)}


def vowel(name: str, f0: float, seconds: float, tract: float = 1.0) -> np.ndarray:
    """Harmonics of a pitch under two formants."""
    t = np.arange(round(16_000 * seconds)) / 16_000
    sound = np.zeros_like(t)
    for k in range(1, int(4000 // f0)):
        peaks = [1 / (1 + ((k * f0 - f / tract) / 90) ** 2) for f in VOWEL[name]]
        sound += (sum(peaks) + 0.01) * np.sin(2 * np.pi * f0 * k * t)
    return (0.08 * sound).astype(np.float32)


def formant(samples: np.ndarray) -> float:
    """Centre of the energy between 300 and 1500 Hz, in Hz."""
    spectrum = np.abs(np.fft.rfft(samples)) ** 2
    hertz = np.fft.rfftfreq(len(samples), 1 / 16_000)
    band = (hertz > 300) & (hertz < 1500)
    return float((spectrum[band] * hertz[band]).sum() / spectrum[band].sum())


@pytest.mark.parametrize("change", VOICE_CHANGES)
def test_the_pitch_moves_as_told_and_the_formants_roughly(change):
    sound = vowel("AA", 120, 1.0)
    moved = shift_voice(sound, change)
    found = pitch(moved)
    ratio = np.median(found.f0[found.voiced]) / 120
    assert 12 * np.log2(ratio) == pytest.approx(change.semitones, abs=0.15)
    wanted = vowel("AA", 120 * ratio, 1.0, change.tract)
    assert formant(moved) / formant(wanted) == pytest.approx(1, abs=0.15)


@pytest.mark.parametrize("tract", [0.85, 0.93, 1.08, 1.18])
def test_the_formants_move_with_the_length_of_the_tract(tract):
    sound = vowel("AA", 90, 1.0)
    moved = shift_voice(sound, VoiceChange(0.0, tract))
    wanted = formant(vowel("AA", 90, 1.0, tract))
    assert formant(moved) / wanted == pytest.approx(1, abs=0.05)


def test_a_change_of_nothing_changes_little():
    sound = vowel("IY", 150, 0.5)
    same = shift_voice(sound, VoiceChange(0.0, 1.0))
    columns = slice(3, -3)
    assert np.abs(log_mel(same) - log_mel(sound))[:, columns].mean() < 0.25


def test_the_words_stay_at_their_time():
    quiet = np.zeros(3000, np.float32)
    samples = np.concatenate([quiet, vowel("AA", 120, 0.3), quiet, vowel("IY", 120, 0.2), quiet])
    for change in VOICE_CHANGES:
        moved = shift_voice(samples, change)
        assert moved.shape == samples.shape
        energies = [log_energy(x).clip(-60) for x in (samples, moved)]
        lags = range(-4, 5)
        scores = [np.corrcoef(energies[0][9:-9], np.roll(energies[1], k)[9:-9])[0, 1] for k in lags]
        assert abs(list(lags)[int(np.argmax(scores))]) <= 1
        assert max(scores) > 0.95


@pytest.mark.parametrize("effect", [equalise, reverberate, add_noise, change_gain, change_channel])
def test_effects_keep_length_are_finite_and_follow_the_generator(effect):
    sound = vowel("AA", 130, 0.4)
    first, again = (effect(sound, np.random.default_rng(3)) for _ in range(2))
    assert first.shape == sound.shape
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    np.testing.assert_array_equal(first, again)


def test_noise_stays_under_the_speech():
    sound = vowel("AA", 130, 1.0)
    for seed in range(5):
        noise = add_noise(sound, np.random.default_rng(seed)) - sound
        under = 20 * np.log10(np.std(sound) / np.std(noise))
        assert 12 <= under <= 35.1


def test_reverberation_goes_on_after_the_sound():
    sound = np.concatenate([vowel("AA", 130, 0.3), np.zeros(4800, np.float32)])
    echo = reverberate(sound, np.random.default_rng(0))
    assert np.abs(echo[5000:5600]).max() > 100 * np.abs(sound[5000:5600]).max()


@pytest.mark.parametrize("samples", [0, 1, 300])
def test_very_short_sounds_survive(samples):
    assert len(shift_voice(np.zeros(samples, np.float32), VOICE_CHANGES[0])) == samples
