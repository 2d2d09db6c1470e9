"""A world without networks: faces are green squares, their red tells how manipulated they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
import torch

from forensics.calibration import Calibration, calibrate
from forensics.inspection.watching import Eyes
from forensics.verdict import Decision
from shared.face.camera import Camera
from shared.face.detector import Face
from shared.face.head_model import HeadModel
from shared.face.landmarks import Landmarks


def draw(*faces: tuple[int, int, int, int], size: tuple[int, int] = (160, 120)) -> np.ndarray:
    """A grey frame, (width, height), with faces (left, top, side, red)."""
    frame = np.full((size[1], size[0], 3), 90, np.uint8)
    for left, top, side, red in faces:
        frame[top : top + side, left : left + side] = (red, 220, 20)
    return frame


def _green(image: np.ndarray) -> np.ndarray:
    return ((image[..., 1] > 160) & (image[..., 2] < 90)).astype(np.uint8)


class Squares:
    """Finds green squares."""

    def detect(self, image: np.ndarray) -> list[Face]:
        count, _, facts, _ = cv2.connectedComponentsWithStats(_green(image))
        boxes = [np.float32([x, y, x + w, y + h]) for x, y, w, h, _ in facts[1:count]]
        return sorted((Face(box, 1.0) for box in boxes), key=lambda face: -face.area)


class Marker:
    """Puts a face at rest into the box, if the box is still green."""

    def __init__(self) -> None:
        model = HeadModel.load()
        points = model.points("478", np.zeros(model.identities), np.zeros(52))
        seen = model.project(points, np.zeros(3), np.array([0, -0.05, -1.0]), Camera.of_crop(100))
        self.shape = (seen - seen.min(axis=0)) / np.ptp(seen, axis=0)

    def __call__(self, image: np.ndarray, where) -> Landmarks:
        box = where.box if isinstance(where, Face) else where
        if box.shape != (4,):
            box = np.concatenate([box.min(axis=0), box.max(axis=0)])
        x, y = ((box[:2] + box[2:]) / 2).astype(int)
        there = bool(_green(image)[y, x])
        points = box[:2] + self.shape * (box[2:] - box[:2])
        return Landmarks(points.astype(np.float32), None, float(there), None)


class Redness:
    """A judge that answers with the red of the middle of the crop."""

    name, trained, size = "redness", True, 64

    def __init__(self, calibration: Calibration | None = None) -> None:
        self.calibration = calibration
        self.batches: list[int] = []

    def judge(self, crops):
        assert crops.shape[1:] == (3, 64, 64) and crops.min() >= 0 and crops.max() <= 1
        self.batches.append(len(crops))
        return crops[:, 0, 26:38, 26:38].mean((1, 2)), torch.sigmoid(crops[:, 0, ::8, ::8])

    def fingerprint(self) -> dict[str, str]:
        return {"redness": "0" * 64}


@pytest.fixture(scope="session")
def eyes() -> Eyes:
    return Eyes(Squares(), Marker(), {"face detector": "1" * 64})


@pytest.fixture(scope="session")
def scene() -> Callable[..., np.ndarray]:
    return draw


@pytest.fixture(scope="session")
def redness() -> type[Redness]:
    return Redness


@pytest.fixture
def judge() -> Redness:
    known = np.linspace(0, 0.15, 40)
    return Redness(calibrate(0.7 + known, known, Decision.MANIPULATED))


@pytest.fixture
def encode(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes frames as a video, with PyAV alone."""

    def write(
        name: str,
        frames: Sequence[np.ndarray],
        *,
        stamps: Sequence[int] | None = None,
        codec: str = "libx264",
        rotation: int = 0,
        rate: int = 5,
    ) -> Path:
        path = tmp_path / name
        kind = {"gif": "rgb8", "mjpeg": "yuvj420p"}.get(codec, "yuv420p")
        with av.open(str(path), "w") as container:
            options = {"crf": "10"} if codec == "libx264" else {}
            stream = container.add_stream(codec, rate=rate, options=options)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = kind
            stream.codec_context.time_base = Fraction(1, rate)
            if rotation:
                stream.set_display_rotation(rotation)
            for index, pixels in enumerate(frames):
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(format=kind)
                frame.pts = index if stamps is None else stamps[index]
                frame.time_base = Fraction(1, rate)
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
        return path

    return write
