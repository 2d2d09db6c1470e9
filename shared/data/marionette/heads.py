"""Heads: how people move theirs while they speak, while they listen, and for exercise.

Everything here is relative to a head at rest: rotations (pitch, yaw, roll) in radians about the
atlas joint, translations in metres. The numbers come from studies of conversation, as collected in
surveys: speakers' energy lies below 3 Hz, pitch within 5 to 15 degrees, yaw within 10 to 20;
stressed syllables bring a dip of 3 to 6 degrees that decays in 0.2 to 0.3 s, and the head rises
with the pitch of the voice. Listeners (:mod:`shared.data.marionette.listening`) mostly hold still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import zip_longest

import numpy as np
from numpy.typing import NDArray

from shared.audio.prosody import pitch
from shared.data.marionette.phones import SILENCE, VOWELS, Phone
from shared.motion import FACE_UNITS, MOUTH_UNITS, UNIT

Array = NDArray[np.float64]

_COLUMNS_PER_SECOND = 100
_HIGHEST = 2.5
"""Nothing of the drift is quicker, Hz."""


@dataclass(frozen=True)
class HeadStyle:
    """How a person moves the head.

    Attributes:
        drift: ``(pitch, yaw, roll)`` standard deviations of the slow wandering, degrees.
        tempo: Typical frequency of the wandering, Hz.
        rest: ``(pitch, yaw, roll)`` where the head likes to be, degrees.
        beat: Size of a dip on a stressed syllable, degrees.
        beat_share: Share of stressed syllables with a dip.
        melody: How far the head rises for one standard deviation of voice pitch, degrees.
        sway: Standard deviation of the head's position, metres.
        listening: Size of listening movements, 0.5 to 1.6 (1 is typical).
    """

    drift: tuple[float, float, float] = (2.0, 4.5, 1.8)
    tempo: float = 0.35
    rest: tuple[float, float, float] = (0.0, 0.0, 0.0)
    beat: float = 4.0
    beat_share: float = 0.6
    melody: float = 1.2
    sway: float = 0.004
    listening: float = 1.0


@dataclass(frozen=True)
class Movement:
    """A head's motion relative to rest, and what its face does beside.

    Attributes:
        rotation: ``(T, 3)`` pitch, yaw, roll, radians.
        translation: ``(T, 3)`` metres from the resting place, in camera space.
        expression: ``(T, 52)`` in [0, 1].
    """

    rotation: NDArray[np.float32]
    translation: NDArray[np.float32]
    expression: NDArray[np.float32]


def head_style_of(identity: NDArray[np.floating], rng: np.random.Generator) -> HeadStyle:
    """Return a person's style; its size depends in part on the face, the rest is chance.

    Args:
        identity: ``(I,)`` coefficients of the head model, about N(0, 1).
        rng: Draws what the face does not tell.
    """
    own = float(np.tanh(0.8 * identity[4])) if len(identity) > 4 else 0.0
    liveliness = float(np.exp(0.30 * own + 0.22 * np.tanh(rng.standard_normal())))
    return HeadStyle(
        drift=(
            liveliness * float(rng.uniform(1.6, 3.2)),
            liveliness * float(rng.uniform(3.0, 7.0)),
            liveliness * float(rng.uniform(1.2, 2.6)),
        ),
        tempo=float(rng.uniform(0.25, 0.6)),
        rest=(float(rng.normal(1, 2.0)), float(rng.normal(0, 3.5)), float(rng.normal(0, 1.5))),
        beat=float(rng.uniform(3, 6)) * liveliness**0.5,
        beat_share=float(rng.uniform(0.35, 0.85)),
        melody=float(rng.uniform(0.6, 2.0)),
        sway=float(rng.uniform(0.002, 0.006)),
        listening=float(np.clip(liveliness * rng.uniform(0.85, 1.15), 0.5, 1.6)),
    )


def drift(rng: np.random.Generator, times: Array, tempo: float, highest: float = _HIGHEST) -> Array:
    """Return band-limited noise of standard deviation about 1 at the given times.

    A sum of twelve sines with random phases: its spectrum ends at ``highest`` for certain, and
    falls off above ``tempo``.
    """
    low, high = 0.05, highest
    frequency = np.exp(rng.uniform(np.log(low), np.log(high), 12))
    size = 1 / (1 + (frequency / tempo) ** 2)
    phase = rng.uniform(0, 2 * np.pi, 12)
    wave = np.sin(2 * np.pi * frequency * times[:, None] + phase) * size
    return np.asarray(wave.sum(axis=1) / np.sqrt(0.5 * np.square(size).sum()))


def _beat(times: Array, at: float) -> Array:
    """Return a dip of height 1 at ``at``: 0.12 s down, then a decay of 0.25 s."""
    since = times - at
    down = 0.5 * (1 + np.cos(np.pi * np.clip(since / 0.12, -1, 0)))
    return np.asarray(np.where(since < 0, down, np.exp(-np.square(np.maximum(since, 0) / 0.25))))


def speaking(
    rng: np.random.Generator,
    style: HeadStyle,
    phones: Sequence[Phone],
    samples: NDArray[np.float32],
    frames: int,
    fps: Fraction | int = 25,
) -> Movement:
    """Return how a speaker's head moves: wandering, dips on stress and phrase ends, voice melody.

    Args:
        rng: Two generators make two people move differently to one sentence.
        style: The person's.
        phones: With stress; may be empty, then stress comes from the pitch alone.
        samples: ``(N,)`` mono at 16 kHz.
        frames: T.
        fps: Frames a second.

    Returns:
        The movement; its expression is all rest.
    """
    times = np.asarray(np.arange(frames) / float(fps), np.float64)
    degrees = np.stack([drift(rng, times, style.tempo) for _ in range(3)], axis=1)
    degrees = degrees * np.array(style.drift) + np.array(style.rest)
    degrees[:, 0] -= style.melody * _melody(samples, times)
    for at, size in _beats(rng, style, phones):
        degrees[:, 0] += size * _beat(times, at)
        degrees[:, 2] += 0.15 * size * float(rng.normal()) * _beat(times, at)
    sway = np.stack([drift(rng, times, 0.3) for _ in range(3)], axis=1)
    translation = style.sway * sway * np.array([1.0, 0.6, 1.2])
    return Movement(
        np.radians(degrees).astype(np.float32),
        translation.astype(np.float32),
        np.zeros((frames, len(FACE_UNITS)), np.float32),
    )


def _beats(
    rng: np.random.Generator, style: HeadStyle, phones: Sequence[Phone]
) -> list[tuple[float, float]]:
    """Return (time, degrees) of dips: on some stressed vowels, and where a phrase ends."""
    dips: list[tuple[float, float]] = []
    for phone, following in zip_longest(phones, phones[1:]):
        if phone.name not in VOWELS:
            continue
        if phone.stress > 0.45 and rng.random() < style.beat_share:
            at = phone.middle + float(rng.normal(0, 0.03))
            dips.append(
                (at, style.beat * (0.6 + 0.6 * phone.stress) * float(rng.uniform(0.7, 1.2)))
            )
        elif following is not None and following.name == SILENCE and rng.random() < 0.5:
            dips.append((phone.end, style.beat * float(rng.uniform(0.5, 0.9))))
    return dips


def _melody(samples: NDArray[np.float32], times: Array) -> Array:
    """Return the voice's pitch at the given times, standardised, smoothed to below 2 Hz."""
    found = pitch(samples)
    if found.voiced.sum() < 10:
        return np.zeros(len(times))
    columns = np.arange(len(found.f0))
    log = np.interp(columns, columns[found.voiced], np.log(found.f0[found.voiced]))
    kernel = np.hanning(51)
    padded = np.pad(log, 25, mode="edge")
    smooth = np.convolve(padded, kernel / kernel.sum(), mode="valid")
    standard = (smooth - smooth.mean()) / max(float(smooth.std()), 0.05)
    course = np.interp(times, columns / _COLUMNS_PER_SECOND, np.clip(standard, -2, 2))
    return np.asarray(course, np.float64)


_GESTURES = (
    "jawOpen", "mouthFunnel", "mouthPucker", "mouthRollLower", "mouthRollUpper", "mouthShrugUpper",
    "mouthShrugLower", "mouthSmile", "mouthFrown", "mouthStretch", "mouthPress", "mouthDimple",
    "mouthUpperUp", "mouthLowerDown", "mouthLeft", "mouthRight", "jawLeft", "jawRight",
    "jawForward", "cheekPuff", "cheekSquint", "browDown", "browInnerUp", "browOuterUp", "eyeBlink",
    "eyeWide", "eyeSquint", "noseSneer", "tongueOut",
)  # fmt: skip


def exercise(rng: np.random.Generator, frames: int) -> Movement:
    """Return posed frames, each a new draw: what a renderer needs to see and talk never shows.

    Poses reach yaw 30, pitch 18, roll 12 degrees. About a third of the frames keep the pose of the
    frame before and change the face only, so that pairs teach the mouth apart from the pose.
    """
    rotation = np.zeros((frames, 3))
    translation = np.zeros((frames, 3))
    expression = np.zeros((frames, len(FACE_UNITS)))
    limits = np.radians([18.0, 30.0, 12.0])
    for t in range(frames):
        if t and rng.random() < 0.35:
            rotation[t], translation[t] = rotation[t - 1], translation[t - 1]
        else:
            rotation[t] = np.clip(rng.normal(0, 0.5, 3), -1, 1) * limits
            translation[t] = rng.normal(0, [0.006, 0.005, 0.012])
        expression[t] = _posed_face(rng)
    return Movement(
        rotation.astype(np.float32),
        np.clip(translation, -0.03, 0.03).astype(np.float32),
        expression.astype(np.float32),
    )


def _posed_face(rng: np.random.Generator) -> Array:
    """Draw one face: rest, single units, pairs, a speaking mouth, a smile, or a wide open jaw."""
    face = np.zeros(len(FACE_UNITS))
    kind = rng.choice(6, p=[0.08, 0.17, 0.20, 0.33, 0.12, 0.10])
    if kind == 1 or kind == 2:
        for name in rng.choice(_GESTURES, size=int(kind), replace=False):
            _set(face, str(name), float(rng.uniform(0.3, 1.0)), rng)
    elif kind == 3:
        _speech_shape(face, rng)
    elif kind == 4:
        _set(face, "mouthSmile", float(rng.uniform(0.4, 1.0)), rng)
        _set(face, "cheekSquint", float(rng.uniform(0.1, 0.6)), rng)
        face[UNIT["jawOpen"]] = float(rng.uniform(0, 0.25)) * (rng.random() < 0.4)
    elif kind == 5:
        face[UNIT["jawOpen"]] = float(rng.uniform(0.4, 0.9))
        _set(face, "mouthUpperUp", float(rng.uniform(0, 0.6)), rng)
    if rng.random() < 0.25:
        _set(face, "eyeBlink", float(rng.uniform(0.3, 1.0)), rng)
    if rng.random() < 0.4:
        _look(face, rng)
    return np.clip(face, 0, 1)


def _set(face: Array, name: str, value: float, rng: np.random.Generator) -> None:
    """Set a unit, on both sides nearly alike if it has two."""
    if name in UNIT:
        face[UNIT[name]] = value
        return
    for side in ("Left", "Right"):
        face[UNIT[name + side]] = value * float(rng.uniform(0.8, 1.0))


def _speech_shape(face: Array, rng: np.random.Generator) -> None:
    """Draw a mouth between the ones that speech takes."""
    face[UNIT["jawOpen"]] = float(rng.beta(1.3, 2.0)) * 0.5
    rounded = rng.random() < 0.4
    if rounded:
        face[UNIT["mouthFunnel"]] = float(rng.uniform(0.1, 0.6))
        face[UNIT["mouthPucker"]] = float(rng.uniform(0.1, 0.9))
    else:
        _set(face, "mouthStretch", float(rng.uniform(0, 0.5)), rng)
        _set(face, "mouthSmile", float(rng.uniform(0, 0.4)), rng)
    _set(face, "mouthUpperUp", float(rng.uniform(0, 0.5)), rng)
    _set(face, "mouthLowerDown", float(rng.uniform(0, 0.7)), rng)
    if rng.random() < 0.2:
        face[UNIT["mouthRollLower"]] = float(rng.uniform(0.3, 0.9))
    if rng.random() < 0.25:
        face[UNIT["mouthClose"]] = face[UNIT["jawOpen"]]
        kept = face[UNIT["jawOpen"]], face[UNIT["mouthClose"]], face[UNIT["mouthPucker"]]
        face[list(MOUTH_UNITS)] = 0
        face[UNIT["jawOpen"]], face[UNIT["mouthClose"]], face[UNIT["mouthPucker"]] = kept
        _set(face, "mouthPress", float(rng.uniform(0, 0.6)), rng)


def _look(face: Array, rng: np.random.Generator) -> None:
    side, up = rng.uniform(-0.7, 0.7), rng.uniform(-0.6, 0.6)
    face[UNIT["eyeLookOutLeft" if side > 0 else "eyeLookInLeft"]] = abs(side)
    face[UNIT["eyeLookInRight" if side > 0 else "eyeLookOutRight"]] = abs(side)
    for eye in ("Left", "Right"):
        face[UNIT[f"eyeLook{'Up' if up > 0 else 'Down'}{eye}"]] = abs(up)
