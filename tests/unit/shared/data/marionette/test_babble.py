"""Sentences of made-up words, and the plan that has them said."""

from __future__ import annotations

from collections import Counter

import numpy as np

from shared.data.marionette.babble import babble
from shared.data.marionette.plan import plan_babble, plan_voices
from shared.data.marionette.profiles import PROFILES


def test_sentences_follow_the_generator_and_differ():
    first, again = (babble(40, np.random.default_rng(3)) for _ in range(2))
    assert first == again
    assert len({s.text for s in first}) == 40
    assert all(4 <= len(s.text.split()) <= 6 and s.split == "train" for s in first)


def test_each_sentence_is_said_by_two_training_voices_that_change():
    plans = plan_babble(PROFILES["voice"], seed=0)
    assert len({p.id for p in plans}) == len(plans) == 2 * PROFILES["voice"].babble
    assert {p.split for p in plans} == {"train"}
    pairs = Counter(
        (a.speech.voice.name, b.speech.voice.name)
        for a, b in zip(plans[::2], plans[1::2], strict=True)
    )
    assert all(one != other for one, other in pairs)
    assert len(pairs) > 200
    known = {p.id for p in plan_voices(PROFILES["voice"], 0, with_kokoro=False)}
    assert not known & {p.id for p in plans}


def test_other_profiles_do_not_babble():
    assert plan_babble(PROFILES["cpu"], seed=0) == []
