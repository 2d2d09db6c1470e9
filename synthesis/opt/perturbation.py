"""Other voices and other rooms for the same words, in exactly the same time.

A recording through :func:`shift_voice` says the same at the same moment with another pitch and
another length of the vocal tract, so that "what" and "who" can be told apart with exact labels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from librosa import istft, stft
from librosa.effects import pitch_shift
from numpy.typing import NDArray
from scipy.signal import fftconvolve

from shared.audio.mel import SAMPLE_RATE

Samples = NDArray[np.float32]
_TRANSFORM, _HOP = 512, 128
_ENVELOPE_QUEFRENCY = 45
"""Samples; above lie the periods of voices up to 350 Hz."""


@dataclass(frozen=True)
class VoiceChange:
    """Another speaker made from one.

    Attributes:
        semitones: Shift of the pitch, within -6 to 6.
        tract: Length of the vocal tract relative to the speaker's own, 0.8 to 1.2; longer = deeper.
    """

    semitones: float
    tract: float


VOICE_CHANGES: tuple[VoiceChange, ...] = (
    VoiceChange(5.0, 0.85),
    VoiceChange(-5.0, 1.18),
    VoiceChange(-4.0, 0.9),
    VoiceChange(4.0, 1.12),
)
"""A smaller person, a larger one, and two unusual pairings of pitch and size."""


def shift_voice(samples: Samples, change: VoiceChange) -> Samples:
    """Return the words in another voice, sample for sample at the same time.

    The pitch is shifted by a phase vocoder, which moves the formants along; then the cepstral
    envelope of the original, stretched by the tract's length, is put back. Formants come within
    5 % without a pitch shift and within 15 % with one: enough for another voice, not for phonetics.

    Args:
        samples: ``(S,)`` mono at 16 kHz.
        change: Pitch and tract.
    """
    if len(samples) < _TRANSFORM:
        return samples.copy()
    shifted = pitch_shift(
        samples, sr=SAMPLE_RATE, n_steps=change.semitones, n_fft=_TRANSFORM, hop_length=_HOP,
        res_type="soxr_mq",
    )  # fmt: skip
    spectra = [stft(x, n_fft=_TRANSFORM, hop_length=_HOP) for x in (samples, shifted)]
    own, found = (_envelope(np.abs(spectrum)) for spectrum in spectra)
    bins = np.arange(len(own))
    place = np.minimum(bins * change.tract, len(own) - 1)
    below = place.astype(int)
    share = (place - below)[:, None]
    wanted = own[below] * (1 - share) + own[np.minimum(below + 1, len(own) - 1)] * share
    spectrum = spectra[1] * np.exp(np.clip(wanted - found, -3.5, 3.5))
    return _like(istft(spectrum, hop_length=_HOP, length=len(samples)), samples)


def _envelope(magnitude: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the smooth part of the log spectrum ``(bins, frames)``, by cutting its cepstrum."""
    cepstrum = np.fft.irfft(np.log(np.maximum(magnitude, 1e-6)), axis=0)
    cepstrum[_ENVELOPE_QUEFRENCY : 1 - _ENVELOPE_QUEFRENCY] = 0
    envelope: NDArray[np.floating] = np.fft.rfft(cepstrum, axis=0).real
    return envelope


def _like(changed: NDArray[np.floating], samples: Samples) -> Samples:
    """Bring a changed recording to the loudness of the original."""
    loudness = [float(np.sqrt(np.mean(np.square(x)))) for x in (samples, changed)]
    return np.asarray(changed * (loudness[0] / max(loudness[1], 1e-9)), np.float32)


def equalise(samples: Samples, generator: np.random.Generator) -> Samples:
    """Return the recording through another microphone: a smooth response within 6 dB."""
    frequencies = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE)
    octaves = np.log2(np.maximum(frequencies, 60) / 60)
    gains = generator.uniform(-6, 6, size=8)
    response = 10 ** (np.interp(octaves, np.arange(8), gains) / 20)
    return np.asarray(np.fft.irfft(np.fft.rfft(samples) * response, len(samples)), np.float32)


def reverberate(samples: Samples, generator: np.random.Generator) -> Samples:
    """Return the recording in a room that falls by 60 dB within 0.15 to 0.5 s."""
    seconds = generator.uniform(0.15, 0.5)
    count = int(seconds * SAMPLE_RATE)
    tail = generator.standard_normal(count) * 10 ** (-3 * np.arange(count) / count)
    tail *= generator.uniform(0.2, 0.6) / max(float(np.sqrt(np.square(tail).sum())), 1e-9)
    response = np.concatenate([[1.0], tail])
    return _like(fftconvolve(samples, response)[: len(samples)], samples)


def add_noise(samples: Samples, generator: np.random.Generator) -> Samples:
    """Return the recording with steady coloured noise, 12 to 35 dB under it."""
    spectrum = np.fft.rfft(generator.standard_normal(len(samples)))
    frequencies = np.maximum(np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE), 50)
    noise = np.fft.irfft(spectrum * frequencies ** -generator.uniform(0, 1), len(samples))
    under = 10 ** (-generator.uniform(12, 35) / 20)
    return np.asarray(samples + _like(noise, samples) * under, np.float32)


def change_gain(samples: Samples, generator: np.random.Generator) -> Samples:
    """Return the recording louder or quieter by up to 20 dB, clipped at full scale."""
    gain = 10 ** (generator.uniform(-20, 6) / 20)
    return np.asarray(np.clip(samples * gain, -1, 1), np.float32)


def change_channel(samples: Samples, generator: np.random.Generator) -> Samples:
    """Return the recording through a random microphone, room and gain; each half of the time."""
    for effect in (equalise, reverberate, add_noise, change_gain):
        if generator.random() < 0.5:
            samples = effect(samples, generator)
    return samples
