"""Other ears for the same words: what noise, a microphone, a level and a throat do to the features.

The quick twin of :mod:`synthesis.opt.perturbation`: it works on features, so that each batch hears
each clip in another way.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shared.audio.mel import BANDS
from synthesis.opt.features import MEL_SCALE, RANGE_DB, SILENT_MEL, SpeechFeatures

Array = NDArray[np.floating]
_NEPERS_PER_DB = np.log(10) / 20
_SPEECH = 0.3
_WIDEST_HOLE = 8


def disturbed(heard: SpeechFeatures, generator: np.random.Generator) -> SpeechFeatures:
    """Return the features as another throat, microphone, distance and room would give them.

    Each effect comes half of the time; nothing moves in time.

    Args:
        heard: Any stretch.
        generator: Draws the effects.
    """
    mel: Array = heard.mel
    energy: Array = heard.energy
    if generator.random() < 0.5:
        mel = _other_throat(mel, float(generator.uniform(0.85, 1.18)))
    if generator.random() < 0.5:
        mel = mel + _microphone(generator)[:, None]
    if generator.random() < 0.5:
        mel = _without_bands(mel, generator)
    if generator.random() < 0.5:
        mel, energy = _with_noise(mel, energy, generator)
    if generator.random() < 0.5:
        # A level that was misjudged; now and then a voice too quiet to be raised.
        far = generator.random() < 0.3
        gain = float(generator.uniform(-25, -6) if far else generator.uniform(-4, 4))
        mel, energy = mel + gain * _NEPERS_PER_DB / MEL_SCALE, energy + gain / RANGE_DB
    return SpeechFeatures(
        np.maximum(mel, SILENT_MEL).astype(np.float32),
        np.clip(energy, 0.0, 1.25).astype(np.float32),
        heard.voiced,
    )


def _other_throat(mel: Array, length: float) -> Array:
    """Stretch the bands: a longer vocal tract moves formants down. Mel bands are about logarithmic."""
    place = np.arange(BANDS) * length
    below = np.minimum(place.astype(int), BANDS - 2)
    share = np.minimum(place - below, 1.0)[:, None]
    return np.asarray(mel[below] * (1 - share) + mel[below + 1] * share)


def _microphone(generator: np.random.Generator) -> Array:
    """Return a smooth response within 8 dB, ``(80,)`` in units of the features."""
    gains = generator.uniform(-8, 8, 6)
    smooth = np.interp(np.arange(BANDS), np.linspace(0, BANDS - 1, 6), gains)
    return np.asarray(smooth * _NEPERS_PER_DB / MEL_SCALE)


def _without_bands(mel: Array, generator: np.random.Generator) -> Array:
    """Level up to eight neighbouring bands to their mean: no band alone may tell a word (SpecAugment)."""
    count = int(generator.integers(2, _WIDEST_HOLE + 1))
    first = int(generator.integers(BANDS - count))
    hole = slice(first, first + count)
    levelled = mel.copy()
    levelled[hole] = mel[hole].mean(axis=0)
    return levelled


def _with_noise(mel: Array, energy: Array, generator: np.random.Generator) -> tuple[Array, Array]:
    """Add steady coloured noise 5 to 40 dB under the speech; powers add."""
    speaking = energy > _SPEECH
    if not speaking.any():
        return mel, energy
    under = 10 ** (-float(generator.uniform(5, 40)) / 10)
    power = np.exp(2 * MEL_SCALE * mel)
    colour = np.exp(
        generator.uniform(-2, 2) * np.linspace(-1, 1, BANDS) + generator.normal(0, 0.3, BANDS)
    )
    colour *= power[:, speaking].mean() / colour.mean() * under
    grain = generator.exponential(1.0, mel.shape) * 0.5 + 0.5
    loudness = 10 ** ((energy - 1) * RANGE_DB / 10)
    hiss = loudness[speaking].mean() * under * generator.uniform(0.8, 1.2, energy.shape)
    noisy = np.log(power + colour[:, None] * grain) / (2 * MEL_SCALE)
    return noisy, 1 + 10 * np.log10(loudness + hiss) / RANGE_DB
