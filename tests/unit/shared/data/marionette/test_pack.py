from __future__ import annotations

import numpy as np

from benchmarks.corpus import lip_rows
from shared.data.marionette.pack import SAMPLE_ROOT, sample_pack
from shared.face.camera import Camera
from shared.face.head_model import HeadModel
from shared.media.audio import read_audio
from shared.media.video import VideoReader


def test_the_pack_is_small():
    assert (
        sum(file.stat().st_size for file in SAMPLE_ROOT.rglob("*") if file.is_file()) <= 2_000_000
    )


def test_every_clip_is_whole():
    manifest = sample_pack()
    for clip in manifest:
        truth = manifest.truth(clip)
        assert len(truth.motion) == clip.frames
        if clip.audio:
            assert len(read_audio(manifest.path(clip.audio))) == clip.frames * 640
        if clip.video:
            frames = [frame.shape for frame in VideoReader(manifest.path(clip.video))]
            assert frames == [(clip.size[1], clip.size[0], 3)] * clip.frames
            assert truth.regions is not None and len(truth.regions) == clip.frames


def test_splits_share_nothing():
    splits: dict[str, set[str]] = {}
    for clip in sample_pack():
        for what in (clip.person, clip.extra.get("voice_base", clip.person)):
            splits.setdefault(what, set()).add(clip.split)
    assert all(len(found) == 1 for found in splits.values())


def test_the_head_model_explains_the_rendered_landmarks():
    manifest, model = sample_pack(), HeadModel.load()
    for clip in manifest.where(kind="speaking"):
        truth = manifest.truth(clip)
        camera = Camera(float(truth.camera[0]), (float(truth.camera[1]), float(truth.camera[2])))
        motion = truth.motion
        points = model.points("68", truth.identity, motion.expression)
        found = HeadModel.project(points, motion.rotation, motion.translation, camera)
        assert np.linalg.norm(found - truth.landmarks, axis=-1).mean() < 1.0


def test_lips_close_where_they_must():
    rows = {row.name: row.value for row in lip_rows(sample_pack())}
    assert rows["lips: closed in p, b, m"] > 0.95
    assert rows["lips: closed in pauses"] > 0.9
    assert rows["lips: gap of open vowels, median"] > 4
