"""Faces unlike the known ones get no answer."""

from __future__ import annotations

import json

import numpy as np
import pytest

from forensics.inspection.familiarity import Familiarity
from forensics.inspection.inspect import inspect
from forensics.inspection.judge import read_calibration, read_familiarity, write_calibration
from forensics.known_tracks import KnownTrack
from forensics.verdict import Decision, Reason
from shared.errors import InputError, WeightsError


def test_known_faces_are_within_the_limit_and_far_ones_beyond():
    known = np.random.default_rng(0).normal(3, 2, (400, 6))
    learnt = Familiarity.of(known)
    again = Familiarity.from_json(learnt.to_json())
    assert (learnt.unlike(known) <= 1).mean() >= 0.99
    assert again.unlike(known[:1] + 40)[0] > 5
    assert again.unlike(known) == pytest.approx(learnt.unlike(known), rel=1e-3)


def test_a_face_that_breaks_a_rule_of_the_known_ones_is_far_however_usual_each_feature():
    draws = np.random.default_rng(0).normal(size=(500, 3))
    known = np.column_stack([draws, draws.sum(axis=1) + 0.01 * draws[:, 0]])
    usual = np.array([[1.0, -1.0, 0.5, 0.5], [1.0, -1.0, 0.5, -2.5]])
    follows, breaks = Familiarity.of(known).unlike(usual)
    assert follows < 0.5 and breaks > 1


def test_the_distance_is_mahalanobis_under_the_covariance_with_its_floor():
    rows = np.random.default_rng(1).normal(size=(300, 5)) @ np.diag([3, 2, 1, 0.1, 0.01]) + 4
    rows = rows @ np.linalg.qr(np.random.default_rng(2).normal(size=(5, 5)))[0]
    learnt = Familiarity.of(rows)
    scaled = (rows - rows.mean(0)) / rows.std(0)
    values, vectors = np.linalg.eigh(np.cov(scaled.T, bias=True))
    floored = vectors @ np.diag(np.where(values > 0.1, values, 0) + 0.1) @ vectors.T
    slow = [row @ np.linalg.inv(floored) @ row for row in scaled]
    np.testing.assert_allclose(learnt.unlike(rows) * learnt.limit, slow, rtol=1e-6)


def test_the_limit_is_what_people_keep_who_had_no_part_in_it():
    """Frames of one video lie together: dealt apart they vouch for each other, and strangers are beyond the limit."""
    rng = np.random.default_rng(0)

    def videos(count: int) -> np.ndarray:
        return np.repeat(rng.normal(size=(count, 12)), 8, axis=0) + rng.normal(
            0, 0.01, (count * 8, 12)
        )

    known, strangers = videos(30), videos(300)
    persons = [(f"p{row // 8}",) for row in range(len(known))]
    beyond = {
        name: (Familiarity.of(known, told).unlike(strangers) > 1).mean()
        for name, told in (("by person", persons), ("by frame", None))
    }
    assert beyond["by person"] < 0.05 < 0.2 < beyond["by frame"]


def test_features_that_are_none_are_refused():
    with pytest.raises(InputError, match="finite"):
        Familiarity.of(np.full((3, 2), np.nan))
    rows = np.random.default_rng(0).normal(size=(20, 2))
    with pytest.raises(InputError, match="several people"):
        Familiarity.of(rows, [("a",)] * 20)
    with pytest.raises(InputError, match="its people"):
        Familiarity.of(rows, [("a",)] * 19)


def test_a_calibration_brings_what_it_knows(tmp_path):
    low, high = (
        [KnownTrack((f"p{n}",), (score,)) for n, score in enumerate(np.linspace(*row, 40))]
        for row in ((0, 0.4), (0.6, 1))
    )
    learnt = Familiarity.of(np.random.default_rng(0).normal(size=(50, 3)))
    write_calibration(tmp_path, [high], [low], 0.05, learnt)
    assert read_calibration(tmp_path).method in ("platt", "isotonic")
    assert read_familiarity(tmp_path).limit == pytest.approx(learnt.limit)


def test_a_calibration_of_another_make_is_refused_with_the_way_out(tmp_path):
    content = {"familiar": {"mean": [0.0], "spread": [1.0], "limit": 1.0}}
    (tmp_path / "calibration.json").write_text(json.dumps(content))
    with pytest.raises(WeightsError, match="forensics calibrate"):
        read_familiarity(tmp_path)


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
    assert (found.tracks[0].verdict.probability is None) is bool(reason)
    assert (found.tracks[0].segments == ()) is bool(reason)
