"""Shot: a stretch of a clip in memory, with the landmarks that forgeries are made by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from shared.data.clip import Clip
from shared.data.manifest import Manifest
from shared.errors import FaceNotFound, InputError
from shared.face.detector import CenterFace
from shared.face.landmarks import LandmarkNet
from shared.face.points import points68
from shared.face.tracks import fill_gaps, track_faces
from shared.media.audio import RATE, read_audio
from shared.media.video import VideoReader

Image = NDArray[np.uint8]

SHORTEST = 8
"""Frames; with fewer there is no motion to speak of and nothing to choose from."""


@dataclass(frozen=True, eq=False)
class Shot:
    """One person, alone, through some frames.

    Attributes:
        clip: The row that it comes from.
        frames: ``(T, H, W, 3)`` uint8 RGB.
        landmarks: ``(T, 68, 2)`` px, the iBUG points.
        sound: Mono float32 at 16 kHz, as long as the frames; empty if the clip has none.
    """

    clip: Clip
    frames: Image
    landmarks: NDArray[np.float32]
    sound: NDArray[np.float32]

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.frames)

    @property
    def size(self) -> tuple[int, int]:
        """(width, height), px."""
        return self.frames.shape[2], self.frames.shape[1]

    @property
    def span(self) -> float:
        """Distance of the eyes' outer corners, px, median over time: the unit of every margin and feather."""
        eyes = self.landmarks[:, 45] - self.landmarks[:, 36]
        return float(np.median(np.linalg.norm(eyes, axis=-1)))


@dataclass(frozen=True, eq=False)
class Cast:
    """Who takes part in a forgery.

    Attributes:
        target: What is forged.
        own: Other shots of the same person.
        others: Shots of other people of the same split.
    """

    target: Shot
    own: Sequence[Shot] = ()
    others: Sequence[Shot] = ()


@dataclass(frozen=True, eq=False)
class Forged:
    """A forgery and where it is.

    Attributes:
        frames: ``(T, H, W, 3)`` uint8 RGB.
        masks: ``(T, H, W)`` uint8, 255 times the share of the foreign picture in each pixel; 0 is untouched.
        sound: As in :class:`Shot`.
        donors: The clips of other people that took part.
    """

    frames: Image
    masks: NDArray[np.uint8]
    sound: NDArray[np.float32]
    donors: tuple[Clip, ...] = ()


def read_shot(manifest: Manifest, clip: Clip, longest: int = 125) -> Shot:
    """Read the first ``longest`` frames of a clip with its landmarks: the known ones, else found ones.

    Raises:
        InputError: If the clip has no video, is shorter than 8 frames, or cannot be decoded.
        FaceNotFound: If nobody is in all of its frames.
    """
    if not clip.video:
        raise InputError(f"clip {clip.id} has no video")
    with VideoReader(manifest.path(clip.video)) as reader:
        frames = list(islice(reader, longest))
    points = manifest.truth(clip).landmarks if clip.truth else _found_landmarks(frames)
    count = min(len(frames), len(points))
    if count < SHORTEST:
        raise InputError(f"clip {clip.id} is too short", found=count, expected=f">= {SHORTEST}")
    sound = np.zeros(0, np.float32)
    if clip.audio:
        wanted = round(count / clip.rate * RATE)
        heard = read_audio(manifest.path(clip.audio))[:wanted]
        sound = np.pad(heard, (0, wanted - len(heard)))
    return Shot(clip, np.stack(frames[:count]), np.asarray(points[:count], np.float32), sound)


@cache
def _finders() -> tuple[CenterFace, LandmarkNet]:
    """Load the networks once a process."""
    return CenterFace(), LandmarkNet()


def _found_landmarks(frames: Sequence[Image]) -> NDArray[np.float32]:
    """Find the landmarks ``(T, 68, 2)`` of the one person who is there from first to last frame."""
    detector, landmarker = _finders()
    tracks = track_faces(frames, detector=detector, landmarker=landmarker, which="largest")
    track = fill_gaps(tracks[0])
    if track.start > 0 or len(track) < len(frames):
        raise FaceNotFound("the face is not in all frames", found=f"{len(track)} of {len(frames)}")
    return points68(track.landmarks())
