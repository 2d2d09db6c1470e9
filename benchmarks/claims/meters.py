"""Instruments: what a picture of a face shows, measured by networks that had no part in drawing it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.face.camera import Camera
from shared.face.fitting import fit_landmarks
from shared.face.head_model import HeadModel
from shared.face.identity import IdentityNet
from shared.face.landmarks import PRESENT, LandmarkNet


class LandmarkYaw:
    """Yaw of the heads in pictures of one person: landmarks by network, then the head model's fit."""

    def __init__(self) -> None:
        self.landmarks, self.model = LandmarkNet(), HeadModel.load()

    def __call__(
        self, pictures: NDArray[np.uint8], points: NDArray[np.float64], camera: Camera
    ) -> NDArray[np.float64]:
        """Return the yaw ``(T,)`` in degrees, NaN where no face is seen.

        Args:
            pictures: ``(T, S, S, 3)`` uint8 RGB.
            points: ``(T, 478, 2)`` px, about where the faces are: only their extent is used.
            camera: Of the pictures.
        """
        boxes = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
        found = [self.landmarks(picture, box) for picture, box in zip(pictures, boxes, strict=True)]
        yaw = np.full(len(pictures), np.nan)
        seen = np.array([face.presence >= PRESENT for face in found])
        if seen.any():
            marks = np.stack(
                [face.points for face, there in zip(found, seen, strict=True) if there]
            )
            fit = fit_landmarks(marks.astype(np.float64), self.model, camera, smooth=False)
            yaw[seen] = np.degrees(fit.motion.rotation[:, 1])
        return yaw


class EncoderIdentity:
    """Identity vectors by a face encoder that the user gives."""

    def __init__(self, weights: str | Path) -> None:
        self.net = IdentityNet(weights)

    def __call__(
        self, picture: NDArray[np.uint8], points: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the vector ``(D,)`` of length 1 of a picture ``(S, S, 3)`` with landmarks ``(478, 2)`` px."""
        return np.asarray(self.net(picture, points), np.float64)
