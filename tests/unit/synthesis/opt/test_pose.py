from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from shared.errors import InputError
from shared.face.camera import rotation_matrix
from shared.motion import Motion
from synthesis.opt.pose import ping_pong, retarget, slider_pose, smooth, still

SOURCE = np.array([0.05, -0.1, 0.02]), np.array([0.01, 0.02, -0.8])


def reference(frames=40, yaw=0.3, start=0.0):
    phase = np.linspace(0, 2 * np.pi, frames)
    rotation = np.stack([0.1 * np.sin(phase), start + yaw * np.sin(phase), 0 * phase], axis=1)
    translation = np.stack([0.03 * phase, 0 * phase, -1.2 - 0.1 * np.sin(phase)], axis=1)
    return Motion(rotation, translation, np.zeros((frames, 52)), Fraction(25))


def test_absolute_takes_the_reference_angles():
    found = retarget(reference(), *SOURCE)
    np.testing.assert_allclose(found.rotation, smooth(reference().rotation), atol=1e-6)


def test_relative_starts_at_the_source_and_turns_as_the_reference():
    found = retarget(reference(start=0.2), *SOURCE, mode="relative")
    np.testing.assert_allclose(found.rotation[0], SOURCE[0], atol=1e-5)
    turned = rotation_matrix(smooth(reference(start=0.2).rotation))
    wanted = turned @ turned[0].T @ rotation_matrix(SOURCE[0])
    np.testing.assert_allclose(rotation_matrix(found.rotation), wanted, atol=1e-5)


def test_translation_is_relative_and_distance_a_ratio():
    found = retarget(reference(), *SOURCE)
    given = smooth(reference().translation)
    np.testing.assert_allclose(found.translation[0], SOURCE[1], atol=1e-6)
    moves = found.translation[:, :2] - SOURCE[1][:2]
    np.testing.assert_allclose(moves, given[:, :2] - given[0, :2], atol=1e-6)
    ratios = found.translation[:, 2] / SOURCE[1][2]
    np.testing.assert_allclose(ratios, given[:, 2] / given[0, 2], atol=1e-6)


def test_the_framing_of_the_reference_does_not_matter():
    near = reference()
    shifted = near.translation.astype(np.float64) + np.array([0.2, -0.1, 0])
    moved = Motion(near.rotation, shifted, near.expression, near.fps)
    np.testing.assert_allclose(
        retarget(near, *SOURCE).translation, retarget(moved, *SOURCE).translation, atol=1e-5
    )


def test_gain_scales_the_movement():
    one, half = (retarget(reference(), *SOURCE, gain=g).rotation for g in (1.0, 0.5))
    np.testing.assert_allclose(half - half[0], (one - one[0]) / 2, atol=1e-6)


def test_a_loop_has_no_jump():
    found = retarget(reference(), *SOURCE, frames=200)
    assert len(found.rotation) == 200
    single = np.abs(np.diff(retarget(reference(), *SOURCE).rotation, axis=0)).max()
    assert np.abs(np.diff(found.rotation, axis=0)).max() <= single + 1e-6


@pytest.mark.parametrize(("length", "frames"), [(1, 4), (2, 5), (7, 30)])
def test_ping_pong_moves_by_one_frame_at_most(length, frames):
    order = ping_pong(length, frames)
    assert len(order) == frames
    assert order.min() >= 0
    assert order.max() <= length - 1
    assert (np.abs(np.diff(order)) <= 1).all()


def test_clamps_and_says_so():
    found = retarget(reference(yaw=1.0), *SOURCE)
    assert np.degrees(np.abs(found.rotation[:, 1]).max()) == pytest.approx(35, abs=1e-4)
    assert len(found.notes) == 1
    assert found.notes[0].startswith("yaw clamped to 35 degrees")
    assert retarget(reference(), *SOURCE).notes == ()


def test_smoothing_takes_jitter_and_keeps_lines():
    line = np.linspace(0, 1, 50)[:, None] * np.ones(3)
    np.testing.assert_allclose(smooth(line)[3:-3], line[3:-3], atol=1e-6)
    jitter = np.random.default_rng(0).standard_normal((500, 3))
    assert smooth(jitter).std() < 0.6 * jitter.std()


def test_still_and_sliders():
    found = still(slider_pose(yaw=60), SOURCE[1], 4)
    assert found.rotation.shape == (4, 3)
    assert np.degrees(found.rotation[0, 1]) == pytest.approx(35, abs=1e-4)
    assert found.notes
    assert (found.translation == found.translation[0]).all()


def test_bad_input_is_named():
    nothing = Motion(np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 52)), Fraction(25))
    with pytest.raises(InputError, match="no frames"):
        retarget(nothing, *SOURCE)
    with pytest.raises(InputError, match="pose mode"):
        retarget(reference(), *SOURCE, mode="sideways")
    with pytest.raises(InputError, match="three numbers"):
        still([0, 0], SOURCE[1], 3)
