"""The unlearned warp is judged on turned heads, and a head that does not turn has no error."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.claims.renderer_warp import ARMS, warp_error, warp_rows
from benchmarks.evaluation_set import read_subjects
from synthesis.renderer.config import PRESETS
from synthesis.renderer.network import DenseMotion

SMOKE = PRESETS["smoke"]


@pytest.fixture(scope="module")
def subjects(evaluation_folder):
    return read_subjects(evaluation_folder, 64)


def test_a_turn_to_where_the_head_is_already_costs_nothing(subjects):
    subject = subjects[0]
    bank = {
        name: np.repeat(getattr(subject.bank, name)[[subject.source]], len(subject.bank), axis=0)
        for name in ("frames", "points", "expression", "angles", "depth")
    }
    still = replace(subject, bank=replace(subject.bank, **bank))
    moved, kept = (warp_error(DenseMotion(SMOKE), one) for one in (subject, still))
    assert max(kept) < 1e-3
    assert min(moved) > 5 * max(kept)


def test_each_arm_has_head_and_face_with_an_interval_over_people(subjects):
    rows = warp_rows(subjects, SMOKE)
    assert len(rows) == 2 * len(ARMS)
    assert all(line["low"] <= line["value"] <= line["high"] for line in rows)
    assert all(line["n"] == len(subjects) for line in rows)
    assert len({line["value"] for line in rows}) == len(rows)  # the arms differ
