from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.corpus import CLOSED_MILLIMETRES, lip_opening
from shared.data.marionette.lips import (
    VISEMES,
    LipStyle,
    mouth_at_rest,
    mouth_curves,
    style_of,
    visemes_of,
)
from shared.data.marionette.phones import ARPABET, SILENCE, VOWELS, Phone, tile
from shared.face.head_model import HeadModel
from shared.motion import FACE_UNITS, UNIT

FPS = 25


def said(*names: str, length: float = 0.12) -> list[Phone]:
    edges = np.arange(len(names) + 1) * length
    return [Phone(n, float(a), float(b)) for n, a, b in zip(names, edges, edges[1:], strict=False)]


def curves(phones: list[Phone], style: LipStyle | None = None, level: float = 0.1) -> np.ndarray:
    frames = round(phones[-1].end * FPS)
    tone = np.full(round(phones[-1].end * 16_000), level, np.float32)
    return mouth_curves(phones, tone, style or LipStyle(), frames, FPS)


def gap(expression: np.ndarray) -> np.ndarray:
    model = HeadModel.load()
    return lip_opening(model, np.zeros(model.identities), expression)


@pytest.mark.parametrize("bilabial", ["P", "B", "M"])
@pytest.mark.parametrize("length", [0.03, 0.06, 0.12])
@pytest.mark.parametrize("shift", [0.0, 0.013, 0.027])
def test_bilabials_close_the_lips_however_short(bilabial, length, shift):
    start = 0.24 + shift
    phones = [
        Phone("AA", 0, start),
        Phone(bilabial, start, start + length),
        Phone("AO", start + length, 0.72),
    ]
    style = LipStyle(amplitude=1.25, jaw_share=1.15, rounding=1.25)
    around = slice(int(start * FPS), int((start + length) * FPS) + 2)
    assert gap(curves(phones, style))[around].min() < CLOSED_MILLIMETRES


def test_pauses_are_closed_at_both_ends_and_between():
    phones = [
        Phone(SILENCE, 0, 0.2),
        Phone("AA", 0.2, 0.6),
        Phone(SILENCE, 0.6, 1.2),
        Phone("AE", 1.2, 1.6),
        Phone(SILENCE, 1.6, 2.0),
    ]
    opening = gap(curves(phones))
    assert opening[[0, 1, 2, 19, 22, 25, 47, 49]].max() < CLOSED_MILLIMETRES
    assert opening[8:14].max() > 8 and opening[33:38].max() > 8


def test_vowels_can_be_told_apart():
    held = {v: curves([Phone(v, 0, 0.6)])[7] for v in ("AA", "IY", "UW", "AO", "EH")}
    names = list(held)
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            assert np.abs(held[first] - held[second]).max() > 0.12, (first, second)
    assert held["UW"][UNIT["mouthPucker"]] > 0.5 > held["IY"][UNIT["mouthPucker"]]
    assert held["AA"][UNIT["jawOpen"]] > 2 * held["IY"][UNIT["jawOpen"]]


def test_labiodentals_roll_the_lower_lip():
    middle = curves(said("AA", "F", "AA"))[4]
    assert middle[UNIT["mouthRollLower"]] > 0.3


def test_a_consonant_takes_the_shape_of_its_vowels():
    before_u, before_i = curves(said("UW", "T", "UW"))[4], curves(said("IY", "T", "IY"))[4]
    assert before_u[UNIT["mouthPucker"]] > before_i[UNIT["mouthPucker"]] + 0.2
    assert before_i[UNIT["mouthStretchLeft"]] > before_u[UNIT["mouthStretchLeft"]] + 0.05


def test_rounding_comes_before_the_rounded_vowel():
    opening = curves(said("T", "T", "UW", "UW"))[:, UNIT["mouthPucker"]]
    assert 0.05 < opening[5] < opening[9]


def test_a_louder_vowel_opens_wider():
    phones = said(SILENCE, "AA", SILENCE, "AA", SILENCE, length=0.2)
    tone = np.full(16_000, 0.02, np.float32)
    tone[3_200:6_400] = 0.3
    jaw = mouth_curves(phones, tone, LipStyle(), 25, FPS)[:, UNIT["jawOpen"]]
    assert jaw[5:10].max() > 1.1 * jaw[15:20].max()


def test_fast_speech_undershoots():
    slow, fast = said("T", "AA", "T", length=0.2), said("T", "AA", "T", length=0.05)
    assert curves(fast)[:, UNIT["jawOpen"]].max() < 0.8 * curves(slow)[:, UNIT["jawOpen"]].max()


def test_lips_do_not_jump_between_vowels():
    steps = np.abs(np.diff(curves(said("AA", "IY", "UW", "AE", length=0.2)), axis=0))
    assert steps.max() < 0.45


def test_style_scales_all_and_keeps_sides_apart():
    phones = said("AA", "IY", "S", length=0.15)
    small, large = (curves(phones, LipStyle(amplitude=a)) for a in (0.75, 1.25))
    assert large[:, UNIT["jawOpen"]].max() > 1.5 * small[:, UNIT["jawOpen"]].max()
    lopsided = curves(phones, LipStyle(lopsided=0.2))
    left, right = (lopsided[:, UNIT[f"mouthStretch{side}"]] for side in ("Left", "Right"))
    assert (left[2:] > right[2:]).all()


def test_the_face_decides_how_it_speaks():
    rng = np.random.default_rng(0)
    faces = rng.standard_normal((200, HeadModel.load().identities))
    sizes = np.array([style_of(face, rng).amplitude for face in faces])
    chins = np.array([mouth_at_rest(face)["chin"] for face in faces])
    assert 0.7 <= sizes.min() < 0.75 and 1.25 < sizes.max() <= 1.3
    assert (np.diff(sizes[np.argsort(chins)]) >= 0).all()
    first, second = (style_of(faces[0], np.random.default_rng(seed)) for seed in (1, 2))
    assert replace(first, lopsided=0.0) == replace(second, lopsided=0.0)


def test_a_mouth_is_measured_on_the_person_at_rest():
    model, rng = HeadModel.load(), np.random.default_rng(0)
    faces = rng.standard_normal((20, model.identities))
    points = model.points("68", faces, np.zeros((20, len(FACE_UNITS))))
    widths = points[:, 54, 0] - points[:, 48, 0]
    told = [mouth_at_rest(face)["width"] for face in faces]
    assert np.corrcoef(widths, told)[0, 1] > 0.999


def test_habits_show_in_speech_and_rest_in_pauses():
    phones = tile([Phone("AA", 0.5, 0.9, 1.0)], 2.0)
    plain, own = (
        curves(phones, style)
        for style in (LipStyle(), LipStyle(corners=-0.2, lift=0.2, forward=0.1))
    )
    added = own - plain
    for name in ("mouthFrownLeft", "mouthUpperUpRight", "mouthPucker"):
        assert added[17, UNIT[name]] > 0.09
        assert np.abs(added[[0, 40], UNIT[name]]).max() < 1e-6
    closed = curves(said("M", "AA", "M", length=0.2), LipStyle(lift=0.25))
    assert closed[1:4, UNIT["mouthUpperUpLeft"]].min() < 1e-6


def test_units_stay_in_range_for_every_phone():
    names = sorted(ARPABET - {SILENCE})
    expression = curves(
        said(*names, length=0.08), LipStyle(1.3, 1.15, 1.3, 1.4, 0.25, 0.25, 0.2, 0.12)
    )
    assert expression.shape[1] == len(FACE_UNITS) and expression.dtype == np.float32
    assert expression.min() >= 0 and expression.max() <= 1


def test_visemes_name_every_phone_and_follow_time():
    labels = visemes_of(said("M", "AA", "F", length=0.08), 8, FPS)
    assert [VISEMES[i] for i in labels] == ["PP", "PP", "aa", "aa", "FF", "FF", "sil", "sil"]
    assert set(VOWELS) <= ARPABET


@pytest.mark.parametrize("frames", [0, 1])
def test_clips_without_time_or_phones(frames):
    nothing = mouth_curves([], np.zeros(0, np.float32), LipStyle(), frames, FPS)
    assert nothing.shape == (frames, 52) and not nothing.any()
