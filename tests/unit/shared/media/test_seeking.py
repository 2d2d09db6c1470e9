"""A few frames of a long video: where they lie, what is decoded, what a broken clock can cost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from shared.errors import InputError
from shared.media import seeking
from shared.media.timing import MOST_HELD, Clock, ticks
from shared.media.video import VideoReader

FPS = 25


@pytest.fixture
def film(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes frames as bright as their number, with key frames so far apart."""

    def write(count: int, apart: int, name: str = "film.mp4") -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            options = {"g": str(apart), "keyint_min": str(apart), "sc_threshold": "0", "crf": "1"}
            stream = container.add_stream("libx264", rate=FPS, options=options)
            stream.width = stream.height = 32
            stream.pix_fmt = "yuv420p"
            for number in range(count):
                level = 20 + 200 * number // count
                frame = av.VideoFrame.from_ndarray(np.full((32, 32, 3), level, np.uint8), "rgb24")
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return write


@pytest.mark.parametrize(("apart", "count"), [(10, 8), (50, 8), (400, 8), (7, 1), (400, 40)])
def test_each_stretch_of_time_has_one_frame_at_its_own_time(film, apart, count):
    found = list(VideoReader(film(200, apart)).spread(count))
    seconds = 200 / FPS
    assert len(found) == count
    for number, (time, frame) in enumerate(found):
        assert number * seconds / count - 1e-6 <= time < (number + 1) * seconds / count
        level = 20 + 200 * round(time * FPS) // 200
        assert abs(float(frame.mean()) - level) <= 3


def test_more_frames_than_there_are_cost_no_more_time(film):
    """Stretches are counted one by one: ten to the twelfth power of them would take days."""
    assert len(list(VideoReader(film(20, 10)).spread(10**12))) == 20


def test_little_is_decoded_where_key_frames_are_many(film, monkeypatch):
    decoded = []
    plain = seeking.decoded_frames

    def counted(*arguments):
        for frame in plain(*arguments):
            decoded.append(frame.pts)
            yield frame

    monkeypatch.setattr(seeking, "decoded_frames", counted)
    assert len(list(VideoReader(film(500, 10)).spread(10))) == 10
    assert len(decoded) <= 20


def test_the_index_of_a_matroska_file_is_found(film, monkeypatch):
    """It lies at the end, and the first seek alone reads it."""
    test_little_is_decoded_where_key_frames_are_many(
        lambda count, apart: film(count, apart, "film.mkv"), monkeypatch
    )


def test_a_transport_stream_has_no_index_and_its_frames_their_own_times(film):
    found = list(VideoReader(film(200, 25, "film.ts")).spread(8))
    assert len(found) == 8
    for number, (time, frame) in enumerate(found):
        assert number <= time < number + 1
        assert abs(float(frame.mean()) - (20 + 200 * round(time * FPS) // 200)) <= 3


def test_without_an_index_the_whole_is_read(film, monkeypatch):
    path = film(100, 25)
    monkeypatch.setattr("shared.media.video.key_times", lambda *_: [])
    times = [time for time, _ in VideoReader(path).spread(4)]
    # the frame of a tick is the one half a step later, and its time is its own
    assert times == pytest.approx([0.48, 1.48, 2.48, 3.48], abs=0.05)


@pytest.mark.parametrize("apart", [10, 400])
def test_a_duration_that_is_too_short_hides_no_key_frame(film, apart):
    """The index knows where key frames lie; what follows the last one is told."""
    reader = VideoReader(film(200, apart, "film.mkv"))
    list(reader.spread(4))
    assert not reader.goes_on and reader.reached > 6
    reader.info = replace(reader.info, duration=2.0)
    times = [time for time, _ in reader.spread(4)]
    assert (times[-1] > 5) is (apart == 10) is not reader.goes_on


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.flv", "a.ts"])
@pytest.mark.parametrize("whole", [True, False])
def test_key_frames_are_spread_over_the_whole_file_with_or_without_an_index(film, name, whole):
    """Twenty of them, or those that a cut has left; many an index knows only a beginning."""
    path = film(200, 10, name)
    if not whole:
        if name == "a.mp4":
            pytest.skip("its index lies at the end, and nothing of it can be read")
        path.write_bytes(path.read_bytes()[: 2 * path.stat().st_size // 3])
    found = list(VideoReader(path).key_frames(8))
    numbers = [round(time * FPS) for time, _ in found]
    assert len(found) == 8 and numbers[0] == 0 and all(number % 10 == 0 for number in numbers)
    assert numbers[-1] == 190 if whole else 90 < numbers[-1] < 160
    assert np.ptp(np.diff(numbers)) <= 10
    for number, (_, frame) in zip(numbers, found, strict=True):
        assert abs(float(frame.mean()) - (20 + 200 * number // 200)) <= 3


def test_key_frames_that_an_index_knows_are_sought(film, monkeypatch):
    monkeypatch.setattr("shared.media.video.count_packets", None)
    assert len(list(VideoReader(film(200, 10)).key_frames(8))) == 8


def test_no_frames_are_no_number(film):
    reader = VideoReader(film(10, 5))
    for give in (reader.spread, reader.key_frames):
        with pytest.raises(InputError, match="count from 1"):
            give(0)


def test_a_held_frame_is_left_out_after_a_while_and_time_goes_on():
    timed = [(Fraction(0), Fraction(1, 25), "a"), (Fraction(500), Fraction(1, 5), "b")]
    found = list(ticks(timed, Fraction(5), hold=Fraction(10)))
    assert [item for _, item in found] == ["a"] * 50 + ["b"]
    assert found[-1][0] == 500


def test_a_clock_that_jumps_again_and_again_is_not_followed_for_hours():
    clock = Clock(Fraction(1, 25))
    times = [clock.time_of(Fraction(599 * n)) for n in range(200)]
    assert times[3] == 3 * 599
    assert times[-1] <= MOST_HELD + 200
    assert times == sorted(times)
