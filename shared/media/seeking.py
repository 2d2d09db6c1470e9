"""A few frames spread over a long video, by its index: key frames are sought, and little is decoded between them."""

from __future__ import annotations

import bisect
from collections.abc import Container, Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from typing import Any

import av.error

from shared.media.container import Damage, decoded_alone, decoded_frames, whole_packets

Timed = tuple[Fraction, Any]
"""(seconds from the first frame, PyAV's frame)."""

_KNOWN = Fraction(9, 10)
"""Share of the length that an index must reach to be believed."""


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


def knows_keys(keys: Sequence[Fraction], duration: Fraction, count: int) -> bool:
    """Tell whether an index knows so many key frames and about as far as the video lasts; many know only a beginning.

    Args:
        keys: Of :func:`key_times`.
        duration: As declared, seconds; 0 if it is not.
        count: Key frames that are wanted.
    """
    return len(keys) >= count and keys[-1] >= _KNOWN * duration > 0


def sought_keys(container: Any, stream: Any, count: int, damage: Damage) -> Iterator[Timed]:
    """Give at most ``count`` of the key frames that an index knows, evenly chosen, each decoded alone.

    What is sought is the middle between a key frame and the next: an index may tell when a frame is decoded, a little
    before it is shown.
    """
    stamps = sorted(entry.timestamp for entry in stream.index_entries if entry.is_keyframe)
    stamps.append(2 * stamps[-1] - stamps[max(len(stamps) - 2, 0)])
    latest = Fraction(-1)
    for place in evenly(len(stamps) - 1, count):
        with suppress(av.error.FFmpegError):
            middle = (stamps[place] + stamps[place + 1]) // 2
            container.seek(middle, stream=stream, backward=True)
            packets = whole_packets(container, stream)
            packet = next((packet for packet in packets if packet.is_keyframe), None)
            if packet is None or (time := _time_of(packet, stream)) <= latest:
                continue
            latest = time
            if (frame := decoded_alone(stream, packet, damage)) is not None:
                yield time, frame


def passed_keys(
    container: Any, stream: Any, wanted: Container[int], damage: Damage
) -> Iterator[Timed]:
    """Give the key frames of these numbers, from 0, each decoded alone; all packets are read, as no index is needed."""
    packets = whole_packets(container, stream)
    for number, packet in enumerate(packet for packet in packets if packet.is_keyframe):
        if number in wanted and (frame := decoded_alone(stream, packet, damage)) is not None:
            yield _time_of(packet, stream), frame


def evenly(total: int, count: int) -> list[int]:
    """Return at most ``count`` evenly spaced numbers below ``total``, the first and the last among them.

    Example:
        >>> evenly(100, 4), evenly(2, 4), evenly(0, 4)
        ([0, 33, 66, 99], [0, 1], [])
    """
    if count == 1 or total <= count:
        return list(range(min(total, count)))
    return sorted({round(n * (total - 1) / (count - 1)) for n in range(count)})


def _time_of(packet: Any, stream: Any) -> Fraction:
    """Return when a packet is shown, seconds from the stream's start."""
    stamp = packet.pts if packet.pts is not None else packet.dts
    if stamp is None:
        return Fraction(0)
    return max(Fraction(0), (stamp - (stream.start_time or 0)) * Fraction(stream.time_base))


def reaches_beyond(container: Any, stream: Any, end: Fraction) -> bool:
    """Tell whether a packet that is still to come is shown later than ``end``, seconds; nothing is decoded."""
    origin, base = stream.start_time or 0, Fraction(stream.time_base)
    with suppress(av.error.FFmpegError):
        return any(
            packet.pts is not None and (packet.pts - origin) * base > end
            for packet in container.demux(stream)
        )
    return False
