"""Lips: from phones to the face units of the mouth, with coarticulation.

Data flow::

    phones ── gestures (a diphthong is two) ── targets (G, U), strengths (G, U)
                                  │
    dominance of a gesture at t:  D = strength * exp(-rate * distance from its plateau)
    unit at t:                    F = sum D * target / sum D          (after Cohen and Massaro)
                                  │
    loudness and the person's style (a function of the face) scale and bend it; a kernel of 20 ms
    limits the speed
                                  │
    closure wins: at p, b, m and in pauses the lips meet whatever the neighbours want

A phone with a weak strength for a unit (t for rounding, h for nearly all) takes the shape of its
neighbours: that is coarticulation, forwards and backwards.

References:
    M. M. Cohen and D. W. Massaro, "Modeling coarticulation in synthetic visual speech",
    Models and Techniques in Computer Animation, 1993. Targets, strengths and rates are ours, set
    by the millimetres that the units move the lips of the rendered people and by looking.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from shared.data.marionette.phones import BILABIALS, SILENCE, VOWELS, Phone
from shared.face.head_model import HeadModel
from shared.motion import FACE_UNITS, UNIT

Array = NDArray[np.float64]

VISEMES: tuple[str, ...] = (
    "sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U",
)  # fmt: skip
"""Fifteen mouth shapes (the MPEG-4 set); a clip's truth holds indices into this list."""

_VISEME_OF = {
    "sil": "SIL", "PP": "P B M", "FF": "F V", "TH": "TH DH", "DD": "T D", "kk": "K G NG HH",
    "CH": "CH JH SH ZH", "SS": "S Z", "nn": "N L", "RR": "R ER", "aa": "AA AE AH AX AY AW",
    "E": "EH EY", "I": "IH IY Y", "O": "AO OW OY", "U": "UH UW W",
}  # fmt: skip
_VISEME_INDEX = {
    phone: VISEMES.index(viseme)
    for viseme, phones in _VISEME_OF.items()
    for phone in phones.split()
}

# What each shape wants; left and right alike. jawOpen 1 parts the lips by 34 mm, mouthFunnel 1 by
# 14, both mouthLowerDown by 4, both mouthUpperUp by 5; mouthClose 1 undoes jawOpen 1 exactly.
_COLUMNS = ("jaw", "funnel", "pucker", "stretch", "smile", "upper", "lower", "roll", "tongue")
_SHAPES = """
SIL 0   0   0   0   0   0   0   0   0
P   .04 0   .06 0   0   0   0   .05 0
B   .05 0   .06 0   0   0   0   .05 0
M   .05 0   .06 0   0   0   0   .05 0
F   .05 0   0   .10 .05 .50 0   .75 0
TH  .11 0   0   .12 0   .25 .35 0   .40
DH  .10 0   0   .12 0   .22 .35 0   .30
T   .09 0   0   .12 .05 .20 .40 0   0
D   .10 0   0   .12 .05 .20 .40 0   0
N   .10 0   0   .10 .05 .20 .35 0   .04
L   .15 0   0   .08 0   .20 .30 0   .10
K   .14 0   0   .08 0   .18 .28 0   0
HH  .18 0   0   .05 0   .15 .20 0   0
SH  .05 .55 .30 0   0   .25 .35 0   0
S   .03 0   0   .40 .15 .30 .50 0   0
R   .10 .42 .28 0   0   .10 .15 0   0
ER  .15 .38 .25 0   0   .12 .20 0   0
AA  .37 0   0   .05 0   .30 .40 0   0
AE  .31 0   0   .35 .12 .40 .50 0   0
AH  .23 0   0   .10 0   .25 .35 0   0
AX  .16 0   0   .08 0   .20 .28 0   0
EH  .24 0   0   .30 .12 .30 .40 0   0
IH  .14 0   0   .25 .20 .30 .45 0   0
IY  .09 0   0   .45 .38 .32 .55 0   0
AO  .28 .42 .18 0   0   .10 .15 0   0
UH  .12 .32 .38 0   0   .08 .10 0   0
UW  .06 .30 .90 0   0   0   0   0   0
W   .03 .20 1.0 0   0   0   0   0   0
"""
_SHAPE = {
    line.split()[0]: np.array([float(word) for word in line.split()[1:]])
    for line in _SHAPES.strip().splitlines()
}
_SAME_SHAPE = {
    "V": "F", "G": "K", "NG": "K", "Z": "S", "ZH": "SH", "CH": "SH", "JH": "SH", "Y": "IY",
}  # fmt: skip
_DIPHTHONGS = {
    "AY": ("AA", "IH"), "AW": ("AA", "UH"), "EY": ("EH", "IY"), "OW": ("AO", "UW"),
    "OY": ("AO", "IH"),
}  # fmt: skip

# Strengths by group of columns: jaw, rounding (funnel, pucker), spreading, lips (upper, lower,
# roll), tongue. A weak one lets the neighbours through.
_GROUP = np.array([0, 1, 1, 2, 2, 3, 3, 3, 4])
_STRENGTHS = {
    "vowel": (1.0, 0.7, 0.6, 0.7, 0.5),
    "rounded": (1.0, 1.3, 1.0, 0.8, 0.5),
    "SIL": (1.0, 0.6, 0.6, 0.8, 1.0),
    "P": (0.9, 0.15, 0.2, 1.2, 1.0),
    "F": (0.9, 1.0, 0.4, 1.6, 1.0),
    "SH": (0.9, 1.2, 0.8, 0.6, 0.6),
    "S": (1.1, 0.25, 0.5, 0.6, 0.8),
    "HH": (0.1, 0.05, 0.05, 0.1, 0.2),
    "other": (0.5, 0.15, 0.15, 0.4, 0.9),
}
_BEFORE, _AFTER = 20.0, 24.0
"""Rates of the dominance towards earlier and later times, 1/s: 1/e at 50 and 42 ms."""
_PLATEAU = 0.35
"""Share of a gesture that keeps full dominance."""
_KERNEL = 0.020
"""Standard deviation of the kernel that limits lip speed, s (about 8 Hz)."""
_OVERSAMPLING = 4


@dataclass(frozen=True)
class LipStyle:
    """How a person articulates.

    Attributes:
        amplitude: Size of all lip movements, 0.7 to 1.3.
        jaw_share: How much of the opening the jaw does, 0.85 to 1.15; the lips do the rest.
        rounding: Size of funnel and pucker, 0.7 to 1.3.
        spreading: Size of stretch and smile, 0.6 to 1.4.
        corners: Habit while speaking: corners up (to 0.25) or down (to -0.25).
        lift: Habit while speaking: the upper lip drawn up, 0 to 0.25.
        forward: Habit while speaking: lips pushed forward, 0 to 0.2.
        lopsided: Difference between the person's left and right, -0.12 to 0.12.
    """

    amplitude: float = 1.0
    jaw_share: float = 1.0
    rounding: float = 1.0
    spreading: float = 1.0
    corners: float = 0.0
    lift: float = 0.0
    forward: float = 0.0
    lopsided: float = 0.0


# What a photo at rest shows of a mouth, as (landmark, axis, weight) of the 68: each is a length
# along an axis, and so linear in the identity.
_MOUTH_AT_REST = {
    "width": ((54, 0, 1), (48, 0, -1)),
    "fullness": ((51, 1, 1), (62, 1, -1), (66, 1, 1), (57, 1, -1)),
    "chin": ((57, 1, 1), (8, 1, -1)),
    "corners": ((48, 1, 1), (54, 1, 1), (62, 1, -1), (66, 1, -1)),
    "philtrum": ((33, 1, 1), (51, 1, -1)),
    "forward": ((51, 2, 1), (57, 2, 1), (33, 2, -1), (8, 2, -1)),
}


@cache
def _mouth_directions() -> dict[str, Array]:
    """Return name -> ``(I,)`` of length one: the change of a measure with the identity."""
    basis = HeadModel.load().landmark_bases("68").identity
    directions = {}
    for name, parts in _MOUTH_AT_REST.items():
        total = sum(weight * basis[:, point, axis] for point, axis, weight in parts)
        directions[name] = np.asarray(total / np.linalg.norm(total), np.float64)
    return directions


def mouth_at_rest(identity: NDArray[np.floating]) -> dict[str, float]:
    """Return how a person's mouth is built, in standard deviations of people, about N(0, 1).

    Args:
        identity: ``(I,)`` coefficients of the head model.

    Returns:
        ``width``, ``fullness`` of the lips, height of the ``chin`` under them, height of the
        ``corners`` over the gap, length of the ``philtrum``, and how far ``forward`` the lips lie.

    Example:
        >>> mouth_at_rest(np.zeros(64))["width"]
        0.0
    """
    return {name: float(np.dot(identity, way)) for name, way in _mouth_directions().items()}


def style_of(identity: NDArray[np.floating], rng: np.random.Generator) -> LipStyle:
    """Return a person's style: a function of the mouth's build, so that a photo tells it.

    A long chin opens further, full lips round more and leave less to the jaw, a wide mouth spreads,
    raised corners smile, a short philtrum shows the teeth, lips that lie forward are pushed
    forward. Only the difference between left and right is chance. These links are made up: they
    give "how does this face say it" an answer that can be checked, not one about real people.

    Args:
        identity: ``(I,)`` coefficients of the head model, about N(0, 1).
        rng: Draws the part that no photo tells.

    Example:
        >>> style_of(np.zeros(64), np.random.default_rng(0)).amplitude
        1.0
    """
    built = {name: float(np.tanh(0.9 * value)) for name, value in mouth_at_rest(identity).items()}
    return LipStyle(
        amplitude=1.0 + 0.30 * built["chin"],
        jaw_share=1.0 - 0.15 * built["fullness"],
        rounding=1.0 + 0.30 * built["fullness"],
        spreading=1.0 + 0.40 * built["width"],
        corners=0.25 * built["corners"],
        lift=0.25 * max(0.0, -built["philtrum"]),
        forward=0.20 * max(0.0, built["forward"]),
        lopsided=0.12 * float(np.tanh(rng.standard_normal())),
    )


def viseme_of(phone: str) -> int:
    """Return the index into :data:`VISEMES` of a phone's (first) mouth shape.

    Example:
        >>> VISEMES[viseme_of("M")], VISEMES[viseme_of("OW")]
        ('PP', 'O')
    """
    return _VISEME_INDEX[phone]


def visemes_of(phones: Sequence[Phone], frames: int, fps: Fraction | int) -> NDArray[np.int8]:
    """Return the viseme of each frame, ``(frames,)`` indices into :data:`VISEMES`.

    A frame shows the instant ``index / fps``. Frames after the last phone are silent.

    Example:
        >>> visemes_of([Phone("M", 0.0, 0.04), Phone("AA", 0.04, 0.2)], 3, 25).tolist()
        [1, 10, 10]
    """
    labels = np.full(frames, VISEMES.index("sil"), np.int8)
    times = np.arange(frames) / float(fps) + 1e-6
    for phone in phones:
        labels[(times >= phone.start) & (times < phone.end)] = viseme_of(phone.name)
    return labels


@dataclass(frozen=True)
class _Gestures:
    """G gestures: middles and half plateaus (G,) s, targets and strengths (G, U)."""

    middle: Array
    plateau: Array
    target: Array
    strength: Array


def _kind(phone: str) -> str:
    if phone in BILABIALS:
        return "P"
    shape = _SAME_SHAPE.get(phone, phone)
    if shape in {"AO", "UH", "UW", "W", "R", "ER"}:
        return "rounded"
    if shape in VOWELS:
        return "vowel"
    return shape if shape in _STRENGTHS else "other"


def _gestures(phones: Sequence[Phone], loudness: Array) -> _Gestures:
    """Turn phones into gestures; loud vowels open wide, short ones do not get there."""
    rows = []
    for phone, loud in zip(phones, loudness, strict=True):
        parts = _DIPHTHONGS.get(phone.name, (_SAME_SHAPE.get(phone.name, phone.name),))
        edges = np.linspace(phone.start, phone.end, len(parts) + 1)
        for part, start, end in zip(parts, edges[:-1], edges[1:], strict=True):
            target = _SHAPE[part].copy()
            if part in VOWELS:
                reach = min(1.0, (phone.duration / 0.09) ** 0.5)
                target[[0, 5, 6]] *= loud * reach * (0.9 + 0.2 * phone.stress)
            strength = np.array(_STRENGTHS[_kind(part)])[_GROUP]
            rows.append(((start + end) / 2, _PLATEAU * (end - start) / 2, target, strength))
    return _Gestures(*(np.array(column) for column in zip(*rows, strict=True)))


def _loudness(phones: Sequence[Phone], samples: NDArray[np.float32], rate: int) -> Array:
    """Return each phone's gain of the opening, 0.75 to 1.15, from its level in the utterance."""
    levels = np.array(
        [
            np.sqrt(np.mean(np.square(samples[int(p.start * rate) : int(p.end * rate)])) + 1e-10)
            if int(p.end * rate) > int(p.start * rate) and int(p.start * rate) < len(samples)
            else 1e-5
            for p in phones
        ]
    )
    is_vowel = np.array([p.name in VOWELS for p in phones])
    typical = float(np.median(levels[is_vowel])) if is_vowel.any() else 1.0
    return np.asarray(np.clip((levels / typical) ** 0.3, 0.75, 1.15))


def _blend(gestures: _Gestures, times: Array) -> Array:
    """Return the blended columns ``(T, U)`` at the given times."""
    offset = times[:, None] - gestures.middle
    distance = np.maximum(np.abs(offset) - gestures.plateau, 0)
    decay = np.exp(-np.where(offset < 0, _BEFORE, _AFTER) * distance)
    # A gesture far away must not decide where no other is near: the sum always has a near one,
    # because phones tile the utterance.
    weight = decay[:, :, None] * gestures.strength
    weight /= weight.sum(axis=1, keepdims=True) + 1e-12
    return np.asarray((weight * gestures.target).sum(axis=1))


def closure_of(phones: Sequence[Phone], frames: int, fps: Fraction | int) -> Array:
    """Return how firmly the lips must be shut in each frame, ``(frames,)`` in [0, 1].

    A bilabial shuts the lips around the first half of its time (p and b open before their end, m
    later) and always in the frame nearest to it, however short it is; a pause shuts them 80 ms
    after its start and lets them part 80 ms before its end.
    """
    times = np.arange(frames) / float(fps)
    shut = np.zeros(frames)
    for phone in phones:
        if phone.name in BILABIALS:
            late = 0.75 if phone.name == "M" else 0.6
            start, end = phone.start + 0.005, phone.start + late * phone.duration
            edge = 0.03
        elif phone.name == SILENCE:
            start, end = phone.start + 0.08, phone.end - 0.08
            start = 0.0 if phone.start == 0 else start
            end = times[-1] + 1 if phone.end >= times[-1] else end
            edge = 0.08
            if end < start:
                continue
        else:
            continue
        outside = np.maximum(start - times, 0) + np.maximum(times - end, 0)
        shut = np.maximum(shut, np.clip(1 - outside / edge, 0, 1))
        if phone.name in BILABIALS:
            nearest = min(frames - 1, max(0, round((start + end) / 2 * float(fps))))
            shut[nearest] = 1.0
    return np.asarray(shut**2 * (3 - 2 * shut))


def mouth_curves(
    phones: Sequence[Phone],
    samples: NDArray[np.float32],
    style: LipStyle,
    frames: int,
    fps: Fraction | int = 25,
    rate: int = 16_000,
) -> NDArray[np.float32]:
    """Return the face units of a speaking mouth; eyes, brows and nose stay at rest.

    Args:
        phones: They tile the utterance (see :func:`shared.data.marionette.phones.tile`).
        samples: ``(N,)`` mono in [-1, 1].
        style: The person's.
        frames: T.
        fps: Frames a second; frame ``i`` shows the instant ``i / fps``.
        rate: Samples a second.

    Returns:
        ``(T, 52)`` in [0, 1].
    """
    expression = np.zeros((frames, len(FACE_UNITS)))
    if not phones or frames == 0:
        return expression.astype(np.float32)
    step = 1 / (float(fps) * _OVERSAMPLING)
    times = np.asarray(np.arange(frames * _OVERSAMPLING) * step, np.float64)
    columns = _blend(_gestures(phones, _loudness(phones, samples, rate)), times)
    columns = gaussian_filter1d(columns, _KERNEL / step, axis=0, mode="nearest")[::_OVERSAMPLING]
    shut = closure_of(phones, frames, fps)
    return _to_units(columns, shut, _in_pause(phones, frames, fps), style)


def _in_pause(phones: Sequence[Phone], frames: int, fps: Fraction | int) -> NDArray[np.bool_]:
    return np.asarray(visemes_of(phones, frames, fps) == VISEMES.index("sil"))


def _to_units(
    columns: Array, shut: Array, pause: NDArray[np.bool_], style: LipStyle
) -> NDArray[np.float32]:
    """Scale the columns by style, let closure win, and spread them over the 52 units."""
    part = dict(zip(_COLUMNS, columns.T, strict=True))
    # Habits belong to speech: they fade with the lips' way into a pause.
    awake = np.where(pause, 1 - shut, 1.0)
    open_by = style.amplitude * (1 - shut)
    # At a closure the jaw keeps a part of its way, as ours does in "mama"; the lips close over it.
    jaw = (
        part["jaw"] * style.amplitude * style.jaw_share * np.where(pause, 1 - shut, 1 - 0.6 * shut)
    )
    lips = open_by * (2 - style.jaw_share)
    expression = np.zeros((len(columns), len(FACE_UNITS)))
    expression[:, UNIT["jawOpen"]] = jaw
    expression[:, UNIT["mouthClose"]] = jaw * shut
    expression[:, UNIT["mouthFunnel"]] = part["funnel"] * style.rounding * open_by
    pucker = part["pucker"] * style.rounding * style.amplitude
    expression[:, UNIT["mouthPucker"]] = (
        pucker * np.where(pause, 1 - shut, 1 - 0.3 * shut) + style.forward * awake
    )
    expression[:, UNIT["mouthRollLower"]] = part["roll"] * (1 - shut)
    expression[:, UNIT["tongueOut"]] = part["tongue"] * (1 - shut)
    press = np.where(pause, 0.0, 0.22) * shut
    spread = style.spreading * style.amplitude * (1 - 0.5 * shut)
    for side, gain in (("Left", 1 + style.lopsided), ("Right", 1 - style.lopsided)):
        expression[:, UNIT[f"mouthStretch{side}"]] = part["stretch"] * spread * gain
        smile = part["smile"] * spread * gain
        expression[:, UNIT[f"mouthSmile{side}"]] = smile + max(0.0, style.corners) * awake
        expression[:, UNIT[f"mouthFrown{side}"]] = max(0.0, -style.corners) * awake
        upper = part["upper"] * lips * gain
        expression[:, UNIT[f"mouthUpperUp{side}"]] = upper + style.lift * (1 - shut)
        expression[:, UNIT[f"mouthLowerDown{side}"]] = part["lower"] * lips * gain
        expression[:, UNIT[f"mouthPress{side}"]] = press
    return np.clip(expression, 0, 1).astype(np.float32)
