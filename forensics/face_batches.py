"""Balanced batches of augmented faces, with the maps that supervise them."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from forensics.faces import FaceSet, Images, as_pictures
from shared.errors import InputError
from shared.media.image import through_jpeg
from shared.training.steps import StepBatches


@dataclass(frozen=True)
class Augmentation:
    """How pictures are varied; nothing that would move a forgery within the face but the mirror.

    Attributes:
        mirror: Probability.
        jpeg: Probability; quality 40 to 100. DeepfakeBench's recipe; less often, for clips come through a chain.
        blur: Probability; Gaussian, sigma up to 1.5 px. DeepfakeBench's recipe; sigma ours.
        light: Probability; brightness and contrast by up to a tenth. DeepfakeBench's recipe.
        resize: Probability; down to half and up again. ours.
    """

    mirror: float = 0.5
    jpeg: float = 0.2
    blur: float = 0.1
    light: float = 0.3
    resize: float = 0.1

    def vary(self, frame: Images, rng: np.random.Generator) -> Images:
        """Return a picture as a file of another quality would show it.

        Args:
            frame: ``(S, S, 3)`` uint8 RGB.
            rng: Decides everything.
        """
        if rng.random() < self.light:
            gain, offset = 1 + rng.uniform(-0.1, 0.1), 255 * rng.uniform(-0.1, 0.1)
            frame = np.clip(frame * gain + offset, 0, 255).astype(np.uint8)
        if rng.random() < self.blur:
            frame = cv2.GaussianBlur(frame, (0, 0), rng.uniform(0.1, 1.5))
        if rng.random() < self.resize:
            side = frame.shape[0]
            small = max(2, int(side * rng.uniform(0.5, 1)))
            reduced = cv2.resize(frame, (small, small), interpolation=cv2.INTER_AREA)
            frame = cv2.resize(reduced, (side, side), interpolation=cv2.INTER_LINEAR)
        if rng.random() < self.jpeg:
            frame = through_jpeg(frame, int(rng.integers(40, 101)))
        return np.asarray(frame, np.uint8)


UNCHANGED = Augmentation(0.0, 0.0, 0.0, 0.0, 0.0)
"""No augmentation."""


class FaceBatches(StepBatches):
    """An endless stream of batches, half of them forged.

    A forged face is drawn from all forged ones, an authentic one from all authentic ones: what shares a batch need not
    share a person. Where counterparts are known, each forged face comes beside its own: a network that sees both at
    once cannot tell them by anything but the forgery, and learns several times as fast. It is told labels all the same.

    Args:
        faces: What is drawn from.
        batch_size: Faces a batch, even.
        size: Side of the pictures, px.
        seed: Of the draws.
        maps: ``(N, h, w)`` in [0, 1], the maps that teach; None for labels alone.
        augmentation: How pictures are varied.

    Raises:
        InputError: If a class has no face, the batch is odd, or the maps do not fit.
    """

    def __init__(
        self,
        faces: FaceSet,
        batch_size: int,
        size: int,
        seed: int,
        *,
        maps: NDArray[np.float32] | None = None,
        augmentation: Augmentation | None = None,
    ) -> None:
        super().__init__(seed)
        self.classes = [np.flatnonzero(faces.labels == label) for label in (0, 1)]
        if not all(map(len, self.classes)):
            raise InputError(
                "training needs both authentic and forged faces",
                found=f"{len(self.classes[0])} authentic, {len(self.classes[1])} forged",
            )
        if batch_size < 2 or batch_size % 2:
            raise InputError("a batch holds as many forged as authentic faces", found=batch_size)
        if maps is not None and len(maps) != len(faces):
            raise InputError(
                "there must be a map for each face", found=len(maps), expected=len(faces)
            )
        self.faces, self.maps = faces, maps
        self.batch_size, self.size = batch_size, size
        self.augmentation = augmentation or Augmentation()

    def draw(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return ``image`` (B, 3, S, S) in [0, 1], ``label`` (B,) and, where maps teach, ``map`` (B, 1, h, w)."""
        half = self.batch_size // 2
        return self.gather(np.concatenate([rng.choice(c, half) for c in self.classes]), rng)

    def gather(self, rows: NDArray[np.int64], rng: np.random.Generator) -> dict[str, Tensor]:
        """Return the faces with the given numbers as a batch, varied; authentic ones come first.

        Where counterparts are known, they take the places of the authentic faces.
        """
        shown = self.faces.frames[rows]
        if self.faces.counterparts is not None:
            half = len(rows) // 2
            shown[:half] = self.faces.counterparts[rows[half:]]
        frames = [self.augmentation.vary(frame, rng) for frame in shown]
        image = as_pictures(np.stack(frames), self.size)
        mirrored = torch.from_numpy(rng.random(len(rows)) < self.augmentation.mirror)
        batch = {
            "image": torch.where(mirrored[:, None, None, None], image.flip(-1), image),
            "label": torch.from_numpy(self.faces.labels[rows].astype(np.int64)),
        }
        if self.maps is not None:
            maps = torch.from_numpy(np.asarray(self.maps[rows], np.float32))[:, None]
            batch["map"] = torch.where(mirrored[:, None, None, None], maps.flip(-1), maps)
        return batch


def validation_batches(faces: FaceSet, size: int, batch_size: int) -> DataLoader:
    """Return the faces in their order, not varied, as a loader of ``image`` and ``label``."""
    batches = [
        {
            "image": as_pictures(faces.frames[start : start + batch_size], size),
            "label": torch.from_numpy(faces.labels[start : start + batch_size].astype(np.int64)),
        }
        for start in range(0, len(faces), batch_size)
    ]
    return DataLoader(batches, batch_size=None)  # type: ignore[arg-type]
