"""Small media made on the spot with PyAV, independent of the writers under test."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

Encode = Callable[..., Path]


def picture(value: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """A grey frame with a brighter corner, so that turns and mirrors show."""
    frame = np.full((size[1], size[0], 3), value, np.uint8)
    frame[: size[1] // 2, : size[0] // 2] = min(255, value + 60)
    return frame


@pytest.fixture
def encode_video(tmp_path: Path) -> Encode:
    def encode(
        name: str,
        values: Sequence[int],
        *,
        stamps: Sequence[int] | None = None,
        time_base: Fraction = Fraction(1, 25),
        size: tuple[int, int] = (64, 48),
        codec: str = "libx264",
        rotation: int = 0,
        rate: Fraction | int = 25,
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate, options={"crf": "10"})
            stream.width, stream.height = size
            stream.pix_fmt = "rgb8" if codec == "gif" else "yuv420p"
            stream.codec_context.time_base = time_base
            if rotation:
                stream.set_display_rotation(rotation)
            for index, value in enumerate(values):
                frame = av.VideoFrame.from_ndarray(picture(value, size), format="rgb24")
                frame = frame.reformat(format="rgb8" if codec == "gif" else "yuv420p")
                frame.pts = index if stamps is None else stamps[index]
                frame.time_base = time_base
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return encode


@pytest.fixture
def encode_audio(tmp_path: Path) -> Encode:
    def encode(name: str, samples: np.ndarray, rate: int, codec: str) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=rate, layout="mono")
            for at in range(0, len(samples), 1000):
                block = samples[None, at : at + 1000].astype(np.float32)
                frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
                frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return encode


@pytest.fixture
def click() -> Callable[[int, int], np.ndarray]:
    """Silence with one sample of 0.9: (count, place of the click)."""

    def make(count: int, place: int) -> np.ndarray:
        samples = np.zeros(count, np.float32)
        samples[place] = 0.9
        return samples

    return make


@pytest.fixture
def png_header() -> Callable[[int, int], bytes]:
    """A PNG whose header promises a picture that is not there."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    def make(width: int, height: int) -> bytes:
        header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
        return (
            b"\x89PNG\r\n\x1a\n"
            + header
            + chunk(b"IDAT", zlib.compress(bytes(100)))
            + chunk(b"IEND", b"")
        )

    return make
