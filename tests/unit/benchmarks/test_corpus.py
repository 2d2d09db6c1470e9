from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from benchmarks.corpus import head_rows, lip_rows, reaction_lag, share_below, stillness
from shared.data.clip import Clip, Truth
from shared.data.manifest import write_manifest
from shared.data.marionette.lips import VISEMES
from shared.data.marionette.listening import cues_of
from shared.face.head_model import HeadModel
from shared.media.audio import write_audio
from shared.motion import UNIT, Motion

T = 60


def truth(rotation: np.ndarray, expression: np.ndarray | None = None, visemes=None) -> Truth:
    size = HeadModel.load().identities
    face = np.zeros((len(rotation), 52), np.float32) if expression is None else expression
    motion = Motion(rotation, np.zeros_like(rotation), face, Fraction(25))
    landmarks = np.zeros((len(rotation), 68, 2), np.float32)
    return Truth(motion, np.zeros(size, np.float32), np.ones(3, np.float32), landmarks, visemes)


def manifest_of(root, rows: dict[str, tuple[str, Truth, str]]):
    clips = []
    for name, (kind, known, heard) in rows.items():
        known.save(root / f"{name}.npz")
        extra = {"speaker_clip": heard} if heard else {}
        clips.append(Clip(name, kind, "train", name, truth=f"{name}.npz", frames=T, extra=extra))
    return write_manifest(root, clips)


@pytest.mark.parametrize("frequency, share", [(1.0, 1.0), (6.0, 0.0)])
def test_energy_is_sorted_by_frequency(frequency, share):
    wave = np.sin(2 * np.pi * frequency * np.arange(100) / 25)[:, None]
    assert share_below(wave, 25) == pytest.approx(share, abs=0.02)


def test_a_head_that_moves_half_of_the_time_is_half_still():
    rotation = np.zeros((101, 3))
    rotation[51:, 1] = np.radians(np.arange(1, 51))
    assert stillness(rotation) == pytest.approx(0.5)


def test_ranges_are_in_degrees(tmp_path):
    rotation = np.zeros((T, 3), np.float32)
    rotation[:, 1] = np.radians(10 * np.sin(2 * np.pi * np.arange(T) / 30))
    rows = {
        row.name: row.value
        for row in head_rows(manifest_of(tmp_path, {"a": ("speaking", truth(rotation), "")}))
    }
    assert rows["speaking: yaw std"] == pytest.approx(10 / np.sqrt(2), rel=0.02)
    assert rows["speaking: pitch std"] == 0 and rows["speaking: yaw 95 %"] > 9


def test_lips_that_stay_open_in_a_closure_are_found(tmp_path):
    visemes = np.full(T, VISEMES.index("aa"), np.int8)
    visemes[10:14] = visemes[40:44] = VISEMES.index("PP")
    face = np.zeros((T, 52), np.float32)
    face[:, UNIT["jawOpen"]] = 0.3
    face[10:14, UNIT["jawOpen"]] = 0
    known = truth(np.zeros((T, 3), np.float32), face, visemes)
    rows = {row.name: row for row in lip_rows(manifest_of(tmp_path, {"a": ("voice", known, "")}))}
    assert rows["lips: closed in p, b, m"].value == 0.5
    assert rows["lips: closed in p, b, m"].count == 2
    assert rows["lips: gap of open vowels, median"].value > 5


def test_the_lag_of_a_reaction_is_found(tmp_path):
    times = np.arange(4_000) / 16_000
    phrase = np.concatenate([0.3 * np.sin(2 * np.pi * 150 * times), np.zeros(24_000)])
    sound = np.concatenate([phrase] * 3).astype(np.float32)
    write_audio(tmp_path / "a.wav", sound)
    heard = np.zeros((190, 3), np.float32)
    for cue in cues_of(sound):
        start = round((cue.time + 0.4) * 25)
        heard[start:, 0] += np.radians(np.minimum(np.arange(len(heard) - start), 3))
    truth(heard).save(tmp_path / "b.npz")
    clips = [
        Clip("a", "voice", "train", "a", audio="a.wav"),
        Clip("b", "listening", "train", "b", truth="b.npz", extra={"speaker_clip": "a"}),
    ]
    rows = {row.name: row.value for row in reaction_lag(write_manifest(tmp_path, clips))}
    assert rows["listening: lag after a cue"] == pytest.approx(0.4, abs=0.05)
    assert reaction_lag(write_manifest(tmp_path, clips[1:])) == []
