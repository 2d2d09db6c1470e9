"""One way to write a file: whole or not at all, and a clear error when the disk is full."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from shared.beside import replacing
from shared.custody import RunRecord, sha256_of, write_atomic
from shared.errors import InputError, OutputError
from shared.face.head_model import HeadModel
from shared.media.audio import write_audio
from shared.media.image import write_image
from shared.media.video import VideoWriter
from shared.motion import Motion

NOISE = np.random.default_rng(0).integers(0, 255, (128, 128, 3), dtype=np.uint8)


@pytest.fixture
def full_disk() -> Iterator[None]:
    """Let the system refuse to write a file beyond 4 kB, as it does when a disk is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def write_video(path: Path) -> None:
    with VideoWriter(path, 25, (128, 128), crf=1) as writer:
        for _ in range(4):
            writer.write(NOISE)


def motion(frames: int) -> Motion:
    rng = np.random.default_rng(0)
    return Motion(
        rng.normal(size=(frames, 3)), rng.normal(size=(frames, 3)), rng.random((frames, 52)), Fraction(25)
    )  # fmt: skip


WRITERS: dict[str, Callable[[Path], object]] = {
    "a.txt": lambda path: write_atomic(path, "x" * 9000),
    "a.json": lambda path: RunRecord("task", notes=["x" * 9000]).write(path),
    "a.npz": lambda path: motion(100).save(path),
    "a.png": lambda path: write_image(path, NOISE),
    "a.wav": lambda path: write_audio(path, np.zeros(9000, np.float32)),
    "a.flac": lambda path: write_audio(path, NOISE.ravel().astype(np.float32) / 255),
    "a.mp4": write_video,
    "a.safetensors": lambda path: HeadModel.load().save(path),
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_full_disk_is_said_and_nothing_is_left(name: str, tmp_path: Path, full_disk) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        WRITERS[name](tmp_path / name)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", WRITERS)
def test_a_file_that_cannot_be_replaced_stays(name: str, tmp_path: Path, full_disk) -> None:
    (tmp_path / name).write_bytes(b"before")
    with pytest.raises(OutputError):
        WRITERS[name](tmp_path / name)
    assert (tmp_path / name).read_bytes() == b"before"


@pytest.mark.parametrize("name", WRITERS)
def test_a_missing_folder_is_said(name: str, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        WRITERS[name](tmp_path / "missing" / name)


def test_text_and_bytes_replace_what_was_there(tmp_path: Path) -> None:
    assert write_atomic(tmp_path / "a", "früher") == tmp_path / "a"
    write_atomic(tmp_path / "a", b"later")
    assert (tmp_path / "a").read_bytes() == b"later"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match="a folder of that name"):
        write_atomic(tmp_path / "a", b"x")


def test_a_new_file_may_be_read_as_the_umask_says(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"x")
    write_atomic(tmp_path / "atomic", b"x")
    modes = {(tmp_path / name).stat().st_mode for name in ("plain", "atomic")}
    assert len(modes) == 1


def test_what_fails_within_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ours"), replacing(tmp_path / "a.bin") as temporary:
        temporary.write_bytes(b"half")
        raise ValueError("ours")
    assert not list(tmp_path.iterdir())


def test_names_that_are_not_utf8_are_written_as_escapes(tmp_path: Path) -> None:
    """A file name in another encoding must not cost the record of a finished result."""
    name = b"Fr\xfch.png".decode(errors="surrogateescape")
    (tmp_path / name).write_bytes(b"x")
    record = RunRecord("a.task")
    record.add_input("photo", tmp_path / name)
    held = json.loads(record.write(tmp_path / "a.json").read_text("utf-8"))
    assert held["inputs"]["photo"]["path"] == str(tmp_path / name)


@pytest.mark.parametrize("name", ["gone", "x" * 300, "a\0b", "."])
def test_what_cannot_be_hashed_is_said(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"no file|cannot be read|is a folder"):
        sha256_of(tmp_path / name)
