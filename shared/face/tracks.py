"""People followed through a video: one track a person, with its gaps marked.

    frame t -> landmarks from the landmarks of frame t - 1     (one network pass a person)
            -> detector every N frames, and whenever a face was lost
            -> detections are given to tracks by overlap; what is left over begins a new track
    a cut between shots ends every track

Only boxes, landmarks and face units are kept; a frame is gone when the next one is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.errors import FaceNotFound, InputError
from shared.face.detector import SMALLEST_FACE, Face, FaceDetector, Image
from shared.face.landmarks import PRESENT, Landmarker, Landmarks

SAME = 0.3
"""Overlap (intersection over union) from which a detection and a track are the same face."""

CUT = 0.12
"""Mean absolute difference of two 32 x 32 grey thumbnails, in [0, 1], from which a new shot begins."""

_IDLE = 5
"""Frames between two detections while nobody is followed."""

TrackChoice = Literal["all", "largest"] | int | tuple[float, float]


@dataclass(frozen=True, eq=False)
class FaceTrack:
    """One person in one shot.

    Attributes:
        start: Number of the first frame, from 0.
        faces: One a frame from ``start`` on; None where the face was not seen.
    """

    start: int
    faces: tuple[Face | None, ...]

    def __len__(self) -> int:
        """Return the number of frames, gaps included."""
        return len(self.faces)

    @property
    def gaps(self) -> tuple[tuple[int, int], ...]:
        """Runs of frames without a face, as (first, one past the last), counted from ``start``.

        Example:
            >>> face = Face(np.zeros(4, np.float32), 1.0)
            >>> FaceTrack(10, (face, None, None, face)).gaps
            ((1, 3),)
        """
        runs = groupby(enumerate(self.faces), key=lambda pair: pair[1] is None)
        places = [[index for index, _ in run] for missing, run in runs if missing]
        return tuple((place[0], place[-1] + 1) for place in places)

    @property
    def seen(self) -> float:
        """Share of frames in which the face was seen."""
        return sum(face is not None for face in self.faces) / len(self.faces)

    @property
    def area(self) -> float:
        """Sum over the frames of the box's area, px²: how much of the video is this person."""
        return sum(face.area for face in self.faces if face is not None)

    def landmarks(self) -> NDArray[np.float32]:
        """Return ``(T, L, 2)`` px, NaN in the gaps."""
        return self._stacked("landmarks")

    def blendshapes(self) -> NDArray[np.float32]:
        """Return ``(T, 52)``, NaN in the gaps."""
        return self._stacked("blendshapes")

    def boxes(self) -> NDArray[np.float32]:
        """Return ``(T, 4)`` XYXY px, NaN in the gaps."""
        return self._stacked("box")

    def _stacked(self, name: str) -> NDArray[np.float32]:
        first = next((getattr(face, name) for face in self.faces if face is not None), None)
        if first is None:
            raise InputError(
                f"this track has no {name}", fix="track with a landmarker that gives them"
            )
        empty = np.full_like(first, np.nan)
        return np.stack([empty if face is None else getattr(face, name) for face in self.faces])


@dataclass(eq=False)
class _Open:
    """A track that is still being followed."""

    start: int
    number: int = 0
    faces: list[Face | None] = field(default_factory=list)
    missing: int = 0

    @property
    def last(self) -> Face:
        return next(face for face in reversed(self.faces) if face is not None)

    def add(self, face: Face | None, *, keep: bool = True) -> None:
        if keep:
            self.faces.append(face)
        elif face is not None:
            self.faces = [face]
        self.missing = 0 if face is not None else self.missing + 1

    def closed(self) -> FaceTrack:
        return FaceTrack(self.start, tuple(self.faces[: len(self.faces) - self.missing]))


class FaceTracker:
    """Follows every face, frame by frame; :func:`track_faces` is the loop round it.

    Args:
        detector: Finds faces.
        landmarker: Finds their landmarks.
        detect_every: Frames between two detections while nobody is lost.
        patience: Frames after which a lost face's track ends.
        shortest: Tracks shorter than this, in frames, are dropped.
        smallest: Least side of a face's box, px.
        keep_faces: False remembers only the latest face of each track, so that memory does not grow with the video;
            :meth:`finish` then returns no tracks, and :attr:`seen` is read after each frame.
    """

    def __init__(
        self,
        detector: FaceDetector,
        landmarker: Landmarker,
        *,
        detect_every: int = 25,
        patience: int = 25,
        shortest: int = 5,
        smallest: float = SMALLEST_FACE,
        keep_faces: bool = True,
    ) -> None:
        if min(detect_every, patience, shortest) < 1:
            raise InputError("detect_every, patience and shortest count frames from 1")
        self.detector, self.landmarker = detector, landmarker
        self.detect_every, self.patience = detect_every, patience
        self.shortest, self.smallest = shortest, smallest
        self.keep_faces = keep_faces
        self._begun = 0
        self._open: list[_Open] = []
        self._done: list[FaceTrack] = []
        self._count = 0
        self._thumbnail: NDArray[np.float32] | None = None

    def add(self, frame: Image) -> None:
        """Follow the faces into the next frame, uint8 RGB ``(H, W, 3)``."""
        cut = self._is_cut(frame)
        if cut:
            self._close(self._open)
        here = [self._followed(frame, track) for track in self._open]
        idle = not here and (cut or self._count % _IDLE == 0)
        if idle or None in here or self._count % self.detect_every == 0:
            self._look(frame, here)
        for track, face in zip(self._open, here, strict=True):
            track.add(face, keep=self.keep_faces)
        self._close([track for track in self._open if track.missing > self.patience])
        self._close(self._doubles())
        self._count += 1

    @property
    def seen(self) -> tuple[tuple[int, Face], ...]:
        """The faces of the latest frame, each with the number of its track; tracks are counted from 0 as they begin."""
        return tuple((track.number, track.last) for track in self._open if not track.missing)

    def finish(self) -> list[FaceTrack]:
        """End all tracks and return those that are long enough, the most visible person first."""
        self._close(self._open)
        return sorted(self._done, key=lambda track: track.area, reverse=True)

    def _followed(self, frame: Image, track: _Open) -> Face | None:
        """Return the track's face in this frame, found from the landmarks of the frame before."""
        if track.missing or track.last.landmarks is None:
            return None
        found = self.landmarker(frame, track.last.landmarks)
        face = found.as_face()
        still = found.presence >= PRESENT and overlap(face.box, track.last.box) >= SAME
        return face if still and _inside(found, frame) else None

    def _look(self, frame: Image, here: list[Face | None]) -> None:
        """Detect faces; give them to lost tracks by overlap, and begin tracks with the rest."""
        free = [face for face in self.detector.detect(frame) if face.size >= self.smallest]
        free = [
            face for face in free if not any(overlap(face.box, h.box) >= SAME for h in here if h)
        ]
        for index, track in enumerate(self._open):
            best = max(free, key=lambda face: overlap(face.box, track.last.box), default=None)
            if here[index] is not None or best is None or overlap(best.box, track.last.box) < SAME:
                continue
            free = [face for face in free if face is not best]
            here[index] = self._confirmed(frame, best)
        for face in free:
            if (found := self._confirmed(frame, face)) is not None:
                self._open.append(_Open(self._count, self._begun))
                self._begun += 1
                here.append(found)

    def _confirmed(self, frame: Image, face: Face) -> Face | None:
        """Return the detection with its landmarks, or None if the landmark network sees no face there."""
        found = self.landmarker(frame, face)
        return found.as_face() if found.presence >= PRESENT else None

    def _doubles(self) -> list[_Open]:
        """Return the younger ones of tracks that have come to follow the same face."""
        seen = [track for track in self._open if not track.missing]
        return [
            younger
            for place, younger in enumerate(seen)
            if any(overlap(older.last.box, younger.last.box) > 0.7 for older in seen[:place])
        ]

    def _is_cut(self, frame: Image) -> bool:
        """Tell whether this frame begins a new shot, and remember it."""
        grey = cv2.cvtColor(
            cv2.resize(frame, (32, 32), interpolation=cv2.INTER_AREA), cv2.COLOR_RGB2GRAY
        )
        thumbnail = np.asarray(grey, np.float32) / 255.0
        before, self._thumbnail = self._thumbnail, thumbnail
        return before is not None and float(np.abs(thumbnail - before).mean()) > CUT

    def _close(self, tracks: Sequence[_Open]) -> None:
        ended = [track.closed() for track in tracks] if self.keep_faces else []
        self._open = [track for track in self._open if track not in list(tracks)]
        self._done += [track for track in ended if len(track) >= self.shortest]


def track_faces(
    frames: Iterable[Image],
    *,
    detector: FaceDetector,
    landmarker: Landmarker,
    which: TrackChoice = "all",
    detect_every: int = 25,
    patience: int = 25,
) -> list[FaceTrack]:
    """Follow the people of a video.

    Args:
        frames: uint8 RGB ``(H, W, 3)``, one after another; never held together.
        detector: Finds faces.
        landmarker: Finds their landmarks.
        which: ``"all"``, ``"largest"`` (the most visible person), a place in that order, or a point (x, y) px
            that lies in the person's box when the track begins.
        detect_every: Frames between two detections while nobody is lost.
        patience: Frames after which a lost face's track ends.

    Returns:
        The tracks, the most visible person first; a person has one track for each shot.

    Raises:
        FaceNotFound: If nobody, or not the chosen person, was found.
    """
    tracker = FaceTracker(detector, landmarker, detect_every=detect_every, patience=patience)
    for frame in frames:
        tracker.add(frame)
    return _chosen(tracker.finish(), which)


def _chosen(tracks: list[FaceTrack], which: TrackChoice) -> list[FaceTrack]:
    """Return the tracks that ``which`` names."""
    if not tracks:
        raise FaceNotFound("no face in the video", fix="use a sharper, closer video")
    if which == "all":
        return tracks
    if isinstance(which, tuple):
        x, y = which
        held = [t for t in tracks if t.faces[0] is not None and _holds(t.faces[0].box, x, y)]
        if not held:
            raise FaceNotFound(
                f"nobody is at ({x:.0f}, {y:.0f})", found=f"{len(tracks)} tracks elsewhere"
            )
        return held
    place = 0 if which == "largest" else which
    if not 0 <= place < len(tracks):
        raise FaceNotFound(f"there is no track number {place}", found=f"{len(tracks)} tracks")
    return [tracks[place]]


def fill_gaps(
    track: FaceTrack, policy: Literal["hold", "interpolate"] = "interpolate"
) -> FaceTrack:
    """Return the track without gaps.

    Args:
        track: With a face in its first frame, as :func:`track_faces` gives it.
        policy: ``"hold"`` repeats the face before the gap; ``"interpolate"`` goes in a straight line from the
            face before to the face after it.
    """
    faces = list(track.faces)
    for first, end in track.gaps:
        before = faces[first - 1] if first else None
        after = faces[end] if end < len(faces) else None
        if before is None or after is None:
            raise InputError(
                "a track must begin and end with a face", fix="cut the gap off at its ends"
            )
        for index in range(first, end):
            share = (index - first + 1) / (end - first + 1) if policy == "interpolate" else 0.0
            faces[index] = _between(before, after, share)
    return FaceTrack(track.start, tuple(faces))


def _between(before: Face, after: Face, share: float) -> Face:
    """Return the face on the way from one to another; its score is 0, for it was not seen."""

    def mixed(
        a: NDArray[np.float32] | None, b: NDArray[np.float32] | None
    ) -> NDArray[np.float32] | None:
        return (
            None if a is None or b is None else np.asarray((1 - share) * a + share * b, np.float32)
        )

    box = np.asarray((1 - share) * before.box + share * after.box, np.float32)
    points = mixed(before.landmarks, after.landmarks)
    return Face(box, 0.0, points, mixed(before.blendshapes, after.blendshapes))


def overlap(a: NDArray[np.floating], b: NDArray[np.floating]) -> float:
    """Return the intersection over union of two XYXY boxes.

    Example:
        >>> overlap(np.array([0.0, 0, 2, 2]), np.array([1.0, 0, 3, 2]))
        0.3333333333333333
    """
    extent = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = float(np.prod(np.maximum(extent, 0)))
    union = float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - shared
    return shared / union if union > 0 else 0.0


def _holds(box: NDArray[np.floating], x: float, y: float) -> bool:
    return bool(box[0] <= x <= box[2] and box[1] <= y <= box[3])


def _inside(found: Landmarks, frame: Image) -> bool:
    """Tell whether the middle of the face is in the picture."""
    x, y = found.points.mean(axis=0)
    return bool(0 <= x < frame.shape[1] and 0 <= y < frame.shape[0])
