"""Video in and out, one frame at a time: memory does not grow with length, rates are exact fractions."""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from av.error import FFmpegError
from numpy.typing import NDArray

from shared.errors import InputError, LimitExceeded
from shared.media.container import (
    CONVERSION,
    MAX_FRAME_PIXELS,
    Damage,
    count_packets,
    decoded_frames,
    moving_streams,
    open_container,
    video_stream,
)
from shared.media.seeking import (
    evenly,
    key_times,
    knows_keys,
    passed_keys,
    reaches_beyond,
    sought_frames,
    sought_keys,
)
from shared.media.timing import Clock, ticks
from shared.media.video_writer import VideoWriter

__all__ = ["Frame", "VideoInfo", "VideoReader", "VideoWriter", "probe"]

Frame = NDArray[np.uint8]
"""uint8 RGB ``(H, W, 3)``."""

_COMMON_RATES = (24, 25, 30, 48, 50, 60, 120)
_RATES = (
    *(Fraction(n) for n in _COMMON_RATES),
    *(Fraction(n * 1000, 1001) for n in (24, 30, 60, 120)),
)
_SNAP = Fraction(1, 50_000)
_FASTEST = Fraction(1000)
_USUAL_RATE = Fraction(25)
_PACKETS_LOOKED_AT = 300
_UNEVEN = Fraction(1, 10)
_LATE = Fraction(1)
"""Seconds by which a packet may come after the declared end."""


@dataclass(frozen=True)
class VideoInfo:
    """What a video's header says, checked by decoding its first frame.

    Attributes:
        path: The file.
        fps: Frames a second, exact: 29.97 is 30000/1001. Of a variable rate the mean.
        width: Pixels, upright.
        height: Pixels, upright.
        frames: Number of frames, declared or worked out from duration and rate; None if neither is known.
        duration: Seconds, as declared; None if not.
        has_audio: Whether there is an audio track.
        rotation: Degrees anticlockwise that the stored frames are turned to stand upright: 0, 90, 180 or 270.
        variable_rate: Whether the time from frame to frame varies by more than a tenth (first 300 packets).
        mirrored: Whether the stored frames are mirrored, left to right, before they are turned.
        videos: Number of tracks of moving pictures; the first is read.
    """

    path: Path
    fps: Fraction
    width: int
    height: int
    frames: int | None
    duration: float | None
    has_audio: bool
    rotation: int
    variable_rate: bool
    mirrored: bool = False
    videos: int = 1


def probe(path: str | Path, *, max_pixels: int = MAX_FRAME_PIXELS) -> VideoInfo:
    """Read a video's facts. GIFs are video; still pictures, animated WebP and AVIF are refused.

    Raises:
        InputError: If the file is missing, empty, damaged, a picture, or holds no video.
        LimitExceeded: If a frame has more than ``max_pixels`` pixels (judged by the header, before decoding).
    """
    with open_container(path, max_pixels=max_pixels) as container:
        stream = _stream_of(path, container, max_pixels)
        fps = _rate_of(stream)
        variable = _is_variable(container, stream)
        declared = stream.frames
        duration = _duration_of(container, stream)
        videos = len(moving_streams(container))
    # Opened anew: not every container can be wound back after the look at its packets.
    with open_container(path, max_pixels=max_pixels) as container:
        stream = _stream_of(path, container, max_pixels)
        first = next(decoded_frames(container, stream, Damage()), None)
        if first is None:
            raise InputError(
                f"{path} holds no frame that can be decoded", fix="get a whole copy of it"
            )
        rotation, mirrored = _turn_of(first)
        width, height = (
            (first.width, first.height) if rotation % 180 == 0 else (first.height, first.width)
        )
        return VideoInfo(
            path=Path(path),
            fps=fps,
            width=width,
            height=height,
            frames=declared or (round(duration * fps) if duration is not None else None),
            duration=None if duration is None else float(duration),
            has_audio=bool(container.streams.audio),
            rotation=rotation,
            variable_rate=variable,
            mirrored=mirrored,
            videos=videos,
        )


class VideoReader:
    """A video as a stream of upright uint8 RGB frames ``(H, W, 3)`` in the order in which they are shown.

    Each iteration starts anew and holds a few frames at most. Pixels are as stored: a sample aspect ratio other than
    1:1 is not applied; frames of a stream that changes its size are scaled to the first one's.
    What cannot be decoded is left out and counted in ``damaged``; only a file without a single good frame is refused.

    Args:
        path: Any video FFmpeg reads, GIFs included.
        fps: Give the frames at this constant rate, by their time stamps; None gives every frame as stored.
        max_pixels: Refuse larger frames from the header.

    Attributes:
        info: See :class:`VideoInfo`.
        damaged: Packets and frames of the latest iteration that were broken.
        reached: Seconds from the first frame up to which the latest iteration saw the video.
        goes_on: Whether :meth:`spread` ended before the video did, which lasts longer than it declares.

    Raises:
        InputError: If the file is missing, empty, damaged, a picture, or holds no video.
        LimitExceeded: If its frames are too large.
    """

    def __init__(
        self,
        path: str | Path,
        *,
        fps: Fraction | None = None,
        max_pixels: int = MAX_FRAME_PIXELS,
    ) -> None:
        if fps is not None and not 0 < fps <= _FASTEST:
            raise InputError("fps is out of range", found=fps, expected=f"0 < fps <= {_FASTEST}")
        self.info = probe(path, max_pixels=max_pixels)
        self._fps = None if fps is None else Fraction(fps)
        self._max_pixels = max_pixels
        self._damage = Damage()
        self.reached = 0.0
        self.goes_on = False
        self._running: list[Generator[tuple[float, Frame], None, None]] = []

    @property
    def damaged(self) -> int:
        """How many packets and frames of the latest iteration were broken."""
        return self._damage.count

    def __enter__(self) -> VideoReader:
        """Return the reader itself."""
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        """Close the file."""
        for frames in self._running:
            frames.close()
        self._running.clear()

    def __iter__(self) -> Iterator[Frame]:
        """Give the frames from the start."""
        return (frame for _, frame in self.timed())

    def timed(self, *, hold: Fraction | None = None) -> Iterator[tuple[float, Frame]]:
        """Give the frames from the start, each with its time, seconds from the first.

        Args:
            hold: At a constant rate, a frame is repeated for so many seconds at most; the time goes on without it.
        """
        return self._begin(self._timed_frames(hold))

    def spread(self, count: int) -> Iterator[tuple[float, Frame]]:
        """Give at most ``count`` frames spread evenly over the video, each with its time, seconds from the first.

        Where the container has an index and a duration, key frames are sought, and little else is decoded; so are the
        times between two frames not exactly equal. Elsewhere the whole video is decoded.
        """
        if count < 1:
            raise InputError("frames count from 1", found=count)
        return self._begin(self._spread_frames(count))

    def key_frames(self, count: int) -> Iterator[tuple[float, Frame]]:
        """Give at most ``count`` key frames, evenly chosen from all, each with its time, seconds from the first.

        They stand for themselves and are the best ones; nothing between them is decoded, and where the container's
        index knows them, nothing between them is read.
        """
        if count < 1:
            raise InputError("frames count from 1", found=count)
        return self._begin(self._key_frames(count))

    def _begin(
        self, frames: Generator[tuple[float, Frame], None, None]
    ) -> Iterator[tuple[float, Frame]]:
        self._damage = Damage()
        self.reached, self.goes_on = 0.0, False
        self._running = [frames]
        return frames

    def _timed_frames(self, hold: Fraction | None) -> Generator[tuple[float, Frame], None, None]:
        with self._opened() as (container, stream):
            timed = self._noted(container, stream)
            if self._fps is None:
                for time, _, frame in timed:
                    yield float(time), self._upright(frame)
                return
            for time, frame in ticks(timed, self._fps, hold):
                yield float(time), self._upright(frame)

    def _noted(self, container: Any, stream: Any) -> Iterator[tuple[Fraction, Fraction, Any]]:
        """Decode from the start and note how far that came."""
        decoded = decoded_frames(container, stream, self._damage)
        for time, own, frame in _timed(decoded, stream, 1 / self.info.fps):
            self.reached = self._end_of(time, frame, stream)
            yield time, own, frame

    def _end_of(self, time: Fraction, frame: Any, stream: Any) -> float:
        """Return until when a frame is shown, seconds: the last one may stand for long."""
        lasting = Fraction(frame.duration or 0) * Fraction(stream.time_base)
        return float(time + max(lasting, 1 / self.info.fps))

    def _spread_frames(self, count: int) -> Generator[tuple[float, Frame], None, None]:
        duration = Fraction(self.info.duration or 0)
        if duration > 0:
            count = min(count, math.ceil(duration * _FASTEST))
        with self._opened() as (container, stream):
            if duration > 0 and (keys := key_times(container, stream)):
                # a header that says too little hides nothing that the index knows
                duration = max(duration, keys[-1] + 1 / self.info.fps)
                found = sought_frames(container, stream, duration, count, self._damage)
                for time, frame in found:
                    self.reached = self._end_of(time, frame, stream)
                    yield float(time), self._upright(frame)
                self.goes_on = reaches_beyond(container, stream, duration + _LATE)
                return
        rate = min(count / duration, _FASTEST) if duration > 0 else _USUAL_RATE
        with self._opened() as (container, stream):
            paced = ticks(self._noted(container, stream), rate, 1 / rate)
            for time, frame in itertools.islice(paced, count):
                yield float(time), self._upright(frame)
            self.goes_on = duration > 0 and next(paced, None) is not None

    def _key_frames(self, count: int) -> Generator[tuple[float, Frame], None, None]:
        with self._opened(threads=1) as (container, stream):
            keys = key_times(container, stream)
            if known := knows_keys(keys, Fraction(self.info.duration or 0), count):
                for time, frame in sought_keys(container, stream, count, self._damage):
                    yield float(time), self._upright(frame)
        if not known:
            wanted = frozenset(evenly(count_packets(self.info.path, key=True), count))
            with self._opened(threads=1) as (container, stream):
                for time, frame in passed_keys(container, stream, wanted, self._damage):
                    yield float(time), self._upright(frame)

    @contextmanager
    def _opened(self, threads: int = 0) -> Iterator[tuple[Any, Any]]:
        """Open the file; 0 threads are as many as there are cores."""
        path = self.info.path
        with closing(open_container(path, max_pixels=self._max_pixels)) as container:
            stream = _stream_of(path, container, self._max_pixels)
            # Threads of whole frames, too: slices or one thread alone read 720p a fifth to a quarter slower.
            stream.thread_type, stream.codec_context.thread_count = "AUTO", threads
            yield container, stream

    def _upright(self, frame: Any) -> Frame:
        """Return a frame's pixels, mirrored and turned as its first one asks to be."""
        turns = self.info.rotation // 90
        size = (
            (self.info.width, self.info.height)
            if turns % 2 == 0
            else (self.info.height, self.info.width)
        )
        pixels: Frame = frame.to_ndarray(
            format="rgb24", width=size[0], height=size[1], **CONVERSION
        )
        pixels = pixels[:, ::-1] if self.info.mirrored else pixels
        return np.ascontiguousarray(np.rot90(pixels, turns))


def _stream_of(path: str | Path, container: Any, max_pixels: int) -> Any:
    stream = video_stream(container)
    if stream is None:
        raise InputError(f"{path} has no video", found="audio only", fix="give a video")
    context = stream.codec_context
    if context is None:
        raise InputError(f"{path} is in a codec that is not supported", fix="convert it to H.264")
    width, height = (context.width, context.height) if context.width else _gif_size(path, container)
    if width * height > max_pixels:
        raise LimitExceeded(
            f"{path} has too many pixels a frame",
            found=f"{width} x {height}",
            expected=f"at most {max_pixels} pixels",
            fix="scale it down",
        )
    # Also bounds what a later header inside the stream may ask the decoder to allocate.
    context.options = {"max_pixels": str(max_pixels)}
    return stream


def _turn_of(frame: Any) -> tuple[int, bool]:
    """Return by how many degrees a frame is to be turned anticlockwise, and whether it is mirrored before that.

    A display matrix (a, b; c, d) takes stored (x, y) to (a x + c y, b x + d y), y down. A negative determinant mirrors;
    a matrix that takes all to a line or a point is none.
    """
    held = frame.side_data.get("DISPLAYMATRIX")
    if held is None:
        return 0, False
    a, b, _, c, d, *_ = struct.unpack("=9i", bytes(held)[:36])
    if (determinant := a * d - b * c) == 0:
        return 0, False
    mirrored = determinant < 0
    right, down = (-a, -b) if mirrored else (a, b)
    return round(math.degrees(math.atan2(-down, right)) / 90) % 4 * 90, mirrored


def _gif_size(path: str | Path, container: Any) -> tuple[int, int]:
    """Return the size in a GIF's header, which FFmpeg tells only by decoding; (0, 0) for other files."""
    if container.format.name != "gif":
        return 0, 0
    with Path(path).open("rb") as file:
        width, height = struct.unpack("<6x2H", file.read(10))
    return width, height


def _timed(
    frames: Iterable[Any], stream: Any, step: Fraction
) -> Iterator[tuple[Fraction, Fraction, Any]]:
    clock = Clock(step)
    base = Fraction(stream.time_base)
    for frame in frames:
        own = Fraction(frame.duration or 0) * base
        time = clock.time_of(
            None if frame.pts is None else frame.pts * Fraction(frame.time_base or base)
        )
        yield time, own if 0 < own <= 10 * step else step, frame


def _rate_of(stream: Any) -> Fraction:
    for rate in (stream.average_rate, stream.guessed_rate, stream.base_rate):
        if rate and 0 < rate <= _FASTEST:
            near = min(_RATES, key=lambda known: abs(known - rate))
            return near if abs(near - rate) <= near * _SNAP else Fraction(rate)
    return _USUAL_RATE


def _duration_of(container: Any, stream: Any) -> Fraction | None:
    if stream.duration and stream.time_base:
        return Fraction(stream.duration) * Fraction(stream.time_base)
    return Fraction(container.duration, 1_000_000) if container.duration else None


def _is_variable(container: Any, stream: Any) -> bool:
    stamps: list[int] = []
    # Damage in the middle of a file is the reader's to count, not a reason to refuse it here.
    with suppress(FFmpegError):
        packets = itertools.islice(container.demux(stream), _PACKETS_LOOKED_AT)
        stamps.extend(packet.pts for packet in packets if packet.pts is not None)
    stamps.sort()
    if len(stamps) >= _PACKETS_LOOKED_AT - 1:
        # Packets come out of order; where the look ended, a neighbour in time that is still to come is no gap.
        stamps = stamps[: -_PACKETS_LOOKED_AT // 10]
    steps = [b - a for a, b in itertools.pairwise(stamps)]
    if len(steps) < 2:
        return False
    middle = sorted(steps)[len(steps) // 2]
    # Two ticks of slack: containers round stamps to their own time base.
    slack = max(float(middle * _UNEVEN), 2.0)
    return any(abs(step - middle) > slack for step in steps)
