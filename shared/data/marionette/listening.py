"""Listening: how a listener's head and face react to a speaker, by attitude.

Data flow::

    speaker's audio ── cues: ends of low-pitch regions, pauses, the loudest stresses; seldom, so
                          │  that each can be told from the next
                          │  with a chance that depends on the attitude, after a lag
                       reactions: nods, shakes, tilts, smiles, frowns
                          │  times the person's own amplitude
                       movement; between reactions the head hardly moves

The numbers are those of studies of conversation, as collected in surveys: nods dominate; a
listener holds still 40 to 50 % of the time; a single nod takes 0.94 s and 4 to 8 degrees; a
repeated one is a damped sine of 6 degrees, 1.6 Hz and 0.4 s; a back-channel follows 110 ms of low
pitch; the lag is 0.25 to 0.6 s; a smile takes 0.5 to 0.75 s to come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from shared.audio.prosody import log_energy, pitch, speech_level
from shared.data.marionette.heads import HeadStyle, Movement, drift
from shared.errors import InputError
from shared.motion import FACE_UNITS, UNIT

Array = NDArray[np.float64]

ATTITUDES: tuple[str, ...] = ("positive", "neutral", "negative")
"""How the listener takes it."""

LAG = (0.25, 0.6)
"""Shortest and longest time from a cue to the reaction, s."""
_LAG_MEAN, _LAG_DEVIATION = 0.40, 0.08
_LOW_PITCH = 26
"""A pitch below this percentile of the speaker's is low."""
_LOW_COLUMNS = 11
_PAUSE_DB, _PAUSE_COLUMNS = 25.0, 15
_STRESS_DB = 3.0
"""A syllable that is not this close to the speaker's level is no cue, dB."""
_APART = 2.2
"""No two cues are nearer than this, s: a listener does not answer every phrase, and a reaction that
overlaps the next cue could not be told from one to it."""


@dataclass(frozen=True)
class Cue:
    """A moment to which a listener may react.

    Attributes:
        time: Seconds.
        kind: ``low`` (end of a low-pitch region), ``pause`` or ``stress``.
    """

    time: float
    kind: str


@dataclass(frozen=True)
class Reaction:
    """What a listener does.

    Attributes:
        kind: ``nod``, ``nods``, ``shake``, ``tilt``, ``smile`` or ``frown``.
        cue: Time of the cue, s.
        start: When it starts, s.
        size: Degrees for heads, share of full for faces.
    """

    kind: str
    cue: float
    start: float
    size: float


def cues_of(samples: NDArray[np.float32]) -> list[Cue]:
    """Return the moments of a speaker's audio to which a listener may react, in order of time.

    Args:
        samples: ``(N,)`` mono at 16 kHz.
    """
    level, found = log_energy(samples), pitch(samples)
    loud = speech_level(level)
    spoken = level > loud - _PAUSE_DB
    if found.voiced.sum() < 10:
        return []
    low = found.voiced & (found.f0 < np.percentile(found.f0[found.voiced], _LOW_PITCH))
    cues = [Cue(end / 100, "low") for start, end in _runs(low) if end - start >= _LOW_COLUMNS]
    quiet = [(a, b) for a, b in _runs(~spoken) if b - a >= _PAUSE_COLUMNS and spoken[:a].any()]
    cues += [Cue(start / 100, "pause") for start, _ in quiet]
    smooth = np.convolve(np.pad(level, 5, mode="edge"), np.full(11, 1 / 11), mode="valid")
    inner = np.arange(1, len(smooth) - 1)
    peak = (smooth[inner] > smooth[inner - 1]) & (smooth[inner] >= smooth[inner + 1])
    cues += [Cue(at / 100, "stress") for at in inner[peak] if smooth[at] > loud - _STRESS_DB]
    return _thinned(cues)


def _runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Return (first, after last) of each run of true values."""
    edges = np.flatnonzero(np.diff(np.concatenate([[0], mask.astype(np.int8), [0]])))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _thinned(cues: list[Cue]) -> list[Cue]:
    """Keep cues that lie apart: phrase ends before stresses, earlier ones before later ones."""
    kept: list[Cue] = []
    for cue in sorted(cues, key=lambda c: (c.kind == "stress", c.time)):
        if all(abs(cue.time - other.time) >= _APART for other in kept):
            kept.append(cue)
    return sorted(kept, key=lambda c: c.time)


_CHANCE = {"positive": 0.95, "neutral": 0.8, "negative": 0.85}
_STRESS_CHANCE = 0.9
"""A stress alone moves a listener this much less often than a low pitch or a pause."""


def reactions_to(
    cues: Sequence[Cue], attitude: str, style: HeadStyle, rng: np.random.Generator
) -> list[Reaction]:
    """Return what a listener does about the cues: always by chance, so that listeners differ.

    Raises:
        InputError: If the attitude is unknown.
    """
    if attitude not in ATTITUDES:
        raise InputError("unknown attitude", found=attitude, expected=" | ".join(ATTITUDES))
    reactions: list[Reaction] = []
    busy, face_busy = -1.0, -1.0
    for cue in cues:
        chance = _CHANCE[attitude] * (_STRESS_CHANCE if cue.kind == "stress" else 1.0)
        start = cue.time + float(np.clip(rng.normal(_LAG_MEAN, _LAG_DEVIATION), *LAG))
        if start < busy or rng.random() > chance:
            continue
        kind = _movement_kind(attitude, rng)
        size = _movement_size(kind, attitude, rng) * style.listening
        reactions.append(Reaction(kind, cue.time, start, size))
        busy = start + {"nod": 1.05, "nods": 1.3, "shake": 1.3, "tilt": 1.9}[kind]
        face = {"positive": "smile", "negative": "frown"}.get(attitude)
        if face and start > face_busy and rng.random() < 0.7:
            share = float(rng.uniform(0.35, 0.75)) * min(style.listening, 1.3)
            reactions.append(Reaction(face, cue.time, start, share))
            face_busy = start + 2.5
    return reactions


def _movement_kind(attitude: str, rng: np.random.Generator) -> str:
    if attitude == "negative":
        return ("shake", "tilt", "nod")[int(rng.choice(3, p=[0.5, 0.4, 0.1]))]
    return "nod" if rng.random() < 0.55 else "nods"


def _movement_size(kind: str, attitude: str, rng: np.random.Generator) -> float:
    """Draw the size in degrees of one movement."""
    low, high = {"nod": (4, 8), "nods": (4.5, 8), "shake": (4, 7), "tilt": (4, 8)}[kind]
    small = 0.55 if attitude == "neutral" else 1.0
    emphatic = 1.6 if attitude == "positive" and rng.random() < 0.08 else 1.0
    return float(rng.uniform(low, high)) * small * emphatic


def _curve(kind: str, since: Array) -> Array:
    """Return the course of a movement of size one, at times since its start."""
    on = since > 0
    late = np.maximum(since, 0)
    if kind == "nod":
        return np.where(on & (late < 0.94), 0.5 * (1 - np.cos(2 * np.pi * late / 0.94)), 0.0)
    if kind in ("nods", "shake"):
        rate = 1.6 if kind == "nods" else 1.8
        return np.asarray(on * np.exp(-late / 0.4) * np.sin(2 * np.pi * rate * late))
    rise, hold, fall = (0.6, 1.0, 0.9) if kind == "tilt" else (0.62, 1.2, 1.0)
    up, down = np.clip(late / rise, 0, 1), np.clip((late - rise - hold) / fall, 0, 1)
    return np.asarray((0.5 * (1 - np.cos(np.pi * up))) * (0.5 * (1 + np.cos(np.pi * down))))


_DRIFT = (1.2, 1.85, 0.85)
"""Standard deviations of the slow wandering (pitch, yaw, roll), degrees: too slow for a nod."""
_SHIFT_EVERY = 2.5
"""Mean time to the next shift of posture, s."""
_SHIFT_TAKES = (1.2, 2.0)
"""How long a shift takes, s: longer than any reaction, so that it is not taken for one."""
_SMILE = {"mouthSmile": 1.0, "cheekSquint": 0.5, "eyeSquint": 0.25, "mouthDimple": 0.2}
_FROWN = {"browDown": 1.0, "mouthFrown": 0.55, "mouthPress": 0.3, "noseSneer": 0.2}
_MOOD = {"positive": ("mouthSmile", 0.14), "neutral": ("", 0.0), "negative": ("browDown", 0.22)}


def listening(
    rng: np.random.Generator,
    style: HeadStyle,
    attitude: str,
    cues: Sequence[Cue],
    frames: int,
    fps: Fraction | int = 25,
) -> Movement:
    """Return how a listener moves while someone speaks.

    Args:
        rng: Chance; another one gives another, equally likely, listener.
        style: The listener's; ``listening`` scales all movements.
        attitude: One of :data:`ATTITUDES`.
        cues: Of the speaker's audio, from :func:`cues_of`.
        frames: T.
        fps: Frames a second.

    Raises:
        InputError: If the attitude is unknown.
    """
    times = np.asarray(np.arange(frames) / float(fps), np.float64)
    degrees = np.stack([drift(rng, times, 0.3, 1.0) for _ in range(3)], axis=1)
    degrees = degrees * np.array(_DRIFT) + np.array(style.rest)
    degrees += _posture_shifts(rng, times)
    face = np.zeros((frames, len(FACE_UNITS)))
    # Who listens did so before the clip began: a reaction may be under way at its start.
    before = Cue(-float(rng.uniform(0, _APART)), "pause")
    for reaction in reactions_to([before, *cues], attitude, style, rng):
        curve = reaction.size * _curve(reaction.kind, times - reaction.start)
        sign = 1.0 if rng.random() < 0.5 else -1.0
        if reaction.kind in ("smile", "frown"):
            _add_face(face, _SMILE if reaction.kind == "smile" else _FROWN, curve)
        else:
            axis = {"shake": 1, "tilt": 2}.get(reaction.kind, 0)
            degrees[:, axis] += curve * (1.0 if axis == 0 else sign)
    unit, mood = _MOOD[attitude]
    if unit:
        _add_face(face, {unit: 1.0}, np.full(frames, mood * float(rng.uniform(0.5, 1.4))))
    sway = np.stack([drift(rng, times, 0.2, 0.8) for _ in range(3)], axis=1)
    return Movement(
        np.radians(degrees).astype(np.float32),
        (0.25 * style.sway * sway).astype(np.float32),
        np.clip(face, 0, 1).astype(np.float32),
    )


def _posture_shifts(rng: np.random.Generator, times: Array) -> Array:
    """Return rare shifts to another resting place, ``(T, 3)`` degrees; no cue brings them."""
    shifts = np.zeros((len(times), 3))
    at = float(rng.exponential(_SHIFT_EVERY))
    while len(times) and at < times[-1]:
        course = 0.5 * (
            1 - np.cos(np.pi * np.clip((times - at) / rng.uniform(*_SHIFT_TAKES), 0, 1))
        )
        shifts += course[:, None] * rng.normal(0, [1.5, 2.5, 1.5])
        at += 1.0 + float(rng.exponential(_SHIFT_EVERY))
    return shifts


def _add_face(face: Array, shares: dict[str, float], curve: Array) -> None:
    """Add a two-sided expression to ``(T, 52)`` in place."""
    for name, share in shares.items():
        for side in ("Left", "Right"):
            face[:, UNIT[name + side]] += share * curve
