"""Faces unlike the known ones get no answer."""

from __future__ import annotations

import numpy as np
import pytest

from forensics.inspection.familiarity import Familiarity
from forensics.inspection.inspect import inspect
from forensics.inspection.judge import read_calibration, read_familiarity, write_calibration
from forensics.verdict import Decision, Reason
from shared.errors import InputError


def test_known_faces_are_within_the_limit_and_far_ones_beyond():
    known = np.random.default_rng(0).normal(3, 2, (400, 6))
    learnt = Familiarity.of(known)
    again = Familiarity.from_json(learnt.to_json())
    assert (learnt.unlike(known) <= 1).mean() >= 0.99
    assert again.unlike(known[:1] + 40)[0] > 5
    assert again.unlike(known) == pytest.approx(learnt.unlike(known), rel=1e-3)


def test_features_that_are_none_are_refused():
    with pytest.raises(InputError, match="finite"):
        Familiarity.of(np.full((3, 2), np.nan))


def test_a_calibration_brings_what_it_knows(tmp_path):
    scores = np.linspace(0, 0.4, 40).tolist()
    learnt = Familiarity.of(np.random.default_rng(0).normal(size=(50, 3)))
    write_calibration(tmp_path, [[0.6 + s for s in scores]], [scores], 0.05, learnt)
    assert read_calibration(tmp_path).method in ("platt", "isotonic")
    assert read_familiarity(tmp_path).limit == pytest.approx(learnt.limit)


@pytest.mark.parametrize(("unlike", "reason"), [(0.5, None), (1.5, Reason.OUT_OF_RANGE)])
def test_a_face_beyond_the_known_ones_gets_no_answer(encode, eyes, judge, scene, unlike, reason):
    class Wary(type(judge)):
        def judge(self, crops):
            scores, maps = super().judge(crops)
            return scores, maps, scores * 0 + unlike

    path = encode("clip.mp4", [scene((40, 30, 50, 200))] * 8)
    found = inspect(path, detector=Wary(judge.calibration), eyes=eyes)
    assert found.verdict.reason is reason
    assert found.verdict.decision is (Decision.INCONCLUSIVE if reason else Decision.MANIPULATED)
    assert found.tracks[0].verdict.evidence["unlike the known faces"] == unlike
