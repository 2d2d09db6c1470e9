"""Plans: which clips a corpus has, before any of them is made.

Everything random about a clip follows from the corpus's seed and the clip's own name, so that
neither the order of the work nor the number of workers can change it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from shared.data.clip import SPLITS
from shared.data.marionette.babble import babble
from shared.data.marionette.listening import ATTITUDES
from shared.data.marionette.profiles import Profile
from shared.data.marionette.recordings import FOLDERS, PREFIX, listed
from shared.data.marionette.sentences import Sentence, sentences_of
from shared.data.marionette.voices import Voice, voices_of

SHARES = (0.70, 0.15, 0.15)
"""Shares of the identities in train, val and test."""

_HEADS = 1600
"""Identities of audio-only clips; they have a shape and a style, but no look."""
_TURN_SENTENCES = 3


def rng_of(seed: int, *names: object) -> np.random.Generator:
    """Return a generator of its own for each seed and names, the same on every machine.

    Example:
        >>> int(rng_of(0, "a").integers(100)) == int(rng_of(0, "a").integers(100))
        True
    """
    text = "/".join(str(name) for name in (seed, *names))
    digest = hashlib.sha256(text.encode()).digest()
    return np.random.default_rng(np.frombuffer(digest[:16], "<u4").tolist())


@dataclass(frozen=True)
class SpeechPlan:
    """What is said in a clip and by whom.

    Attributes:
        voice: The speaker.
        sentences: One, or several for a turn.
    """

    voice: Voice
    sentences: tuple[Sentence, ...]


@dataclass(frozen=True)
class ClipPlan:
    """One clip to make.

    Attributes:
        id: Unique in the corpus.
        kind: As in :class:`shared.data.clip.Clip`.
        split: ``train``, ``val`` or ``test``.
        person: Name of the identity.
        speech: What is said: in a listening clip, what is listened to; None in exercises.
        speaker_clip: In a listening clip, the clip of the speaker.
        attitude: In a listening clip, one of :data:`.listening.ATTITUDES`.
    """

    id: str
    kind: str
    split: str
    person: str
    speech: SpeechPlan | None = None
    speaker_clip: str = ""
    attitude: str = ""


@dataclass(frozen=True)
class PersonPlan:
    """A rendered identity with all its clips: the unit of work.

    Attributes:
        id: ``m0001`` and so on.
        seed: For :func:`shared.data.marionette.people.sample_person`.
        split: Of the person and all its clips.
        clips: To be rendered on one stage.
    """

    id: str
    seed: int
    split: str
    clips: tuple[ClipPlan, ...]


def split_people(count: int, seed: int) -> list[str]:
    """Return the split of each of ``count`` identities; val and test get one each from three up.

    Example:
        >>> from collections import Counter
        >>> sorted(Counter(split_people(20, 0)).items())
        [('test', 3), ('train', 14), ('val', 3)]
    """
    held = [
        round(count * share) if count < 3 else max(1, round(count * share)) for share in SHARES[1:]
    ]
    labels = ["val"] * held[0] + ["test"] * held[1]
    labels = ["train"] * (count - len(labels)) + labels
    order = rng_of(seed, "split").permutation(count)
    return [labels[place] for place in order]


def plan_people(profile: Profile, seed: int, *, with_kokoro: bool) -> list[PersonPlan]:
    """Return the rendered people of a corpus, each with its clips."""
    splits = split_people(profile.people, seed)
    names = [f"m{number:04d}" for number in range(profile.people)]
    speeches = {
        f"{name}-speaking{k}": _draw_speech(
            profile, split, seed, f"{name}-speaking{k}", with_kokoro
        )
        for name, split in zip(names, splits, strict=True)
        for k in range(profile.speaking_clips)
    }
    people = []
    for name, split in zip(names, splits, strict=True):
        mates = [n for n, s in zip(names, splits, strict=True) if s == split and n != name] or [
            name
        ]
        clips = [
            ClipPlan(
                f"{name}-speaking{k}", "speaking", split, name, speeches[f"{name}-speaking{k}"]
            )
            for k in range(profile.speaking_clips)
        ]
        for k in range(profile.listening_clips):
            own = f"{name}-listening{k}"
            rng = rng_of(seed, own, "plan")
            heard = f"{mates[int(rng.integers(len(mates)))]}-speaking{k % profile.speaking_clips}"
            attitude = ATTITUDES[int(rng.integers(len(ATTITUDES)))]
            clips.append(ClipPlan(own, "listening", split, name, speeches[heard], heard, attitude))
        if profile.exercise_frames:
            clips.append(ClipPlan(f"{name}-exercise", "exercise", split, name))
        person_seed = int(rng_of(seed, name, "person").integers(100_000))
        people.append(PersonPlan(name, person_seed, split, tuple(clips)))
    return people


def _draw_speech(
    profile: Profile, split: str, seed: int, clip: str, with_kokoro: bool
) -> SpeechPlan:
    rng = rng_of(seed, clip, "speech")
    voices = voices_of(split, with_kokoro=with_kokoro)
    sentences = [s for s in sentences_of(split) if len(s.text) <= profile.longest_text]
    voice = voices[int(rng.integers(len(voices)))]
    return SpeechPlan(voice, (sentences[int(rng.integers(len(sentences)))],))


def plan_voices(profile: Profile, seed: int, *, with_kokoro: bool) -> list[ClipPlan]:
    """Return the clips without pictures: single sentences, turns, and who listens to the turns.

    All voices of a split say its sentences in the same order, so that most are parallel.
    """
    clips: list[ClipPlan] = []
    for split in SPLITS:
        for voice in voices_of(split, with_kokoro=with_kokoro):
            count = profile.slow_voice_sentences if voice.slow else profile.voice_sentences
            for sentence in sentences_of(split)[:count]:
                own = f"{voice.name}-{sentence.id}"
                head = _head(split, seed, own)
                clips.append(ClipPlan(own, "voice", split, head, SpeechPlan(voice, (sentence,))))
    for number, split in enumerate(split_people(profile.turns, seed)):
        clips += _plan_turn(f"turn{number:04d}", split, seed)
    return clips + _plan_recordings(profile.recordings, seed)


def plan_babble(profile: Profile, seed: int) -> list[ClipPlan]:
    """Return clips of made-up words: each sentence by two of the quick training voices, in turn."""
    voices = voices_of("train", with_kokoro=False)
    clips = []
    for number, sentence in enumerate(babble(profile.babble, rng_of(seed, "babble"))):
        for place in (number, number + 1 + number // len(voices) % (len(voices) - 1)):
            voice = voices[place % len(voices)]
            own = f"{voice.name}-{sentence.id}"
            speech = SpeechPlan(voice, (sentence,))
            clips.append(ClipPlan(own, "voice", "train", _head("train", seed, own), speech))
    return clips


def _plan_recordings(count: int, seed: int) -> list[ClipPlan]:
    """Plan ``count`` recordings of real people in each language: for testing alone."""
    clips = []
    for language, folder in FOLDERS.items():
        name = f"{PREFIX}{folder}"
        for path, text in listed(language, count):
            voice = Voice(name, name, "test", "recording", str(path), language=language)
            own = f"{name}-{path.stem}"
            speech = SpeechPlan(voice, (Sentence(path.stem, text, "test"),))
            clips.append(ClipPlan(own, "voice", "test", _head("test", seed, own), speech))
    return clips


def _head(split: str, seed: int, clip: str, role: str = "speaks") -> str:
    """Return the shape-only identity of a clip: its number tells its split."""
    heads = round(_HEADS * SHARES[SPLITS.index(split)])
    number = int(rng_of(seed, clip, role, "head").integers(heads))
    return f"h-{split}-{number:03d}"


def _plan_turn(own: str, split: str, seed: int) -> list[ClipPlan]:
    rng = rng_of(seed, own, "speech")
    voices = voices_of(split, with_kokoro=False)
    sentences = sentences_of(split)
    chosen = rng.choice(len(sentences), _TURN_SENTENCES, replace=False)
    voice = voices[int(rng.integers(len(voices)))]
    speech = SpeechPlan(voice, tuple(sentences[int(index)] for index in chosen))
    clips = [ClipPlan(own, "voice", split, _head(split, seed, own), speech)]
    for attitude in ATTITUDES:
        head = _head(split, seed, own, attitude)
        name = f"{own}-{attitude}"
        clips.append(ClipPlan(name, "listening", split, head, speech, own, attitude))
    return clips
