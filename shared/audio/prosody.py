"""Loudness and pitch every 10 ms, on the columns of :mod:`shared.audio.mel`.

Each value looks only at the samples about its own column, so that any range of columns equals the
same part of the whole recording. The pitch is the highest peak of the short-time autocorrelation,
divided by the autocorrelation of the window (P. Boersma, "Accurate short-term analysis of the
fundamental frequency", IFA Proceedings 17, 1993), without his path search.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from shared.audio.mel import SAMPLE_RATE, WINDOW, windows

SILENCE_DB = -100.0
"""Level of digital silence, dB below full scale."""
_PITCH_WINDOW = 640
_PITCH_TRANSFORM = 2048
_HIGHEST_PITCH, _LOWEST_PITCH = 500.0, 62.5
_VOICED = 0.5
_OCTAVE_COST = 0.03


@dataclass(frozen=True)
class Pitch:
    """Pitch of a recording, column by column.

    Attributes:
        f0: ``(N,)`` Hz, 0 where unvoiced.
        voiced: ``(N,)`` whether the vocal folds sound.
    """

    f0: NDArray[np.float32]
    voiced: NDArray[np.bool_]


def log_energy(
    samples: NDArray[np.floating], start: int = 0, stop: int | None = None
) -> NDArray[np.float32]:
    """Return the level of each column in ``[start, stop)``, dB below full scale, in [-100, 0].

    Args:
        samples: ``(S,)`` mono at 16 kHz in [-1, 1].
        start: First column.
        stop: Column after the last; default the recording's end.

    Example:
        >>> log_energy(np.zeros(320, np.float32)).tolist()
        [-100.0, -100.0]
    """
    power = np.square(windows(samples, WINDOW, start, stop)).mean(axis=-1)
    level = 10 * np.log10(np.maximum(power, 10 ** (SILENCE_DB / 10)))
    # some processors round the logarithm of the floor to just below it
    return np.asarray(np.maximum(level, SILENCE_DB), np.float32)


def speech_level(energy: NDArray[np.float32]) -> float:
    """Return how loud a recording speaks: the 95th percentile of its column levels, dB, or -100.

    Args:
        energy: ``(N,)`` from :func:`log_energy`.
    """
    heard = energy[energy > SILENCE_DB + 10]
    return float(np.percentile(heard, 95)) if len(heard) else SILENCE_DB


@lru_cache(maxsize=1)
def _window_shape() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    window = np.hanning(_PITCH_WINDOW).astype(np.float32)
    own = np.fft.irfft(np.abs(np.fft.rfft(window, _PITCH_TRANSFORM)) ** 2)
    return window, np.asarray(own / own[0], np.float32)


def pitch(samples: NDArray[np.floating], start: int = 0, stop: int | None = None) -> Pitch:
    """Return the pitch of each column in ``[start, stop)``.

    Args:
        samples: ``(S,)`` mono at 16 kHz.
        start: First column.
        stop: Column after the last; default the recording's end.

    Example:
        >>> t = np.arange(16000) / 16000
        >>> float(np.median(pitch(np.sin(2 * np.pi * 200 * t)).f0).round())
        200.0
    """
    window, own = _window_shape()
    frames = windows(samples, _PITCH_WINDOW, start, stop)
    frames = (frames - frames.mean(axis=-1, keepdims=True)) * window
    power = np.abs(np.fft.rfft(frames, _PITCH_TRANSFORM, axis=-1)) ** 2
    correlation = np.fft.irfft(power, axis=-1)
    shortest, longest = int(SAMPLE_RATE / _HIGHEST_PITCH), int(SAMPLE_RATE / _LOWEST_PITCH)
    lags = np.arange(shortest, longest + 1)
    energy = correlation[:, :1]
    strength = correlation[:, lags] / np.maximum(energy, 1e-9) / own[lags]
    # A period and its multiples are equally strong: prefer the shorter one by a little.
    best = np.argmax(strength - _OCTAVE_COST * np.log2(lags / shortest), axis=-1)
    rows = np.arange(len(frames))
    voiced = (strength[rows, best] > _VOICED) & (energy[:, 0] > 1e-5)
    lag = lags[best] + _parabola_peak(strength, best)
    return Pitch(np.where(voiced, SAMPLE_RATE / lag, 0.0).astype(np.float32), voiced)


def _parabola_peak(strength: NDArray[np.floating], best: NDArray[np.intp]) -> NDArray[np.floating]:
    """Return the offset of the peak between lags, by a parabola through three of them."""
    inner = np.clip(best, 1, strength.shape[1] - 2)
    rows = np.arange(len(strength))
    left, middle, right = (strength[rows, inner + shift] for shift in (-1, 0, 1))
    bend = left - 2 * middle + right
    offset = np.where(bend < -1e-9, 0.5 * (left - right) / np.minimum(bend, -1e-9), 0.0)
    return np.where(inner == best, np.clip(offset, -0.5, 0.5), 0.0)
