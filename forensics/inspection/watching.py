"""A picture or a video of any length as face crops with the numbers of their people; nothing is kept.

file -> frames at the rate of the settings -> tracks -> a square crop a face
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from forensics.inspection.settings import Settings
from shared.errors import InputError
from shared.face.crop import CropBox
from shared.face.detector import (
    CENTERFACE_SHA256,
    SMALLEST_FACE,
    CenterFace,
    Face,
    FaceDetector,
    Image,
)
from shared.face.landmarks import TASK_SHA256, Landmarker, LandmarkNet
from shared.face.tracks import FaceTracker
from shared.media.image import count_pictures, picture_kind, read_image
from shared.media.video import VideoInfo, VideoReader, probe

_LOOK_EVERY = 1.0
_PATIENCE = 2.0
"""Seconds between two looks for new faces, and until a face that was lost is given up."""
_SHORT, _SHORT_SHARE = 1.0, 0.02
"""Seconds, and share of the length, by which pictures may end before the file says so: sound often lasts longer."""
_LONGEST_STILL = 10
"""Seconds after which a picture that stands still tells nothing new. Ours."""


@dataclass(frozen=True)
class Eyes:
    """What finds faces.

    Attributes:
        detector: Finds them.
        landmarker: Finds their 478 landmarks.
        fingerprint: Name -> SHA-256 of their weights.
    """

    detector: FaceDetector
    landmarker: Landmarker
    fingerprint: dict[str, str] = field(default_factory=dict)

    @classmethod
    def usual(cls) -> Eyes:
        """Return the toolkit's own.

        Raises:
            MissingExtra: If a package that carries their weights is missing.
            WeightsError: If the weights are not the expected ones.
        """
        known = {"face detector": CENTERFACE_SHA256, "face landmarks": TASK_SHA256}
        return cls(CenterFace(), LandmarkNet(), known)


@dataclass(frozen=True, eq=False)
class Sight:
    """One face in one frame.

    Attributes:
        person: Number of its track, from 0.
        time: Seconds from the start.
        box: XYXY of its landmarks, px of the frame.
        crop: ``(S, S, 3)`` uint8 RGB.
        points: ``(478, 2)`` landmarks, px of the crop.
    """

    person: int
    time: float
    box: NDArray[np.float32]
    crop: Image
    points: NDArray[np.float64]


@dataclass
class Watch:
    """What was seen besides the faces, while it is iterated.

    Attributes:
        path: The file.
        settings: How it is looked at.
        eyes: What finds faces.
        size: Side of the crops, px.
        frames: Frames looked at.
        rate: Frames a second; 0 for a picture.
        crowd: Most faces in a frame, 32 px or more, that were left out because larger ones were followed.
        damaged: Packets and frames that could not be decoded.
        seconds: How long the file lasts, as it tells and as it was seen; 0 for a picture.
        unseen: Sentences on parts of the file that were not seen.
        facts: Size, rate and the like, as the file tells them.
    """

    path: Path
    settings: Settings
    eyes: Eyes
    size: int
    frames: int = 0
    rate: Fraction = Fraction(0)
    crowd: int = 0
    damaged: int = 0
    seconds: float = 0.0
    unseen: list[str] = field(default_factory=list)
    facts: dict[str, str | int | float | bool | None] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Sight]:
        """Yield every face of every frame that is looked at.

        Raises:
            InputError: If the file is missing, damaged, or neither picture nor video.
            LimitExceeded: If its frames are too large.
        """
        largest = _Largest(self.eyes.detector, self.settings.people)
        if picture_kind(self.path) is not None:
            frame = read_image(self.path)
            self.facts = {"kind": "picture", "width": frame.shape[1], "height": frame.shape[0]}
            if (pictures := count_pictures(self.path)) > 1:
                self.unseen.append(
                    f"Only the first of the {pictures} pictures of this animation or stack was examined."
                )
            yield from self._seen(iter([(0.0, frame)]), self._tracker(largest, Fraction(1)))
        else:
            yield from self._video(largest)
        self.crowd = largest.left_out

    def _video(self, detector: FaceDetector) -> Iterator[Sight]:
        info = probe(self.path)
        self.rate = self.settings.rate(info.duration)
        self.facts = {
            "kind": "video", "width": info.width, "height": info.height, "fps": str(info.fps),
            "declared frames": info.frames, "declared seconds": info.duration,
            "rotation": info.rotation, "variable rate": info.variable_rate,
            "audio": info.has_audio,
        }  # fmt: skip
        few = self.settings.frames if info.duration else None
        with VideoReader(self.path, fps=self.rate) as reader:
            frames = reader.spread(few) if few else reader.timed(hold=Fraction(_LONGEST_STILL))
            yield from self._seen(frames, self._tracker(detector, self.rate))
            self.damaged = reader.damaged
        if not self.frames:
            raise InputError(f"{self.path} holds no frame that can be decoded")
        self.seconds = max(info.duration or 0.0, reader.reached)
        self.unseen += _unseen(info, reader, 1 / self.rate if few else Fraction(0))

    def _tracker(self, detector: FaceDetector, rate: Fraction) -> FaceTracker:
        return FaceTracker(
            detector, self.eyes.landmarker, detect_every=max(1, round(rate * _LOOK_EVERY)),
            patience=max(1, round(rate * _PATIENCE)), keep_faces=False,
        )  # fmt: skip

    def _seen(self, frames: Iterator[tuple[float, Image]], tracker: FaceTracker) -> Iterator[Sight]:
        before, begun = None, 0.0
        for time, frame in frames:
            if before is None or not np.array_equal(frame, before):
                before, begun = frame, time
            if time - begun > _LONGEST_STILL:
                continue
            self.frames += 1
            tracker.add(frame)
            for person, face in tracker.seen:
                if (sight := self._cut(person, time, frame, face)) is not None:
                    yield sight

    def _cut(self, person: int, time: float, frame: Image, face: Face) -> Sight | None:
        """Return the face's crop; None where its landmarks frame nothing."""
        if face.landmarks is None:
            return None
        try:
            square = CropBox.of_extent(face.landmarks, self.settings.margin)
        except InputError:
            return None
        if square.side < 1:
            return None
        points = np.asarray(square.to_crop(face.landmarks, self.size), np.float64)
        return Sight(person, time, face.box, square.cut(frame, self.size), points)


def _unseen(info: VideoInfo, reader: VideoReader, step: Fraction) -> Iterator[str]:
    """Tell which parts of a video were not seen.

    Args:
        info: What the file tells of itself.
        reader: That has read it.
        step: From one frame that was looked at to the next, seconds; 0 where all were decoded.
    """
    if info.videos > 1:
        yield f"Only the first of the file's {info.videos} tracks of moving pictures was examined."
    declared, reached = info.duration or 0.0, reader.reached
    if declared - reached > max(_SHORT, _SHORT_SHARE * declared) + float(step):
        yield (
            f"The file says that it lasts {declared:.1f} s, but its pictures could be read up to {reached:.1f} s only: "
            "the rest is missing, damaged, or was never there."
        )
    if reader.goes_on:
        yield f"The file goes on after the {declared:.1f} s that it says it lasts; the rest was not examined."


class _Largest:
    """A detector's largest faces, so that a crowd costs no more than a few people."""

    def __init__(self, detector: FaceDetector, most: int) -> None:
        self.detector, self.most, self.left_out = detector, most, 0

    def detect(self, image: Image) -> list[Face]:
        found = self.detector.detect(image)
        others = sum(face.size >= SMALLEST_FACE for face in found[self.most :])
        self.left_out = max(self.left_out, others)
        return found[: self.most]
