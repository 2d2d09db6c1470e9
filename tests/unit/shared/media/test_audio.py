from __future__ import annotations

import tracemalloc
import zipfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.errors import AudioMissing, InputError, LimitExceeded, OutputError
from shared.media.audio import audio_duration, is_silent, read_audio, stream_audio, write_audio

Encode = Callable[..., Path]
Click = Callable[[int, int], np.ndarray]
COUNT, PLACE = 19_752, 8_000


@pytest.mark.parametrize(
    ("name", "rate", "codec"),
    [
        ("a.flac", 16000, "flac"),
        ("a.mp3", 16000, "libmp3lame"),
        ("a.opus", 48000, "libopus"),
        ("a.webm", 48000, "libopus"),
        ("a.mov", 16000, "pcm_s16le"),
        ("a.mov", 44100, "pcm_u8"),
        ("a.mkv", 16000, "pcm_f32le"),
        ("a.mka", 16000, "flac"),
    ],
)
def test_count_and_place_are_exact(
    encode_audio: Encode, click: Click, name: str, rate: int, codec: str
) -> None:
    count, place = round(COUNT * rate / 16000), round(PLACE * rate / 16000)
    path = encode_audio(name, click(count, place), rate, codec)
    samples = read_audio(path)
    assert samples.dtype == np.float32
    assert len(samples) == COUNT
    # Opus's own filters spread a click over a few samples.
    assert abs(int(np.abs(samples).argmax()) - PLACE) <= 3
    assert audio_duration(path) == pytest.approx(COUNT / 16000, abs=1 / 16000)


def test_mp4_sound_is_exact_to_its_own_clock(encode_audio: Encode, click: Click) -> None:
    # Such a file counts its length in milliseconds; the start is exact all the same.
    samples = read_audio(encode_audio("a.m4a", click(COUNT, PLACE), 16000, "aac"))
    assert abs(len(samples) - COUNT) <= 16
    assert int(np.abs(samples).argmax()) == PLACE


def test_bare_aac_keeps_the_delay_that_it_does_not_declare(
    encode_audio: Encode, click: Click
) -> None:
    samples = read_audio(encode_audio("a.aac", click(COUNT, PLACE), 16000, "aac"))
    assert 0 <= len(samples) - COUNT < 0.15 * 16000


def test_wav_is_read_bit_for_bit(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).uniform(-1, 1, 5000).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, 16000, "FLOAT")
    assert np.array_equal(read_audio(tmp_path / "a.wav"), samples)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    count=st.integers(1000, 30_000),
    own=st.sampled_from([8000, 11025, 16000, 22050, 44100, 48000]),
    rate=st.sampled_from([8000, 16000, 22050]),
    block=st.floats(0.001, 2.0),
)
def test_any_rate_gives_the_exact_count_whole_and_in_blocks(
    tmp_path: Path, count: int, own: int, rate: int, block: float
) -> None:
    samples = np.random.default_rng(count).normal(0, 0.2, count).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", samples, own)
    whole = read_audio(tmp_path / "a.wav", rate=rate)
    blocks = list(stream_audio(tmp_path / "a.wav", rate, block))
    assert abs(len(whole) - Fraction(count * rate, own)) <= Fraction(1, 2)
    assert np.array_equal(np.concatenate(blocks), whole)
    assert {len(each) for each in blocks[:-1]} <= {max(1, round(block * rate))}


def test_resampling_keeps_a_tone(tmp_path: Path) -> None:
    times = np.arange(44_100) / 44_100
    soundfile.write(tmp_path / "a.wav", 0.5 * np.sin(2 * np.pi * 440 * times), 44_100, "FLOAT")
    samples = read_audio(tmp_path / "a.wav")
    expected = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
    assert np.abs(samples - expected)[200:-200].max() < 1e-3


def test_channels_are_averaged(tmp_path: Path) -> None:
    soundfile.write(
        tmp_path / "a.wav", np.tile([[0.5, -0.25, 0.5, 0.25]], (800, 1)), 16000, "FLOAT"
    )
    assert read_audio(tmp_path / "a.wav") == pytest.approx(0.25)


def video_with_sound(path: Path, sound: np.ndarray, *, late: float, gap: float = 0.0) -> Path:
    """25 grey frames; the sound starts ``late`` seconds after them, and stops for ``gap`` seconds after 0.5 s."""
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=25)
        picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
        track = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        for index in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), 99, np.uint8), format="rgb24")
            frame.pts = index + 25
            container.mux(picture.encode(frame))
        container.mux(picture.encode())
        for at in range(0, len(sound), 800):
            block = av.AudioFrame.from_ndarray(
                sound[None, at : at + 800], format="fltp", layout="mono"
            )
            block.sample_rate, block.time_base = 16000, Fraction(1, 16000)
            block.pts = round(16000 * (1 + late + (gap if at >= 8000 else 0))) + at
            container.mux(track.encode(block))
        container.mux(track.encode())
    return path


@pytest.mark.parametrize("late", [0.0, 0.3, -0.3])
def test_sound_is_put_on_the_pictures_clock(tmp_path: Path, click: Click, late: float) -> None:
    samples = read_audio(video_with_sound(tmp_path / "a.mkv", click(16000, 12000), late=late))
    assert int(np.abs(samples).argmax()) == pytest.approx(12000 + late * 16000, abs=16)


def test_a_drop_out_becomes_silence(tmp_path: Path, click: Click) -> None:
    samples = read_audio(
        video_with_sound(tmp_path / "a.mkv", click(16000, 12000), late=0.0, gap=0.2)
    )
    assert int(np.abs(samples).argmax()) == pytest.approx(12000 + 3200, abs=16)
    assert len(samples) == pytest.approx(19200, abs=16)


def test_damage_leaves_the_rest_in_place(
    tmp_path: Path, encode_audio: Encode, click: Click
) -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, 32000).astype(np.float32)
    path = encode_audio("a.m4a", click(32000, 24000) + noise, 16000, "aac")
    data = bytearray(path.read_bytes())
    middle = data.find(b"mdat") + 4000
    data[middle : middle + 1500] = bytes(1500)
    path.write_bytes(bytes(data))
    assert int(np.abs(read_audio(path)).argmax()) == pytest.approx(24000, abs=16)


def test_streaming_needs_no_memory_for_length(tmp_path: Path) -> None:
    with soundfile.SoundFile(tmp_path / "long.wav", "w", 48000, 1, "PCM_16") as file:
        for _ in range(300):
            file.write(np.zeros(48000, np.int16))
    tracemalloc.start()
    count = sum(len(block) for block in stream_audio(tmp_path / "long.wav", block_seconds=1.0))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 300 * 16000
    assert peak < 4e6


def test_too_long_is_refused_not_cut(tmp_path: Path) -> None:
    path = write_audio(tmp_path / "a.wav", np.zeros(32000, np.float32))
    with pytest.raises(LimitExceeded):
        read_audio(path, max_seconds=1.0)
    assert (
        len(read_audio(path, max_seconds=None)) == len(read_audio(path, max_seconds=2.0)) == 32000
    )


def test_silence_is_allowed_and_known(tmp_path: Path) -> None:
    samples = read_audio(write_audio(tmp_path / "a.wav", np.zeros(1600, np.float32)))
    assert is_silent(samples)
    assert not is_silent(np.append(samples, np.float32(0.01)))


def hostile(kind: str, folder: Path) -> Path:
    path = folder / f"{kind}.wav"
    values = {"nan": np.nan, "infinity": np.inf, "unscaled": 20_000.0}
    if kind in values:
        samples = np.zeros(1600)
        samples[800] = values[kind]
        soundfile.write(path, samples, 16000, "FLOAT")
    elif kind == "short":
        soundfile.write(path, np.zeros(300), 16000)
    elif kind == "no samples":
        soundfile.write(path, np.zeros(0), 16000)
    elif kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a", "b" * 1000)
    elif kind == "header only":
        path.write_bytes(b"RIFF\x24\x00\x00\x00WAVE")
    elif kind == "folder":
        path.mkdir()
    elif kind != "missing":
        path.write_bytes({"empty": b"", "text": b"hello " * 100, "zeros": bytes(4000)}[kind])
    return path


@pytest.mark.parametrize(
    "kind",
    [
        "missing",
        "empty",
        "folder",
        "text",
        "zeros",
        "zip",
        "header only",
        "no samples",
        "short",
        "nan",
        "infinity",
        "unscaled",
    ],
)
def test_hostile_files_are_refused(kind: str, tmp_path: Path) -> None:
    path = hostile(kind, tmp_path)
    with pytest.raises(InputError) as caught:
        read_audio(path)
    assert caught.value.fix
    with pytest.raises(InputError):
        list(stream_audio(path))


@pytest.mark.parametrize(
    "read", [read_audio, audio_duration, lambda path: list(stream_audio(path))]
)
def test_a_video_without_sound(encode_video: Encode, read: Callable[[Path], object]) -> None:
    with pytest.raises(AudioMissing):
        read(encode_video("mute.mp4", [1, 2, 3]))


def test_a_picture_has_no_sound(tmp_path: Path, png_header: Callable[[int, int], bytes]) -> None:
    (tmp_path / "a.png").write_bytes(png_header(4, 4))
    with pytest.raises(AudioMissing):
        read_audio(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["été.wav", "语音.flac", "12:30.ogg"])
def test_written_sound_is_read_back(tmp_path: Path, name: str) -> None:
    samples = np.linspace(-1, 1, 160_000, dtype=np.float32)
    read = read_audio(write_audio(tmp_path / name, samples))
    assert read.shape == samples.shape
    assert np.abs(read - samples).max() < (0.1 if name.endswith("ogg") else 1e-4)
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("place", ["missing/a.wav", "file/a.wav", "folder.wav"])
def test_a_place_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "folder.wav").mkdir()
    with pytest.raises(OutputError):
        write_audio(tmp_path / place, np.zeros(100, np.float32))


@pytest.mark.parametrize(
    "samples", [np.zeros(0), np.zeros((2, 10)), np.array([0.0, np.nan])], ids=["none", "two", "nan"]
)
def test_samples_that_are_not_written(tmp_path: Path, samples: np.ndarray) -> None:
    with pytest.raises(InputError):
        write_audio(tmp_path / "a.wav", samples)
    assert not list(tmp_path.iterdir())


def test_unknown_extension(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="extension"):
        write_audio(tmp_path / "a.mp3", np.zeros(100, np.float32))


@pytest.mark.parametrize(("rate", "block"), [(0, 1.0), (-16000, 1.0), (10**7, 1.0), (16000, 0.0)])
def test_senseless_rates_and_blocks(tmp_path: Path, rate: int, block: float) -> None:
    with pytest.raises(InputError):
        next(stream_audio(write_audio(tmp_path / "a.wav", np.zeros(1600, np.float32)), rate, block))


@pytest.mark.parametrize(
    "name", ["take.raw", b"Fr\xfchst\xfcck.wav".decode(errors="surrogateescape")]
)
def test_what_a_sound_file_is_called_has_no_say(tmp_path: Path, name: str) -> None:
    samples = np.linspace(-0.5, 0.5, 16_000, dtype=np.float32)
    write_audio(tmp_path / "a.wav", samples).rename(tmp_path / name)
    assert np.abs(read_audio(tmp_path / name) - samples).max() < 1e-4
    assert audio_duration(tmp_path / name) == 1


def test_a_flac_that_does_not_tell_its_length(tmp_path: Path) -> None:
    """An encoder that writes to a pipe cannot go back and fill in the number of samples."""
    whole = bytearray(write_audio(tmp_path / "a.flac", np.linspace(-0.5, 0.5, 32_000)).read_bytes())
    whole[21] &= 0xF0
    whole[22:26] = bytes(4)
    (tmp_path / "b.flac").write_bytes(whole)
    assert audio_duration(tmp_path / "b.flac") == pytest.approx(2, abs=1e-3)
    assert len(read_audio(tmp_path / "b.flac")) == 32_000


def test_a_sample_rate_that_would_blow_up_is_refused(tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", np.zeros(300, np.float32), 1)
    with pytest.raises(InputError, match="sample rate"):
        read_audio(tmp_path / "a.wav")


def test_gaps_are_bounded_together(tmp_path: Path) -> None:
    """Forty stamps 500 s apart are a broken clock, not five hours of silence."""
    path = tmp_path / "gaps.mka"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        for number in range(40):
            frame = av.AudioFrame.from_ndarray(np.full((1, 800), 9, np.int16), "s16", "mono")
            frame.sample_rate, frame.pts = 8000, number * 500 * 8000
            frame.time_base = Fraction(1, 8000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    assert audio_duration(path) < 3600 + 40
