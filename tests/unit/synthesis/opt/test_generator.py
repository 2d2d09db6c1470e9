from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from shared.errors import AudioMissing, InputError
from shared.motion import MOUTH_UNITS, UNIT, Motion
from synthesis.opt import generator as module
from synthesis.opt.features import noise_floor, recording_level, speech_features
from synthesis.opt.generator import OptDriver, speech_gate
from synthesis.opt.recipes import export

PERSON = np.linspace(-1, 1, 6).astype(np.float32)
REST = np.zeros(52, np.float32)
OTHERS = [i for i in range(52) if i not in MOUTH_UNITS]


def babble(seconds: float, seed: int = 0) -> np.ndarray:
    """Noise bursts at the pace of syllables, with pauses."""
    rng = np.random.default_rng(seed)
    count = int(16_000 * seconds)
    envelope = np.repeat(rng.random(count // 1600 + 1) ** 2, 1600)[:count]
    return (0.2 * envelope * rng.standard_normal(count)).astype(np.float32)


def test_frames_are_those_of_the_recording(driver):
    for samples, fps, frames in (
        (16_000, 25, 25),
        (16_100, 30, 30),
        (48_000, Fraction(24000, 1001), 72),
    ):
        assert driver.expression(babble(3)[:samples], PERSON, REST, fps=fps).shape == (frames, 52)


def test_values_are_face_units(driver):
    found = driver.expression(babble(2), PERSON, REST, gain=50.0)
    assert found.dtype == np.float32
    assert found.min() >= 0
    assert found.max() <= 1


def test_parts_equal_the_whole(driver, monkeypatch):
    sound = babble(12)
    whole = driver.expression(sound, PERSON, REST)
    statistics = driver._statistics(sound, 300, module.recording_level(sound))
    monkeypatch.setattr(module, "PART", 100)
    monkeypatch.setattr(OptDriver, "_statistics", lambda *_: statistics)
    np.testing.assert_allclose(driver.expression(sound, PERSON, REST), whole, atol=1e-5)


def test_long_recordings_use_excerpts_and_stay_near(driver, monkeypatch):
    sound = babble(24)
    whole = driver.expression(sound, PERSON, REST, blinks=False)
    monkeypatch.setattr(module, "PART", 250)
    monkeypatch.setattr(module, "_EXCERPT", 50)
    parts = driver.expression(sound, PERSON, REST, blinks=False)
    assert np.abs(parts - whole).mean() < 0.1 * whole.std()


def test_a_file_on_disk_is_read_in_parts(driver, tmp_path):
    sound = babble(3)
    sound.tofile(tmp_path / "s.f32")
    mapped = np.memmap(tmp_path / "s.f32", np.float32, mode="r")
    np.testing.assert_array_equal(
        driver.expression(mapped, PERSON, REST), driver.expression(sound, PERSON, REST)
    )


@pytest.mark.parametrize("level", [0.0, 1e-4])
def test_silence_closes_even_an_open_mouth(driver, level):
    hiss = (level * np.random.default_rng(0).standard_normal(32_000)).astype(np.float32)
    rest = REST.copy()
    rest[[UNIT["jawOpen"], UNIT["mouthSmileLeft"]]] = 0.5
    found = driver.expression(hiss, PERSON, rest, blinks=False)
    assert (found[:, UNIT["jawOpen"]] == 0).all()
    np.testing.assert_allclose(found[:, UNIT["mouthSmileLeft"]], 0.5)


def test_loudness_of_the_recording_does_not_matter(driver):
    sound = babble(4)
    quiet, loud = (driver.expression(gain * sound, PERSON, REST) for gain in (0.1, 1.0))
    np.testing.assert_allclose(quiet, loud, atol=0.015)


def test_eyes_and_brows_stay_with_the_source(driver):
    rest = np.linspace(0, 0.5, 52).astype(np.float32)
    found = driver.expression(babble(2), PERSON, rest, blinks=False)
    np.testing.assert_allclose(found[:, OTHERS], np.tile(rest[OTHERS], (50, 1)), atol=1e-6)


def test_gain_scales_the_mouth(driver):
    sound = babble(2)
    one, half = (driver.expression(sound, PERSON, REST, gain=g, blinks=False) for g in (1.0, 0.5))
    inside = (one > 0) & (one < 1)
    np.testing.assert_allclose(half[inside], one[inside] / 2, atol=1e-5)


def test_blinks_follow_the_generator_and_can_be_left_out(driver):
    sound = babble(16)
    lids = slice(UNIT["eyeBlinkLeft"], UNIT["eyeBlinkRight"] + 1)

    def blinks(seed):
        return driver.expression(sound, PERSON, REST, generator=np.random.default_rng(seed))[
            :, lids
        ]

    np.testing.assert_array_equal(blinks(1), blinks(1))
    assert not np.array_equal(blinks(1), blinks(2))
    shut = blinks(1)[:, 0] > 0.9
    count = int((np.diff(shut.astype(int)) == 1).sum())
    assert 2 <= count <= 12
    assert (driver.expression(sound, PERSON, REST, blinks=False)[:, lids] == 0).all()


def test_drive_keeps_the_pose_or_takes_a_reference(driver):
    sound, frames = babble(2), 50
    turn, place = np.array([0.0, 0.1, 0.0]), np.array([0.0, 0.0, -0.9])
    still = driver.drive(sound, PERSON, REST, turn, place)
    assert len(still.motion) == frames
    np.testing.assert_allclose(still.motion.rotation, np.tile(turn, (frames, 1)), atol=1e-6)
    path = np.zeros((20, 3))
    path[:, 1] = np.linspace(0, 1.2, 20)
    reference = Motion(path, np.tile(place, (20, 1)), np.zeros((20, 52)), Fraction(25))
    moved = driver.drive(sound, PERSON, REST, turn, place, pose=reference)
    assert len(moved.motion) == frames
    assert moved.notes[0].startswith("yaw clamped")
    np.testing.assert_array_equal(moved.motion.expression, still.motion.expression)


def test_a_saved_driver_says_the_same(driver, tmp_path):
    export(driver, tmp_path, card="# Tiny", meta={})
    again = OptDriver.from_pretrained(tmp_path)
    sound = babble(2)
    np.testing.assert_allclose(
        again.expression(sound, PERSON, REST), driver.expression(sound, PERSON, REST), atol=5e-3
    )


@pytest.mark.parametrize("samples", [0, 100])
def test_no_sound_is_named(driver, samples):
    with pytest.raises(AudioMissing):
        driver.expression(np.zeros(samples, np.float32), PERSON, REST)


def test_wrong_sources_and_sounds_are_named(driver):
    sound = babble(1)
    with pytest.raises(InputError, match="identity"):
        driver.expression(sound, PERSON[:3], REST)
    with pytest.raises(InputError, match="rest expression"):
        driver.expression(sound, PERSON, np.full(52, np.nan))
    sound[10] = np.nan
    with pytest.raises(InputError, match="not finite"):
        driver.expression(sound, PERSON, REST)


@pytest.mark.parametrize("seconds", [0.04, 0.1])
def test_one_frame_is_enough(driver, seconds):
    found = driver.expression(babble(1)[: int(16_000 * seconds)], PERSON, REST)
    assert len(found) == round(seconds * 25)


def test_noise_of_the_recording_itself_is_no_speech():
    rng = np.random.default_rng(0)
    t = np.arange(16_000) / 16_000
    voice = np.concatenate([np.zeros(16_000), 0.1 * np.sin(2 * np.pi * 200 * t), np.zeros(16_000)])
    for noise in (0.0, 0.003, 0.01):
        samples = (voice + noise * rng.standard_normal(len(voice))).astype(np.float32)
        level = recording_level(samples)
        gate = speech_gate(speech_features(samples, level, 0, 75), noise_floor(samples, level))
        assert gate[:18].max() < 0.05 and gate[57:].max() < 0.05 and gate[26:49].min() > 0.95


def test_the_floor_is_that_of_the_pauses_and_never_loud():
    rng = np.random.default_rng(0)
    steady = (0.1 * rng.standard_normal(32_000)).astype(np.float32)
    assert noise_floor(steady, recording_level(steady)) == 0.65
    assert noise_floor(np.zeros(16_000, np.float32), -40.0) == 0
    assert noise_floor(np.zeros(0, np.float32), -40.0) == 0
