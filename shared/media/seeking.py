"""A few frames spread over a long video, by its index: key frames are sought, and little is decoded between them."""

from __future__ import annotations

import bisect
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av.error

from shared.media.container import Damage, decoded_frames

Timed = tuple[Fraction, Any]
"""(seconds from the first frame, PyAV's frame)."""


def key_times(container: Any, stream: Any) -> list[Fraction]:
    """Return when the key frames of a stream come, seconds from the first; empty where the container has no index.

    Indices hold decoding times, which are a few frames before those of display. Matroska's index is read by the first
    seek only; after this the container may stand anywhere.
    """
    with suppress(av.error.FFmpegError):
        container.seek(0, stream=stream, backward=True)
    return _key_times(stream)


def _key_times(stream: Any) -> list[Fraction]:
    entries = getattr(stream, "index_entries", None) or ()
    stamps = sorted(entry.timestamp for entry in entries if entry.is_keyframe)
    return [(stamp - stamps[0]) * Fraction(stream.time_base) for stamp in stamps]


def sought_frames(
    container: Any, stream: Any, duration: Fraction, count: int, damage: Damage
) -> Iterator[Timed]:
    """Give at most ``count`` frames, one in each of as many equal stretches of time.

    A stretch is told by its last key frame that an index knows, or else by its first frame, decoded from the key frame
    before it on. The last frame of all stands for the stretches after it.

    Args:
        container: Opened.
        stream: Of it, with an index (:func:`key_times`).
        duration: Of the stream, seconds.
        count: Stretches.
        damage: Counts what cannot be decoded.
    """
    keys, step = _key_times(stream), duration / count
    origin = stream.start_time or 0
    entries = sorted(e.timestamp for e in stream.index_entries if e.is_keyframe)
    base = Fraction(stream.time_base)
    frames: Iterator[Any] = iter(())
    position: Fraction | None = None
    latest: Any = None
    for number in range(count):
        low, high = number * step, (number + 1) * step
        if position is not None and position >= high:
            continue
        place = max(0, bisect.bisect_left(keys, high) - 1)
        if position is None or keys[place] > position:
            try:
                container.seek(entries[place], stream=stream, backward=True)
            except av.error.FFmpegError:
                damage.count += 1
                return
            frames = decoded_frames(container, stream, damage)
        for frame in frames:
            if frame.pts is None:
                continue
            position = max((frame.pts - origin) * base, Fraction(0))
            if position >= low:
                yield position, frame
                latest = None
                break
            latest = frame
        else:
            # the last of all stands until the end; after damage a later key frame may be read
            if position is not None and latest is not None and keys[-1] <= position:
                yield position, latest
                return


def reaches_beyond(container: Any, stream: Any, end: Fraction) -> bool:
    """Tell whether a packet that is still to come is shown later than ``end``, seconds; nothing is decoded."""
    origin, base = stream.start_time or 0, Fraction(stream.time_base)
    with suppress(av.error.FFmpegError):
        return any(
            packet.pts is not None and (packet.pts - origin) * base > end
            for packet in container.demux(stream)
        )
    return False
