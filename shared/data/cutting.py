"""One video of footage -> clips: a face that stays in a fixed square, its sound, its fitted Motion.

    video at 25 fps -> face tracks -> pieces without gaps, cuts or company -> fixed square crop
      -> mp4 (crop), flac (16 kHz), npz (Truth: Motion, identity, landmarks)

Everything that is not used is named with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.data.clip import Clip, Truth
from shared.data.footage import Footage
from shared.errors import AudioMissing, FaceNotFound, InputError, LimitExceeded, ToolkitError
from shared.face.camera import Camera
from shared.face.crop import CropBox
from shared.face.detector import FaceDetector
from shared.face.fitting import fit_landmarks
from shared.face.head_model import HeadModel
from shared.face.landmarks import Landmarker
from shared.face.points import points68
from shared.face.tracks import FaceTrack, fill_gaps, track_faces
from shared.media.audio import RATE, is_silent, read_audio, write_audio
from shared.media.video import VideoReader, VideoWriter

BRIDGED = 5
"""Frames; a gap up to this long is crossed in a straight line, a longer one ends the piece."""

COMPANY = 0.25
"""Somebody else whose face has this share of the main face's area makes a scene of two."""

ROOM = 1.25
"""A crop may grow by this factor to hold a head that moves; more than that is left out."""

MISFIT = 0.1
"""Mean residual of the fit, in outer-eye distances, above which Motion is not believed."""


@dataclass(frozen=True)
class CutSettings:
    """What decides which clips come out.

    Attributes:
        fps: Frames a second of the clips.
        size: Side of the clips, px.
        shortest: Seconds; shorter pieces are left out.
        longest: Seconds; longer pieces are cut into equal parts.
        smallest: Least side of the face's box in the video, px.
        licence: Written into every clip.
    """

    fps: Fraction = Fraction(25)
    size: int = 256
    shortest: float = 2.0
    longest: float = 10.0
    smallest: float = 64.0
    licence: str = ""

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.fps <= 0 or self.size < 16 or self.smallest < 1:
            raise InputError(
                "fps, size or smallest is out of range", found=(self.fps, self.size, self.smallest)
            )
        if not 1 / self.fps <= self.shortest <= self.longest:
            raise InputError(
                "clip lengths are out of range",
                found=(self.shortest, self.longest),
                expected="shortest <= longest",
            )


@dataclass(frozen=True)
class LeftOut:
    """A stretch of footage that became no clip.

    Attributes:
        source: The video's path below the footage's folder.
        reason: In two or three words: ``no face``, ``too short``, ``several faces``, ...
        detail: What was found.
        start: Seconds, or None for the whole video.
        end: Seconds, or None.
    """

    source: str
    reason: str
    detail: str = ""
    start: float | None = None
    end: float | None = None


@dataclass(frozen=True)
class Outcome:
    """What became of one video."""

    clips: list[Clip] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)


@dataclass(frozen=True)
class Tools:
    """The networks and models that a process loads once."""

    detector: FaceDetector
    landmarker: Landmarker
    model: HeadModel


@dataclass(frozen=True, eq=False)
class _Plan:
    """A clip that is known to be usable and only has to be written."""

    clip: Clip
    start: int
    crop: CropBox
    truth: Truth
    sound: NDArray[np.float32]


class _Unusable(Exception):
    """A piece becomes no clip, for a reason."""

    def __init__(self, reason: str, detail: str = "") -> None:
        self.reason, self.detail = reason, detail
        super().__init__(reason)


def cut_footage(
    footage: Footage, source: str, split: str, out: Path, settings: CutSettings, tools: Tools
) -> Outcome:
    """Turn one video into clips below ``out/clips``.

    Args:
        footage: The video, its sound and its person.
        source: How the video is named in the results.
        split: The split of its person.
        out: The manifest's folder.
        settings: What decides which clips come out.
        tools: Networks and models.

    Returns:
        The clips, and every stretch that became none with its reason; a file that cannot be used at all is such a
        stretch, not an error.

    Raises:
        OutputError: If the clips cannot be written.
    """
    try:
        sound = read_audio(footage.audio)
        reader = VideoReader(footage.path, fps=settings.fps)
        with reader:
            tracks = track_faces(reader, detector=tools.detector, landmarker=tools.landmarker)
    except (InputError, AudioMissing, FaceNotFound, LimitExceeded) as error:
        return Outcome(left_out=[LeftOut(source, _REASONS[type(error)], str(error))])
    outcome = Outcome()
    plans = []
    for track, problem in _pieces(tracks, settings):
        try:
            if problem is not None:
                raise problem
            plans.append(_planned(footage, source, split, track, sound, settings, tools.model))
        except _Unusable as why:
            start, end = (float(t / settings.fps) for t in (track.start, track.start + len(track)))
            outcome.left_out.append(LeftOut(source, why.reason, why.detail, start, end))
    _write(footage, plans, out, settings)
    outcome.clips.extend(plan.clip for plan in plans)
    return outcome


_REASONS: dict[type[ToolkitError], str] = {
    InputError: "unreadable",
    AudioMissing: "no audio",
    FaceNotFound: "no face",
    LimitExceeded: "too large",
}


def _pieces(
    tracks: Sequence[FaceTrack], settings: CutSettings
) -> Iterator[tuple[FaceTrack, _Unusable | None]]:
    """Give every stretch of every track: without gaps and disjoint if usable, else with what is wrong."""
    free_from = 0
    for track in sorted(tracks, key=lambda track: track.start):
        problem = _alone_and_large(track, tracks, settings.smallest)
        if problem is not None:
            yield track, problem
            continue
        for run, lost in _runs(track):
            if lost:
                yield run, _Unusable("tracking lost", f"{len(run)} frames")
                continue
            late = max(0, free_from - run.start)
            for part in _parts(FaceTrack(run.start + late, run.faces[late:]), settings):
                seconds = float(len(part) / settings.fps)
                short = seconds < settings.shortest
                yield part, _Unusable("too short", f"{seconds:.2f} s") if short else None
            free_from = run.start + len(run)


def _alone_and_large(
    track: FaceTrack, tracks: Sequence[FaceTrack], smallest: float
) -> _Unusable | None:
    """Return what is wrong with a track's size or company."""
    sizes = [face.size for face in track.faces if face is not None]
    if np.median(sizes) < smallest:
        return _Unusable("face too small", f"{np.median(sizes):.0f} px, needs {smallest:.0f} px")
    end, area = track.start + len(track), track.area / len(sizes)
    for other in tracks:
        together = min(end, other.start + len(other)) - max(track.start, other.start)
        seen = max(1, round(other.seen * len(other)))
        if (
            other is not track
            and together > 0.1 * len(track)
            and other.area / seen > COMPANY * area
        ):
            return _Unusable("several faces", f"together for {together} frames")
    return None


def _runs(track: FaceTrack) -> Iterator[tuple[FaceTrack, bool]]:
    """Split a track at its long gaps and fill the short ones; give each stretch and whether it is a gap."""
    at = 0
    long_gaps = [gap for gap in track.gaps if gap[1] - gap[0] > BRIDGED]
    for first, end in [*long_gaps, (len(track), len(track))]:
        yield fill_gaps(FaceTrack(track.start + at, track.faces[at:first])), False
        if end > first:
            yield FaceTrack(track.start + first, track.faces[first:end]), True
        at = end


def _parts(track: FaceTrack, settings: CutSettings) -> Iterator[FaceTrack]:
    """Cut a long track into equal parts."""
    count = max(1, -(-len(track) // max(1, round(settings.longest * settings.fps))))
    edges = np.linspace(0, len(track), count + 1).round().astype(int)
    for start, end in pairwise(edges.tolist()):
        if end > start:
            yield FaceTrack(track.start + start, track.faces[start:end])


def _planned(
    footage: Footage,
    source: str,
    split: str,
    track: FaceTrack,
    sound: NDArray[np.float32],
    settings: CutSettings,
    model: HeadModel,
) -> _Plan:
    """Frame a piece, fit the head model to it and cut its sound."""
    fps, size = settings.fps, settings.size
    points = track.landmarks()
    crop = _fixed_crop(points)
    own = _between(sound, track.start / fps, (track.start + len(track)) / fps)
    if is_silent(own):
        raise _Unusable("silent")
    inside = crop.to_crop(points.astype(np.float64), size)
    camera = Camera.of_crop(size)
    fit = fit_landmarks(inside, model, camera, fps=fps, blendshapes=track.blendshapes())
    misfit = float(fit.residual.mean())
    if not misfit <= MISFIT:
        raise _Unusable("face cannot be fitted", f"residual {misfit:.3f}, at most {MISFIT}")
    name = f"{footage.id}-{track.start:06d}"
    truth = Truth(
        motion=fit.motion,
        identity=fit.identity,
        camera=np.array([camera.focal, *camera.center], np.float32),
        landmarks=points68(inside),
    )
    clip = Clip(
        id=name,
        kind="speaking",
        split=split,
        person=footage.person,
        voice=footage.person,
        video=f"clips/{name}.mp4",
        audio=f"clips/{name}.flac",
        truth=f"clips/{name}.npz",
        fps=str(fps),
        frames=len(track),
        size=(size, size),
        licence=settings.licence,
        source=source,
        extra={
            "start": round(float(track.start / fps), 3),
            "crop": [round(float(value), 2) for value in (*crop.center, crop.side)],
            "residual": round(misfit, 4),
        },
    )
    return _Plan(clip, track.start, crop, truth, own)


def _fixed_crop(points: NDArray[np.float32]) -> CropBox:
    """Return the one square for a piece's landmarks ``(T, 478, 2)``: of the median place and size."""
    boxes = np.array([(*box.center, box.side) for box in map(CropBox.from_landmarks, points)])
    x, y, side = np.median(boxes, axis=0)
    reach = np.abs(points68(points) - np.array([x, y])).max()
    growth = max(1.0, float(reach) * 2 / 0.9 / side)
    if growth > ROOM:
        raise _Unusable("head moves too far", f"needs {growth:.2f} of the crop, at most {ROOM}")
    return CropBox((float(x), float(y)), float(side * growth))


def _between(sound: NDArray[np.float32], start: Fraction, end: Fraction) -> NDArray[np.float32]:
    """Return the samples from start to end, seconds; silence where the recording has ended."""
    first, last = round(start * RATE), round(end * RATE)
    part = sound[first:last]
    return np.pad(part, (0, last - first - len(part)))


def _write(footage: Footage, plans: Sequence[_Plan], out: Path, settings: CutSettings) -> None:
    """Write the clips in one pass over the video; the plans are disjoint and in order."""
    if not plans:
        return
    (out / "clips").mkdir(parents=True, exist_ok=True)
    size = (settings.size, settings.size)
    with VideoReader(footage.path, fps=settings.fps) as reader:
        frames, at = iter(reader), 0
        for plan in plans:
            end = plan.start + plan.clip.frames
            video = out / plan.clip.video
            with VideoWriter(video, settings.fps, size, audio=(plan.sound, RATE)) as writer:
                for frame in islice(frames, plan.start - at, end - at):
                    writer.write(plan.crop.cut(frame, settings.size))
            write_audio(out / plan.clip.audio, plan.sound)
            plan.truth.save(out / plan.clip.truth)
            at = end
