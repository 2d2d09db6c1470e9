"""Voices: who speaks in Marionette, and what comes out when they do.

A voice belongs to one split with everything that is said in it; a changed voice (``slt-large``)
stays in the split of the voice that it was made from (its ``base``).
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.custody import write_atomic
from shared.data.marionette import espeak, flite, kokoro, recordings
from shared.data.marionette.phones import SILENCE, Phone, mark_stress, tile
from shared.errors import InputError, MissingExtra

RATE = 16_000
_LEVEL = 0.08
"""Root mean square of the spoken part, of full scale (-22 dB)."""
_LEAD, _TAIL = 0.16, 0.24
"""Pause before the first and after the last phone, s."""


@dataclass(frozen=True)
class Voice:
    """A speaker.

    Attributes:
        name: Unique, such as ``flite-slt`` or ``espeak-f2``.
        base: The voice that it was made from, or its own name.
        split: ``train``, ``val`` or ``test``, the same for all of one base.
        synthesiser: ``flite``, ``espeak`` or ``kokoro``; ``recording`` for a real person.
        setting: The synthesiser's own name of the speaker; of a recording, its file.
        size: Vocal tract against the base's (flite only).
        language: BCP 47 tag.
    """

    name: str
    base: str
    split: str
    synthesiser: str
    setting: str
    size: float = 1.0
    language: str = "en"

    @property
    def slow(self) -> bool:
        """Whether speech takes so long to make that it is kept."""
        return self.synthesiser == "kokoro"


@dataclass(frozen=True)
class Utterance:
    """A sentence, said.

    Attributes:
        samples: ``(N,)`` float32 mono at 16 kHz in [-1, 1].
        voice: Name of the voice.
        text: What is said.
        language: BCP 47 tag.
        phones: They tile the samples; empty where nobody knows them.
    """

    samples: NDArray[np.float32]
    voice: str
    text: str
    language: str
    phones: tuple[Phone, ...]

    @property
    def duration(self) -> float:
        """Length, seconds."""
        return len(self.samples) / RATE


_SIZES = {"": 1.0, "-small": 0.88, "-large": 1.13}
_ESPEAK = {
    "m1": "en-us+m1", "m3": "en-us+m3", "m4": "en-us+m4", "m8": "en-us+m8", "f1": "en+f1",
    "f2": "en-us+f2", "f4": "en-us+f4", "klatt": "en-us+klatt2", "annie": "en-us+Annie",
    "andy": "en-us+Andy", "steph": "en+steph", "scot": "gmw/en-GB-scotland+m5", "m2": "en+m2",
    "f3": "en-us+f3", "f5": "en+f5", "whisper": "en-us+whisper", "whisperf": "en+whisperf",
}  # fmt: skip
_VAL = {"flite-kal16", "espeak-f4", "espeak-m8", "kokoro-af_nova", "kokoro-bm_fable"}
_TEST = {"espeak-steph", "espeak-andy", "kokoro-bf_isabella", "kokoro-am_onyx"}


def _split(base: str) -> str:
    return "val" if base in _VAL else "test" if base in _TEST else "train"


def _all_voices() -> tuple[Voice, ...]:
    voices = []
    for speaker in flite.SPEAKERS:
        base = f"flite-{speaker}"
        voices += [
            Voice(base + ending, base, _split(base), "flite", speaker, size)
            for ending, size in _SIZES.items()
        ]
    for name, setting in _ESPEAK.items():
        own = f"espeak-{name}"
        voices.append(Voice(own, own, _split(own), "espeak", setting))
    for speaker in kokoro.SPEAKERS:
        own = f"kokoro-{speaker}"
        voices.append(Voice(own, own, _split(own), "kokoro", speaker))
    return tuple(voices)


VOICES: tuple[Voice, ...] = _all_voices()
"""All voices: 33 speakers and 8 changed ones."""


def voices_of(split: str, *, with_kokoro: bool) -> tuple[Voice, ...]:
    """Return the voices of a split.

    Example:
        >>> len({voice.base for voice in voices_of("train", with_kokoro=True)})
        24
    """
    return tuple(
        voice
        for voice in VOICES
        if voice.split == split and (with_kokoro or voice.synthesiser != "kokoro")
    )


@dataclass(frozen=True)
class Speakers:
    """All synthesisers behind one call.

    Attributes:
        kokoro_voices: Folder of Kokoro's ``.bin`` voices, or None to do without.
        cache: Folder in which slow utterances are kept, or None.
    """

    kokoro_voices: Path | None = None
    cache: Path | None = None

    def say(self, text: str, voice: Voice) -> Utterance:
        """Say a text: level set, pauses at both ends of equal length, phones tiled and stressed.

        A recording without a text keeps its own pauses and has no phones.

        Raises:
            MissingExtra: If the synthesiser is not installed or its voices were not given.
            InputError: If it cannot say the text.
        """
        kept = self._kept(text, voice)
        if kept is not None and kept.is_file():
            samples, phones = _read_speech(kept.read_bytes())
        else:
            samples, phones = self._synthesise(text, voice)
            if kept is not None:
                # Read back what was kept, so that the first time equals all later ones.
                data = _write_speech(samples, phones)
                kept.parent.mkdir(parents=True, exist_ok=True)
                write_atomic(kept, data)
                samples, phones = _read_speech(data)
        if not phones and voice.synthesiser == "recording":
            level = max(float(np.sqrt(np.mean(np.square(samples)))), 1e-4)
            scaled = np.clip(samples * (_LEVEL / level), -0.97, 0.97).astype(np.float32)
            return Utterance(scaled, voice.name, text, voice.language, ())
        samples, tiled = frame_speech(samples, phones)
        return Utterance(samples, voice.name, text, voice.language, tuple(tiled))

    def _kept(self, text: str, voice: Voice) -> Path | None:
        """Return where a slow utterance is kept; quick ones are said again each time."""
        if self.cache is None or not voice.slow:
            return None
        key = hashlib.sha256(f"{voice.name}\n{text}".encode()).hexdigest()[:24]
        return self.cache / f"{key}.npz"

    def _synthesise(self, text: str, voice: Voice) -> tuple[NDArray[np.float32], list[Phone]]:
        if voice.synthesiser == "flite":
            return flite.speak(text, voice.setting, voice.size)
        if voice.synthesiser == "espeak":
            return espeak.speak(text, voice.setting)
        if voice.synthesiser == "recording":
            return recordings.read(Path(voice.setting), text)
        if self.kokoro_voices is None:
            raise MissingExtra("Kokoro's voices were not given", fix="pass --kokoro-voices DIR")
        return kokoro.speak(text, voice.setting, self.kokoro_voices)


def _write_speech(samples: NDArray[np.float32], phones: list[Phone]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        samples=np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16),
        names=np.array([p.name for p in phones]),
        times=np.array([(p.start, p.end) for p in phones]),
    )
    return buffer.getvalue()


def _read_speech(data: bytes) -> tuple[NDArray[np.float32], list[Phone]]:
    with np.load(io.BytesIO(data), allow_pickle=False) as kept:
        samples = kept["samples"].astype(np.float32) / 32767
        rows = zip(kept["names"], kept["times"], strict=True)
        return samples, [Phone(str(name), float(a), float(b)) for name, (a, b) in rows]


def frame_speech(
    samples: NDArray[np.float32], phones: list[Phone]
) -> tuple[NDArray[np.float32], list[Phone]]:
    """Set the level and give the speech pauses of fixed length at both ends.

    Args:
        samples: ``(N,)`` mono at 16 kHz.
        phones: In order of time; at least one is no pause.

    Returns:
        The samples and phones that tile them, stress marked.

    Raises:
        InputError: If there is no speech.
    """
    spoken = [phone for phone in phones if phone.name != SILENCE]
    if not spoken or not np.any(samples):
        raise InputError("no speech in what was synthesised", found=f"{len(phones)} phones")
    first = round((spoken[0].start - _LEAD) * RATE)
    last = round((spoken[-1].end + _TAIL) * RATE)
    padded = np.pad(samples, (max(0, -first), max(0, last - len(samples))))
    cut = padded[max(0, first) : max(0, first) + last - first].astype(np.float32)
    voiced = samples[int(spoken[0].start * RATE) : int(spoken[-1].end * RATE)]
    gain = _LEVEL / max(float(np.sqrt(np.mean(np.square(voiced)))), 1e-4)
    cut *= min(gain, 0.97 / max(float(np.abs(cut).max()), 1e-4))
    shift = -first / RATE
    moved = [replace(phone, start=phone.start + shift, end=phone.end + shift) for phone in spoken]
    tiled = tile(moved, len(cut) / RATE)
    return cut, mark_stress(tiled, cut)


def joined(utterances: list[Utterance]) -> Utterance:
    """Return one utterance of several by the same voice, one after the other.

    Raises:
        InputError: If there are none or the voices differ.
    """
    if not utterances or len({u.voice for u in utterances}) != 1:
        raise InputError("only utterances of one voice can be joined", found=len(utterances))
    phones: list[Phone] = []
    offset = 0.0
    for utterance in utterances:
        phones += [replace(p, start=p.start + offset, end=p.end + offset) for p in utterance.phones]
        offset += utterance.duration
    samples = np.concatenate([utterance.samples for utterance in utterances])
    return replace(
        utterances[0],
        samples=samples,
        text=" ".join(utterance.text for utterance in utterances),
        phones=tuple(tile(phones, len(samples) / RATE)),
    )
