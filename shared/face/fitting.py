"""Fit the head model to landmarks: who it is, what the face does, where the head is.

    points (T, 478, 2) px ── camera ──► rays
      1. pose of the mean head, in closed form (affine camera)
      2. identity (I,) from at most 32 frames spread over time, jointly with their poses and expressions:
         Gauss-Newton, the frames' unknowns eliminated by the Schur complement
      3. pose (6) and expression (52) of every frame at once, identity fixed: projected Gauss-Newton
      4. smoothing over time
    ──► Fit: Motion, identity, residual

The cost of a frame, all lengths in metres at the head's depth:

    sum_l huber(|project(R (mean + id a + exp e) + t) + sum_k b_k mode_kl - p_l| / sigma_l) / CROWD
        + |b|^2 + |a|^2 + (e - e_0)' C^-1 (e - e_0),        0 <= e <= 1

What the landmark network errs, its modes and each landmark's own sigma_l, was measured on renders
(:mod:`shared.face.landmark_errors`); the amounts b of the modes are eliminated. CROWD says how many
neighbouring landmarks err together beyond that. C is diagonal but for the two sides of the face.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from shared.errors import InputError
from shared.face.camera import Camera, euler_angles
from shared.face.gauss_newton import Rays, State, fit_frames, fit_identity, fit_pose, initial_pose
from shared.face.head_model import LANDMARKS_478, HeadModel
from shared.face.landmark_errors import LandmarkErrors
from shared.motion import FACE_UNITS, UNIT, Motion

Array = NDArray[np.floating]

CROWD = 12.0
"""Landmarks that share one error (ours: chosen on renders)."""
IRIS_CROWD = 5.0
"""The five points of an iris stand or fall together."""
SYMMETRY = 0.8
"""Correlation of the units of the two sides; both eyes look the same way (ours)."""
IDENTITY_FRAMES = 32
_EYES = 0.085
"""Distance of the eyes' outer corners on the mean head, metres: the unit of the residual."""
_FEWEST = 20
"""Landmarks that a fit needs at the least."""
_SHUT = 0.045
"""Lid gap, in distances of the eyes' outer corners, below which irises begin to be guessed."""
_IRISES = ((slice(468, 473), 159, 145), (slice(473, 478), 386, 374))
"""Each iris with a point of the upper and of the lower lid; the person's right eye first."""
_POSE_CUTOFF = 4.0
_EXPRESSION_CUTOFF = 8.0
"""Hertz at which smoothing halves a movement."""
_NETWORK_UNITS = tuple(
    UNIT[name] for name in ("eyeBlinkLeft", "eyeBlinkRight", "cheekPuff", "tongueOut")
)
"""Units for which the network's own estimate is the prior's mean, where the caller gives one."""
_UNIT_SIGMA = {
    "browInnerUp": 0.5, "browDown": 0.4, "browOuterUp": 0.4, "cheek": 0.15,
    "eyeBlink": 0.8, "eyeLook": 0.8, "eyeSquint": 0.2, "eyeWide": 0.2,
    "jawOpen": 0.8, "jawForward": 0.1, "jaw": 0.15,
    "mouthSmile": 0.6, "mouthPucker": 0.5, "mouthFunnel": 0.5, "mouthClose": 0.4,
    "mouthShrug": 0.15, "mouthDimple": 0.15, "mouthRoll": 0.25, "mouthLeft": 0.25,
    "mouthRight": 0.25, "mouth": 0.3, "noseSneer": 0.2, "tongueOut": 0.05,
}  # fmt: skip
"""Beginning of a unit's name -> how strongly it acts; the first that fits holds (ours: talking faces)."""


@dataclass(frozen=True, eq=False)
class Fit:
    """A fitted head.

    Attributes:
        motion: Pose and expression of the T frames, relative to the camera that the fit was given.
        identity: ``(I,)`` coefficients of the head model.
        residual: ``(T,)`` mean distance of the landmarks to the fitted head's, before smoothing, as a
            share of the distance between the eyes' outer corners.
    """

    motion: Motion
    identity: NDArray[np.float32]
    residual: NDArray[np.float32]


def fit_landmarks(
    points: Array,
    model: HeadModel,
    camera: Camera,
    *,
    fps: Fraction = Fraction(25),
    identity: Array | None = None,
    smooth: bool = True,
    weights: Array | None = None,
    blendshapes: Array | None = None,
) -> Fit:
    """Fit identity, expression and pose to the landmarks of one person.

    Args:
        points: ``(T, 478, 2)`` px.
        model: The head model.
        camera: The camera in whose pixels the points are, usually ``Camera.of_crop(size)``.
        fps: Frames a second, exact.
        identity: ``(I,)`` if it is known (a later chunk of the same person).
        smooth: Whether to smooth pose and expression over time.
        weights: ``(478,)`` or ``(T, 478)`` >= 0: how far to trust each landmark beyond what the model
            knows; 0 leaves one out.
        blendshapes: ``(T, 52)`` the landmark network's face units, a prior for what geometry hardly shows.

    Raises:
        InputError: If shapes are wrong, values are not finite, or the points lie all in one place.
    """
    seen = _observe(points, camera, weights, blendshapes)
    bases = model.landmark_bases("478")
    state = fit_pose(seen, initial_pose(seen.rays, bases.mean), bases.mean)
    if identity is None:
        spread = np.unique(np.linspace(0, len(seen.rays) - 1, IDENTITY_FRAMES).round().astype(int))
        identity = fit_identity(seen[spread], state[spread], bases)
    elif np.shape(identity) != (model.identities,):
        raise InputError(
            "wrong shape of identity", found=np.shape(identity), expected=(model.identities,)
        )
    person = bases.mean + np.tensordot(np.asarray(identity, np.float64), bases.identity, 1)
    state, gaps = fit_frames(seen, state, person, bases.expression)
    motion = _motion(state, Fraction(fps), smooth)
    return Fit(motion, np.asarray(identity, np.float32), (gaps / _EYES).astype(np.float32))


def fit_image(
    points: Array,
    model: HeadModel,
    camera: Camera,
    *,
    weights: Array | None = None,
    blendshapes: Array | None = None,
) -> Fit:
    """Fit the landmarks ``(478, 2)`` px of a single picture; see :func:`fit_landmarks`."""
    units = None if blendshapes is None else np.asarray(blendshapes)[None]
    return fit_landmarks(
        np.asarray(points)[None], model, camera, smooth=False, weights=weights, blendshapes=units
    )


def _observe(
    points: Array,
    camera: Camera,
    weights: Array | None,
    blendshapes: Array | None,
) -> Rays:
    """Check the input and turn pixels into rays."""
    points = np.asarray(points, np.float64)
    if points.ndim != 3 or points.shape[1:] != (LANDMARKS_478, 2) or len(points) == 0:
        raise InputError("wrong shape of landmarks", found=points.shape, expected="(T, 478, 2)")
    if not np.isfinite(points).all():
        raise InputError(
            "landmarks are not finite",
            found=f"{int((~np.isfinite(points)).any(axis=(1, 2)).sum())} such frames",
            fix="fill the gaps of the track first",
        )
    extent = np.ptp(points, axis=1).min(axis=1)
    if (extent < 1e-6 * camera.focal).any():
        raise InputError(
            "landmarks lie all on one line or point",
            found=f"frame {int(extent.argmin())}",
            expected="478 points of a face",
        )
    count = len(points)
    trust = np.ones(LANDMARKS_478) if weights is None else np.asarray(weights, np.float64)
    if (
        trust.shape not in ((LANDMARKS_478,), (count, LANDMARKS_478))
        or not (trust >= 0).all()
        or (trust > 0).sum(axis=-1).min() < _FEWEST
    ):
        raise InputError(
            "weights do not fit the landmarks",
            found=trust.shape,
            expected=f"(478,) or ({count}, 478), none negative, {_FEWEST} a frame above 0",
        )
    expected = np.zeros((count, len(FACE_UNITS)))
    if blendshapes is not None:
        if np.shape(blendshapes) != expected.shape:
            raise InputError(
                "wrong shape of blendshapes", found=np.shape(blendshapes), expected=expected.shape
            )
        known = list(_NETWORK_UNITS)
        expected[:, known] = np.clip(np.asarray(blendshapes)[:, known], 0, 1)
    errors = LandmarkErrors.load()
    share = np.full(LANDMARKS_478, 1 / CROWD)
    share[468:] = 1 / IRIS_CROWD
    rays = (points - camera.center) / camera.focal * [1, -1]
    precision = trust * _openness(points) / errors.own.astype(np.float64) ** 2
    return Rays(
        rays.swapaxes(1, 2), precision, share, expected, expression_precision(), errors.modes
    )  # fmt: skip


def _openness(points: Array) -> Array:
    """Return how far each landmark can be seen, ``(T, 478)`` in [0, 1]: irises not through shut lids."""
    seen = np.ones(points.shape[:2])
    corners = np.linalg.norm(points[:, 33] - points[:, 263], axis=-1)
    for iris, upper, lower in _IRISES:
        gap = np.linalg.norm(points[:, lower] - points[:, upper], axis=-1)
        seen[:, iris] = np.clip(gap / np.maximum(corners, 1e-9) / _SHUT, 0.02, 1)[:, None] ** 2
    return seen


def expression_precision() -> Array:
    """Return the inverse covariance ``(52, 52)`` of the face units: how weakly and how alike they act."""
    sigma = np.zeros(len(FACE_UNITS))
    likeness = np.eye(len(FACE_UNITS))
    for place, unit in enumerate(FACE_UNITS):
        sigma[place] = next(value for name, value in _UNIT_SIGMA.items() if unit.startswith(name))
        if (other := opposite_unit(unit)) is not None:
            likeness[place, UNIT[other]] = SYMMETRY
    return np.asarray(np.linalg.inv(sigma[:, None] * likeness * sigma))


def opposite_unit(unit: str) -> str | None:
    """Return the unit that moves the other side of the face alike, or None.

    Example:
        >>> opposite_unit("mouthSmileLeft"), opposite_unit("eyeLookInRight"), opposite_unit("jawLeft")
        ('mouthSmileRight', 'eyeLookOutLeft', None)
    """
    if unit in ("jawLeft", "jawRight", "mouthLeft", "mouthRight"):
        return None
    swapped = {"Left": "Right", "Right": "Left"}
    side = next((name for name in swapped if unit.endswith(name)), None)
    if side is None:
        return None
    stem = unit.removesuffix(side)
    if stem.startswith("eyeLook"):
        stem = {"eyeLookIn": "eyeLookOut", "eyeLookOut": "eyeLookIn"}.get(stem, stem)
    return stem + swapped[side]


def _motion(state: State, fps: Fraction, smooth: bool) -> Motion:
    """Turn the state into a Motion, smoothed if wanted."""
    rotation = np.unwrap(euler_angles(state.rotation), axis=0)
    parts = [rotation, state.translation, state.expression]
    if smooth and len(rotation) > 2:
        cutoffs = (_POSE_CUTOFF, _POSE_CUTOFF, _EXPRESSION_CUTOFF)
        parts = [
            smoothed(part, cutoff, float(fps)) for part, cutoff in zip(parts, cutoffs, strict=True)
        ]
    return Motion(parts[0], parts[1], np.clip(parts[2], 0, 1), fps)


def smoothed(values: Array, cutoff: float, fps: float) -> Array:
    """Smooth columns (T, K) by a penalty on second differences that halves ``cutoff`` Hz (Whittaker).

    Minimises ``|z - x|^2 + s |D2 z|^2``; its gain at frequency w is ``1 / (1 + s (2 - 2 cos w)^2)``.

    Args:
        values: ``(T, K)``, T >= 3.
        cutoff: Hertz; at or above half of ``fps`` nothing is smoothed.
        fps: Frames a second.
    """
    if cutoff >= fps / 2:
        return values
    strength = (2 - 2 * np.cos(2 * np.pi * cutoff / fps)) ** -2
    count = len(values)
    bands = np.zeros((3, count))
    for offset, taps in enumerate(((1.0, 4.0, 1.0), (-2.0, -2.0), (1.0,))):
        for place, tap in enumerate(taps):
            bands[2 - offset, offset + place : offset + place + count - 2] += strength * tap
    bands[2] += 1
    return np.asarray(solveh_banded(bands, values))
