"""Bad input to the main job: each row a clear, coded error and no output file."""

import resource
import struct
import wave
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import skimage.transform

from shared.errors import (
    AudioMissing,
    FaceNotFound,
    InputError,
    LimitExceeded,
    OutputError,
    ToolkitError,
)
from shared.media.audio import write_audio
from shared.media.image import write_image
from shared.media.video import VideoWriter
from synthesis.talking_head import talk

RATE = 16_000


def tone(seconds: float) -> np.ndarray:
    time = np.arange(round(seconds * RATE)) / RATE
    return (0.3 * np.sin(2 * np.pi * 150 * time) * (np.sin(2 * np.pi * 3 * time) > 0)).astype(
        np.float32
    )


def png_header(path: Path, side: int) -> Path:
    """Write a PNG that claims to be huge and holds next to nothing."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        body = kind + content
        return struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))

    size = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    data = chunk(b"IHDR", size) + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path


def long_wave(path: Path, hours: float) -> Path:
    """Write the header of a recording of hours over a hole in the file."""
    count = round(hours * 3600 * 8000)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(8000)
        file.writeframes(b"")
    data = bytearray(path.read_bytes())
    data[4:8] = struct.pack("<I", 36 + count)
    data[40:44] = struct.pack("<I", count)
    path.write_bytes(bytes(data))
    with path.open("r+b") as file:
        file.truncate(44 + count)
    return path


def nan_wave(path: Path) -> Path:
    samples = tone(0.5)
    samples[100] = np.nan
    body = samples.astype("<f4").tobytes()
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        36 + len(body),
        b"WAVE",
        b"fmt ",
        16,
        3,
        1,
        RATE,
        RATE * 4,
        4,
        32,
        b"data",
        len(body),
    )
    path.write_bytes(head + body)
    return path


def silent_video(path: Path) -> Path:
    with VideoWriter(path, 25, (64, 64)) as writer:
        for _ in range(5):
            writer.write(np.full((64, 64, 3), 90, np.uint8))
    return path


def with_bytes(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


@pytest.fixture(scope="session")
def good(tmp_path_factory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("good")
    return (
        write_image(folder / "photo.png", skimage.data.astronaut()),
        write_audio(folder / "speech.wav", tone(1.0)),
    )


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (200, 200, 3), dtype=np.uint8)


def tiny_face() -> np.ndarray:
    return (skimage.transform.resize(skimage.data.astronaut(), (96, 96)) * 255).astype(np.uint8)


Make = Callable[[Path], Path]
PHOTOS: dict[str, tuple[Make, type[ToolkitError]]] = {
    "no face": (lambda d: write_image(d / "a.png", noise()), FaceNotFound),
    "a tiny face": (lambda d: write_image(d / "a.png", tiny_face()), FaceNotFound),
    "an animal": (lambda d: write_image(d / "a.png", skimage.data.chelsea()), FaceNotFound),
    "an empty file": (lambda d: with_bytes(d / "a.jpg", b""), InputError),
    "a corrupt file": (lambda d: with_bytes(d / "a.jpg", bytes(range(256)) * 9), InputError),
    "a huge claim": (lambda d: png_header(d / "a.png", 20_000), LimitExceeded),
    "a missing file": (lambda d: d / "nowhere.png", InputError),
    "HEIC": (
        lambda d: with_bytes(d / "a.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 99),
        InputError,
    ),
}
SOUNDS: dict[str, tuple[Make, type[ToolkitError]]] = {
    "a video without sound": (lambda d: silent_video(d / "a.mp4"), AudioMissing),
    "silence": (lambda d: write_audio(d / "a.wav", np.zeros(RATE, np.float32)), AudioMissing),
    "not a number": (lambda d: nan_wave(d / "a.wav"), InputError),
    "a twentieth of a second": (lambda d: write_audio(d / "a.wav", tone(0.05)), InputError),
    "three hours": (lambda d: long_wave(d / "a.wav", 3), LimitExceeded),
    "an empty file": (lambda d: with_bytes(d / "a.wav", b""), InputError),
    "a corrupt file": (lambda d: with_bytes(d / "a.mp3", bytes(range(256)) * 9), InputError),
}


def check(error: ToolkitError, folder: Path) -> None:
    assert str(error).strip()
    assert error.exit_code > 1
    assert not list(folder.glob("out*")) and not list(folder.glob(".out*"))


@pytest.mark.parametrize("name", PHOTOS)
def test_a_bad_photo_is_refused(name, good, tmp_path):
    make, expected = PHOTOS[name]
    with pytest.raises(expected) as caught:
        talk(make(tmp_path), good[1], tmp_path / "out.mp4")
    check(caught.value, tmp_path)


def test_a_truncated_photo_is_refused(good, tmp_path):
    cut = with_bytes(tmp_path / "a.png", good[0].read_bytes()[:5000])
    with pytest.raises(InputError) as caught:
        talk(cut, good[1], tmp_path / "out.mp4")
    check(caught.value, tmp_path)


@pytest.mark.parametrize("name", SOUNDS)
def test_a_bad_recording_is_refused(name, good, tmp_path):
    make, expected = SOUNDS[name]
    with pytest.raises(expected) as caught:
        talk(good[0], make(tmp_path), tmp_path / "out.mp4")
    check(caught.value, tmp_path)


@pytest.mark.parametrize(
    ("out", "expected"),
    [
        ("missing/out.mp4", OutputError),
        ("out.avi", OutputError),
        ("photo.png/out.mp4", OutputError),
    ],
)
def test_a_bad_place_is_refused_before_any_work(out, expected, good, tmp_path):
    write_image(tmp_path / "photo.png", noise())
    with pytest.raises(expected) as caught:
        talk(good[0], good[1], tmp_path / out)
    check(caught.value, tmp_path)


SPOOL = 70_000
"""Bytes that the second of sound takes while it is worked on, and a little more."""


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Let the system refuse to write a file beyond a size that the sound needs and the video exceeds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SPOOL, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_fills_up_is_said(good, tmp_path, full_disk):
    with pytest.raises(OutputError) as caught:
        talk(*good, tmp_path / "out.mp4")
    check(caught.value, tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"size": 300}, {"fps": 0}, {"method": "nothing"}, {"mouth_gain": 9.0}, {"face": 7},
        {"face": (2.0, 2.0)}, {"still": True, "angles": (0.0, 1.0, 0.0)},
    ],
    ids=lambda options: ",".join(options),
)  # fmt: skip
def test_a_bad_option_is_refused(options, good, tmp_path):
    with pytest.raises(ToolkitError) as caught:
        talk(*good, tmp_path / "out.mp4", **options)
    check(caught.value, tmp_path)


def test_a_pose_video_without_any_face_is_refused(good, tmp_path):
    with pytest.raises(FaceNotFound) as caught:
        talk(*good, tmp_path / "out.mp4", pose_video=silent_video(tmp_path / "pose.mp4"))
    check(caught.value, tmp_path)


def test_a_broken_pose_file_is_refused(good, tmp_path):
    with pytest.raises(InputError) as caught:
        talk(*good, tmp_path / "out.mp4", pose=with_bytes(tmp_path / "pose.npz", b"nothing"))
    check(caught.value, tmp_path)
