"""Open a media container with the doors shut: local files of known kinds only, bounded frames, errors with codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.video.reformatter import Interpolation

from shared.errors import InputError
from shared.media.image import picture_kind

MAX_FRAME_PIXELS = 8192 * 8192
"""Frames with more pixels than this are refused from the header: one of them decodes to 200 MB."""

CONVERSION = {
    "interpolation": Interpolation.AREA | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT,
    "threads": 1,
}
"""How swscale turns RGB into YUV and back. Its default darkens a picture by 1.3 levels a round trip (this: 0.0) and
starts a thread a core for every frame, which costs 5 ms more than it saves at 256 px."""

# FFmpeg also knows playlists that name other files and hosts, and raw formats that match anything; none is here.
_DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,gif,mpegts,mpeg,flv,asf,ogg,wav,w64,mp3,flac,aac,caf,aiff,au,amr,"
    "ac3,eac3,dv,mxf,ivf,rm,wv,ape,tta"
)


def open_container(path: str | Path, *, max_pixels: int = MAX_FRAME_PIXELS) -> Any:
    """Open a local video or audio file and return PyAV's input container; close it after use.

    Raises:
        InputError: If the file is missing, empty, a still picture, damaged or no media at all.
    """
    kind = picture_kind(path)
    if kind is not None:
        raise InputError(
            f"{path} is a still picture or an animated one of a kind that is not read as video",
            found=kind,
            fix="give a video; a picture is read with read_image, an animation can be converted to mp4",
        )
    closed = {"format_whitelist": _DEMUXERS, "protocol_whitelist": "file"}
    with decoding(path):
        # "file:" keeps names such as "12:30.mp4" from being taken for a protocol. max_pixels bounds what
        # FFmpeg itself decodes while it looks at the streams.
        return av.open(
            f"file:{Path(path).absolute()}",
            container_options=closed,
            options={"max_pixels": str(max_pixels)},
            metadata_errors="replace",
        )


@contextmanager
def decoding(path: str | Path) -> Iterator[None]:
    """Turn what FFmpeg raises while it reads ``path`` into an :class:`InputError`."""
    try:
        yield
    except (av.error.FFmpegError, UnicodeDecodeError) as error:
        raise InputError(
            f"{path} cannot be read as video or audio",
            found=getattr(error, "strerror", None) or error,
            fix="check that it plays, or convert it: ffmpeg -i IN -c:v libx264 -c:a aac OUT.mp4",
        ) from error


@dataclass
class Damage:
    """What of a stream could not be decoded.

    Attributes:
        count: Packets and pictures; a number, as a long file may hold any number of them.
    """

    count: int = 0


def decoded_frames(container: Any, stream: Any, damage: Damage) -> Iterator[Any]:
    """Give every frame of a stream that can be decoded; what cannot is counted in ``damage``.

    A damaged packet is left out, and so is a damaged picture; of sound that was cut short, what is there is good. A
    container that cannot be read on ends the stream. A picture's packet of which a part is missing never reaches the
    decoder: where a file was cut short, threads of whole frames would lose the good frames before it, too.
    """
    pictures = stream.type == "video"
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            damage.count += 1
            return
        if packet is None:
            return
        if pictures and packet.is_corrupt:
            damage.count += 1
            continue
        try:
            frames = packet.decode()
        except av.error.FFmpegError:
            damage.count += 1
            continue
        for frame in frames:
            damage.count += frame.is_corrupt
            if not (pictures and frame.is_corrupt):
                yield frame


def decoded_alone(stream: Any, packet: Any, damage: Damage) -> Any | None:
    """Decode the packet of a key frame by itself, whatever was decoded before; None if it is damaged."""
    context = stream.codec_context
    try:
        frames = [*context.decode(packet), *context.decode(None)]
    except av.error.FFmpegError:
        frames = []
    context.flush_buffers()
    found = next((frame for frame in frames if not frame.is_corrupt), None)
    damage.count += found is None
    return found


def whole_packets(container: Any, stream: Any) -> Iterator[Any]:
    """Give the packets of a stream that hold something and are not cut short, from where the container stands."""
    with suppress(av.error.FFmpegError):
        for packet in container.demux(stream):
            if packet.size and not packet.is_corrupt:
                yield packet


def count_packets(path: str | Path, *, key: bool = False) -> int:
    """Return how many whole packets of pictures a video holds, which are its frames unless they are damaged.

    Args:
        path: The video.
        key: Count key frames only.

    Raises:
        InputError: If there is no video.
    """
    with closing(open_container(path)) as container, decoding(path):
        stream = video_stream(container)
        if stream is None:
            raise InputError(f"{path} has no pictures", fix="give a video")
        packets = whole_packets(container, stream)
        return sum(packet.is_keyframe or not key for packet in packets)


def video_stream(container: Any) -> Any | None:
    """Return the first moving-picture stream (cover art does not count), or None."""
    return next(iter(moving_streams(container)), None)


def moving_streams(container: Any) -> list[Any]:
    """Return all moving-picture streams; cover art does not count."""
    cover = av.stream.Disposition.attached_pic
    return [stream for stream in container.streams.video if not stream.disposition & cover]


def start_of(stream: Any) -> Fraction:
    """Return a stream's declared start on the container's clock, seconds, exact; 0 when it declares none."""
    if stream.start_time is None or stream.time_base is None:
        return Fraction(0)
    return Fraction(stream.start_time) * Fraction(stream.time_base)
