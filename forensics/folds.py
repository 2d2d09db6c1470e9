"""Folds of known examples: what is held out shows nobody who was learnt from.

all whom an example links -> one group -> one fold; the groups in the order of their names' hashes, in turn

Where links join nearly everybody, there are no such folds: each forgery of the embedded corpus has donors of its own
split. The person who is seen, the first of an example, is then held out, but not those who lent a face or a mouth;
:attr:`Folds.held_out` tells which it was.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from shared.data.linked import linked_groups

FOLDS = 5
MOST = 0.5
"""Share of a class that one group may hold: more could not be judged by what is left. Ours."""

EVERYBODY = "everybody named with a video, and all whom videos link"
SEEN = "the person seen, but not those who lent a face or a mouth"
AT_RANDOM = "examples at random"

Persons = tuple[str, ...]
"""Everybody whom an example shows, first the one who is seen."""


@dataclass(frozen=True, eq=False)
class Folds:
    """Which fold each example is in.

    Attributes:
        numbers: Of each class ``(N,)``, from 0.
        held_out: What is held out together, in words.
    """

    numbers: tuple[NDArray[np.int64], ...]
    held_out: str


def deal(*classes: Sequence[Persons], folds: int = FOLDS) -> Folds:
    """Deal the examples of each class to folds so that a group is in one fold.

    Example:
        >>> pairs = [("a", "b"), ("b",), ("c",), ("d",), ("e", "d"), ("f",)]
        >>> found = deal(pairs)
        >>> found.numbers[0][0] == found.numbers[0][1], found.held_out == EVERYBODY
        (np.True_, True)
    """
    ends = np.cumsum([len(one) for one in classes])[:-1]
    shown = [persons for one in classes for persons in one]
    groups, held_out = linked_groups(shown), EVERYBODY
    if any(_too_large(own.tolist()) for own in np.split(np.array(groups), ends)):
        seen = [persons[0] for persons in shown]
        held_out = SEEN if len(set(seen)) > len(set(groups)) else EVERYBODY
        groups = seen
    # by hash: names often tell a family, a corpus or an order
    fold = {name: place % folds for place, name in enumerate(sorted(set(groups), key=_hash))}
    numbers = np.array([fold[name] for name in groups], np.int64)
    return Folds(tuple(np.split(numbers, ends)), held_out)


def deal_at_random(*counts: int, folds: int = FOLDS) -> Folds:
    """Deal so many examples of each class to folds, where nobody knows whom they show."""
    generator = np.random.default_rng(0)
    return Folds(tuple(generator.permutation(count) % folds for count in counts), AT_RANDOM)


def _too_large(groups: list[str]) -> bool:
    return bool(groups) and max(Counter(groups).values()) > MOST * len(groups)


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
