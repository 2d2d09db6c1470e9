"""People follow from their seed, differ from each other, and can be told in words."""

from __future__ import annotations

import json

import numpy as np
import pytest

from shared.custody import to_plain
from shared.data.marionette.people import (
    EYE_COLOURS,
    GROWN_STYLES,
    HAIR_COLOURS,
    MESH_STYLES,
    caption,
    sample_person,
)


@pytest.fixture(scope="module")
def crowd():
    return [sample_person(seed) for seed in range(300)]


def make_looks(folder):
    for kind, name in (("eyebrows", "eyebrow001"), ("eyelashes", "eyelashes01")):
        (folder / kind / name).mkdir(parents=True)
    (folder / "skins").mkdir()
    for tone in ("light", "dark"):
        for sex in ("male", "female"):
            (folder / "skins" / f"young_{tone}skinned_{sex}_diffuse.jpg").touch()
    return folder


def test_same_seed_same_person_other_seed_other_person():
    assert sample_person(7) == sample_person(7)
    assert sample_person(7) != sample_person(8)


def test_a_person_becomes_json(crowd):
    plain = json.loads(json.dumps(to_plain(crowd[0])))
    assert plain["shape"]["sex"] == crowd[0].sex
    assert plain["skin"]["melanin"] == crowd[0].skin.melanin


def test_without_looks_nothing_refers_to_a_file(crowd):
    for person in crowd:
        assert person.skin.photograph is None
        assert person.brow_style is None and person.lashes is None
        assert person.hair in GROWN_STYLES


def test_with_looks_skin_fits_sex_and_tone(tmp_path):
    looks = make_looks(tmp_path)
    people = [sample_person(seed, looks) for seed in range(80)]
    photographed = [person for person in people if person.skin.photograph]
    assert len(photographed) > 40
    for person in photographed:
        tone = "dark" if person.skin.melanin > 0.55 else "light"
        assert f"_{tone}skinned_{person.sex}_" in person.skin.photograph
    assert any(person.hair in MESH_STYLES for person in people)


def test_skin_tones_are_spread_evenly(crowd):
    tones = np.array([person.skin.melanin for person in crowd])
    shares = np.histogram(tones, bins=4, range=(0, 1))[0] / len(crowd)
    assert shares.min() > 0.12 and shares.max() < 0.42


def test_both_sexes_all_ages_all_colours_occur(crowd):
    assert {person.sex for person in crowd} == {"female", "male"}
    assert {person.age for person in crowd} == {"young", "middleage", "old"}
    assert {person.hair_colour for person in crowd} == set(HAIR_COLOURS)
    assert {person.eyes for person in crowd} == set(EYE_COLOURS)


def test_glasses_and_beards_are_as_common_as_said(crowd):
    assert 0.08 < np.mean([person.glasses for person in crowd]) < 0.24
    assert all(person.beard == "none" for person in crowd if person.sex == "female")
    assert any(person.beard == "full" for person in crowd)


def test_caption_says_who_it_is(crowd):
    for person in crowd[:60]:
        words = caption(person)
        assert words == person.caption
        assert words.startswith(("a ", "an "))
        assert ("woman" in words) == (person.sex == "female")
        assert ("glasses" in words) == person.glasses
        assert f"{person.eyes} eyes" in words
        assert "{" not in words
