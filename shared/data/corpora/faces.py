"""Faces cut from one video: lossless pictures, masks where they are known, landmarks.

<folder>/000123.png        face of frame 123, size x size
<folder>/000123-mask.png   255 x the share of the foreign picture; only where it is known
<folder>/points.npz        frames (N,), boxes (N, 4) px of the frame, landmarks (N, 68, 2) px of the crop
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.custody import write_atomic
from shared.data.clip import Clip
from shared.data.manifest import Manifest
from shared.errors import InputError
from shared.media.image import read_image, write_image

Image = NDArray[np.uint8]

POINTS_NAME = "points.npz"


@dataclass(frozen=True, eq=False)
class Faces:
    """The faces of one person in one video.

    Attributes:
        images: ``(N, S, S, 3)`` uint8 RGB.
        masks: ``(N, S, S)`` uint8, 255 times the share of the foreign picture; None: not known.
        frames: ``(N,)`` numbers of the frames.
        boxes: ``(N, 4)`` XYXY, px of the frame: what each picture shows.
        landmarks: ``(N, 68, 2)`` px of the pictures.
    """

    images: Image
    masks: NDArray[np.uint8] | None
    frames: NDArray[np.int64]
    boxes: NDArray[np.float32]
    landmarks: NDArray[np.float32]

    def save(self, folder: Path) -> None:
        """Write the pictures, and the points last: a folder with points is whole."""
        folder.mkdir(parents=True, exist_ok=True)
        for stale in (folder / POINTS_NAME, *folder.glob("*.png")):
            stale.unlink(missing_ok=True)
        for place, number in enumerate(self.frames):
            write_image(folder / f"{number:06d}.png", self.images[place])
            if self.masks is not None:
                _, packed = cv2.imencode(".png", self.masks[place])
                write_atomic(folder / f"{number:06d}-mask.png", packed.tobytes())
        buffer = io.BytesIO()
        np.savez_compressed(buffer, frames=self.frames, boxes=self.boxes, landmarks=self.landmarks)
        write_atomic(folder / POINTS_NAME, buffer.getvalue())

    @classmethod
    def load(cls, folder: Path) -> Faces:
        """Read a folder.

        Raises:
            InputError: If it is missing or not whole.
        """
        try:
            with np.load(folder / POINTS_NAME, allow_pickle=False) as data:
                frames, boxes, landmarks = (data[n] for n in ("frames", "boxes", "landmarks"))
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise InputError(
                f"{folder} holds no faces", found=error, fix="make them with `forensics prepare`"
            ) from error
        names = [f"{number:06d}" for number in frames]
        images = np.stack([read_image(folder / f"{name}.png") for name in names])
        masks = None
        if (folder / f"{names[0]}-mask.png").is_file():
            masks = np.stack([read_image(folder / f"{name}-mask.png")[..., 0] for name in names])
        return cls(images, masks, frames, boxes, landmarks)


def faces_of(manifest: Manifest, clip: Clip) -> Faces:
    """Read the faces of a row that :func:`shared.data.corpora.extraction.prepare_faces` wrote."""
    return Faces.load(manifest.path(str(clip.extra.get("faces", ""))))
