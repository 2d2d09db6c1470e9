"""Nobody is both learnt from and held out, or it is told who may be."""

from __future__ import annotations

import numpy as np
import pytest

from forensics.folds import EVERYBODY, FOLDS, SEEN, deal, deal_at_random


def folds_of_people(shown, numbers) -> dict[str, set[int]]:
    found: dict[str, set[int]] = {}
    for persons, fold in zip(shown, numbers.tolist(), strict=True):
        for person in persons:
            found.setdefault(person, set()).add(fold)
    return found


def test_all_whom_videos_link_are_in_one_fold():
    """As in FaceForensics++: each forgery has the faces of two, each of whom has a video of their own."""
    pairs = [(f"{n:03d}", f"{n + 1:03d}") for n in range(0, 60, 2)]
    forged = pairs + [(b, a) for a, b in pairs]
    authentic = [(person,) for pair in pairs for person in pair]
    found = deal(forged, authentic)
    together = folds_of_people(forged + authentic, np.concatenate(found.numbers))
    assert {len(folds) for folds in together.values()} == {1}
    assert {fold for folds in together.values() for fold in folds} == set(range(FOLDS))
    assert found.held_out == EVERYBODY


@pytest.mark.parametrize("authentic", [1, 9], ids=["half of all", "a tenth of all"])
def test_where_donors_link_nearly_everybody_the_person_seen_is_held_out(authentic):
    """They link all examples of a class, however many others there are."""
    ring = [(f"p{n}", f"p{(n + 1) % 20}") for n in range(20)]
    alone = [(f"q{n}",) for n in range(20 * authentic)]
    found = deal(ring, alone)
    assert found.held_out == SEEN
    assert len(set(found.numbers[0].tolist())) == FOLDS
    seen = [(persons[0],) for persons in ring]
    assert {len(folds) for folds in folds_of_people(seen, found.numbers[0]).values()} == {1}


def test_who_is_dealt_does_not_depend_on_the_order():
    shown = [(f"p{n}",) for n in range(30)]
    there, back = deal(shown).numbers[0], deal(shown[::-1]).numbers[0]
    assert there.tolist() == back[::-1].tolist()
    assert sorted(np.bincount(there).tolist()) == [6] * 5


def test_at_random_folds_are_even():
    right, wrong = deal_at_random(50, 20).numbers
    assert (np.bincount(right) == 10).all() and (np.bincount(wrong) == 4).all()
