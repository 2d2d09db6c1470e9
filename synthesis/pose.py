"""Where a talking head's pose comes from: a reference video, a Motion file, sliders, or nothing at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from shared.face.fitting import fit_landmarks
from shared.face.tracks import fill_gaps, track_faces

from shared.errors import FaceNotFound
from shared.face.camera import Camera
from shared.face.crop import CropBox
from shared.face.detector import CenterFace
from shared.face.head_model import HeadModel
from shared.face.landmarks import LandmarkNet
from shared.media.video import VideoReader
from shared.motion import Motion


@dataclass(frozen=True)
class ReferencePose:
    """The motion of a reference and what had to be made up.

    Attributes:
        motion: Head motion under the crop camera of the reference.
        held: Frames without a face, in which the last pose was held.
    """

    motion: Motion
    held: list[int] = field(default_factory=list)


def pose_from_video(path: str | Path, fps: Fraction) -> ReferencePose:
    """Track the largest face of a video and fit its motion.

    Args:
        path: Any video that can be read.
        fps: Frames a second of the result.

    Raises:
        InputError: If the file is no video.
        FaceNotFound: If no frame shows a face.
    """
    with VideoReader(path, fps=fps) as reader:
        tracks = track_faces(reader, detector=CenterFace(), landmarker=LandmarkNet())
    if not tracks:
        raise FaceNotFound(
            f"no face in the pose video {path}", fix="give a video of a person seen from the front"
        )
    track = max(tracks, key=lambda t: sum(face is not None for face in t.frames))
    held = [track.start + number for number, face in enumerate(track.frames) if face is None]
    points = fill_gaps(track, "hold")
    crop = CropBox.from_landmarks(np.median(points, axis=0))
    inside: NDArray = np.stack([crop.to_crop(frame, 1) for frame in points])
    fit = fit_landmarks(inside, HeadModel.load(), Camera.of_crop(1), fps=fps)
    return ReferencePose(fit.motion, held)


def pose_from_file(path: str | Path, fps: Fraction) -> ReferencePose:
    """Read a Motion file, resampled to ``fps``."""
    return ReferencePose(Motion.load(path).resampled(fps))


def chunks(motion: Motion, size: int) -> Iterator[Motion]:
    """Cut a motion into parts of at most ``size`` frames."""
    for start in range(0, len(motion), size):
        yield motion[start : start + size]
