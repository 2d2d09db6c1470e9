"""Where a part of a file is not seen, no answer is about the whole of it, and the note says which part."""

from __future__ import annotations

import struct
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from forensics.inspection.inspect import inspect
from forensics.verdict import Decision, Reason

AUTHENTIC, FORGED = 20, 200
FACE = (40, 30, 60)


@pytest.fixture
def film(scene):
    """Twenty seconds, authentic at first and forged from the fourth on; noisy, so that its bytes are spread."""
    rng = np.random.default_rng(0)
    frames = [scene((*FACE, AUTHENTIC if t < 20 else FORGED)) for t in range(100)]
    return [(f + rng.integers(-9, 9, f.shape)).clip(0, 255).astype(np.uint8) for f in frames]


def lying(path: Path, seconds: float) -> Path:
    """Make a Matroska file say that it lasts so long."""
    data = bytearray(path.read_bytes())
    place = data.find(b"\x44\x89\x88")  # the duration, as eight bytes
    data[place + 3 : place + 11] = struct.pack(">d", seconds * 1000)
    path.write_bytes(data)
    return path


def unseen(found) -> str:
    assert (found.verdict.decision, found.verdict.reason) == (
        Decision.INCONCLUSIVE, Reason.UNSEEN,
    )  # fmt: skip
    assert {track.verdict.decision for track in found.tracks} == {Decision.AUTHENTIC}
    return " ".join(found.record.notes)


@pytest.mark.parametrize("frames", [None, 10])
def test_a_video_that_was_cut_short(encode, film, eyes, judge, frames):
    path = encode("a.mkv", film)
    whole = inspect(path, detector=judge, eyes=eyes, frames=frames)
    assert whole.verdict.decision is Decision.MANIPULATED and whole.record.notes == []
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 6])
    told = unseen(inspect(path, detector=judge, eyes=eyes, frames=frames))
    assert "lasts 20.0 s" in told and "only" in told


def test_a_header_that_says_too_little_hides_nothing(encode, film, eyes, judge):
    """All is read by default; of a few frames spread over the declared length it is told that there is more."""
    path = lying(encode("a.mkv", film), 2.0)
    assert inspect(path, detector=judge, eyes=eyes).verdict.decision is Decision.MANIPULATED
    told = unseen(inspect(path, detector=judge, eyes=eyes, frames=10))
    assert "goes on after the 2.0 s" in told


def test_without_an_index_what_follows_the_declared_end_is_told(
    encode, film, eyes, judge, monkeypatch
):
    monkeypatch.setattr("shared.media.video.key_times", lambda *_: [])
    path = lying(encode("a.mkv", film), 2.0)
    told = unseen(inspect(path, detector=judge, eyes=eyes, frames=10))
    assert "goes on after the 2.0 s" in told


@pytest.mark.parametrize("suffix", ["webp", "png"])
def test_an_animated_picture(tmp_path, scene, eyes, judge, suffix):
    first, last = (Image.fromarray(scene((*FACE, red))) for red in (AUTHENTIC, FORGED))
    path = tmp_path / f"a.{suffix}"
    first.save(path, save_all=True, append_images=[last] * 3, duration=500, lossless=True)
    assert "first of the" in unseen(inspect(path, detector=judge, eyes=eyes))
    first.save(path)
    alone = inspect(path, detector=judge, eyes=eyes)
    assert alone.verdict.decision is Decision.AUTHENTIC and alone.record.notes == []


def test_a_second_track_of_pictures(tmp_path, scene, eyes, judge):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        streams = [container.add_stream("libx264", rate=5) for _ in range(2)]
        for stream in streams:
            stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
            stream.codec_context.time_base = Fraction(1, 5)
        for _ in range(10):
            for stream, red in zip(streams, (AUTHENTIC, FORGED), strict=True):
                frame = av.VideoFrame.from_ndarray(scene((*FACE, red)), format="rgb24")
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode())
    assert "2 tracks of moving pictures" in unseen(inspect(path, detector=judge, eyes=eyes))


@pytest.mark.parametrize("frames", [None, 4])
def test_a_last_frame_that_stands_for_long_is_no_gap(tmp_path, scene, eyes, judge, frames):
    pictures = [Image.fromarray(scene((*FACE, AUTHENTIC + place))) for place in range(4)]
    path = tmp_path / "a.gif"
    pictures[0].save(
        path, save_all=True, append_images=pictures[1:], duration=[200, 200, 200, 5000]
    )
    found = inspect(path, detector=judge, eyes=eyes, frames=frames)
    assert found.record.result["declared seconds"] == pytest.approx(5.6)
    assert found.verdict.decision is Decision.AUTHENTIC
