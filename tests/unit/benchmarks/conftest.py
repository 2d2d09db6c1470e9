"""Drawn people: flat-coloured faces whose points, poses and regions are exactly known, without any graphics."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks import evaluation_set
from benchmarks.targets.pictures import PARTS, Pictures
from shared.data.clip import Clip, Truth
from shared.data.manifest import Manifest, write_manifest
from shared.face.camera import Camera
from shared.face.head_model import HEAD_MODEL_SHA256, HeadModel
from shared.media.video import VideoWriter
from shared.motion import Motion
from synthesis.renderer.points import EYE_LEFT, EYE_RIGHT, LIPS_INNER, LIPS_OUTER, OVAL

SIDE = 64
CAMERA = Camera(2.5 * SIDE, (SIDE / 2, SIDE / 2))
PLACE = np.array([0.0, -0.11, -0.95], np.float32)


def draw(points: np.ndarray, skin: tuple[int, int, int]) -> tuple[np.ndarray, np.ndarray]:
    """Return the picture and the regions at half its size of a face with these points, px."""
    picture = np.full((SIDE, SIDE, 3), (40, 90, 60), np.uint8)
    regions = np.zeros((SIDE, SIDE), np.uint8)
    parts = [(OVAL, skin, 1), (EYE_LEFT, (250, 250, 250), 2), (EYE_RIGHT, (250, 250, 250), 2),
             (LIPS_OUTER, (190, 60, 70), 4), (LIPS_INNER, (30, 5, 10), 5)]  # fmt: skip
    for index, colour, label in parts:
        corners = np.round(points[list(index)]).astype(np.int32)
        cv2.fillPoly(picture, [corners], colour)
        cv2.fillPoly(regions, [corners], label)
    return picture, regions[::2, ::2].copy()


def shown(motion: Motion, identity: np.ndarray, skin) -> tuple[np.ndarray, np.ndarray]:
    model = HeadModel.load()
    head = model.points("478", identity, motion.expression)
    points = HeadModel.project(head, motion.rotation, motion.translation, CAMERA)
    pictures, regions = zip(*(draw(place, skin) for place in points), strict=True)
    return np.stack(pictures), np.stack(regions)


@pytest.fixture(scope="session")
def evaluation_folder(tmp_path_factory) -> Path:
    """Two drawn people in the takes of the real protocol."""
    folder = tmp_path_factory.mktemp("evaluation")
    for number, skin in enumerate([(220, 170, 140), (120, 80, 60)]):
        rng = np.random.default_rng(number)
        takes = evaluation_set.plan(rng)
        identity = rng.normal(0, 0.7, HeadModel.load().identities).astype(np.float32)
        motion = Motion(
            np.stack([take.rotation for take in takes]),
            np.stack([PLACE + take.shift for take in takes]),
            np.stack([take.expression for take in takes]),
            Fraction(25),
        )
        frames, regions = shown(motion, identity, skin)
        np.savez_compressed(
            folder / f"{evaluation_set.FIRST_SEED + number}.npz",
            frames=frames, regions=regions, rotation=motion.rotation,
            translation=motion.translation, expression=motion.expression,
            takes=np.array([take.name for take in takes]),
            camera=np.array([CAMERA.focal, *CAMERA.center], np.float32), identity=identity,
            head_model=np.array(HEAD_MODEL_SHA256),
        )  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Manifest:
    """Four short drawn clips: two people to learn from, two to test on."""
    root = tmp_path_factory.mktemp("corpus")
    clips = []
    for number, split in enumerate(["train", "train", "test", "test"]):
        rng = np.random.default_rng(100 + number)
        identity = rng.normal(0, 0.7, HeadModel.load().identities).astype(np.float32)
        swing = np.sin(np.linspace(0, 6, 12))
        expression = np.zeros((12, 52), np.float32)
        expression[:, 24] = np.abs(swing) * 0.6
        rotation = np.stack([0.1 * swing, 0.4 * swing, 0 * swing], axis=1)
        motion = Motion(rotation, np.tile(PLACE, (12, 1)), expression, Fraction(25))
        frames, _ = shown(motion, identity, (150 + 20 * number, 120, 100))
        name = f"c{number}"
        with VideoWriter(root / f"{name}.mp4", 25, (SIDE, SIDE)) as writer:
            for frame in frames:
                writer.write(frame)
        lens = np.array([CAMERA.focal, *CAMERA.center], np.float32)
        Truth(motion, identity, lens, np.zeros((12, 68, 2), np.float32)).save(root / f"{name}.npz")
        clips.append(
            Clip(name, "exercise", split, f"p{number}", video=f"{name}.mp4", truth=f"{name}.npz",
                 frames=12, size=(SIDE, SIDE))
        )  # fmt: skip
    return write_manifest(root, clips)


@pytest.fixture(scope="session")
def drawn_parts() -> Pictures:
    """Five pictures a part, 16 px."""
    images = np.random.default_rng(0).integers(0, 256, (15, 16, 16, 3), dtype=np.uint8)
    names = tuple(f"p{number}" for number in range(15))
    parts = tuple(PARTS[number % 3] for number in range(15))
    return Pictures(images, tuple(f"a face called {name}" for name in names), names, parts, "noise")


@pytest.fixture(scope="session")
def pixel_folder(drawn_parts, tmp_path_factory) -> Path:
    from benchmarks.targets.config import pixel_profile
    from benchmarks.targets.recipes import train_pixel

    folder = tmp_path_factory.mktemp("targets") / "pixel"
    train_pixel(drawn_parts, folder, pixel_profile("smoke"), device="cpu")
    return folder


@pytest.fixture(scope="session")
def latent_folder(drawn_parts, tmp_path_factory) -> Path:
    from benchmarks.targets.config import latent_profile
    from benchmarks.targets.recipes import train_latent

    folder = tmp_path_factory.mktemp("targets") / "latent"
    for part in ("members", "reference"):
        train_latent(drawn_parts, folder, latent_profile("smoke"), part=part, device="cpu")
    return folder
