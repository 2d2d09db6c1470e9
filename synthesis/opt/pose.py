"""Head pose from a reference video, from sliders, or none: how one person's moves fit another.

Rotations are explicit angles and so carry nobody's face. Translations are moves from the reference's
first frame (its framing is its own), scale is a ratio of distances:

    R_t = R^p_t                          ("absolute")   or   R^p_t (R^p_0)^-1 R_s   ("relative")
    x_t = x_s + g (x^p_t - x^p_0)        sideways and up, metres
    z_t = z_s (z^p_t / z^p_0)^g          distance

Head sizes are equal in head space, so a move in metres is the same move for every source.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import convolve1d

from shared.errors import InputError
from shared.face.camera import euler_angles, rotation_matrix
from shared.motion import Motion

Array = NDArray[np.float32]
Mode = Literal["absolute", "relative"]

LIMITS_DEGREES = (20.0, 35.0, 20.0)
"""Largest pitch, yaw and roll that a portrait can be turned to; beyond, half a face is invented."""
SMOOTHING = 5
"""Frames of the smoothing window, which takes the jitter of pose estimates away."""
_AXES = ("pitch", "yaw", "roll")
_DISTANCE_RATIO = (0.7, 1.4)


@dataclass(frozen=True)
class PosePath:
    """Where the head is, frame by frame.

    Attributes:
        rotation: ``(T, 3)`` pitch, yaw, roll, radians.
        translation: ``(T, 3)`` metres, camera space.
        fps: Frames a second.
        notes: What was clamped, in sentences.
    """

    rotation: Array
    translation: Array
    fps: Fraction
    notes: tuple[str, ...] = ()


def ping_pong(length: int, frames: int) -> NDArray[np.intp]:
    """Return ``frames`` indices that run through ``length`` frames forth and back without a jump.

    Example:
        >>> ping_pong(3, 7).tolist()
        [0, 1, 2, 1, 0, 1, 2]
    """
    if length == 1:
        return np.zeros(frames, np.intp)
    place = np.arange(frames) % (2 * length - 2)
    return np.minimum(place, 2 * length - 2 - place)


def smooth(track: NDArray[np.floating], window: int = SMOOTHING) -> Array:
    """Return a track ``(T, D)`` averaged over a triangle of ``window`` frames, held at its ends."""
    triangle = np.bartlett(window + 2)[1:-1]
    return np.asarray(
        convolve1d(track, triangle / triangle.sum(), axis=0, mode="nearest"), np.float32
    )


def still(
    rotation: ArrayLike, translation: ArrayLike, frames: int, fps: Fraction | int = 25
) -> PosePath:
    """Return a pose that is held: the source's own, or one from sliders.

    Args:
        rotation: ``(3,)`` pitch, yaw, roll, radians.
        translation: ``(3,)`` metres.
        frames: How many.
        fps: Frames a second.
    """
    held = np.tile(_vector(rotation, "rotation"), (frames, 1))
    limited, notes = _clamped(held)
    place = np.tile(_vector(translation, "translation"), (frames, 1))
    return PosePath(limited, place, Fraction(fps), notes)


def slider_pose(pitch: float = 0.0, yaw: float = 0.0, roll: float = 0.0) -> Array:
    """Return the rotation ``(3,)`` in radians of three sliders in degrees.

    Example:
        >>> slider_pose(yaw=90).round(2)
        array([0.  , 1.57, 0.  ], dtype=float32)
    """
    return np.asarray(np.radians([pitch, yaw, roll]), np.float32)


def retarget(
    reference: Motion,
    source_rotation: ArrayLike,
    source_translation: ArrayLike,
    *,
    mode: Mode = "absolute",
    gain: float = 1.0,
    frames: int | None = None,
) -> PosePath:
    """Let a source move as a reference person does.

    Args:
        reference: Of any person; only its pose is used.
        source_rotation: ``(3,)`` the source's pose, radians.
        source_translation: ``(3,)`` metres, z < 0.
        mode: ``absolute``: the reference's angles; ``relative``: its turns from its first frame,
            applied to the source's own angles.
        gain: Scales the movement about the first frame; 1 is the reference's own.
        frames: Length; the reference runs forth and back to fill it. Default: its own.

    Returns:
        The path on the reference's frame rate, smoothed over 5 frames and clamped to +-20 degrees of
        pitch and roll and +-35 of yaw; what was clamped stands in ``notes``.

    Raises:
        InputError: If the reference is empty or the mode unknown.
    """
    if len(reference) == 0:
        raise InputError("the pose reference has no frames", fix="choose a video with a face")
    if mode not in ("absolute", "relative"):
        raise InputError("unknown pose mode", found=mode, expected="absolute | relative")
    own = _vector(source_rotation, "rotation")
    place = _vector(source_translation, "translation")
    order = ping_pong(len(reference), len(reference) if frames is None else frames)
    # 1. Smooth before looping, so that the turning points stay where they are.
    rotation = smooth(np.unwrap(reference.rotation, axis=0))
    translation = smooth(reference.translation)
    # 2. Rotations: scaled about the first frame, then as they are or on top of the source's.
    turned = rotation[:1] + gain * (rotation - rotation[:1])
    if mode == "relative":
        matrices = rotation_matrix(turned)
        turned = euler_angles(matrices @ matrices[0].T @ rotation_matrix(own))
    # 3. Translations: moves in metres, distance as a ratio.
    moved = place + gain * (translation - translation[:1])
    ratio = np.clip(np.abs(translation[:, 2] / translation[0, 2]) ** gain, *_DISTANCE_RATIO)
    moved[:, 2] = place[2] * ratio
    limited, notes = _clamped(turned[order])
    return PosePath(limited, moved[order].astype(np.float32), reference.fps, notes)


def _vector(value: ArrayLike, name: str) -> Array:
    array = np.asarray(value, np.float32)
    if array.shape != (3,) or not np.isfinite(array).all():
        raise InputError(f"the source's {name} must be three numbers", found=array.shape)
    return array


def _clamped(rotation: NDArray[np.floating]) -> tuple[Array, tuple[str, ...]]:
    limits = np.radians(LIMITS_DEGREES)
    limited = np.clip(rotation, -limits, limits)
    notes = []
    for axis, name in enumerate(_AXES):
        count = int((np.abs(rotation[:, axis]) > limits[axis]).sum())
        if count:
            most = np.degrees(np.abs(rotation[:, axis]).max())
            notes.append(
                f"{name} clamped to {LIMITS_DEGREES[axis]:.0f} degrees in {count} of "
                f"{len(rotation)} frames (asked for up to {most:.0f})"
            )
    return limited.astype(np.float32), tuple(notes)
