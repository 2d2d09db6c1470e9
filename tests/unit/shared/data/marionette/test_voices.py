from __future__ import annotations

import numpy as np
import pytest

from shared.data.marionette import voices as module
from shared.data.marionette.phones import SILENCE, Phone
from shared.data.marionette.voices import VOICES, Speakers, Utterance, frame_speech, joined
from shared.errors import InputError, MissingExtra

KOKORO = next(voice for voice in VOICES if voice.synthesiser == "kokoro")


def speech(start: float = 0.5, end: float = 0.9, length: float = 1.2, level: float = 0.02):
    samples = np.zeros(round(length * 16_000), np.float32)
    samples[round(start * 16_000) : round(end * 16_000)] = level
    return samples, [Phone("M", start, start + 0.1), Phone("AA", start + 0.1, end)]


@pytest.mark.parametrize(
    "start, end, length", [(0.5, 0.9, 1.2), (0.0, 0.4, 0.4), (0.05, 0.9, 0.91)]
)
def test_pauses_are_equal_whatever_the_synthesiser_left(start, end, length):
    samples, phones = frame_speech(*speech(start, end, length))
    assert len(samples) / 16_000 == pytest.approx(0.16 + (end - start) + 0.24, abs=1e-3)
    assert phones[0].name == phones[-1].name == SILENCE
    assert phones[1].start == pytest.approx(0.16, abs=1e-3)
    onset = int(np.flatnonzero(samples)[0]) / 16_000
    assert onset == pytest.approx(phones[1].start, abs=1e-3)


@pytest.mark.parametrize("level", [0.001, 0.5])
def test_levels_become_equal_without_clipping(level):
    samples, _ = frame_speech(*speech(level=level))
    assert np.abs(samples).max() == pytest.approx(0.08, rel=0.02)


def test_nothing_said_is_refused():
    with pytest.raises(InputError, match="no speech"):
        frame_speech(np.zeros(100, np.float32), [Phone(SILENCE, 0, 0.1)])


def said(voice: str = "a") -> Utterance:
    samples, phones = frame_speech(*speech())
    return Utterance(samples, voice, "ma", "en", tuple(phones))


def test_joined_speech_keeps_time_and_text():
    both = joined([said(), said()])
    assert both.duration == pytest.approx(2 * said().duration)
    starts = [phone.start for phone in both.phones if phone.name == "M"]
    assert starts[1] - starts[0] == pytest.approx(said().duration) and both.text == "ma ma"


@pytest.mark.parametrize("several", [[], [said("a"), said("b")]])
def test_only_one_voice_can_be_joined(several):
    with pytest.raises(InputError):
        joined(several)


def test_kokoro_without_its_voices_says_how_to_give_them():
    with pytest.raises(MissingExtra, match="--kokoro-voices"):
        Speakers().say("hello", KOKORO)


def test_slow_speech_is_made_once_and_is_the_same_after(tmp_path, monkeypatch):
    calls = []

    def slow(text, speaker, folder):
        calls.append(text)
        samples, phones = speech()
        return samples + np.float32(1e-3 * len(calls)), phones

    monkeypatch.setattr(module.kokoro, "speak", slow)
    speakers = Speakers(tmp_path, tmp_path / "cache")
    first, second = speakers.say("ma", KOKORO), speakers.say("ma", KOKORO)
    assert calls == ["ma"] and np.array_equal(first.samples, second.samples)
    assert first.phones == second.phones
