"""Read the face in a photo: where it is, whose shape it has, how it is turned, what it expresses."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import FaceNotFound
from shared.face.camera import Camera
from shared.face.crop import CropBox
from shared.face.detector import CenterFace, Which, choose_face
from shared.face.fitting import fit_image
from shared.face.head_model import HeadModel
from shared.face.landmarks import LandmarkNet
from shared.media.image import read_image
from synthesis.renderer.generator import SourceFace

LARGEST_YAW = 45.0
"""Degrees; beyond it half of the face is hidden and nothing good can come of it."""


@cache
def _detector() -> CenterFace:
    return CenterFace()


@cache
def _landmarks() -> LandmarkNet:
    return LandmarkNet()


def read_source(photo: str | Path | NDArray[np.uint8], which: Which = "largest") -> SourceFace:
    """Find and fit the face of a photo.

    Args:
        photo: A file, or ``(H, W, 3)`` uint8 RGB.
        which: ``"largest"``, a number counted from the largest, or a point (x, y) in the picture, px.

    Returns:
        The face with everything that the renderer needs.

    Raises:
        InputError: If the file is no picture that can be read.
        FaceNotFound: If there is no such face, it is too small, is no human face, or looks too far away.
    """
    image = photo if isinstance(photo, np.ndarray) else read_image(photo)
    face = choose_face(_detector().detect(image), which)
    found = _landmarks()(image, face)
    if found.presence < 0.5:
        raise FaceNotFound(
            "what was found does not look like a human face", found=f"presence {found.presence:.2f}",
            expected="at least 0.50", fix="give a photo of a person, seen from the front",
        )  # fmt: skip
    crop = CropBox.from_landmarks(found.points)
    model = HeadModel.load()
    points = crop.to_crop(found.points, 1).astype(np.float64)
    fit = fit_image(points, model, Camera.of_crop(1))
    yaw = float(np.degrees(fit.motion.rotation[0, 1]))
    if abs(yaw) > LARGEST_YAW:
        raise FaceNotFound(
            "the face is turned too far", found=f"{yaw:.0f} degrees of yaw", expected=f"at most {LARGEST_YAW:.0f}",
            fix="give a photo that is taken more from the front",
        )  # fmt: skip
    return SourceFace(
        image, crop, found.points.astype(np.float32), fit.identity.astype(np.float32), fit.motion
    )
