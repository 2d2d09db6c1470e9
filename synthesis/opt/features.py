"""What the content encoder hears: a recording on the video's grid, at one loudness."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.audio.mel import COLUMNS_PER_FRAME, SAMPLE_RATE, columns_of, log_mel
from shared.audio.prosody import log_energy, pitch, speech_level

QUIETEST_DB = -40.0
"""A recording that is quieter than this does not speak and is not raised further."""
RANGE_DB = 40.0
"""Energy 0 lies this far under the level of the speech."""
MEL_SCALE = 2.2
"""Nepers a unit of the features."""
# The lowest lies above the floor of log_mel for every level that is allowed.
_MEL_CENTRE, _MEL_LOWEST = -4.4, -6.9
_CHUNK = 6000
_LOUDEST_FLOOR = 0.65


@dataclass(frozen=True)
class SpeechFeatures:
    """A stretch of a recording, ``N = 4 T`` columns for ``T`` frames at 25 fps.

    Attributes:
        mel: ``(80, N)`` log-mel relative to the speech's level, about -1.1 to 2.3.
        energy: ``(N,)`` 0 = silent, 1 = the level of the speech, at most 1.25.
        voiced: ``(N,)`` 0 or 1.
    """

    mel: NDArray[np.float32]
    energy: NDArray[np.float32]
    voiced: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of whole frames."""
        return len(self.energy) // COLUMNS_PER_FRAME

    def frames(self, start: int, stop: int) -> SpeechFeatures:
        """Return the frames ``[start, stop)``; beyond the ends it is silent."""
        first, last = start * COLUMNS_PER_FRAME, stop * COLUMNS_PER_FRAME
        inside = slice(max(first, 0), max(last, 0))
        before = min(max(-first, 0), last - first)
        after = last - first - before - len(self.energy[inside])
        return SpeechFeatures(
            np.pad(self.mel[:, inside], ((0, 0), (before, after)), constant_values=SILENT_MEL),
            np.pad(self.energy[inside], (before, after)),
            np.pad(self.voiced[inside], (before, after)),
        )


SILENT_MEL = (_MEL_LOWEST - _MEL_CENTRE) / MEL_SCALE
"""Value of every band in digital silence."""


def recording_level(samples: NDArray[np.floating]) -> float:
    """Return the level of a recording's speech, dB below full scale, at least -40.

    The recording is read in parts of a minute; one number a column is kept.
    """
    energy = _levels(samples)
    return max(speech_level(energy) if len(energy) else QUIETEST_DB, QUIETEST_DB)


def noise_floor(samples: NDArray[np.floating], level: float) -> float:
    """Return the energy of a recording's quietest moments, 0 to 0.65, on the scale of the features.

    Args:
        samples: ``(S,)`` mono at 16 kHz.
        level: From :func:`recording_level`.
    """
    energy = _levels(samples)
    if not len(energy):
        return 0.0
    quietest = 1 + (float(np.percentile(energy, 5)) - level) / RANGE_DB
    return min(max(quietest, 0.0), _LOUDEST_FLOOR)


def _levels(samples: NDArray[np.floating]) -> NDArray[np.float32]:
    total = columns_of(samples)
    parts = [
        log_energy(samples, first, min(first + _CHUNK, total)) for first in range(0, total, _CHUNK)
    ]
    return np.concatenate(parts) if parts else np.zeros(0, np.float32)


def speech_features(
    samples: NDArray[np.floating], level: float, start: int, stop: int
) -> SpeechFeatures:
    """Return the features of the video frames ``[start, stop)`` at 25 fps.

    Args:
        samples: ``(S,)`` mono at 16 kHz.
        level: From :func:`recording_level`.
        start: First frame; may be negative.
        stop: Frame after the last; may lie beyond the end.
    """
    columns = start * COLUMNS_PER_FRAME, stop * COLUMNS_PER_FRAME
    mel = log_mel(samples, *columns) - level * math.log(10) / 20
    mel = (np.maximum(mel, _MEL_LOWEST) - _MEL_CENTRE) / MEL_SCALE
    energy = 1 + (log_energy(samples, *columns) - level) / RANGE_DB
    return SpeechFeatures(
        mel.astype(np.float32),
        np.clip(energy, 0.0, 1.25).astype(np.float32),
        pitch(samples, *columns).voiced.astype(np.float32),
    )


SAMPLES_PER_FRAME = SAMPLE_RATE // 25
"""Samples a video frame at 25 fps."""
