"""The audio track of a container: decoded to mono, put on the pictures' clock, cut where the file says it ends."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import InputError
from shared.media.container import Damage, decoded_frames, start_of, video_stream
from shared.media.timing import LONG_HOLD, LONGEST_HOLD, MOST_HELD

Samples = NDArray[np.float32]

# Nearer than this (s) a time stamp tells nothing: WebM rounds to 1 ms and leaves Opus's 6.5 ms delay unclear, while
# the shortest codec delay worth correcting (AAC at 48 kHz) is 21 ms.
_SLACK = Fraction(1, 100)
# A jump inside the stream must be longer: MPEG-TS stamps tremble by a codec frame.
_GAP = Fraction(1, 20)
_LONGEST_PADDING = 4096
_SILENCE_BLOCK = 65_536
_FULL_SCALE = {
    "u1": 128.0,
    "i2": 32_768.0,
    "i4": 2_147_483_648.0,
    "i8": 9_223_372_036_854_775_808.0,
}


def container_blocks(path: str | Path, container: Any) -> Iterator[tuple[int, Samples]]:
    """Give (rate, mono block) of the first audio track, at its own rate.

    Raises:
        InputError: If nothing of it can be decoded, or its rate changes on the way.
    """
    stream = container.streams.audio[0]
    placed: _Placed | None = None
    # A damaged packet leaves a gap, which the next time stamp turns into silence.
    for frame in decoded_frames(container, stream, Damage()):
        if placed is None:
            placed = _Placed(
                frame.sample_rate, _origin(container), _end(container, stream, frame.sample_rate)
            )
        if frame.sample_rate != placed.rate:
            raise InputError(
                f"{path} changes its sample rate",
                found=f"{placed.rate} then {frame.sample_rate} Hz",
                fix="convert it",
            )
        for block in placed.blocks(_mono(frame), _stamp(frame)):
            yield placed.rate, block
    if placed is None:
        raise InputError(
            f"the sound of {path} cannot be decoded", fix="get a whole copy, or convert it to WAV"
        )
    yield placed.rate, placed.rest()


class _Placed:
    """Puts decoded blocks where their time stamps say, and holds the last samples back until the end is known."""

    def __init__(self, rate: int, origin: Fraction | None, end: int | None) -> None:
        self.rate = rate
        self._origin = origin
        self._end = end
        self._position = 0
        self._silence = Fraction(0)
        self._held = np.zeros(0, np.float32)

    def blocks(self, samples: Samples, stamp: Fraction | None) -> Iterator[Samples]:
        """Give silence for a gap, then the samples, less those that are already past."""
        late = self._lateness(stamp)
        for at in range(0, max(late, 0), _SILENCE_BLOCK):
            yield self._pass(np.zeros(min(_SILENCE_BLOCK, late - at), np.float32))
        yield self._pass(samples[max(-late, 0) :])

    def rest(self) -> Samples:
        """Give what was held back, cut at the declared end if that lies in it."""
        surplus = 0 if self._end is None else self._position - self._end
        return self._held[:-surplus] if 0 < surplus <= _LONGEST_PADDING else self._held

    def _lateness(self, stamp: Fraction | None) -> int:
        if stamp is None:
            return 0
        if self._origin is None:
            self._origin = stamp
        slack = _GAP if self._position else _SLACK
        ahead = stamp - self._origin - Fraction(self._position, self.rate)
        self._silence += ahead if ahead > LONG_HOLD else 0
        if abs(ahead) > LONGEST_HOLD or (ahead > LONG_HOLD and self._silence > MOST_HELD):
            # A clock that was set anew: go on from here.
            self._origin += ahead
            return 0
        return round(ahead * self.rate) if abs(ahead) > slack else 0

    def _pass(self, samples: Samples) -> Samples:
        self._position += len(samples)
        joined = np.concatenate([self._held, samples])
        cut = max(0, len(joined) - _LONGEST_PADDING)
        self._held = joined[cut:]
        return joined[:cut]


def _origin(container: Any) -> Fraction | None:
    """Return the time of the first picture, which is time 0 of the sound; None without pictures."""
    pictures = video_stream(container)
    return None if pictures is None or pictures.start_time is None else start_of(pictures)


def _end(container: Any, stream: Any, rate: int) -> int | None:
    """Return the number of samples that the file declares, where that can be trusted (MP4's edit list)."""
    if "mp4" not in container.format.name or not stream.duration:
        return None
    return round(Fraction(stream.duration) * Fraction(stream.time_base) * rate)


def _stamp(frame: Any) -> Fraction | None:
    return (
        None if frame.pts is None or not frame.time_base else frame.pts * Fraction(frame.time_base)
    )


def _mono(frame: Any) -> Samples:
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    scale = _FULL_SCALE.get(samples.dtype.str[1:], 1.0)
    middle = 128.0 if samples.dtype == np.uint8 else 0.0
    mono: Samples = ((samples.astype(np.float32) - middle) / scale).mean(axis=0, dtype=np.float32)
    return mono
