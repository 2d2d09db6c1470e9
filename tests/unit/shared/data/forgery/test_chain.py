"""The chain: sizes, qualities, the same bytes for the same draw."""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
import pytest

from shared.data.forgery.chain import Delivery, deliver, draw_delivery, weight_of
from shared.data.forgery.encoding import Weight
from shared.errors import InputError
from shared.media.audio import read_audio
from shared.media.video import VideoReader, probe


def sent(cast, path, delivery, sound=None):
    size = deliver(path, cast.target.frames, cast.target.size, Fraction(25), delivery, sound).size
    return size, np.stack(list(VideoReader(path)))


def test_every_step_arrives_at_the_delivered_size(cast, tmp_path):
    size, frames = sent(cast, tmp_path / "a.mp4", Delivery(23, 0.7, jpeg=70, first_crf=28))
    assert size == tuple(2 * round(side * 0.35) for side in cast.target.size)
    assert frames.shape == (len(cast.target), size[1], size[0], 3)


def test_c40_is_worse_and_smaller_than_c23(cast, tmp_path):
    errors, sizes = [], []
    for crf in (23, 40):
        path = tmp_path / f"{crf}.mp4"
        _, frames = sent(cast, path, Delivery(crf))
        errors.append(np.abs(frames.astype(int) - cast.target.frames).mean())
        sizes.append(path.stat().st_size)
    assert errors[1] > 1.5 * errors[0]
    assert sizes[1] < sizes[0]


def test_each_step_leaves_its_trace(cast, tmp_path):
    ways = [Delivery(23), Delivery(23, jpeg=60), Delivery(23, first_crf=30), Delivery(23, grain=3)]
    frames = [sent(cast, tmp_path / f"{n}.mp4", way)[1] for n, way in enumerate(ways)]
    assert not np.array_equal(frames[0], frames[1])
    assert not np.array_equal(frames[0], frames[2])
    assert np.std(frames[3] - frames[0].astype(float)) > 1
    red = sent(cast, tmp_path / "tint.mp4", Delivery(23, tint=(0.9, 1, 1)))[1]
    shift = (frames[0].astype(float) - red).mean(axis=(0, 1, 2))
    assert shift[0] > 3 > 5 * np.abs(shift[1:]).max()


def test_the_same_frames_and_draw_give_the_same_bytes(cast, tmp_path):
    for name in "ab":
        sent(cast, tmp_path / f"{name}.mp4", Delivery(23, 0.8, 80, 20, 2.0, 5), cast.target.sound)
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_sound_comes_along(cast, tmp_path):
    sent(cast, tmp_path / "a.mp4", Delivery(40), cast.target.sound)
    assert probe(tmp_path / "a.mp4").has_audio
    heard = read_audio(tmp_path / "a.mp4")[: len(cast.target.sound)]
    assert np.corrcoef(heard, cast.target.sound[: len(heard)])[0, 1] > 0.9


def test_smoother_pictures_take_the_bytes_of_the_authentic_ones(cast, tmp_path):
    """The first picture's, the others', and these as unequally: any of the three would tell."""
    size, rate = cast.target.size, Fraction(25)
    delivery = draw_delivery("c23", np.random.default_rng(1), np.random.default_rng(2))
    weight = weight_of(cast.target.frames, size, rate, delivery)
    smooth = np.stack([cv2.GaussianBlur(frame, None, 2) for frame in cast.target.frames])
    crfs, before = [], deliver(tmp_path / "before.mp4", smooth, size, rate, delivery)
    for name, frames in (("authentic", cast.target.frames), ("smooth", smooth)):
        path = tmp_path / f"{name}.mp4"
        sound = cast.target.sound
        crfs.append(deliver(path, frames, size, rate, delivery, sound, weight=weight).crf)
        np.testing.assert_allclose(Weight.of(path), weight, rtol=0.05)
    assert crfs[1].first < min(crfs[0].first, before.crf.first)
    assert abs(np.log2(Weight.of(tmp_path / "before.mp4").rest / weight.rest)) > 0.2


def test_no_header_tells_the_quantiser(cast, tmp_path):
    """At one number of bytes the quantisers differ; x264 writes them down, and what is left is the same for all."""
    headers = set()
    for crf in (18, 23, 33):
        path = tmp_path / f"{crf}.mp4"
        sent(cast, path, Delivery(crf))
        assert b"x264" not in path.read_bytes() and b"crf=" not in path.read_bytes()
        with av.open(str(path)) as container:
            headers.add(bytes(container.streams.video[0].codec_context.extradata))
    assert len(headers) == 1


def test_draws_follow_the_generator_and_an_unknown_quality_is_named():
    def drawn(quality, together, alone=0):
        return draw_delivery(quality, np.random.default_rng(together), np.random.default_rng(alone))

    draws = [drawn("c40", seed) for seed in range(40)]
    grains = [drawn("c40", 0, seed).grain for seed in range(40)]
    assert 0 <= min(grains) < 1 < 3 < max(grains) <= 4
    assert {draw.jpeg is None for draw in draws} == {True, False}
    assert draws[7] == drawn("c40", 7)
    with pytest.raises(InputError, match="c99"):
        drawn("c99", 0)
