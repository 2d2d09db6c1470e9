"""From a forgery corpus on disk to faces, and the command that trains on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from forensics.cli import app
from forensics.detectors.detector import MapDetector
from forensics.forgery_faces import read_faces
from forensics.train import train
from shared.data.clip import Clip
from shared.data.forgery.known import AUTHENTIC, FORGED, Known
from shared.data.manifest import Manifest, write_manifest
from shared.errors import InputError
from shared.face.head_model import HeadModel
from shared.media.video_writer import VideoWriter

FRAMES, SIDE = 6, 96


def landmarks() -> np.ndarray:
    """A frontal face in the middle of the frame, px."""
    mean = HeadModel.load().landmark_bases("68").mean
    flat = np.stack([mean[:, 0], -mean[:, 1]], axis=1)
    flat = (flat - flat.mean(0)) / np.ptp(flat[:, 0])
    return (SIDE / 2 + 0.4 * SIDE * flat).astype(np.float32)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Manifest:
    """Two people a split, each authentic and with a bright square on the nose."""
    root, rng = tmp_path_factory.mktemp("corpus"), np.random.default_rng(0)
    points, clips = landmarks(), []
    for number, split in enumerate(("train", "train", "val", "val")):
        face = rng.integers(60, 120, (SIDE, SIDE, 3)).astype(np.uint8)
        for label in (AUTHENTIC, FORGED):
            masks = np.zeros((FRAMES, SIDE, SIDE), np.uint8)
            frames = (
                np.repeat(face[None], FRAMES, 0)
                + np.arange(FRAMES, dtype=np.uint8)[:, None, None, None]
            )
            if label == FORGED:
                x, y = points[30].astype(int)
                masks[:, y - 10 : y + 10, x - 10 : x + 10] = 255
                frames[masks > 0] = 230
            name = f"{label}{number}"
            with VideoWriter(root / f"{name}.mp4", 25, (SIDE, SIDE), crf=5) as writer:
                for frame in frames:
                    writer.write(frame)
            Known(masks, np.repeat(points[None], FRAMES, 0)).save(root / f"{name}.npz")
            clips.append(
                Clip(
                    name, "speaking", split, f"person{number}", video=f"{name}.mp4", frames=FRAMES,
                    size=(SIDE, SIDE),
                    extra={"label": label, "quality": "c23", "target": str(number), "known": f"{name}.npz"},
                )
            )  # fmt: skip
    return write_manifest(root, clips)


def test_faces_come_with_label_person_mask_and_counterpart(corpus):
    faces = read_faces(corpus.where(split="train"), 48, per_clip=3)
    assert faces.labels.tolist() == [0] * 3 + [1] * 3 + [0] * 3 + [1] * 3
    assert set(faces.people) == {"person0", "person1"}
    assert faces.videos.tolist() == np.repeat(np.arange(4), 3).tolist()
    forged = faces.labels == 1
    assert not faces.masks[~forged].any()
    inside = faces.masks[forged] > 0.9
    assert 0.02 < inside.mean() < 0.3
    assert faces.frames[forged][inside].mean() > 215
    apart = np.abs(faces.frames.astype(int) - faces.counterparts).mean(-1)
    assert apart[~forged].max() == 0
    assert apart[forged][inside].mean() > 10 * apart[forged][faces.masks[forged] == 0].mean()


def test_without_authentic_clips_there_are_no_counterparts(corpus):
    forged = Manifest(corpus.root, tuple(c for c in corpus if c.extra["label"] == FORGED))
    assert read_faces(forged, 32, per_clip=2).counterparts is None


def test_the_command_trains_and_the_checkpoint_answers(corpus, tmp_path):
    arguments = ["train", "classnseg", "--corpus", corpus.root, "-o", tmp_path / "run", "--profile",
                 "smoke", "--maps", "known", "--per-clip", "2", "--device", "cpu"]  # fmt: skip
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    folder = Path(result.stdout.split("checkpoint: ")[1].replace("\n", ""))
    faces = read_faces(corpus.where(split="val"), 48, per_clip=1)
    assert len(MapDetector.from_pretrained(folder).detect(faces.frames).scores) == 4
    # the masks of all authentic faces are alike here, and so are those of all forged ones
    assert len(list((tmp_path / "run" / "maps").rglob("*.png"))) == 2


def test_training_refuses_what_makes_no_sense(corpus, tmp_path):
    with pytest.raises(InputError, match="labels alone"):
        train("focus", corpus.root, tmp_path, profile="smoke", maps="known")
    with pytest.raises(InputError, match="nothing of that name"):
        train("magic", corpus.root, tmp_path)
