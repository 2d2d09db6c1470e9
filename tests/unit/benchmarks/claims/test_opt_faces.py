from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.claims.opt_driven import correlation, opening_of
from benchmarks.claims.opt_faces import face_told
from shared.data.clip import Clip
from shared.face.head_model import HeadModel
from shared.motion import UNIT

PEOPLE = HeadModel.load().identities


class Answers:
    """A driver whose jaw and corners follow the first two coefficients of the face, if it looks."""

    seed = 0

    def __init__(self, looks: bool, told: bool = True) -> None:
        rng = np.random.default_rng(0)
        self.looks = looks
        self.utterances = []
        for k in range(12):
            face = rng.uniform(-1, 1, PEOPLE)
            lips = {"amplitude": 1 + 0.3 * face[0], "corners": 0.2 * face[1]}
            extra = {"lips": lips} if told else {}
            clip = Clip(f"c{k}", "voice", "test", f"p{k}", extra=extra)
            self.utterances.append(SimpleNamespace(clip=clip, identity=face))

    def speech_frames(self, index: int) -> np.ndarray:
        return np.ones(20, bool)

    def opening(self, identity: np.ndarray, expression: np.ndarray) -> np.ndarray:
        return opening_of(identity, expression)

    def change_of(self, index: int, identity: np.ndarray) -> np.ndarray:
        change = np.zeros((20, 52))
        face = identity if self.looks else np.zeros(PEOPLE)
        change[:, UNIT["jawOpen"]] = np.linspace(0, 0.3, 20) * (1 + 0.3 * face[0])
        for side in ("Left", "Right"):
            change[:, UNIT[f"mouthSmile{side}"]] = max(0, 0.2 * face[1])
            change[:, UNIT[f"mouthFrown{side}"]] = max(0, -0.2 * face[1])
        return change


@pytest.mark.parametrize("looks, least, most", [(True, 0.97, 1.01), (False, -0.01, 0.01)])
def test_a_manner_is_told_by_who_looks_at_the_face(looks, least, most):
    rows = face_told(Answers(looks))
    assert len(rows) == 2
    assert all(least < row.value < most for row in rows)


def test_a_curve_that_is_constant_in_single_precision_agrees_with_nothing():
    same = np.full(60, 0.0512345, np.float32)
    assert correlation(same, np.arange(60.0)) == 0


def test_a_corpus_that_does_not_tell_gives_no_figure():
    assert face_told(Answers(True, told=False)) == []
