"""Portraits: the plan and the words; rendering itself needs graphics."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.targets.pictures import PARTS, Pictures, part_of
from benchmarks.targets.portraits import Pose, plan, portrait, render_portraits, sample_pose
from shared.errors import InputError
from shared.motion import UNIT


def test_the_plan_fills_each_part_and_a_longer_one_keeps_its_people():
    seeds = plan(20)
    parts = [part_of(f"p{seed:05d}") for seed in seeds]
    assert [parts.count(part) for part in PARTS] == [20, 20, 20]
    assert set(seeds) <= set(plan(30))


def test_words_say_what_is_rendered():
    pose = Pose(np.radians([10.0, 15.0, 0.0]).astype(np.float32), np.zeros(3), "eyes closed", 0.5)
    assert pose.words() == "eyes closed, turned right, looking down"
    units = pose.units()
    assert units[UNIT["eyeBlinkLeft"]] == units[UNIT["eyeBlinkRight"]] == 0.5
    assert np.count_nonzero(units) == 2


def test_poses_repeat_and_vary():
    first, again, other = sample_pose(1), sample_pose(1), sample_pose(2)
    np.testing.assert_array_equal(first.rotation, again.rotation)
    assert not np.array_equal(first.rotation, other.rotation)


@pytest.mark.parametrize(("count", "size"), [(1, 8), (2, 16)])
def test_a_file_answers_only_what_it_holds(tmp_path, count, size):
    names = tuple(f"p{seed:05d}" for seed in plan(2))
    parts = tuple(part_of(name) for name in names)
    images = np.zeros((6, 8, 8, 3), np.uint8)
    path = Pictures(images, names, names, parts, "").save(tmp_path / "a.npz")
    assert render_portraits(path, count=2, size=8) == path
    with pytest.raises(InputError, match=f"{count} a part of {size} px"):
        render_portraits(path, count=count, size=size)


@pytest.mark.corpus
def test_a_portrait_is_rendered_with_its_caption():
    pytest.importorskip("moderngl")
    image, caption, name = portrait(plan(1)[0], 32)
    assert image.shape == (32, 32, 3)
    assert image.std() > 5
    assert "skin" in caption
    assert name.startswith("p2000")
