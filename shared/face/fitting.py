"""Fit the head model to landmarks: who it is, what the face does, where the head is.

    points (T, 478, 2) px ── camera ──► rays
      1. pose of the mean head, in closed form (affine camera)
      2. identity (I,) from at most 32 frames spread over time, jointly with their poses and expressions:
         Gauss-Newton, the frames' unknowns eliminated by the Schur complement
      3. pose (6) and expression (52) of every frame at once, identity fixed: projected Gauss-Newton
      4. smoothing over time
    ──► Fit: Motion, identity, residual

The cost of a frame, all lengths in metres at the head's depth:

    sum_l huber(|project(R (mean + id a + exp e) + t) - p_l| / sigma_l) / CROWD
        + |a|^2 + |(e - e_0) / sigma_e|^2,        0 <= e <= 1

sigma_l is what the landmark network was measured to err on renders (``HeadModel.landmark_spread``). CROWD
says how many neighbouring landmarks err together.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from shared.errors import InputError
from shared.face.camera import Camera, euler_angles
from shared.face.head_model import LANDMARKS_478, HeadModel, LinearPoints
from shared.motion import FACE_UNITS, UNIT, Motion

Array = NDArray[np.floating]

CROWD = 12.0
"""Landmarks that share one error (ours: chosen on renders)."""
IRIS_CROWD = 5.0
"""The five points of an iris stand or fall together."""
HUBER = 2.0
"""Errors beyond this many sigma count linearly."""
IDENTITY_FRAMES = 32
_POSE_STEPS = 3
_IDENTITY_STEPS = 8
_FRAME_STEPS = 6
_BATCH = 32
_EYES = 0.085
"""Distance of the eyes' outer corners on the mean head, metres: the unit of landmark_spread."""
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


@dataclass(frozen=True, eq=False)
class _Rays:
    """What is observed.

    Attributes:
        rays: ``(T, 2, L)`` = (X / -Z, Y / -Z).
        precision: ``(T, L)`` one over variance, per square metre at the head's depth.
        share: ``(L,)`` one over the number of landmarks that share an error.
        expected: ``(T, 52)`` the prior's mean of the expression.
    """

    rays: Array
    precision: Array
    share: Array
    expected: Array

    def __getitem__(self, frames: slice | Array) -> _Rays:
        return _Rays(self.rays[frames], self.precision[frames], self.share, self.expected[frames])


@dataclass(frozen=True, eq=False)
class _State:
    """What is sought.

    Attributes:
        rotation: ``(T, 3, 3)`` head to camera.
        translation: ``(T, 3)`` metres.
        expression: ``(T, 52)``.
    """

    rotation: Array
    translation: Array
    expression: Array


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
    seen = _observe(points, model, camera, weights, blendshapes)
    bases = model.landmark_bases("478")
    state = _initial_pose(seen.rays, bases.mean)
    state = _fit_pose(seen, state, bases.mean)
    if identity is None:
        spread = np.unique(np.linspace(0, len(seen.rays) - 1, IDENTITY_FRAMES).round().astype(int))
        identity = _fit_identity(seen[spread], _take(state, spread), bases)
    elif np.shape(identity) != (model.identities,):
        raise InputError(
            "wrong shape of identity", found=np.shape(identity), expected=(model.identities,)
        )
    person = bases.mean + np.tensordot(np.asarray(identity, np.float64), bases.identity, 1)
    state, residual = _fit_all(seen, state, person, bases.expression)
    motion = _motion(state, Fraction(fps), smooth)
    return Fit(motion, np.asarray(identity, np.float32), residual)


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


def _fit_all(
    seen: _Rays, state: _State, person: Array, expression: Array
) -> tuple[_State, NDArray[np.float32]]:
    """Fit all frames in batches that keep memory bounded; return the state and the residual (T,)."""
    basis = _by_coordinate(expression)
    states, residuals = [], []
    for first in range(0, len(seen.rays), _BATCH):
        frames = slice(first, first + _BATCH)
        part = _fit_frames(seen[frames], _take(state, frames), person, basis)
        head = person + np.tensordot(part.expression, expression, 1)
        states.append(part)
        residuals.append(_residual(seen[frames], part, head))
    joined = (
        np.concatenate([getattr(part, name) for part in states])
        for name in ("rotation", "translation", "expression")
    )
    return _State(*joined), np.concatenate(residuals).astype(np.float32)


def _observe(
    points: Array,
    model: HeadModel,
    camera: Camera,
    weights: Array | None,
    blendshapes: Array | None,
) -> _Rays:
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
    if trust.shape not in ((LANDMARKS_478,), (count, LANDMARKS_478)) or not (trust >= 0).all():
        raise InputError(
            "weights do not fit the landmarks",
            found=trust.shape,
            expected=f"(478,) or ({count}, 478), none negative",
        )
    expected = np.zeros((count, len(FACE_UNITS)))
    if blendshapes is not None:
        if np.shape(blendshapes) != expected.shape:
            raise InputError(
                "wrong shape of blendshapes", found=np.shape(blendshapes), expected=expected.shape
            )
        known = list(_NETWORK_UNITS)
        expected[:, known] = np.clip(np.asarray(blendshapes)[:, known], 0, 1)
    sigma = model.landmark_spread.astype(np.float64) * _EYES
    share = np.full(LANDMARKS_478, 1 / CROWD)
    share[468:] = 1 / IRIS_CROWD
    rays = (points - camera.center) / camera.focal * [1, -1]
    return _Rays(rays.swapaxes(1, 2), trust * _openness(points) / sigma**2, share, expected)


def _openness(points: Array) -> Array:
    """Return how far each landmark can be seen, ``(T, 478)`` in [0, 1]: irises not through shut lids."""
    seen = np.ones(points.shape[:2])
    corners = np.linalg.norm(points[:, 33] - points[:, 263], axis=-1)
    for iris, upper, lower in _IRISES:
        gap = np.linalg.norm(points[:, lower] - points[:, upper], axis=-1)
        seen[:, iris] = np.clip(gap / np.maximum(corners, 1e-9) / _SHUT, 0.02, 1)[:, None] ** 2
    return seen


def _initial_pose(rays: Array, mean: Array) -> _State:
    """Return the pose of the mean head that an affine camera would see, at rest."""
    center = mean.mean(axis=0)
    middle = rays.mean(axis=2)
    affine = (rays - middle[..., None]) @ np.linalg.pinv((mean - center).astype(np.float64)).T
    left, size, right = np.linalg.svd(affine, full_matrices=False)
    two = left @ right
    third = np.cross(two[:, 0], two[:, 1])
    rotation = np.concatenate([two, third[:, None]], axis=1)
    depth = 1.0 / size.mean(axis=1)
    place = np.concatenate([middle, np.full((len(rays), 1), -1.0)], axis=1) * depth[:, None]
    return _State(rotation, place - rotation @ center, np.zeros((len(rays), len(FACE_UNITS))))


def _project(state: _State, head: Array) -> tuple[Array, Array, Array]:
    """Return R X ``(T, L, 3)``, rays ``(T, 2, L)`` and depths ``(T, L)`` of head points."""
    turned = head @ np.swapaxes(state.rotation, 1, 2)
    place = turned + state.translation[:, None]
    depth = np.maximum(-place[..., 2], 1e-3)
    return turned, place[..., :2].swapaxes(1, 2) / depth[:, None], depth


@dataclass(frozen=True, eq=False)
class _Linear:
    """Frames linearised about a state; lengths in metres at the head's depth.

    Attributes:
        gap: ``(T, 2 L)`` projected less seen, weighted.
        pose: ``(T, 2 L, 6)`` its derivative by a turn about the camera's axes and by a shift.
        rays: ``(T, 2, L)``.
        scale: ``(T, 1, L)`` weight over depth: what a shift of a point across the view is worth.
    """

    gap: Array
    pose: Array
    rays: Array
    scale: Array


def _linearise(seen: _Rays, state: _State, head: Array) -> _Linear:
    """Project, compare, and weigh each landmark by its precision and Huber's rule."""
    turned, rays, depth = _project(state, head)
    metres = -state.translation[:, 2, None]
    gap = (rays - seen.rays) * metres[:, None]
    sigmas = np.sqrt((gap**2).sum(axis=1) * seen.precision)
    robust = np.minimum(1.0, HUBER / np.maximum(sigmas, 1e-9))
    weight = np.sqrt(seen.precision * seen.share * robust)
    scale = (metres * weight / depth)[:, None]
    slope = np.zeros((*rays.shape, 3))
    slope[:, 0, :, 0] = slope[:, 1, :, 1] = 1.0
    slope[..., 2] = rays
    pose = np.concatenate([np.cross(turned[:, None], slope), slope], axis=-1) * scale[..., None]
    frames = len(gap)
    return _Linear(
        (gap * weight[:, None]).reshape(frames, -1), pose.reshape(frames, -1, 6), rays, scale
    )


def _moved(state: _State, step: Array) -> _State:
    """Apply a step (T, 6 or 58): turn about the axes of the camera, shift, change the expression."""
    angle = np.linalg.norm(step[:, :3], axis=1)[:, None, None]
    axis = step[:, :3] / np.maximum(angle[:, 0], 1e-12)
    cross = np.cross(axis[:, None, :], np.eye(3)).swapaxes(1, 2)
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    expression = state.expression
    if step.shape[1] > 6:
        expression = np.clip(expression + step[:, 6:], 0.0, 1.0)
    return _State(turn @ state.rotation, state.translation + step[:, 3:6], expression)


def _fit_pose(seen: _Rays, state: _State, head: Array) -> _State:
    """Refine the pose of a rigid head ``(L, 3)``."""
    for _ in range(_POSE_STEPS):
        linear = _linearise(seen, state, head)
        across = linear.pose.swapaxes(1, 2)
        step = np.linalg.solve(across @ linear.pose, -(across @ linear.gap[..., None]))
        state = _moved(state, step[..., 0])
    return state


def _columns(linear: _Linear, rotation: Array, basis: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the derivative ``(T, 2 L, K)`` by the coefficients of a basis ``(3, L, K)``."""
    frames, points = len(rotation), basis.shape[1]
    turned = rotation.reshape(-1, 3).astype(np.float32) @ basis.reshape(3, -1)
    turned = turned.reshape(frames, 3, points, -1)
    columns = turned[:, :2] + linear.rays[..., None].astype(np.float32) * turned[:, 2:]
    columns *= linear.scale[..., None].astype(np.float32)
    return np.asarray(columns.reshape(frames, 2 * points, -1))


@dataclass(frozen=True, eq=False)
class _Equations:
    """Normal equations of frames in their pose and expression.

    Attributes:
        linear: What they were made of.
        normal: ``(T, 58, 58)``.
        gradient: ``(T, 58)``.
        columns: ``(T, 2 L, 58)``.
        free: ``(T, 58)`` False for units that a bound holds: their rows and columns are emptied.
    """

    linear: _Linear
    normal: Array
    gradient: Array
    columns: NDArray[np.float32]
    free: NDArray[np.bool_]


def _equations(seen: _Rays, state: _State, person: Array, basis: NDArray[np.float32]) -> _Equations:
    """Set up Gauss-Newton's equations about a state; units pressed against a bound are held."""
    head = person + np.einsum("tk,clk->tlc", state.expression, basis, optimize=True)
    linear = _linearise(seen, state, head)
    columns = np.concatenate(
        [linear.pose.astype(np.float32), _columns(linear, state.rotation, basis)], axis=-1
    )
    across = columns.swapaxes(1, 2)
    normal = (across @ columns).astype(np.float64)
    gradient = (across @ linear.gap[..., None].astype(np.float32))[..., 0].astype(np.float64)
    prior = expression_precision()
    gradient[:, 6:] += prior * (state.expression - seen.expected)
    free = np.ones(gradient.shape, bool)
    free[:, 6:] = (state.expression > 0) | (gradient[:, 6:] < 0)
    free[:, 6:] &= (state.expression < 1) | (gradient[:, 6:] > 0)
    every = np.arange(normal.shape[1])
    normal[:, every[6:], every[6:]] += prior
    normal *= free[:, :, None] & free[:, None, :]
    normal[:, every, every] += ~free
    return _Equations(linear, normal, gradient * free, columns, free)


def expression_precision() -> Array:
    """Return 1 / sigma_e^2 ``(52,)`` of the face units: how rarely and how weakly they act."""
    sigma = np.zeros(len(FACE_UNITS))
    for place, unit in enumerate(FACE_UNITS):
        sigma[place] = next(value for name, value in _UNIT_SIGMA.items() if unit.startswith(name))
    return 1.0 / sigma**2


def _fit_frames(seen: _Rays, state: _State, person: Array, basis: NDArray[np.float32]) -> _State:
    """Fit pose and expression of every frame, the identity fixed in ``person`` (L, 3)."""
    for _ in range(_FRAME_STEPS):
        now = _equations(seen, state, person, basis)
        state = _moved(state, -np.linalg.solve(now.normal, now.gradient[..., None])[..., 0])
    return state


def _fit_identity(seen: _Rays, state: _State, bases: LinearPoints) -> Array:
    """Fit one identity (I,) to all frames together with each frame's pose and expression.

    T frames count as sqrt(T): a landmark that lies wrong on a face does so in most of its frames.
    """
    worth = np.sqrt(len(seen.rays))
    own_basis, basis = _by_coordinate(bases.identity), _by_coordinate(bases.expression)
    identity = np.zeros(len(bases.identity))
    for _ in range(_IDENTITY_STEPS):
        person = bases.mean + np.tensordot(identity, bases.identity, 1)
        now = _equations(seen, state, person, basis)
        own = _columns(now.linear, state.rotation, own_basis)
        across = own.swapaxes(1, 2)
        cross = (across @ now.columns).astype(np.float64) * now.free[:, None]
        # Schur complement: what is left of the identity's equations once each frame has done its best.
        right = np.concatenate([cross.swapaxes(1, 2), now.gradient[..., None]], axis=-1)
        solved = np.linalg.solve(now.normal, right)
        normal = (across @ own - cross @ solved[..., :-1]).sum(axis=0) / worth
        pull = (across @ now.linear.gap[..., None] - cross @ solved[..., -1:]).sum(axis=0) / worth
        change = -np.linalg.solve(normal + np.eye(len(identity)), pull[:, 0] + identity)
        identity = identity + change
        state = _moved(state, -(solved[..., -1] + solved[..., :-1] @ change))
    return identity


def _by_coordinate(basis: Array) -> NDArray[np.float32]:
    """Turn a basis (K, L, 3) into (3, L, K), so that all its points turn in one product."""
    return np.ascontiguousarray(basis.transpose(2, 1, 0), np.float32)


def _residual(seen: _Rays, state: _State, head: Array) -> Array:
    """Return the mean distance (T,) of the landmarks to points ``head``, inter-ocular distances."""
    _, rays, _ = _project(state, head)
    gap = np.linalg.norm(rays - seen.rays, axis=1).mean(axis=1)
    return np.asarray(gap * -state.translation[:, 2] / _EYES)


def _take(state: _State, frames: slice | Array) -> _State:
    return replace(
        state,
        rotation=state.rotation[frames],
        translation=state.translation[frames],
        expression=state.expression[frames],
    )


def _motion(state: _State, fps: Fraction, smooth: bool) -> Motion:
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
