from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.claims.opt_conditions import (
    CONDITIONS,
    _loudness,
    _pauses,
    conditions,
    real_voices,
)
from shared.data.clip import Clip, Truth
from shared.data.manifest import write_manifest
from shared.face.head_model import HeadModel
from shared.media.audio import write_audio
from shared.motion import UNIT, Motion

PEOPLE = HeadModel.load().identities
RATE = 16_000


def speech() -> np.ndarray:
    """Half a second of silence, a swelling tone, silence."""
    t = np.arange(RATE) / RATE
    tone = 0.2 * np.sin(2 * np.pi * 200 * t) * (0.6 + 0.4 * np.sin(2 * np.pi * 3 * t))
    return np.concatenate([np.zeros(RATE // 2), tone, np.zeros(RATE // 2)]).astype(np.float32)


class Loudness:
    """A driver that opens the jaw where it is loud, however loud that is."""

    config = SimpleNamespace(identity_dim=PEOPLE)

    def expression(self, samples, identity, rest, *, blinks):
        loud = _loudness(samples)
        expression = np.zeros((len(loud), 52), np.float32)
        expression[:, UNIT["jawOpen"]] = 0.3 * (loud - loud.max() + 40) / 40
        return expression


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    root = tmp_path_factory.mktemp("real")
    face = Loudness().expression(speech(), None, None, blinks=False)
    still = np.zeros((len(face), 3))
    motion = Motion(still, still, face, Fraction(25))
    points = np.zeros((len(face), 68, 2))
    Truth(motion, np.zeros(PEOPLE, np.float32), np.array([1, 0, 0]), points).save(root / "a.npz")
    clips = []
    for name, voice, language, truth in (
        ("a", "flite-slt", "en", "a.npz"),
        ("b", "asterisk-x", "en", "a.npz"),
        ("c", "asterisk-y", "it", ""),
    ):
        write_audio(root / f"{name}.wav", speech())
        clips.append(
            Clip(
                name, "voice", "test", name, voice, language=language, audio=f"{name}.wav",
                truth=truth, frames=len(face),
            )
        )  # fmt: skip
    return write_manifest(root, clips)


def test_a_driver_that_hears_loudness_survives_a_low_level_but_not_noise(manifest):
    found = {row.measure: row.value for row in conditions(Loudness(), manifest, every=1)}
    assert len(found) == 2 * len(CONDITIONS)
    for name in ("as recorded", "40 dB softer"):
        assert found[f"correlation of the opening with the truth, {name}"] > 0.95
    shut = "opening in pauses / opening in speech"
    assert found[f"{shut}, as recorded"] < 0.05 < found[f"{shut}, noise 10 dB under"]


def test_real_voices_are_asked_language_by_language(manifest):
    found = {row.measure: row for row in real_voices(Loudness(), manifest)}
    for language in ("en", "it"):
        name = f"correlation of the opening with the loudness, real voice, {language}"
        assert found[name].value == pytest.approx(1.0, abs=0.01) and found[name].n == 1
    assert found["correlation of the opening with the truth, real voice, en"].value > 0.99
    assert not any("truth" in name and name.endswith("it") for name in found)


def test_pauses_are_the_middle_of_what_is_quiet():
    pause = _pauses(speech(), 50)
    assert pause[:9].all() and pause[42:].all() and not pause[10:40].any()
