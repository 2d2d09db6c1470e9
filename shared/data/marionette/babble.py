"""Sentences of words that do not exist: every sound beside every other.

A few dozen real sentences hold a few hundred words; what learns to read lips from them learns the
words by heart. Synthesisers read made-up words as readily as real ones and tell their phones.
"""

from __future__ import annotations

import numpy as np

from shared.data.marionette.sentences import Sentence

_ONSETS = (
    "b", "p", "m", "f", "v", "w", "th", "d", "t", "n", "l", "r", "s", "z", "sh", "ch", "j", "k",
    "g", "h", "bl", "br", "pl", "pr", "fl", "fr", "sm", "sp", "st", "tr", "dr", "kr", "gl", "y", "",
)  # fmt: skip
_NUCLEI = ("a", "e", "i", "o", "u", "ee", "oo", "ai", "ow", "oa", "aw", "er", "ar", "oy", "igh")
_CODAS = (
    "", "", "", "b", "p", "m", "f", "v", "t", "d", "n", "l", "s", "k", "g", "sh", "mp", "lb", "nt",
    "ft", "rm", "ps",
)  # fmt: skip
_WORDS, _SYLLABLES = (4, 7), (1, 3)


def babble(count: int, generator: np.random.Generator) -> tuple[Sentence, ...]:
    """Return sentences for training.

    Args:
        count: How many.
        generator: Draws the syllables.

    Example:
        >>> babble(1, np.random.default_rng(0))[0].id
        'b0000'
    """

    def word() -> str:
        syllables = int(generator.integers(*_SYLLABLES))
        return "".join(
            _ONSETS[generator.integers(len(_ONSETS))]
            + _NUCLEI[generator.integers(len(_NUCLEI))]
            + _CODAS[generator.integers(len(_CODAS))]
            for _ in range(syllables)
        )

    def text() -> str:
        words = " ".join(word() for _ in range(int(generator.integers(*_WORDS))))
        return words.capitalize() + "."

    return tuple(Sentence(f"b{number:04d}", text(), "train") for number in range(count))
