from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import InputError, OutputError
from shared.media.audio import read_audio
from shared.media.video import VideoReader, VideoWriter, probe

Click = Callable[[int, int], np.ndarray]
GREY = np.full((48, 64, 3), 120, np.uint8)
NTSC = Fraction(30000, 1001)


def write(path: Path, frames: int = 5, fps: Fraction | int = 25, **options: object) -> Path:
    with VideoWriter(path, fps, (64, 48), **options) as writer:  # type: ignore[arg-type]
        for _ in range(frames):
            writer.write(GREY)
    return path


@pytest.mark.parametrize("fps", [25, NTSC, Fraction(24000, 1001), Fraction(25, 3), 50])
def test_rate_and_count_survive(tmp_path: Path, fps: Fraction | int) -> None:
    info = probe(write(tmp_path / "a.mp4", 12, fps))
    assert (info.fps, info.frames) == (fps, 12)
    assert info.duration == pytest.approx(12 / fps, abs=1e-3)


def test_colours_survive_without_a_shift(tmp_path: Path) -> None:
    colours = [
        (255, 0, 0),
        (0, 255, 0),
        (0, 0, 255),
        (200, 150, 130),
        (20, 20, 20),
        (128, 128, 128),
    ]
    frame = np.repeat(np.repeat(np.array([colours], np.uint8), 64, axis=0), 32, axis=1)
    with VideoWriter(tmp_path / "a.mp4", 25, (192, 64), crf=4) as writer:
        writer.write(frame)
    read = next(iter(VideoReader(tmp_path / "a.mp4")))
    middles = read[32, 16::32].astype(int)
    assert np.abs(middles - colours).max() <= 3


def test_a_round_trip_does_not_darken(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    frame = np.repeat(
        np.repeat(rng.integers(20, 236, (12, 16, 3), dtype=np.uint8), 4, axis=0), 4, axis=1
    )
    with VideoWriter(tmp_path / "a.mp4", 25, (64, 48), crf=2) as writer:
        writer.write(frame)
    read = next(iter(VideoReader(tmp_path / "a.mp4")))
    assert abs(float(read.mean() - frame.mean())) < 0.4


@pytest.mark.parametrize("size", [(63, 48), (64, 47), (63, 47), (1, 1), (3, 2)])
def test_odd_sizes_grow_by_one_pixel(tmp_path: Path, size: tuple[int, int]) -> None:
    frame = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    frame[:] = frame.mean()
    with VideoWriter(tmp_path / "a.mp4", 25, size) as writer:
        writer.write(frame)
    read = next(iter(VideoReader(tmp_path / "a.mp4")))
    assert read.shape == (size[1] + size[1] % 2, size[0] + size[0] % 2, 3)
    assert np.abs(read[: size[1], : size[0]].astype(int) - frame).max() <= 4


@pytest.mark.parametrize("rate", [16000, 24000, 44100, 48000])
def test_sound_keeps_its_start_and_its_length(tmp_path: Path, click: Click, rate: int) -> None:
    count, place = round(1.2345 * rate), rate // 3
    path = write(tmp_path / "a.mp4", 31, audio=(click(count, place), rate))
    sound = read_audio(path, rate=rate)
    assert len(sound) == count
    assert int(np.abs(sound).argmax()) == place


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    count=st.integers(400, 40_000),
    block=st.integers(1, 5000),
    fps=st.sampled_from([Fraction(25), NTSC]),
)
def test_sound_from_blocks_keeps_every_sample(
    tmp_path: Path, click: Click, count: int, block: int, fps: Fraction
) -> None:
    sound = click(count, count // 2)
    blocks = (sound[at : at + block] for at in range(0, count, block))
    path = write(tmp_path / "a.mp4", max(1, round(count / 16000 * fps)), fps, audio=(blocks, 16000))
    read = read_audio(path)
    assert len(read) == count
    assert abs(int(np.abs(read).argmax()) - count // 2) <= 1


def test_sound_is_asked_for_as_the_frames_come(tmp_path: Path) -> None:
    asked = 0

    def blocks() -> Iterator[np.ndarray]:
        nonlocal asked
        for _ in range(100):
            asked += 1
            yield np.zeros(1600, np.float32)

    with VideoWriter(tmp_path / "a.mp4", 25, (64, 48), audio=(blocks(), 16000)) as writer:
        writer.write(GREY)
        assert asked < 10
    assert asked == 100


def test_an_array_of_an_hour_is_not_encoded_at_once(tmp_path: Path) -> None:
    hour = np.broadcast_to(np.float32(0), (16000 * 3600,))
    writer = VideoWriter(tmp_path / "a.mp4", 25, (64, 48), audio=(hour, 16000))
    tracemalloc.start()
    with pytest.raises(KeyboardInterrupt), writer:
        writer.write(GREY)
        raise KeyboardInterrupt
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 5e6


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    sound = np.sin(np.arange(8000) / 9).astype(np.float32)
    a, b = (
        write(tmp_path / name, audio=(sound, 16000)).read_bytes() for name in ("a.mp4", "b.mp4")
    )
    assert a == b


def test_comment_is_kept(tmp_path: Path) -> None:
    with av.open(str(write(tmp_path / "a.mp4", comment='{"métier": "été"}'))) as container:
        assert container.metadata["comment"] == '{"métier": "été"}'


def test_nothing_is_left_behind_when_the_work_fails(tmp_path: Path) -> None:
    old = write(tmp_path / "a.mp4", 3)
    before = old.read_bytes()
    with pytest.raises(KeyError), VideoWriter(old, 25, (64, 48)) as writer:
        writer.write(GREY)
        raise KeyError("the renderer failed")
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
    assert old.read_bytes() == before


def test_no_frame_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no frame"), VideoWriter(tmp_path / "a.mp4", 25, (64, 48)):
        pass
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["missing/a.mp4", "file/a.mp4", "folder.mp4"])
def test_a_place_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(OutputError), VideoWriter(tmp_path / place, 25, (64, 48)) as writer:
        writer.write(GREY)


@pytest.mark.parametrize(
    "options",
    [
        {"path": "a.avi"},
        {"fps": 0},
        {"fps": 5000},
        {"size": (0, 48)},
        {"size": (20_000, 20_000)},
        {"crf": 60},
        {"audio": (np.zeros(10, np.float32), 12_345)},
    ],
)
def test_arguments_out_of_range(tmp_path: Path, options: dict[str, object]) -> None:
    given = {"path": "a.mp4", "fps": 25, "size": (64, 48), **options}
    with pytest.raises(InputError):
        VideoWriter(tmp_path / str(given.pop("path")), given.pop("fps"), given.pop("size"), **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "frame",
    [GREY[:-1], GREY.astype(np.float32), GREY[..., :1], GREY[..., 0]],
    ids=["size", "float", "one", "flat"],
)
def test_frames_of_another_kind(tmp_path: Path, frame: np.ndarray) -> None:
    with pytest.raises(InputError), VideoWriter(tmp_path / "a.mp4", 25, (64, 48)) as writer:
        writer.write(frame)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "bad", [np.full(800, np.nan, np.float32), np.zeros((2, 800), np.float32)], ids=["nan", "stereo"]
)
def test_sound_of_another_kind(tmp_path: Path, bad: np.ndarray) -> None:
    with pytest.raises(InputError, match="audio"):
        write(tmp_path / "a.mp4", audio=(bad, 16000))
