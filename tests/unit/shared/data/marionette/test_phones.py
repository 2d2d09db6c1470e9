# ruff: noqa: RUF001
from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from shared.data.marionette.phones import (
    ARPABET,
    SILENCE,
    Phone,
    from_cmu,
    from_ipa,
    mark_stress,
    tile,
)
from shared.errors import InputError


def test_every_name_that_the_ipa_table_gives_is_arpabet():
    symbols = "tʃ dʒ aɪ aʊ eɪ ɔɪ oʊ ɑːɹ ɔː ɜː iː uː æ ʌ ə ɚ ɛ ɪ ᵻ ʊ ð θ ŋ ʃ ʒ ɾ əl p b m f v w j"
    assert all(
        set(from_ipa(symbol)) <= ARPABET and from_ipa(symbol) for symbol in symbols.split(" ")
    )


def test_a_length_mark_is_not_a_phone_of_its_own():
    assert from_ipa("iːː") == ("IY",)


@pytest.mark.parametrize("make", [lambda: from_cmu("qq"), lambda: from_ipa("漢")])
def test_unknown_symbols_are_refused_by_name(make):
    with pytest.raises(InputError, match="found"):
        make()


@pytest.mark.parametrize("name, start, end", [("XX", 0, 1), ("B", 1, 1), ("B", -0.1, 1)])
def test_impossible_phones_are_refused(name, start, end):
    with pytest.raises(InputError):
        Phone(name, start, end)


def test_tiles_meet_and_cover_everything():
    phones = [Phone("B", 0.1, 0.2), Phone("AA", 0.18, 0.3), Phone("M", 0.5, 0.9)]
    tiled = tile(phones, 0.8)
    assert tiled[0].start == 0 and tiled[-1].end == 0.8
    assert all(a.end == b.start for a, b in pairwise(tiled))
    assert [p.name for p in tiled] == [SILENCE, "B", "AA", SILENCE, "M"]


def test_pauses_side_by_side_become_one():
    phones = [Phone("B", 0.0, 0.1), Phone(SILENCE, 0.1, 0.2), Phone(SILENCE, 0.3, 0.4)]
    assert [p.name for p in tile(phones, 0.5)] == ["B", SILENCE]


def test_nothing_said_is_one_pause():
    assert [(p.name, p.start, p.end) for p in tile([], 1.0)] == [(SILENCE, 0.0, 1.0)]


def test_the_loudest_vowel_is_the_most_prominent():
    samples = np.full(16_000, 0.01, np.float32)
    samples[8_000:] = 0.3
    phones = [Phone("AA", 0, 0.5), Phone("T", 0.5, 0.6), Phone("AA", 0.6, 1.0)]
    stress = [phone.stress for phone in mark_stress(phones, samples)]
    assert stress == [0.0, 0.0, 1.0]
