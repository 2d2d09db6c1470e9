from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from shared.errors import InputError, LimitExceeded
from shared.media.audio import write_audio
from shared.media.image import write_image
from shared.media.video import VideoReader, probe

Encode = Callable[..., Path]
NTSC = Fraction(30000, 1001)


def brightness(path: Path, **options: object) -> list[int]:
    """Mean of the darker, right half of every frame."""
    with VideoReader(path, **options) as reader:  # type: ignore[arg-type]
        return [round(float(frame[:, frame.shape[1] * 3 // 4 :].mean())) for frame in reader]


@pytest.mark.parametrize("rate", [25, NTSC, Fraction(24000, 1001), Fraction(15, 2), 60])
@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_rate_is_exact(encode_video: Encode, rate: Fraction | int, container: str) -> None:
    base = 1 / Fraction(rate)
    info = probe(encode_video(f"a.{container}", range(0, 200, 10), rate=rate, time_base=base))
    assert info.fps == rate
    assert info.frames == 20
    assert info.duration == pytest.approx(20 / rate, abs=2e-3)
    assert not info.variable_rate
    assert not info.has_audio


def test_frames_come_in_order_with_their_values(encode_video: Encode) -> None:
    values = list(range(20, 180, 4))
    assert brightness(encode_video("a.mp4", values)) == pytest.approx(values, abs=1)


def test_a_reader_can_be_read_twice(encode_video: Encode) -> None:
    with VideoReader(encode_video("a.mp4", range(50, 60))) as reader:
        assert len(list(reader)) == len(list(reader)) == 10


def test_only_key_frames(encode_video: Encode) -> None:
    with VideoReader(encode_video("a.mp4", range(40, 70))) as reader:
        ((time, frame),) = reader.key_frames(5)
    assert time == 0 and round(float(frame[:, 48:].mean())) == 40


@pytest.mark.parametrize("rotation", [0, 90, 180, -90])
def test_rotation_is_applied(encode_video: Encode, rotation: int) -> None:
    stored = next(iter(VideoReader(encode_video("plain.mp4", [100] * 3))))
    path = encode_video("turned.mp4", [100] * 3, rotation=rotation)
    info = probe(path)
    upright = next(iter(VideoReader(path)))
    # The display matrix turns anticlockwise, as numpy does.
    expected = np.rot90(stored, rotation // 90)
    assert info.rotation == rotation % 360
    assert upright.shape == expected.shape == (info.height, info.width, 3)
    assert np.abs(upright.astype(int) - expected).max() <= 3


ONE = 1 << 16
MATRICES = {
    # (a, b, c, d) of the display matrix -> what becomes of the stored picture
    "none": ((ONE, 0, 0, ONE), lambda stored: stored),
    "left to right": ((-ONE, 0, 0, ONE), lambda stored: stored[:, ::-1]),
    "upside down": ((ONE, 0, 0, -ONE), lambda stored: stored[::-1]),
    "clockwise": ((0, ONE, -ONE, 0), lambda stored: np.rot90(stored, -1)),
    "transposed": ((0, ONE, ONE, 0), lambda stored: stored.transpose(1, 0, 2)),
    "across": ((0, -ONE, -ONE, 0), lambda stored: np.rot90(stored, 2).transpose(1, 0, 2)),
    "all zero": ((0, 0, 0, 0), lambda stored: stored),
    "to a line": ((ONE, ONE, ONE, ONE), lambda stored: stored),
}


@pytest.mark.parametrize("case", MATRICES)
def test_a_display_matrix_may_mirror_or_be_none(encode_video: Encode, case: str) -> None:
    (a, b, c, d), expected = MATRICES[case]
    path = encode_video("a.mp4", [100] * 3)
    stored = next(iter(VideoReader(path)))
    data = bytearray(path.read_bytes())
    place = data.find(b"tkhd") + 4 + 4 + 5 * 4 + 8 + 4 * 2  # version 0: then the matrix
    assert struct.unpack_from(">9i", data, place) == (ONE, 0, 0, 0, ONE, 0, 0, 0, 1 << 30)
    struct.pack_into(">9i", data, place, a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    seen = next(iter(VideoReader(path)))
    info = probe(path)
    assert seen.shape == expected(stored).shape == (info.height, info.width, 3)
    assert np.array_equal(seen, expected(stored))


def test_a_frame_at_a_lower_rate_has_its_own_time(encode_video: Encode) -> None:
    """A tick shows the frame half a tick later; the time is that frame's."""
    path = encode_video("a.mp4", range(40, 140), rate=Fraction(25))
    timed = list(VideoReader(path, fps=Fraction(1)).timed())
    assert len(timed) == 4
    for time, frame in timed:
        assert float(frame[:, -16:].mean()) == pytest.approx(40 + 25 * time, abs=2)


def test_variable_rate_becomes_constant(encode_video: Encode) -> None:
    # 1/50 s units: 100 is shown for 0.2 s, 140 for 0.04 s, 180 for 0.04 s.
    path = encode_video("v.mkv", [100, 140, 180], stamps=[0, 10, 12], time_base=Fraction(1, 50))
    assert probe(path).variable_rate
    assert brightness(path, fps=Fraction(25))[:7] == pytest.approx([100] * 5 + [140, 180], abs=1)
    assert len(brightness(path)) == 3


def test_resampling_keeps_the_duration(encode_video: Encode) -> None:
    path = encode_video("a.mp4", range(60), rate=NTSC, time_base=1 / NTSC)
    assert len(brightness(path, fps=Fraction(25))) == round(60 / NTSC * 25)


def test_gif_is_video(encode_video: Encode) -> None:
    path = encode_video("a.gif", [0, 80, 160], codec="gif", rate=10, time_base=Fraction(1, 10))
    info = probe(path)
    assert (info.width, info.height, info.fps) == (64, 48, 10)
    assert len(brightness(path)) == 3


@pytest.mark.parametrize("name", ["été 你好.mp4", "12:30.mp4", "a b'\"$.mp4", "concat:x.mp4"])
def test_any_file_name(encode_video: Encode, tmp_path: Path, name: str) -> None:
    path = encode_video("plain.mp4", [90] * 4).rename(tmp_path / name)
    assert probe(path).frames == 4


def test_damage_is_counted_and_passed_over(encode_video: Encode, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "noise.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuvj420p"
        for _ in range(10):
            noise = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        container.mux(stream.encode())
    data = bytearray(path.read_bytes())
    start = data.find(b"\xff\xd8\xff", len(data) // 2)
    data[start : start + 600] = bytes(600)
    path.write_bytes(bytes(data))
    with VideoReader(path) as reader:
        frames = list(reader)
    assert 8 <= len(frames) <= 10
    assert reader.damaged >= 1


def test_a_cut_stream_gives_what_is_left(encode_video: Encode) -> None:
    path = encode_video("a.mkv", list(range(20, 220, 2)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    assert 1 <= len(brightness(path)) < 100


def test_frames_over_the_limit_are_refused_unread(encode_video: Encode) -> None:
    with pytest.raises(LimitExceeded, match="64 x 48"):
        VideoReader(encode_video("a.mp4", [1, 2]), max_pixels=1000)


def test_bomb_is_refused_from_its_header(encode_video: Encode) -> None:
    path = encode_video("bomb.gif", [0, 80], codec="gif", rate=10, time_base=Fraction(1, 10))
    data = bytearray(path.read_bytes())
    data[6:10] = (20_000).to_bytes(2, "little") * 2
    path.write_bytes(bytes(data))
    with pytest.raises(LimitExceeded):
        VideoReader(path)


def test_audio_only_is_no_video(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.wav", np.zeros(1600, np.float32))
    with pytest.raises(InputError, match="no video"):
        probe(path)


def test_cover_art_is_no_video(tmp_path: Path, encode_audio: Encode) -> None:
    song = encode_audio("a.mp3", np.zeros(16000), 16000, "libmp3lame")
    art = write_image(tmp_path / "art.jpg", np.zeros((16, 16, 3), np.uint8)).read_bytes()
    body = b"\x00image/jpeg\x00\x03\x00" + art
    frame = b"APIC" + len(body).to_bytes(4, "big") + b"\x00\x00" + body
    size = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    song.write_bytes(b"ID3\x03\x00\x00" + size + frame + song.read_bytes())
    with av.open(str(song)) as container:
        assert len(container.streams.video) == 1
    with pytest.raises(InputError, match="no video"):
        probe(song)


def hostile(kind: str, folder: Path, encode_video: Encode) -> Path:
    path = folder / f"{kind}.mp4"
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a.txt", "hello" * 100)
    elif kind == "truncated":
        whole = encode_video("whole.mp4", range(50)).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    elif kind == "playlist":
        path.write_text(
            "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n"
        )
    elif kind == "concat":
        path.write_text(f"ffconcat version 1.0\nfile '{encode_video('inner.mp4', range(5))}'\n")
    elif kind == "picture":
        write_image(folder / "p.png", np.zeros((8, 8, 3), np.uint8)).rename(path)
    elif kind == "folder":
        path.mkdir()
    elif kind != "missing":
        path.write_bytes({"empty": b"", "text": b"not a video\n" * 40, "zeros": bytes(5000)}[kind])
    return path


@pytest.mark.parametrize(
    "kind",
    [
        "missing",
        "empty",
        "folder",
        "zip",
        "text",
        "zeros",
        "truncated",
        "playlist",
        "concat",
        "picture",
    ],
)
def test_hostile_files_are_refused(kind: str, tmp_path: Path, encode_video: Encode) -> None:
    with pytest.raises(InputError) as caught:
        probe(hostile(kind, tmp_path, encode_video))
    assert caught.value.fix


@pytest.mark.parametrize("fps", [Fraction(0), Fraction(-25), Fraction(100_000)])
def test_senseless_rates_are_refused(encode_video: Encode, fps: Fraction) -> None:
    with pytest.raises(InputError, match="fps"):
        VideoReader(encode_video("a.mp4", [1, 2]), fps=fps)
