"""Eyes and brows: blinks, small glances, and brows that rise on stress."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from shared.data.marionette.phones import VOWELS, Phone
from shared.motion import FACE_UNITS, UNIT

Array = NDArray[np.float64]

_REFRACTORY = 0.8
"""Shortest time between two blinks, s."""


def blinks(
    rng: np.random.Generator, frames: int, fps: Fraction | int, rate: float = 16.0
) -> NDArray[np.float32]:
    """Return how far the lids are shut, ``(frames,)`` in [0, 1].

    Blinks come at random, ``rate`` a minute; each takes 5 to 8 frames of 25 fps and closes about
    twice as fast as it opens.
    """
    seconds, shut = frames / float(fps), np.zeros(frames)
    times = np.arange(frames) / float(fps)
    mean_wait = max(60.0 / rate - _REFRACTORY, 0.1)
    at = float(rng.exponential(mean_wait))
    while at < seconds:
        length = float(rng.uniform(0.20, 0.32))
        close = 0.35 * length
        phase = times - at
        # The snap to the nearest frame makes sure that the lids are seen shut.
        peak = round((at + close) * float(fps)) / float(fps)
        falling = np.clip((phase + (at - peak + close)) / close, 0, 1)
        rising = np.clip(1 - (times - peak) / (length - close), 0, 1)
        shut = np.maximum(shut, np.where(times <= peak, falling, rising))
        at += _REFRACTORY + float(rng.exponential(mean_wait))
    return (shut**1.5).astype(np.float32)


def glances(
    rng: np.random.Generator, frames: int, fps: Fraction | int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the gaze (to the person's left, up), ``(frames,)`` each, in units of full deflection.

    The eyes rest on the camera, jump by up to a fifth of their range, hold for a third of a second
    to two seconds, and come back: small saccades, one frame long.
    """
    gaze = np.zeros((frames, 2))
    at = 0
    while at < frames:
        hold = int(rng.uniform(0.35, 2.0) * float(fps)) + 1
        away = rng.random() < 0.55
        target = rng.normal(0, [0.12, 0.07]) if away else rng.normal(0, 0.02, 2)
        gaze[at : at + hold] = np.clip(target, -0.35, 0.35)
        at += hold
    return gaze[:, 0].astype(np.float32), gaze[:, 1].astype(np.float32)


def stressed_brows(
    phones: Sequence[Phone],
    rng: np.random.Generator,
    frames: int,
    fps: Fraction | int,
    liveliness: float,
) -> NDArray[np.float32]:
    """Return how far the brows are raised, ``(frames,)`` in [0, 1]: some stressed vowels raise them.

    Args:
        phones: With stress.
        rng: Which of the stressed vowels do, and how far.
        frames: T.
        fps: Frames a second.
        liveliness: 0 (a still brow) to 1.
    """
    times = np.arange(frames) / float(fps)
    raised = np.zeros(frames)
    for phone in phones:
        if phone.name in VOWELS and phone.stress > 0.55 and rng.random() < 0.6:
            width = rng.uniform(0.10, 0.20)
            height = liveliness * rng.uniform(0.3, 0.8) * phone.stress
            raised += height * np.exp(-0.5 * ((times - phone.middle) / width) ** 2)
    return np.clip(raised, 0, 1).astype(np.float32)


def add_eyes(
    expression: NDArray[np.float32],
    rng: np.random.Generator,
    fps: Fraction | int,
    phones: Sequence[Phone] = (),
    liveliness: float = 0.5,
) -> NDArray[np.float32]:
    """Return the expression ``(T, 52)`` with blinks, glances and raised brows added."""
    frames = len(expression)
    result = expression.astype(np.float64)
    shut = blinks(rng, frames, fps, rate=float(rng.uniform(12, 20)))
    left, up = glances(rng, frames, fps)
    brows = stressed_brows(phones, rng, frames, fps, liveliness)
    add = {
        "eyeBlinkLeft": shut,
        "eyeBlinkRight": shut,
        "eyeLookOutLeft": np.maximum(left, 0),
        "eyeLookInRight": np.maximum(left, 0),
        "eyeLookInLeft": np.maximum(-left, 0),
        "eyeLookOutRight": np.maximum(-left, 0),
        "eyeLookUpLeft": np.maximum(up, 0),
        "eyeLookUpRight": np.maximum(up, 0),
        "eyeLookDownLeft": np.maximum(-up, 0),
        "eyeLookDownRight": np.maximum(-up, 0),
        "browInnerUp": brows,
        "browOuterUpLeft": 0.7 * brows,
        "browOuterUpRight": 0.7 * brows,
    }
    for name, curve in add.items():
        result[:, UNIT[name]] += curve
    return np.asarray(np.clip(result, 0, 1), np.float32).reshape(-1, len(FACE_UNITS))
