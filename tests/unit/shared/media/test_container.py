"""What a damaged stream gives, and what it costs to count the damage."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from shared.media.container import Damage, decoded_frames


def stream_of(kind, corrupt):
    """Return a container of a stream whose frames are corrupt or not, a packet each."""
    frames = [SimpleNamespace(is_corrupt=flag, number=n) for n, flag in enumerate(corrupt)]
    packets = [SimpleNamespace(decode=lambda own=frame: [own]) for frame in frames]
    return SimpleNamespace(demux=lambda stream: iter(packets)), SimpleNamespace(type=kind)


@pytest.mark.parametrize(("kind", "given"), [("video", [0, 2]), ("audio", [0, 1, 2, 3])])
def test_a_corrupt_picture_is_left_out_and_counted_and_sound_is_kept(kind, given):
    damage = Damage()
    frames = decoded_frames(*stream_of(kind, [False, True, False, True]), damage)
    assert [frame.number for frame in frames] == given
    assert damage == Damage(2)
