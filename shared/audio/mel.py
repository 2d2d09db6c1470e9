"""Log-mel spectrograms on the video's time grid.

Column ``n`` belongs to the samples ``[160 n, 160 n + 160)`` and is the spectrum of the 25 ms about
their middle, with zeros outside the recording. So a video frame at 25 fps owns exactly four
columns, ``4 t ... 4 t + 3``, and any range of columns can be computed alone: a chunk equals the
same part of the whole, which is how recordings of hours are read in bounded memory (``samples``
may be a ``numpy.memmap``).

Bands: 80 triangular filters (librosa, Slaney's scale and area norm) from 55 to 7600 Hz on the
magnitude of a 512-point Fourier transform under a Hann window of 400 samples.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache

import numpy as np
from librosa.filters import get_window
from librosa.filters import mel as mel_filters
from numpy.typing import NDArray

from shared.errors import InputError

SAMPLE_RATE = 16_000
HOP = 160
"""Samples a column: 10 ms."""
COLUMNS_PER_FRAME = 4
"""Columns a video frame at 25 fps."""
BANDS = 80
WINDOW = 400
TRANSFORM = 512
LOWEST, HIGHEST = 55.0, 7600.0
FLOOR = 1e-5
"""Smallest band magnitude before the logarithm."""


def frames_of(samples: NDArray[np.floating], fps: Fraction | int = 25) -> int:
    """Return the number of video frames of a recording at 16 kHz: ``round(seconds x fps)``.

    Example:
        >>> frames_of(np.zeros(16_000), 25), frames_of(np.zeros(16_000), Fraction(30000, 1001))
        (25, 30)
    """
    return round(Fraction(len(samples), SAMPLE_RATE) * Fraction(fps))


def columns_of(samples: NDArray[np.floating]) -> int:
    """Return the number of columns of a recording; the last may be partly beyond its end."""
    return -(-len(samples) // HOP)


def windows(
    samples: NDArray[np.floating], length: int, start: int = 0, stop: int | None = None
) -> NDArray[np.float32]:
    """Return the ``length`` samples about the middle of each column in ``[start, stop)``.

    Args:
        samples: ``(S,)`` mono at 16 kHz; only the part that is needed is read.
        length: Even number of samples.
        start: First column; may be negative (zeros are read before the recording).
        stop: Column after the last; may lie beyond the end. Default: the recording's end.

    Returns:
        ``(stop - start, length)``, zeros outside the recording.

    Raises:
        InputError: If the samples are not one channel or not finite.
    """
    if samples.ndim != 1:
        raise InputError("audio must be one channel", found=samples.shape, expected="(samples,)")
    count = max(0, (columns_of(samples) if stop is None else stop) - start)
    if count == 0:
        return np.zeros((0, length), np.float32)
    first = start * HOP + HOP // 2 - length // 2
    last = first + (count - 1) * HOP + length
    inside = np.asarray(samples[max(first, 0) : max(last, 0)], np.float32)
    if not np.isfinite(inside).all():
        raise InputError("the audio holds values that are not finite", fix="repair the recording")
    before = min(max(-first, 0), last - first)
    after = last - first - before - len(inside)
    padded = np.pad(inside, (before, after))
    return np.lib.stride_tricks.sliding_window_view(padded, length)[::HOP]


@lru_cache(maxsize=1)
def _filter_bank() -> NDArray[np.float32]:
    bank: NDArray[np.float32] = mel_filters(
        sr=SAMPLE_RATE, n_fft=TRANSFORM, n_mels=BANDS, fmin=LOWEST, fmax=HIGHEST
    )
    return bank


@lru_cache(maxsize=1)
def _hann() -> NDArray[np.float32]:
    window: NDArray[np.float32] = get_window("hann", WINDOW).astype(np.float32)
    return window


def log_mel(
    samples: NDArray[np.floating], start: int = 0, stop: int | None = None
) -> NDArray[np.float32]:
    """Return the natural logarithm of the mel magnitudes.

    Args:
        samples: ``(S,)`` mono at 16 kHz in [-1, 1].
        start: First column.
        stop: Column after the last; default the recording's end.

    Returns:
        ``(80, stop - start)``, at least ``log(1e-5)``; not normalised.

    Example:
        >>> tone = np.sin(2 * np.pi * 1000 * np.arange(6400) / 16000).astype(np.float32)
        >>> log_mel(tone).shape
        (80, 40)
    """
    frames = windows(samples, WINDOW, start, stop) * _hann()
    magnitude = np.abs(np.fft.rfft(frames, TRANSFORM, axis=-1)).astype(np.float32)
    mel: NDArray[np.float32] = np.log(np.maximum(_filter_bank() @ magnitude.T, FLOOR))
    return mel
