"""Extracted faces as a set: masks, counterparts of the same squares, training by them."""

from __future__ import annotations

import dataclasses
import shutil

import numpy as np
import pytest

from forensics import train as training
from forensics.prepared_faces import KIND, read_prepared, with_masks
from shared.data.clip import Clip
from shared.data.corpora.faces import Faces
from shared.data.manifest import Manifest, write_manifest
from shared.errors import InputError
from shared.media.video import VideoReader, VideoWriter

SIDE = 16


@pytest.fixture
def corpus(tmp_path) -> Manifest:
    """One clip, authentic (dark) and forged (bright), as a forgery corpus has them."""
    rows = []
    for family, level in (("authentic", 40), ("swap", 200)):
        name = f"clips/c23-{family}-a.mp4"
        (tmp_path / "clips").mkdir(exist_ok=True)
        with VideoWriter(tmp_path / name, 25, (64, 64), crf=5) as writer:
            for number in range(4):
                writer.write(np.full((64, 64, 3), level + 10 * number, np.uint8))
        label = "authentic" if family == "authentic" else "forged"
        extra = {"label": label, "family": family, "target": "a", "quality": "c23"}
        rows.append(Clip(f"c23-{family}-a", "speaking", "train", "p", video=name, extra=extra))
    return write_manifest(tmp_path, rows)


@pytest.fixture
def manifest(tmp_path, corpus) -> Manifest:
    """Faces of frames 1 and 3 of both."""
    root, rows = tmp_path / "faces", []
    for clip in corpus:
        own = Faces(
            np.full((2, SIDE, SIDE, 3), 7, np.uint8),
            np.full((2, SIDE, SIDE), 255 * (clip.extra["label"] == "forged"), np.uint8),
            np.array([1, 3]),
            np.array([[16, 16, 48, 48]] * 2, np.float32),
            np.zeros((2, 68, 2), np.float32),
        )
        own.save(root / "faces" / clip.id)
        rows.append(
            Clip(
                clip.id, KIND, "train", "p", frames=2, size=(SIDE, SIDE),
                source=f"embedded: {clip.video}",
                extra={**clip.extra, "faces": f"faces/{clip.id}", "missed": 0},
            )
        )  # fmt: skip
    return write_manifest(root, rows)


def test_counterparts_are_the_same_frames_of_the_authentic_clip(manifest, corpus):
    faces = read_prepared(manifest, corpus=corpus)
    assert faces.labels.tolist() == [0, 0, 1, 1] and faces.videos.tolist() == [0, 0, 1, 1]
    assert faces.masks.mean((1, 2)).tolist() == [0, 0, 1, 1]
    levels = faces.counterparts.mean((1, 2, 3))
    assert levels[:2].tolist() == [7, 7]
    assert levels[2:] == pytest.approx([50, 70], abs=3)


def test_a_counterpart_that_ends_too_early_is_told(manifest, corpus):
    """A black picture would be learnt as an authentic face."""
    name = corpus.clips[0].video
    with VideoWriter(corpus.path(name), 25, (64, 64)) as writer:
        for _ in range(3):
            writer.write(np.full((64, 64, 3), 40, np.uint8))
    with pytest.raises(InputError, match=f"{name} is shorter .*1 of the 2 frames"):
        read_prepared(manifest, corpus=corpus)


def test_a_counterpart_is_closed_when_enough_is_read(manifest, corpus, monkeypatch):
    closed = []
    leave = VideoReader.__exit__
    monkeypatch.setattr(
        VideoReader, "__exit__", lambda self, *told: closed.append(self) or leave(self, *told)
    )
    read_prepared(manifest, corpus=corpus)
    assert len(closed) == 1


def test_without_a_corpus_there_are_no_counterparts(manifest):
    assert read_prepared(manifest).counterparts is None


def test_one_video_without_its_masks_takes_them_from_nobody_who_asks(manifest):
    clips = manifest.clips
    bare = dataclasses.replace(clips[1], extra={**clips[1].extra, "mask_left_out": "too short"})
    for picture in manifest.path(bare.extra["faces"]).glob("*-mask.png"):
        picture.unlink()
    mixed = Manifest(manifest.root, (clips[0], bare))
    assert len(read_prepared(mixed)) == 4 and read_prepared(mixed).masks is None
    assert read_prepared(with_masks(mixed)).masks.shape == (2, SIDE, SIDE)


def test_training_takes_what_each_corpus_has(manifest, tmp_path, monkeypatch):
    """One has no ``val``, another no ``train``; a video without its masks teaches no place, but validates."""
    told = []
    monkeypatch.setattr(
        training, "train_detector", lambda _, faces, *__, **kept: told.append((faces, kept))
    )
    extra = {**manifest.clips[1].extra, "mask_left_out": "too short"}
    bare = dataclasses.replace(manifest.clips[1], extra=extra)
    for picture in manifest.path(extra["faces"]).glob("*-mask.png"):
        picture.unlink()
    one = Manifest(manifest.root, (manifest.clips[0], bare))
    rows = [dataclasses.replace(clip, split="val") for clip in one]
    shutil.copytree(manifest.root, tmp_path / "held")
    corpora = [
        write_manifest(manifest.root, one).root,
        write_manifest(tmp_path / "held", rows).root,
    ]
    for maps, faces in ((None, 4), ("known", 2)):
        training.train("classnseg", corpora, tmp_path / "run", profile="smoke", maps=maps)
        learnt, options = told.pop()
        assert (len(learnt), len(options["validation"])) == (faces, 4)
    assert learnt.masks is not None
    with pytest.raises(InputError, match="no faces in the split val"):
        training.train("classnseg", corpora[0], tmp_path / "run", profile="smoke")


def test_another_corpus_is_refused(manifest, corpus):
    with pytest.raises(InputError, match="another corpus"):
        read_prepared(manifest, corpus=Manifest(corpus.root, corpus.clips[:1]))
    with pytest.raises(InputError, match="no extracted faces"):
        read_prepared(Manifest(manifest.root, ()))
