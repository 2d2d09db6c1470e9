"""Who draws the faces of the reenactment family: the shipped renderer, with another person's expression.

    target frames -> landmarks -> head model fitted through all frames ── pose of each frame ──┐
    driver frames -> landmarks -> head model ── mouth and brows, relative to their mean ───────┤
    target's middle frame as the source ──────────────────────────────── renderer ── frames ───┘

``python -m shared.data.forgery.build ... --reenact benchmarks.reenactor:reenact``
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from shared.data.forgery.shapes import with_forehead
from shared.data.forgery.shot import Shot
from shared.errors import FaceNotFound
from shared.face.camera import Camera
from shared.face.crop import CropBox
from shared.face.fitting import Fit, fit_landmarks
from shared.face.head_model import HeadModel
from shared.face.landmarks import PRESENT, LandmarkNet
from shared.motion import FACE_UNITS, MOUTH_UNITS, Motion
from synthesis.renderer.generator import Renderer, SourceFace

Image = NDArray[np.uint8]

DRIVEN: tuple[int, ...] = (
    *MOUTH_UNITS, *(i for i, name in enumerate(FACE_UNITS) if name.startswith(("brow", "eyeBlink"))),
)  # fmt: skip
"""Face units that come from the driver; gaze and the rest stay the target's."""


@cache
def _tools() -> tuple[LandmarkNet, HeadModel, Renderer]:
    """Load networks once a process."""
    return LandmarkNet(), HeadModel.load(), Renderer.from_pretrained()


def _drawn(target: Shot, driver: Shot) -> Sequence[Image]:
    _, _, renderer = _tools()
    ours, points, crop = _fitted(target)
    theirs, _, _ = _fitted(driver)
    middle, units = len(target) // 2, list(DRIVEN)
    expression = ours.motion.expression.copy()
    played = theirs.motion.expression[np.minimum(np.arange(len(target)), len(driver) - 1)]
    change = played - theirs.motion.expression.mean(axis=0)
    expression[:, units] = np.clip(
        ours.motion.expression[:, units].mean(axis=0) + change[:, units], 0, 1
    )
    motion = Motion(ours.motion.rotation, ours.motion.translation, expression, target.clip.rate)
    source = SourceFace(
        target.frames[middle], crop, points[middle], ours.identity, ours.motion[middle : middle + 1]
    )
    return list(renderer.frames(source, motion))


class Reenactor:
    """Draws with the shipped renderer, and tells which one that was."""

    def __call__(self, target: Shot, driver: Shot) -> Sequence[Image]:
        """Draw the target's frames, in their pose, with the driver's changes of expression.

        Both are fitted through the crop of their middle frame, so that a moving head moves in the source's picture.

        Raises:
            FaceNotFound: If the landmark network loses a face.
        """
        return _drawn(target, driver)

    def fingerprint(self) -> str:
        """Return the hash of the renderer's weights."""
        return _tools()[2].sha256


reenact = Reenactor()


def _fitted(shot: Shot) -> tuple[Fit, NDArray[np.float32], CropBox]:
    """Fit the head model; return it with the 478 points ``(T, 478, 2)`` px and the crop of the middle frame."""
    landmarker, model, _ = _tools()
    outline = with_forehead(shot.landmarks)
    boxes = np.concatenate([outline.min(axis=1), outline.max(axis=1)], axis=-1)
    found = [landmarker(frame, box) for frame, box in zip(shot.frames, boxes, strict=True)]
    lost = sum(one.presence < PRESENT for one in found)
    if lost:
        raise FaceNotFound("the landmarks of a face were lost", found=f"in {lost} frames")
    points = np.stack([one.points for one in found]).astype(np.float32)
    crop = CropBox.from_landmarks(points[len(shot) // 2])
    inside = crop.to_crop(points.astype(np.float64), 1)
    units = np.stack([one.blendshapes for one in found])  # type: ignore[misc]
    fit = fit_landmarks(
        inside, model, Camera.of_crop(1), fps=shot.clip.rate, blendshapes=units, smooth=False
    )
    return fit, points, crop
