"""Whose face is it? Every source with every pose video and every voice, drawn, and fitted anew.

OPT's claim is "no identity mismatch": the face of the result is the source's, whoever lends the pose
or the voice. Measured on drawn pictures, not on coefficients::

    source photo x pose video x voice -> driver -> renderer -> frames -> landmarks -> fit
                                                                  |                    |
                                                            face encoder       face at rest, pose

- share of the variance of the fitted face at rest by source, pose video and voice (three-way sums
  of squares, main effects);
- cosine of face codes with the source's photo and with the person of the pose video;
- difference of the fitted pose to the pose video's true pose, degrees; and the same of the pose
  video's own frames, which is what the fit itself errs.

What the combinations of one source have in common makes them one unit: intervals are over people.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.claims.opt_driven import Array, ClaimRow, claim_row
from shared.data.clip import Clip
from shared.data.manifest import Manifest
from shared.errors import InputError
from shared.face.camera import Camera
from shared.face.crop import CropBox
from shared.face.detector import CenterFace, choose_face
from shared.face.fitting import Fit, fit_landmarks
from shared.face.head_model import HeadModel
from shared.face.identity import IdentityNet
from shared.face.landmarks import LandmarkNet
from shared.media.audio import read_audio
from shared.media.video import VideoReader
from shared.motion import Motion
from synthesis.opt.generator import OptDriver
from synthesis.renderer.generator import Renderer, SourceFace
from synthesis.source import read_source
from synthesis.talking_head import at_rest

Image = NDArray[np.uint8]
AXES = ("pitch", "yaw", "roll")
_FRAMES, _REACH = 6, 38
_EYES = (36, 45)
_FAR = 15.0
"""Degrees of yaw from which likeness is told apart, too."""


@dataclass(frozen=True)
class Seen:
    """What is found in some frames.

    Attributes:
        shape: ``(68 * 3,)`` the fitted face at rest, in interocular distances.
        rotation: ``(F, 3)`` fitted, degrees.
        codes: ``(F, D)`` of the face encoder; ``(F, 0)`` without one.
    """

    shape: Array
    rotation: Array
    codes: Array


@dataclass(frozen=True)
class Lent:
    """A pose video.

    Attributes:
        motion: What its person's head truly does.
        places: ``(F,)`` frames that are looked at.
        frames: Those frames.
    """

    motion: Motion
    places: NDArray[np.integer]
    frames: list[Image]

    @property
    def degrees(self) -> Array:
        """``(F, 3)`` true pitch, yaw and roll of the frames."""
        return np.asarray(np.degrees(self.motion.rotation[self.places]))


class Eyes:
    """Finds, fits and encodes the faces of frames.

    Args:
        encoder: For the likeness, or None.
    """

    def __init__(self, encoder: IdentityNet | None) -> None:
        self._encoder = encoder
        self._detector, self._landmarks, self._model = CenterFace(), LandmarkNet(), HeadModel.load()

    def look(self, frames: Sequence[Image], crop: CropBox | None = None) -> Seen:
        """Return what is seen in frames of one person.

        Args:
            frames: Pictures of one size.
            crop: Whose camera the pose is relative to; by default the first face's own.
        """
        found = [
            self._landmarks(frame, choose_face(self._detector.detect(frame), "largest")).points
            for frame in frames
        ]
        box = crop or CropBox.from_landmarks(found[0])
        points = np.stack([box.to_crop(one, 1) for one in found]).astype(np.float64)
        fit = fit_landmarks(points, self._model, Camera.of_crop(1), smooth=False)
        codes = np.zeros((len(frames), 0))
        if self._encoder is not None:
            pairs = zip(frames, found, strict=True)
            codes = np.stack([self._encoder(frame, one) for frame, one in pairs])
        return Seen(self._at_rest(fit), np.degrees(fit.motion.rotation), codes)

    def _at_rest(self, fit: Fit) -> Array:
        points = self._model.points("68", fit.identity, np.zeros(52, np.float32))
        points = points - points.mean(axis=0)
        return (points / np.linalg.norm(points[_EYES[0]] - points[_EYES[1]])).reshape(-1)


def variance_by(shapes: Array, axis: int) -> float:
    """Return the share of the variance of ``(M, P, A, D)`` that the main effect of an axis explains.

    Example:
        >>> shapes = np.zeros((2, 3, 2, 1))
        >>> shapes[1] = 1.0
        >>> variance_by(shapes, 0), variance_by(shapes, 1)
        (1.0, 0.0)
    """
    grand = shapes.mean(axis=(0, 1, 2))
    others = tuple(other for other in range(3) if other != axis)
    effect = shapes.mean(axis=others) - grand
    count = np.prod([shapes.shape[other] for other in others])
    return float(count * np.square(effect).sum() / np.square(shapes - grand).sum())


def audit(
    driver: OptDriver,
    painter: Renderer,
    people: Manifest,
    voices: Manifest,
    *,
    encoder: IdentityNet | None,
    seed: int = 0,
    sources: int = 12,
    poses: int = 3,
    speakers: int = 3,
) -> list[ClaimRow]:
    """Draw every combination and return the shares, the likeness and the errors of the pose.

    Args:
        driver: Under test.
        painter: Draws the frames.
        people: A corpus with test people who speak on video.
        voices: A corpus with test voices.
        encoder: Of faces, for the likeness; None leaves it out.
        seed: Of the intervals.
        sources: People whose photo is driven, at most.
        poses: Other people whose pose is taken.
        speakers: Voices.

    Raises:
        InputError: If there are too few people.
    """
    filmed = _one_a_person(people)
    eyes = Eyes(encoder)
    if len(filmed) < poses + 2:
        raise InputError(
            "too few test people on video", found=len(filmed),
            expected=f"{poses} who lend a pose and two whose photos are driven",
        )  # fmt: skip
    lent = [_lent(people, clip) for clip in filmed[:poses]]
    photos = [_first_frame(people, clip) for clip in filmed[poses : poses + sources]]
    faces = [read_source(photo) for photo in photos]
    sounds = _one_a_voice(voices, speakers)
    seen = {
        place: eyes.look(
            _drawn(driver, painter, faces[place[0]], lent[place[1]], sounds[place[2]]),
            faces[place[0]].crop,
        )
        for place in product(range(len(faces)), range(len(lent)), range(len(sounds)))
    }
    own = [eyes.look([photo]) for photo in photos]
    others = [(eyes.look(pose.frames), pose.degrees) for pose in lent]
    protocol = (
        f"{len(faces)} test people x {len(lent)} pose videos x {len(sounds)} test voices, "
        f"{_FRAMES} drawn frames each, absolute pose"
    )
    rows = _share_rows(seen, (len(faces), len(lent), len(sounds)), protocol, seed)
    rows += _pose_rows(seen, others, protocol, seed)
    return rows + (_likeness_rows(seen, own, others, protocol, seed) if encoder else [])


Place = tuple[int, int, int]


def _share_rows(
    seen: dict[Place, Seen], shape: tuple[int, int, int], protocol: str, seed: int
) -> list[ClaimRow]:
    """Return the shares of the variance of the fitted face at rest."""
    # In the order of the places: a dict keeps the order in which it was filled.
    shapes = np.stack([one.shape for one in seen.values()]).reshape(*shape, -1)
    return [
        claim_row(
            f"share of the fitted face's variance by {name}", shapes, "person", protocol, seed,
            partial(variance_by, axis=axis),
        )
        for axis, name in enumerate(("source", "pose video", "voice"))
    ]  # fmt: skip


def _pose_rows(
    seen: dict[Place, Seen],
    others: Sequence[tuple[Seen, Array]],
    protocol: str,
    seed: int,
) -> list[ClaimRow]:
    """Return the errors of the pose, of the result and of the fit itself."""
    truth = [degrees for _, degrees in others]
    made = {p: np.abs(s.rotation - truth[p[1]]).mean(axis=0) for p, s in seen.items()}
    floor = [np.abs(s.rotation - t).mean(axis=0) for (s, _), t in zip(others, truth, strict=True)]
    rows = []
    for axis, name in enumerate(AXES):
        for title, values in (
            (f"pose error against the pose video, {name}, degrees", _by_source(made)),
            (f"error of the fit on the pose video itself, {name}, degrees", floor),
        ):
            column = np.array([value[axis] for value in values])
            rows.append(claim_row(title, column, "person", protocol, seed))
    return rows


def _by_source(values: dict[Place, Any]) -> list[Any]:
    """Return the mean over the combinations of each source."""
    sources = sorted({place[0] for place in values})
    return [
        np.mean([value for place, value in values.items() if place[0] == source], axis=0)
        for source in sources
    ]


def _likeness_rows(
    seen: dict[Place, Seen],
    own: Sequence[Seen],
    others: Sequence[tuple[Seen, Array]],
    protocol: str,
    seed: int,
) -> list[ClaimRow]:
    """Return how alike the result's face is to the source's and to the pose video's person."""
    far = {p: np.abs(others[p[1]][1][:, 1]) > _FAR for p in seen}
    source = {p: s.codes @ own[p[0]].codes[0] for p, s in seen.items()}
    lender = {p: np.sum(s.codes * others[p[1]][0].codes, axis=1) for p, s in seen.items()}
    strangers = {
        (a, b, 0): float(own[a].codes[0] @ own[b].codes[0])
        for a, b in permutations(range(len(own)), 2)
    }
    turned = {p: source[p][far[p]].mean() for p in seen if far[p].any()}
    found: list[tuple[str, dict[Place, Any]]] = [
        ("likeness to the source (CSIM)", {p: v.mean() for p, v in source.items()}),
        ("likeness to the source (CSIM), yaw above 15 degrees", turned),
        ("likeness to the pose video's person", {p: v.mean() for p, v in lender.items()}),
        ("likeness of two different sources' photos", strangers),
    ]
    return [
        claim_row(name, _by_source(values), "person", protocol, seed)
        for name, values in found
        if values
    ]


def _one_a_person(people: Manifest) -> list[Clip]:
    """Return the first speaking clip on video of each test person."""
    found: dict[str, Clip] = {}
    for clip in people.where(split="test"):
        if clip.kind == "speaking" and clip.video:
            found.setdefault(clip.person, clip)
    return list(found.values())


def _first_frame(people: Manifest, clip: Clip) -> Image:
    with VideoReader(people.path(clip.video)) as reader:
        return next(iter(reader)).copy()


def _lent(people: Manifest, clip: Clip) -> Lent:
    """Return a pose video: its motion, and evenly spaced frames of its first second and a half."""
    motion = people.truth(clip).motion
    places = np.linspace(0, min(len(motion), _REACH) - 1, _FRAMES).astype(int)
    frames = [frame.copy() for frame in VideoReader(people.path(clip.video))]
    return Lent(motion, places, [frames[place] for place in places])


def _one_a_voice(voices: Manifest, count: int) -> list[NDArray[np.float32]]:
    """Return one recording of one sentence by each of some test voices."""
    clips = [c for c in voices.where(split="test") if c.kind == "voice" and c.transcript]
    readings: dict[str, dict[str, Clip]] = {}
    for clip in clips:
        readings.setdefault(clip.transcript, {})[clip.voice] = clip
    most = max(readings.values(), key=len)
    return [read_audio(voices.path(most[name].audio)) for name in sorted(most)[:count]]


def _drawn(
    driver: OptDriver,
    painter: Renderer,
    source: SourceFace,
    lent: Lent,
    samples: NDArray[np.float32],
) -> list[Image]:
    """Return frames of the source with the pose of another while a voice speaks."""
    own = source.motion
    drive = driver.drive(
        samples, source.identity, at_rest(own.expression[0]), own.rotation[0], own.translation[0],
        pose=lent.motion, mode="absolute", blinks=False,
    )  # fmt: skip
    moved = drive.motion
    rows = Motion(
        moved.rotation[lent.places], moved.translation[lent.places],
        moved.expression[lent.places], moved.fps,
    )  # fmt: skip
    return list(painter.frames(source, rows))
