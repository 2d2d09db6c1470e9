from __future__ import annotations

from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.claims.opt_audit import Seen, _likeness_rows, _one_a_person, _pose_rows, _share_rows

SHAPE = (3, 2, 2)


def seen_of(shape_of, rotation_of):
    """What is seen in every combination, four frames each."""
    return {
        place: Seen(shape_of(*place), rotation_of(*place), np.tile(np.eye(3)[place[0]], (4, 1)))
        for place in product(*map(range, SHAPE))
    }


def poses():
    return [
        (Seen(np.zeros(204), np.full((4, 3), 20.0 * p), np.tile(np.eye(3)[p], (4, 1))), np.full((4, 3), 20.0 * p + 0.5))
        for p in range(2)
    ]  # fmt: skip


def test_shares_tell_who_changes_the_face():
    rng = np.random.default_rng(0)
    source, pose = rng.standard_normal((3, 204)), rng.standard_normal((2, 204))
    seen = seen_of(lambda m, p, a: source[m] + 0.1 * pose[p], lambda *_: np.zeros((4, 3)))
    values = [row.value for row in _share_rows(seen, SHAPE, "x", 0)]
    assert values[0] > 0.95 and 0 < values[1] < 0.05 and values[2] == pytest.approx(0)
    assert sum(values) == pytest.approx(1)


def test_pose_errors_are_against_the_truth_of_the_pose_video():
    offset = np.array([1.0, 2.0, 3.0])
    seen = seen_of(
        lambda *_: np.zeros(204), lambda m, p, a: np.full((4, 3), 20.0 * p + 0.5) + offset
    )
    found = {row.measure: row.value for row in _pose_rows(seen, poses(), "x", 0)}
    for axis, error in zip(("pitch", "yaw", "roll"), offset, strict=True):
        assert found[f"pose error against the pose video, {axis}, degrees"] == pytest.approx(error)
        assert found[f"error of the fit on the pose video itself, {axis}, degrees"] == 0.5


def test_likeness_is_to_the_source_and_not_to_who_lends_the_pose():
    seen = seen_of(lambda *_: np.zeros(204), lambda *_: np.zeros((4, 3)))
    own = [Seen(np.zeros(204), np.zeros((1, 3)), np.eye(3)[m][None]) for m in range(3)]
    found = {row.measure: row for row in _likeness_rows(seen, own, poses(), "x", 0)}
    assert found["likeness to the source (CSIM)"].value == 1
    far = found["likeness to the source (CSIM), yaw above 15 degrees"]
    assert far.value == 1 and far.n == 3
    assert found["likeness to the pose video's person"].value == pytest.approx(1 / 3)
    assert found["likeness of two different sources' photos"].value == 0


def test_combinations_of_one_source_are_one_unit_of_the_interval():
    seen = seen_of(
        lambda *_: np.zeros(204), lambda m, p, a: np.full((4, 3), 20.0 * p + 0.5) + float(m)
    )
    row = next(
        row for row in _pose_rows(seen, poses(), "x", 0) if "pose video, pitch" in row.measure
    )
    assert (row.n, row.unit, row.low, row.high) == (3, "person", 0.0, 2.0)


def test_nobody_is_source_and_lender_at_once_nor_twice():
    def clip(person, kind="speaking", video="v"):
        return SimpleNamespace(person=person, kind=kind, video=video)

    clips = [
        clip("a", "listening"),
        clip("a"),
        clip("a"),
        clip("b"),
        clip("c", video=""),
        clip("b"),
    ]
    people = SimpleNamespace(where=lambda split: clips if split == "test" else [])
    assert _one_a_person(people) == [clips[1], clips[3]]
