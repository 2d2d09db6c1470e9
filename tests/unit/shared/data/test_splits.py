"""Splits that nobody ever changes sides in."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.data.splits import split_by_identity
from shared.errors import InputError

NAMES = st.lists(st.text(min_size=1), unique=True, max_size=30)


@given(NAMES, NAMES, st.integers(0, 9))
def test_adding_people_moves_nobody(some, more, seed):
    before = split_by_identity(some, seed)
    after = split_by_identity([*more, *reversed(some)], seed)
    assert before == {name: after[name] for name in some}


def test_shares_hold_in_expectation_and_seeds_differ():
    people = [f"id{number:05d}" for number in range(4000)]
    counts = Counter(split_by_identity(people, 0, {"train": 0.7, "val": 0.2, "test": 0.1}).values())
    assert counts["train"] == pytest.approx(2800, abs=100)
    assert counts["val"] == pytest.approx(800, abs=90)
    assert split_by_identity(people, 0) != split_by_identity(people, 1)


def test_a_split_without_a_share_stays_empty():
    people = [str(number) for number in range(300)]
    shares = {"train": 0.5, "test": 0.5}
    assert set(split_by_identity(people, 0, shares).values()) == {"train", "test"}


def test_the_split_of_a_name_is_fixed_for_ever():
    assert split_by_identity(["id00012", "id00017", "Obama"], 0) == {
        "id00012": "train",
        "id00017": "train",
        "Obama": "val",
    }


@pytest.mark.parametrize(
    "shares", [{"train": 0.5}, {"train": 1.5, "val": -0.5}, {"train": 0.9, "dev": 0.1}]
)
def test_wrong_shares_are_refused(shares):
    with pytest.raises(InputError, match="shares"):
        split_by_identity(["a"], 0, shares)
