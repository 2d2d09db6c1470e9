"""Where a talking head's pose comes from: a reference video or a Motion file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import FaceNotFound
from shared.face.camera import Camera
from shared.face.crop import CropBox
from shared.face.detector import CenterFace
from shared.face.fitting import fit_landmarks
from shared.face.head_model import HeadModel
from shared.face.landmarks import LandmarkNet
from shared.face.tracks import FaceTrack, track_faces
from shared.media.video import VideoReader
from shared.motion import Motion

PATIENCE_SECONDS = 60
"""A face that comes back within this time is taken for the same one."""


@dataclass(frozen=True)
class ReferencePose:
    """The motion of a reference and what had to be made up.

    Attributes:
        motion: Head motion under the crop camera of the reference.
        held: Numbers of the frames without a face, in which the nearest known pose is held.
    """

    motion: Motion
    held: list[int] = field(default_factory=list)


def pose_from_file(path: str | Path, fps: Fraction, *, most: int | None = None) -> ReferencePose:
    """Read a Motion file, resampled to ``fps``, of which ``most`` frames are taken at most."""
    return ReferencePose(Motion.load(path).resampled(fps, most=most))


def pose_from_video(path: str | Path, fps: Fraction, *, most: int | None = None) -> ReferencePose:
    """Track the most visible face of a video and fit its motion.

    Args:
        path: Any video that can be read.
        fps: Frames a second of the result.
        most: Look at so many frames at most.

    Raises:
        InputError: If the file is no video.
        FaceNotFound: If no frame shows a face.
    """
    count = 0

    def counted(frames: Iterable[NDArray[np.uint8]]) -> Iterator[NDArray[np.uint8]]:
        nonlocal count
        for frame in frames:
            count += 1
            yield frame

    with VideoReader(path, fps=fps) as reader:
        try:
            tracks = track_faces(
                counted(islice(reader, most)), detector=CenterFace(), landmarker=LandmarkNet(),
                patience=round(PATIENCE_SECONDS * fps),
            )  # fmt: skip
        except FaceNotFound as error:
            raise FaceNotFound(
                f"no face in the pose video {path}",
                fix="give a video of a person seen from the front",
            ) from error
    points, seen = joined(tracks, count)
    # each frame takes the last known face before it, the first frames take the first one
    latest = np.maximum.accumulate(np.where(seen, np.arange(count), -1))
    order = np.where(latest < 0, np.flatnonzero(seen)[0], latest)
    return ReferencePose(fit_track(points[order], fps), np.flatnonzero(~seen).tolist())


def joined(
    tracks: Sequence[FaceTrack], count: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Lay tracks on one time line; where two people are seen, the more visible one is kept.

    Args:
        tracks: The most visible person first; a cut in the video begins a new track.
        count: Frames of the video.

    Returns:
        Landmarks ``(count, 478, 2)`` px and whether each frame shows a face, ``(count,)``.
    """
    points = np.full((count, *tracks[0].landmarks().shape[1:]), np.nan, np.float32)
    for track in tracks:
        place = points[track.start : track.start + len(track)]
        own = track.landmarks()
        free = np.isnan(place).any((1, 2)) & ~np.isnan(own).any((1, 2))
        place[free] = own[free]
    return points, np.asarray(~np.isnan(points).any((1, 2)))


def fit_track(points: NDArray[np.float32], fps: Fraction) -> Motion:
    """Fit the motion of one person's landmarks ``(T, 478, 2)`` px under one crop for all frames."""
    crop = CropBox.from_landmarks(np.median(points, axis=0))
    inside = np.stack([crop.to_crop(frame, 1) for frame in points])
    return fit_landmarks(inside, HeadModel.load(), Camera.of_crop(1), fps=fps).motion
