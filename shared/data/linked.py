"""Who is linked with whom by what shows both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components


def linked_groups(shown: Sequence[Sequence[str]]) -> list[str]:
    """Return the first name of each item's group: all who are linked by items that they share.

    Args:
        shown: Of each item (a video, a face) everybody whom it shows, one person at least.

    Example:
        >>> linked_groups([["a"], ["c", "b"], ["a", "b"], ["d"]])
        ['a', 'a', 'a', 'd']
    """
    names = sorted({person for persons in shown for person in persons})
    place = {name: number for number, name in enumerate(names)}
    pairs = [(place[persons[0]], place[other]) for persons in shown for other in persons[1:]]
    here, there = np.array(pairs or np.zeros((0, 2), int)).reshape(-1, 2).T
    links = coo_array((np.ones(len(here)), (here, there)), shape=(len(names), len(names)))
    _, group = connected_components(links, directed=False)
    first = {int(number): names[at] for at, number in reversed(list(enumerate(group)))}
    return [first[int(group[place[persons[0]]])] for persons in shown]
