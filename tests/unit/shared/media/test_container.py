"""What a damaged stream gives, and what it costs to count the damage."""

from __future__ import annotations

from contextlib import closing
from types import SimpleNamespace

import av
import numpy as np
import pytest

from shared.media.container import Damage, decoded_frames, open_container, video_stream


def stream_of(kind, corrupt):
    """Return a container of a stream whose frames are corrupt or not, a packet each."""
    frames = [SimpleNamespace(is_corrupt=flag, number=n) for n, flag in enumerate(corrupt)]
    packets = [
        SimpleNamespace(is_corrupt=False, decode=lambda own=frame: [own]) for frame in frames
    ]
    return SimpleNamespace(demux=lambda stream: iter(packets)), SimpleNamespace(type=kind)


@pytest.mark.parametrize(("kind", "given"), [("video", [0, 2]), ("audio", [0, 1, 2, 3])])
def test_a_corrupt_picture_is_left_out_and_counted_and_sound_is_kept(kind, given):
    damage = Damage()
    frames = decoded_frames(*stream_of(kind, [False, True, False, True]), damage)
    assert [frame.number for frame in frames] == given
    assert damage == Damage(2)


def test_a_cut_file_gives_the_same_frames_whatever_the_number_of_threads(tmp_path):
    """The last packet is half there: a decoder of whole frames in threads would lose the frames before it with it."""
    path, noise = tmp_path / "a.mp4", np.random.default_rng(0)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("libx264", rate=25, options={"threads": "1"})
        stream.width, stream.height, stream.pix_fmt = 160, 120, "yuv420p"
        for _ in range(30):
            pixels = noise.integers(0, 256, (120, 160, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    path.write_bytes(path.read_bytes()[: int(0.6 * path.stat().st_size)])
    found = []
    for kind, threads in (("SLICE", 1), ("FRAME", 2), ("FRAME", 8)):
        damage = Damage()
        with closing(open_container(path)) as container:
            stream = video_stream(container)
            stream.thread_type, stream.codec_context.thread_count = kind, threads
            stamps = [frame.pts for frame in decoded_frames(container, stream, damage)]
        found.append((stamps, damage.count))
    assert found[0] == found[1] == found[2]
    assert 10 < len(found[0][0]) < 20 and found[0][1] == 1
