"""Gauss-Newton for the head model: pose, expression and identity of many frames at once.

One step for T frames, all of them in a few large products:

    head = person + e · B_exp ── turn, shift, project ──► gap (T, 2 L), weighted by precision and Huber's rule
    columns J (T, 2 L, 58) = d gap / d (turn 3, shift 3, expression 52)
    normal  N = J'J - V + prior, gradient g = J'gap - v + prior (e - e_0)
    step = - N^-1 g, expression clipped to [0, 1]; units that a bound holds are left out of N

The identity a (I,) is shared by all frames; their own unknowns are eliminated from its equations by the Schur
complement: S = J_a'J_a - C N^-1 C', with C = J_a'J. The amounts b of the landmark network's error modes U
(:mod:`shared.face.landmark_errors`) are eliminated in the same way: V = J'U (U'U + 1)^-1 U'J.

Lengths are metres at the head's depth: rays times the head's distance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.face.head_model import LinearPoints
from shared.motion import FACE_UNITS

Array = NDArray[np.floating]
Float32 = NDArray[np.float32]

HUBER = 2.0
"""Errors beyond this many sigma count linearly."""
_POSE_STEPS = 3
_IDENTITY_STEPS = 8
_FRAME_STEPS = 6
_BATCH = 32


@dataclass(frozen=True, eq=False)
class Rays:
    """What is observed, and what is expected before.

    Attributes:
        rays: ``(T, 2, L)`` = (X / -Z, Y / -Z).
        precision: ``(T, L)`` one over variance, per square metre at the head's depth.
        share: ``(L,)`` one over the number of landmarks that share an error.
        expected: ``(T, 52)`` the prior's mean of the expression.
        stiffness: ``(52, 52)`` the prior's inverse covariance of the expression.
        modes: ``(2, L, K)`` metres, the errors that landmarks make together, along the eye line and
            upwards across it.
    """

    rays: Array
    precision: Array
    share: Array
    expected: Array
    stiffness: Array
    modes: Float32

    def __getitem__(self, frames: slice | Array) -> Rays:
        """Return some of the frames."""
        return Rays(
            self.rays[frames],
            self.precision[frames],
            self.share,
            self.expected[frames],
            self.stiffness,
            self.modes,
        )


@dataclass(frozen=True, eq=False)
class State:
    """What is sought.

    Attributes:
        rotation: ``(T, 3, 3)`` head to camera.
        translation: ``(T, 3)`` metres.
        expression: ``(T, 52)``.
    """

    rotation: Array
    translation: Array
    expression: Array

    def __getitem__(self, frames: slice | Array) -> State:
        """Return some of the frames."""
        return State(self.rotation[frames], self.translation[frames], self.expression[frames])

    @classmethod
    def joined(cls, parts: Sequence[State]) -> State:
        """Put frames one after the other."""
        names = ("rotation", "translation", "expression")
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def initial_pose(rays: Array, mean: Array) -> State:
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
    return State(rotation, place - rotation @ center, np.zeros((len(rays), len(FACE_UNITS))))


def _project(state: State, head: Array) -> tuple[Array, Array, Array]:
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
        modes: ``(T, K, 2 L)`` the error modes, weighted.
        inverse: ``(T, K, K)`` of U'U + 1.
    """

    gap: Array
    pose: Array
    rays: Array
    scale: Array
    modes: Float32
    inverse: Float32

    def told(self, columns: Array) -> tuple[Float32, Float32]:
        """Return U'J ``(T, K, C)`` and its settled form ((U'U + 1)^-1 U'J)' ``(T, C, K)`` of columns J."""
        told = self.modes @ columns.astype(np.float32, copy=False)
        return told, (self.inverse @ told).swapaxes(1, 2)


def _linearise(seen: Rays, state: State, head: Array) -> _Linear:
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
    modes = _weighted_modes(seen.modes, state.rotation, weight)
    inner = modes @ modes.swapaxes(1, 2) + np.eye(modes.shape[1], dtype=np.float32)
    return _Linear(
        (gap * weight[:, None]).reshape(frames, -1),
        pose.reshape(frames, -1, 6),
        rays,
        scale,
        modes,
        np.linalg.inv(inner),
    )


def _weighted_modes(modes: Float32, rotation: Array, weight: Array) -> Float32:
    """Return error modes (2, L, K) as ``(T, K, 2 L)``, rolled with each head and weighted (T, L)."""
    frames, (_, points, count) = len(weight), modes.shape
    line = rotation[:, :2, 0] / np.linalg.norm(rotation[:, :2, 0], axis=1, keepdims=True)
    axes = np.stack([line, np.stack([-line[:, 1], line[:, 0]], axis=-1)], axis=-1)
    turned = axes.astype(np.float32) @ modes.reshape(2, -1)
    turned = turned.reshape(frames, 2, points, count) * weight[:, None, :, None].astype(np.float32)
    return turned.reshape(frames, 2 * points, count).swapaxes(1, 2)


def _moved(state: State, step: Array) -> State:
    """Apply a step (T, 6 or 58): turn about the axes of the camera, shift, change the expression."""
    angle = np.linalg.norm(step[:, :3], axis=1)[:, None, None]
    axis = step[:, :3] / np.maximum(angle[:, 0], 1e-12)
    cross = np.cross(axis[:, None, :], np.eye(3)).swapaxes(1, 2)
    turn = np.eye(3) + np.sin(angle) * cross + (1 - np.cos(angle)) * (cross @ cross)
    expression = state.expression
    if step.shape[1] > 6:
        expression = np.clip(expression + step[:, 6:], 0.0, 1.0)
    return State(turn @ state.rotation, state.translation + step[:, 3:6], expression)


def fit_pose(seen: Rays, state: State, head: Array) -> State:
    """Refine the pose of a rigid head ``(L, 3)``, in batches that keep memory bounded."""
    parts = [
        _pose_of_batch(seen[frames], state[frames], head) for frames in _batches(len(seen.rays))
    ]
    return State.joined(parts)


def _batches(count: int) -> list[slice]:
    return [slice(first, first + _BATCH) for first in range(0, count, _BATCH)]


def _pose_of_batch(seen: Rays, state: State, head: Array) -> State:
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


def _equations(seen: Rays, state: State, person: Array, basis: NDArray[np.float32]) -> _Equations:
    """Set up Gauss-Newton's equations about a state; units pressed against a bound are held."""
    head = person + np.einsum("tk,clk->tlc", state.expression, basis, optimize=True)
    linear = _linearise(seen, state, head)
    columns = np.concatenate(
        [linear.pose.astype(np.float32), _columns(linear, state.rotation, basis)], axis=-1
    )
    across = columns.swapaxes(1, 2)
    told, settled = linear.told(columns)
    gap = linear.gap[..., None].astype(np.float32)
    normal = (across @ columns - settled @ told).astype(np.float64)
    gradient = (across @ gap - settled @ (linear.modes @ gap))[..., 0].astype(np.float64)
    gradient[:, 6:] += (state.expression - seen.expected) @ seen.stiffness
    free = np.ones(gradient.shape, bool)
    free[:, 6:] = (state.expression > 0) | (gradient[:, 6:] < 0)
    free[:, 6:] &= (state.expression < 1) | (gradient[:, 6:] > 0)
    every = np.arange(normal.shape[1])
    normal[:, 6:, 6:] += seen.stiffness
    normal *= free[:, :, None] & free[:, None, :]
    normal[:, every, every] += ~free
    return _Equations(linear, normal, gradient * free, columns, free)


def _fit_batch(seen: Rays, state: State, person: Array, basis: NDArray[np.float32]) -> State:
    """Fit pose and expression of every frame, the identity fixed in ``person`` (L, 3)."""
    for _ in range(_FRAME_STEPS):
        now = _equations(seen, state, person, basis)
        state = _moved(state, -np.linalg.solve(now.normal, now.gradient[..., None])[..., 0])
    return state


def fit_frames(seen: Rays, state: State, person: Array, expression: Array) -> tuple[State, Array]:
    """Fit pose and expression of all frames, in batches that keep memory bounded.

    Args:
        seen: Of T frames.
        state: Where to begin.
        person: ``(L, 3)`` the person's landmarks at rest, metres.
        expression: ``(52, L, 3)`` the face units.

    Returns:
        The state, and the mean distance ``(T,)`` of the landmarks to it in metres.
    """
    basis = _by_coordinate(expression)
    states, gaps = [], []
    for frames in _batches(len(seen.rays)):
        part = _fit_batch(seen[frames], state[frames], person, basis)
        head = person + np.tensordot(part.expression, expression, 1)
        states.append(part)
        gaps.append(residual(seen[frames], part, head))
    return State.joined(states), np.concatenate(gaps)


def fit_identity(seen: Rays, state: State, bases: LinearPoints) -> Array:
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
        told, settled = now.linear.told(own)
        gap = now.linear.gap[..., None]
        cross = across @ now.columns - settled @ (now.linear.modes @ now.columns)
        cross = cross.astype(np.float64) * now.free[:, None]
        # Schur complement: what is left of the identity's equations once each frame has done its best.
        right = np.concatenate([cross.swapaxes(1, 2), now.gradient[..., None]], axis=-1)
        solved = np.linalg.solve(now.normal, right)
        normal = (across @ own - settled @ told - cross @ solved[..., :-1]).sum(axis=0) / worth
        pull = across @ gap - settled @ (now.linear.modes @ gap) - cross @ solved[..., -1:]
        pull = pull.sum(axis=0) / worth
        change = -np.linalg.solve(normal + np.eye(len(identity)), pull[:, 0] + identity)
        identity = identity + change
        state = _moved(state, -(solved[..., -1] + solved[..., :-1] @ change))
    return identity


def _by_coordinate(basis: Array) -> NDArray[np.float32]:
    """Turn a basis (K, L, 3) into (3, L, K), so that all its points turn in one product."""
    return np.ascontiguousarray(basis.transpose(2, 1, 0), np.float32)


def residual(seen: Rays, state: State, head: Array) -> Array:
    """Return the mean distance ``(T,)`` of the landmarks to points ``head`` (T, L, 3), metres."""
    _, rays, _ = _project(state, head)
    gap = np.linalg.norm(rays - seen.rays, axis=1).mean(axis=1)
    return np.asarray(gap * -state.translation[:, 2])
