"""What a talking head is asked for: rates as people write them, and places that must not be written."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest

from shared.errors import InputError, OutputError
from synthesis.talking_head import TalkOptions, check_target


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        (Fraction("29.97002997"), Fraction(30000, 1001)),
        (Fraction("23.976023976"), Fraction(24000, 1001)),
        (59.94005994005994, Fraction(60000, 1001)),
        (Fraction("12.5"), Fraction(25, 2)),
        (25, Fraction(25)),
    ],
)
def test_a_rounded_rate_is_the_fraction_that_it_stands_for(told, meant):
    assert TalkOptions(fps=told).fps == meant


@pytest.mark.parametrize("wrong", [{"seed": -1}, {"fps": Fraction(0)}, {"mouth_gain": 4.0}])
def test_options_that_make_no_sense_are_refused(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        TalkOptions(**wrong)


def test_the_output_never_replaces_an_input(tmp_path):
    talk = tmp_path / "interview.mp4"
    talk.write_bytes(b"the only copy")
    with pytest.raises(OutputError, match="replace an input"):
        check_target(talk, [tmp_path / "gone.png", talk])
    assert check_target(talk, [tmp_path / "gone.png"]) == talk


@pytest.mark.parametrize("content", ["a transcript", '["a", "list"]', None])
def test_the_record_replaces_nothing_but_a_record(tmp_path, content):
    place = tmp_path / "clip.json"
    place.mkdir() if content is None else place.write_text(content)
    with pytest.raises(OutputError, match=r"clip\.json"):
        check_target(tmp_path / "clip.mp4")


def test_an_earlier_record_may_be_replaced(tmp_path):
    (tmp_path / "clip.json").write_text(json.dumps({"task": "synthesis.talk"}))
    assert check_target(tmp_path / "clip.mp4").name == "clip.mp4"
