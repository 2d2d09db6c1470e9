from __future__ import annotations

import tracemalloc
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from shared.errors import InputError
from shared.face.camera import Camera
from shared.face.fitting import expression_precision, fit_image, fit_landmarks, smoothed
from shared.face.head_model import HeadModel
from shared.motion import FACE_UNITS, UNIT, Motion

CAMERA = Camera.of_crop(256)
EYES = 0.085


@pytest.fixture(scope="module")
def model() -> HeadModel:
    return HeadModel.load()


def talking(frames: int) -> Motion:
    """A head that looks about within 30 degrees, opens its mouth, blinks and smiles."""
    time = np.arange(frames) / 25
    rotation = np.stack(
        [0.2 * np.sin(1.1 * time), 0.5 * np.sin(0.7 * time), 0.1 * np.sin(time)], -1
    )
    translation = np.array([0.0, -0.02, -1.05]) + 0.01 * np.sin(
        np.stack([time, 2 * time, time], -1)
    )
    expression = np.zeros((frames, len(FACE_UNITS)))
    expression[:, UNIT["jawOpen"]] = 0.35 - 0.35 * np.cos(2 * np.pi * 1.5 * time)
    expression[10:13, [UNIT["eyeBlinkLeft"], UNIT["eyeBlinkRight"]]] = 0.9
    expression[:, [UNIT["mouthSmileLeft"], UNIT["mouthSmileRight"]]] = 0.4
    return Motion(rotation, translation, expression, Fraction(25))


def seen(
    model: HeadModel, motion: Motion, identity: np.ndarray, camera: Camera = CAMERA
) -> np.ndarray:
    points = model.points("478", identity, motion.expression).astype(np.float64)
    return model.project(points, motion.rotation, motion.translation, camera)


@pytest.fixture(scope="module")
def truth(model: HeadModel) -> tuple[Motion, np.ndarray, np.ndarray]:
    identity = np.clip(np.random.default_rng(5).normal(size=model.identities), -1.5, 1.5)
    motion = talking(60)
    return motion, identity, seen(model, motion, identity)


def test_exact_points_give_back_pose_and_expression(model: HeadModel, truth) -> None:
    motion, identity, points = truth
    fit = fit_landmarks(points, model, CAMERA, identity=identity, smooth=False)
    error = np.degrees(np.abs(fit.motion.rotation - motion.rotation))
    assert error.max() < 0.5
    np.testing.assert_allclose(fit.motion.translation, motion.translation, atol=0.01)
    jaw = fit.motion.expression[:, UNIT["jawOpen"]], motion.expression[:, UNIT["jawOpen"]]
    assert np.corrcoef(*jaw)[0, 1] > 0.99
    assert fit.residual.max() < 0.01


def test_noisy_points_of_a_stranger_give_pose_within_two_degrees(model: HeadModel, truth) -> None:
    motion, identity, points = truth
    rng = np.random.default_rng(0)
    noise = rng.normal(size=points.shape) * model.landmark_spread[:, None]
    scale = EYES * CAMERA.focal
    fit = fit_landmarks(points + 0.5 * noise * scale, model, CAMERA)
    error = np.degrees(np.abs(fit.motion.rotation - motion.rotation))
    assert (np.median(error, axis=0) < 2).all()
    jaw = fit.motion.expression[:, UNIT["jawOpen"]], motion.expression[:, UNIT["jawOpen"]]
    assert np.corrcoef(*jaw)[0, 1] > 0.95
    rest = np.zeros(len(FACE_UNITS))
    true, fitted, mean = (
        model.vertices(i, rest) - model.vertices(i, rest).mean(axis=0)
        for i in (identity, fit.identity, 0 * identity)
    )
    assert (
        np.linalg.norm(fitted - true, axis=-1).mean() < np.linalg.norm(mean - true, axis=-1).mean()
    )


def test_a_blink_is_found_where_it_is(model: HeadModel, truth) -> None:
    _, identity, points = truth
    fit = fit_landmarks(points, model, CAMERA, identity=identity)
    blink = fit.motion.expression[:, UNIT["eyeBlinkLeft"]]
    assert blink[11] > 0.5
    assert np.median(blink) < 0.15


def test_expression_stays_within_its_bounds(model: HeadModel, truth) -> None:
    _, _, points = truth
    wide = points.copy()
    wide[:, :, 1] = 128 + 1.4 * (wide[:, :, 1] - 128)
    fit = fit_landmarks(wide, model, CAMERA)
    assert fit.motion.expression.min() >= 0
    assert fit.motion.expression.max() <= 1
    assert np.isfinite(fit.identity).all()


def test_the_unit_of_the_points_does_not_matter(model: HeadModel, truth) -> None:
    _, _, points = truth
    pixels = fit_image(points[7], model, CAMERA)
    unit = fit_image(points[7] / 256, model, Camera.of_crop(1))
    np.testing.assert_allclose(unit.motion.rotation, pixels.motion.rotation, atol=1e-5)
    np.testing.assert_allclose(unit.identity, pixels.identity, atol=1e-4)


def test_frames_do_not_depend_on_each_other_without_smoothing(model: HeadModel, truth) -> None:
    _, identity, points = truth
    together = fit_landmarks(points, model, CAMERA, identity=identity, smooth=False)
    alone = fit_landmarks(points[41:42], model, CAMERA, identity=identity, smooth=False)
    np.testing.assert_allclose(together.motion.rotation[41], alone.motion.rotation[0], atol=1e-5)
    np.testing.assert_allclose(
        together.motion.expression[41], alone.motion.expression[0], atol=1e-4
    )


def test_zero_weight_leaves_landmarks_out(model: HeadModel, truth) -> None:
    _, identity, points = truth
    spoilt = points[:3].copy()
    spoilt[:, :100] += 80
    weights = np.ones(478)
    weights[:100] = 0
    fits = [
        fit_landmarks(p, model, CAMERA, identity=identity, weights=weights).motion.rotation
        for p in (points[:3], spoilt)
    ]
    np.testing.assert_allclose(fits[0], fits[1], atol=1e-6)


def test_a_few_landmarks_gone_astray_hardly_matter(model: HeadModel, truth) -> None:
    motion, identity, points = truth
    astray = points.copy()
    astray[:, 100:120] += 40
    fit = fit_landmarks(astray, model, CAMERA, identity=identity)
    assert np.degrees(np.abs(fit.motion.rotation - motion.rotation)).max() < 3


def test_blendshapes_inform_what_geometry_cannot_see(model: HeadModel, truth) -> None:
    _, identity, points = truth
    units = np.zeros((len(points), len(FACE_UNITS)))
    units[:, UNIT["tongueOut"]] = 0.8
    fit = fit_landmarks(points, model, CAMERA, identity=identity, blendshapes=units)
    np.testing.assert_allclose(fit.motion.expression[:, UNIT["tongueOut"]], 0.8, atol=0.05)


@pytest.mark.parametrize("frames", [1, 2, 3])
def test_short_clips_fit(model: HeadModel, truth, frames: int) -> None:
    _, _, points = truth
    fit = fit_landmarks(points[:frames], model, CAMERA, fps=Fraction(30000, 1001))
    assert len(fit.motion) == frames
    assert fit.residual.shape == (frames,)
    assert fit.motion.fps == Fraction(30000, 1001)


def test_smoothing_halves_its_cutoff_and_keeps_slow_movement() -> None:
    time = np.arange(500) / 25
    slow, fast = (np.sin(2 * np.pi * f * time) for f in (0.3, 4.0))
    kept = smoothed(np.stack([slow, fast], -1), 4.0, 25.0)[50:-50]
    assert np.abs(kept[:, 0] - slow[50:-50]).max() < 0.01
    assert np.abs(kept[:, 1]).max() == pytest.approx(0.5, abs=0.02)


def test_smoothing_equals_a_dense_solution() -> None:
    values = np.random.default_rng(1).normal(size=(9, 2))
    strength = (2 - 2 * np.cos(2 * np.pi * 3 / 25)) ** -2
    second = np.diff(np.eye(9), n=2, axis=0)
    dense = np.linalg.solve(np.eye(9) + strength * second.T @ second, values)
    np.testing.assert_allclose(smoothed(values, 3.0, 25.0), dense, atol=1e-10)


def test_smoothing_calms_noise(model: HeadModel, truth) -> None:
    _, identity, points = truth
    noisy = points + np.random.default_rng(2).normal(scale=0.5, size=points.shape)
    jitter = [
        np.abs(
            np.diff(
                fit_landmarks(noisy, model, CAMERA, identity=identity, smooth=s).motion.rotation,
                n=2,
                axis=0,
            )
        ).mean()
        for s in (True, False)
    ]
    assert jitter[0] < 0.5 * jitter[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p[:, :468], "wrong shape of landmarks"),
        (lambda p: p[:0], "wrong shape of landmarks"),
        (lambda p: p[0], "wrong shape of landmarks"),
        (lambda p: np.where(np.arange(478)[:, None] == 5, np.nan, p), "not finite"),
        (lambda p: p * 0, "all on one line or point"),
    ],
)
def test_bad_points_are_refused(model: HeadModel, truth, change, message: str) -> None:
    with pytest.raises(InputError, match=message):
        fit_landmarks(change(truth[2]), model, CAMERA)


def test_bad_priors_are_refused(model: HeadModel, truth) -> None:
    points = truth[2]
    with pytest.raises(InputError, match="weights do not fit"):
        fit_landmarks(points, model, CAMERA, weights=np.ones(68))
    with pytest.raises(InputError, match="weights do not fit"):
        fit_landmarks(points, model, CAMERA, weights=-np.ones(478))
    with pytest.raises(InputError, match="blendshapes"):
        fit_landmarks(points, model, CAMERA, blendshapes=np.zeros((3, 52)))
    with pytest.raises(InputError, match="shape of identity"):
        fit_landmarks(points, model, CAMERA, identity=np.zeros(3))


def test_another_camera_moves_the_head_not_its_turn(model: HeadModel, truth) -> None:
    motion, identity, _ = truth
    near = replace(CAMERA, focal=CAMERA.focal * 1.5)
    fit = fit_landmarks(seen(model, motion[:4], identity, near), model, near, identity=identity)
    assert np.degrees(np.abs(fit.motion.rotation - motion.rotation[:4])).max() < 0.5


def test_columns_are_the_derivative_of_the_projection(model: HeadModel, truth) -> None:
    from shared.face import gauss_newton as solver

    bases = model.landmark_bases("478")
    _, identity, points = truth
    rays = ((points[:2] - 128) / CAMERA.focal * [1, -1]).swapaxes(1, 2)
    # A tiny precision keeps every landmark within Huber's quadratic part, where weights are constant.
    ones = np.full((2, 478), 1e-6)
    no_modes = np.zeros((2, 478, 1), np.float32)
    seen = solver.Rays(rays, ones, np.ones(478), np.zeros((2, 52)), np.eye(52), no_modes)
    start = solver.fit_pose(seen, solver.initial_pose(rays, bases.mean), bases.mean)
    start = solver.State(start.rotation, start.translation, np.full((2, 52), 0.5))
    person = bases.mean + np.tensordot(identity, bases.identity, 1)
    basis = np.ascontiguousarray(bases.expression.transpose(2, 1, 0), np.float32)
    now = solver._equations(seen, start, person, basis)
    step = np.zeros((2, 58))
    for unknown in (0, 1, 2, 3, 4, 6 + UNIT["jawOpen"], 6 + UNIT["mouthPucker"]):
        step[:] = 0
        step[:, unknown] = 1e-4
        ahead, behind = (
            solver._equations(seen, solver._moved(start, s), person, basis).linear.gap
            for s in (step, -step)
        )
        slow = (ahead - behind) / 2e-4
        np.testing.assert_allclose(now.columns[..., unknown], slow, atol=2e-3 * np.abs(slow).max())


@pytest.mark.parametrize("turn", [1.2, -1.2])
def test_a_head_turned_far_is_still_found(model: HeadModel, truth, turn: float) -> None:
    motion, identity, _ = truth
    rotation = motion.rotation[:2].copy()
    rotation[:, 1] = turn
    far = Motion(rotation, motion.translation[:2], motion.expression[:2], motion.fps)
    fit = fit_landmarks(seen(model, far, identity), model, CAMERA, identity=identity)
    assert np.degrees(np.abs(fit.motion.rotation - rotation)).max() < 1


def test_modes_count_as_unknowns_of_their_own(model: HeadModel, truth) -> None:
    from shared.face import gauss_newton as solver
    from shared.face.landmark_errors import LandmarkErrors

    bases, points = model.landmark_bases("478"), truth[2][:1]
    rays = ((points - 128) / CAMERA.focal * [1, -1]).swapaxes(1, 2)
    modes = LandmarkErrors.load().modes[..., :3]
    seen = solver.Rays(
        rays, np.full((1, 478), 1e3), np.ones(478), np.zeros((1, 52)), np.eye(52), modes
    )
    start = solver.fit_pose(seen, solver.initial_pose(rays, bases.mean), bases.mean)
    basis = np.ascontiguousarray(bases.expression.transpose(2, 1, 0), np.float32)
    now = solver._equations(seen, start, bases.mean, basis)
    joint = np.concatenate([now.columns[0], now.linear.modes[0].T], axis=1).astype(np.float64)
    normal = joint.T @ joint
    normal[6:58, 6:58] += np.eye(52)
    normal[58:, 58:] += np.eye(3)
    both = np.concatenate([np.zeros(58, bool), np.ones(3, bool)])
    inner = np.linalg.solve(normal[both][:, both], normal[both][:, ~both])
    reduced = normal[~both][:, ~both] - normal[~both][:, both] @ inner
    free = now.free[0]
    np.testing.assert_allclose(
        now.normal[0][free][:, free], reduced[free][:, free], rtol=1e-4, atol=1e-4 * reduced.max()
    )


def test_an_error_that_the_network_makes_as_a_whole_is_not_taken_for_a_turn(
    model: HeadModel, truth
) -> None:
    from shared.face.landmark_errors import LandmarkErrors

    motion, identity, _ = truth
    calm = motion[:1]
    points = seen(model, calm, identity)
    depth = -calm.translation[0, 2]
    mode = LandmarkErrors.load().modes[:, :, 0].T * [1, -1] * CAMERA.focal / depth
    fit = fit_landmarks(points + 1.5 * mode, model, CAMERA, identity=identity, smooth=False)
    moved = np.linalg.norm(1.5 * mode, axis=-1).mean() / (EYES * CAMERA.focal / depth)
    assert fit.residual[0] > 0.5 * moved
    assert np.degrees(np.abs(fit.motion.rotation - calm.rotation)).max() < 1


def test_an_open_mouth_is_fitted_as_far_open_as_it_is_seen(model: HeadModel, truth) -> None:
    identity = truth[1]
    motion = truth[0][:1]
    face = motion.expression.copy()
    face[:] = 0
    for name, value in {"mouthSmile": 0.8, "mouthUpperUp": 0.5, "mouthLowerDown": 0.6}.items():
        face[:, [UNIT[f"{name}Left"], UNIT[f"{name}Right"]]] = value
    smiling = Motion(motion.rotation, motion.translation, face, motion.fps)
    points = seen(model, smiling, identity)
    fit = fit_image(points[0], model, CAMERA)
    again = seen(model, fit.motion, fit.identity)
    gaps = [np.linalg.norm(p[0, 13] - p[0, 14]) for p in (points, again)]
    assert gaps[1] == pytest.approx(gaps[0], rel=0.15)


def test_both_sides_of_a_face_are_expected_to_act_alike() -> None:
    covariance = np.linalg.inv(expression_precision())
    left, right, out = (UNIT[name] for name in ("mouthSmileLeft", "mouthSmileRight", "mouthPucker"))
    assert covariance[left, right] == pytest.approx(0.8 * covariance[left, left])
    assert covariance[left, out] == pytest.approx(0)
    eyes = covariance[UNIT["eyeLookInLeft"]]
    assert np.argsort(eyes)[-2] == UNIT["eyeLookOutRight"]


def test_memory_hardly_grows_with_length(model: HeadModel) -> None:
    """A pose video of ten minutes is 15,000 frames; at 0.75 MB each they once took eleven gigabytes."""
    peaks = []
    for frames in (64, 256):
        motion = talking(frames)
        points = seen(model, motion, np.zeros(model.identities))
        tracemalloc.start()
        fit_landmarks(points, model, CAMERA, identity=np.zeros(model.identities, np.float32))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert (peaks[1] - peaks[0]) / 192 < 100_000
