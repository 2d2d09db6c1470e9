from __future__ import annotations

import dataclasses
from collections import Counter, defaultdict

import pytest

from shared.data.clip import SPLITS
from shared.data.marionette.phones import BILABIALS
from shared.data.marionette.plan import plan_people, plan_voices, rng_of, split_people
from shared.data.marionette.profiles import PROFILES, Profile, profile_of
from shared.data.marionette.sentences import SENTENCES
from shared.data.marionette.voices import VOICES
from shared.errors import InputError

SMALL = Profile("small", people=40, voice_sentences=5, slow_voice_sentences=2, turns=10)


def every_clip(seed: int = 0) -> list:
    people = plan_people(SMALL, seed, with_kokoro=True)
    clips = [clip for person in people for clip in person.clips]
    return clips + plan_voices(SMALL, seed, with_kokoro=True)


def test_nothing_is_in_two_splits():
    places = defaultdict(set)
    for clip in every_clip():
        places["person", clip.person].add(clip.split)
        if clip.speech is not None:
            places["voice", clip.speech.voice.base].add(clip.split)
            for sentence in clip.speech.sentences:
                places["sentence", sentence.id].add(clip.split)
    assert all(len(splits) == 1 for splits in places.values())
    assert {kind for kind, _ in places} == {"person", "voice", "sentence"}


def test_a_plan_follows_from_its_seed():
    assert every_clip(3) == every_clip(3) != every_clip(4)


def test_a_person_does_not_depend_on_how_many_others_say_what():
    few = plan_people(SMALL, 0, with_kokoro=False)
    longer = dataclasses.replace(SMALL, exercise_frames=0)
    assert [p.seed for p in few] == [p.seed for p in plan_people(longer, 0, with_kokoro=True)]


def test_listeners_hear_another_person_of_their_split():
    clips = {clip.id: clip for clip in every_clip()}
    heard = [clip for clip in clips.values() if clip.kind == "listening"]
    for clip in heard:
        speaker = clips[clip.speaker_clip]
        assert speaker.speech == clip.speech and speaker.split == clip.split
        assert speaker.kind in ("speaking", "voice")
    apart = [clips[c.speaker_clip].person != c.person for c in heard if c.id.startswith("m")]
    assert all(apart)
    assert set(Counter(c.attitude for c in heard)) == {"positive", "neutral", "negative"}


def test_ids_are_unique():
    ids = [clip.id for clip in every_clip()]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 150])
def test_people_are_shared_out(count):
    shares = Counter(split_people(count, 0))
    assert sum(shares.values()) == count
    if count >= 3:
        assert all(shares[split] for split in SPLITS) and shares["train"] >= count * 0.5 - 1


def test_many_voices_say_the_same_sentence():
    voices = defaultdict(set)
    for clip in plan_voices(SMALL, 0, with_kokoro=True):
        if clip.kind == "voice" and len(clip.speech.sentences) == 1 and clip.split == "train":
            voices[clip.speech.sentences[0].id].add(clip.speech.voice.base)
    assert max(map(len, voices.values())) >= 12


def test_sentences_are_many_and_rich_in_lip_closures():
    texts = [sentence.text for sentence in SENTENCES]
    assert len(set(texts)) >= 120 and len({s.id for s in SENTENCES}) == len(SENTENCES)
    closures = [sum(letter in "bmp" for letter in text.lower()) for text in texts]
    assert sum(closures) / len(closures) > 3
    assert {"B", "M", "P"} == BILABIALS


def test_enough_voices_and_variants_stay_with_their_base():
    assert len({voice.base for voice in VOICES}) >= 12
    split_of = {voice.name: voice.split for voice in VOICES}
    assert all(voice.split == split_of[voice.base] for voice in VOICES)
    assert {voice.split for voice in VOICES} == set(SPLITS)


def test_generators_differ_by_name_alone():
    assert rng_of(0, "a").random() == rng_of(0, "a").random() != rng_of(0, "b").random()


def test_profiles_know_their_names():
    assert all(name == profile.name for name, profile in PROFILES.items())
    with pytest.raises(InputError, match="cpu"):
        profile_of("huge")
