"""How long a pose is read: as the recording needs it, and no longer."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from shared.motion import Motion
from synthesis.opt.pose import retarget
from synthesis.talking_head import TalkOptions, reference_pose

SOURCE = np.zeros(3), np.array([0, 0, -0.8])


@pytest.fixture
def slow(tmp_path):
    place = np.tile([0, 0, -1.0], (100, 1))
    turns = np.random.default_rng(0).normal(0, 0.1, (100, 3))
    return Motion(turns, place, np.zeros((100, 52)), Fraction(1)).save(tmp_path / "slow.npz")


def test_a_long_pose_file_is_not_made_longer_than_the_video(slow):
    taken, _ = reference_pose(TalkOptions(), None, slow, 10)
    assert len(taken) < 20


def test_the_head_moves_as_with_the_whole_file(slow):
    whole, part = (reference_pose(TalkOptions(), None, slow, most)[0] for most in (None, 10))
    paths = [retarget(motion, *SOURCE, mode="relative", frames=10) for motion in (whole, part)]
    np.testing.assert_array_equal(paths[0].rotation, paths[1].rotation)
