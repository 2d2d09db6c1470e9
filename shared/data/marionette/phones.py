# ruff: noqa: RUF001
"""Phones: what was said, when. ARPAbet names whoever the speaker was.

Every synthesiser and aligner has names of its own; here they meet. A pause is a phone, too
(:data:`SILENCE`), so that an utterance's phones tile it from its first to its last sample.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from shared.errors import InputError

SILENCE = "SIL"
"""The phone of a pause."""

VOWELS: tuple[str, ...] = (
    "AA", "AE", "AH", "AO", "AW", "AX", "AY", "EH", "ER", "EY", "IH", "IY", "OW", "OY", "UH", "UW",
)  # fmt: skip
"""ARPAbet vowels; AX is the schwa."""

CONSONANTS: tuple[str, ...] = (
    "B", "CH", "D", "DH", "F", "G", "HH", "JH", "K", "L", "M", "N", "NG", "P", "R", "S", "SH", "T",
    "TH", "V", "W", "Y", "Z", "ZH",
)  # fmt: skip
"""ARPAbet consonants."""

BILABIALS: frozenset[str] = frozenset({"B", "M", "P"})
"""Phones that close the lips."""

ARPABET: frozenset[str] = frozenset({*VOWELS, *CONSONANTS, SILENCE})
"""Every name that a :class:`Phone` may have."""


@dataclass(frozen=True)
class Phone:
    """One phone of an utterance.

    Attributes:
        name: ARPAbet without stress digit, upper case (:data:`ARPABET`).
        start: Seconds from the first sample.
        end: Seconds, above ``start``.
        stress: Prominence in [0, 1]; 0 for consonants and pauses.
    """

    name: str
    start: float
    end: float
    stress: float = 0.0

    def __post_init__(self) -> None:
        """Check the name and the times."""
        if self.name not in ARPABET:
            raise InputError(
                "a phone has no ARPAbet name", found=self.name, expected="one of ARPABET"
            )
        if not 0 <= self.start < self.end:
            raise InputError(
                "a phone's times are wrong",
                found=(self.start, self.end),
                expected="0 <= start < end",
            )

    @property
    def duration(self) -> float:
        """Length, seconds."""
        return self.end - self.start

    @property
    def middle(self) -> float:
        """Time of the middle, seconds."""
        return (self.start + self.end) / 2


# CMU pronunciations as flite and pocketsphinx write them, where they differ from plain ARPAbet.
_CMU = {
    "PAU": SILENCE, "SIL": SILENCE, "BRTH": SILENCE, "SSIL": SILENCE, "AXR": "ER", "EN": "N",
    "EL": "L", "EM": "M",
}  # fmt: skip

# IPA as espeak-ng writes it for English; one symbol a cell, then its ARPAbet names.
_IPA_TABLE = """
tʃ CH | dʒ JH | aɪə AY AX | aɪɚ AY ER | aʊə AW AX | aɪ AY | aʊ AW | eɪ EY | ɔɪ OY | oʊ OW | əʊ OW
eə EH AX | ɪə IH AX | ʊə UH AX | iə IY AX | ɑːɹ AA R | ɔːɹ AO R | oːɹ AO R | ɛɹ EH R | ɪɹ IH R
ʊɹ UH R | əl AX L | ən AX N | ɑː AA | ɔː AO | oː AO | iː IY | uː UW | ʉ UW | ʌʉ AW | ɜː ER | aː AA | ɑ AA | ɒ AA
ɐ AX | a AE | æ AE | ʌ AH | ə AX | ɚ ER | ɜ ER | ɛ EH | e EH | ɪ IH | i IY | ᵻ IH | ɔ AO | o OW
ʊ UH | u UW | b B | d D | ð DH | f F | ɡ G | g G | h HH | k K | x K | l L | ɫ L | m M | n N | ŋ NG
p P | ɹ R | r R | ɾ D | s S | ʃ SH | t T | ʔ T | θ TH | v V | w W | ʍ W | j Y | z Z | ʒ ZH
"""
_IPA: dict[str, tuple[str, ...]] = {
    cell.split()[0]: tuple(cell.split()[1:])
    for cell in _IPA_TABLE.strip().replace("\n", "|").split("|")
}
_IPA_ORDER = sorted(_IPA, key=len, reverse=True)
_IPA_MARKS = re.compile("[ˈˌ̩ ̃ʲ_|%=,:;'0-9]")


def from_cmu(name: str) -> str:
    """Return the ARPAbet name of a flite or pocketsphinx phone.

    Raises:
        InputError: If the phone is unknown.

    Example:
        >>> from_cmu("pau"), from_cmu("iy"), from_cmu("AH0"), from_cmu("+SPN+")
        ('SIL', 'IY', 'AH', 'SIL')
    """
    upper = name.upper().rstrip("012")
    if upper.startswith(("+", "<")):
        return SILENCE
    known = _CMU.get(upper, upper)
    if known not in ARPABET:
        raise InputError(
            "an unknown CMU phone", found=name, expected="ARPAbet, pau or a noise word"
        )
    return known


def from_ipa(symbol: str) -> tuple[str, ...]:
    """Return the ARPAbet names of one espeak-ng symbol; nothing for a pause.

    Raises:
        InputError: If a part of the symbol is unknown.

    Example:
        >>> from_ipa("ɑːɹ"), from_ipa("ˈtʃ"), from_ipa("")
        (('AA', 'R'), ('CH',), ())
    """
    rest = _IPA_MARKS.sub("", symbol)
    names: list[str] = []
    while rest:
        head = next((known for known in _IPA_ORDER if rest.startswith(known)), None)
        if head is None and rest[0] in "ːˑ":
            rest = rest[1:]
            continue
        if head is None:
            raise InputError("an unknown IPA symbol", found=symbol, expected="English of espeak-ng")
        names.extend(_IPA[head])
        rest = rest[len(head) :]
    return tuple(names)


def tile(phones: Iterable[Phone], duration: float) -> list[Phone]:
    """Return phones that cover [0, duration] without gap or overlap, pauses put where nothing was.

    Pauses beside each other become one; phones beyond the end are cut or dropped.

    Example:
        >>> [(p.name, p.start, p.end) for p in tile([Phone("B", 0.1, 0.2)], 0.5)]
        [('SIL', 0.0, 0.1), ('B', 0.1, 0.2), ('SIL', 0.2, 0.5)]
    """
    tiled: list[Phone] = []
    at = 0.0
    for phone in [*sorted(phones, key=lambda p: p.start), None]:
        start = duration if phone is None else min(max(phone.start, at), duration)
        if start - at > 1e-3:
            _append(tiled, Phone(SILENCE, at, start))
        elif tiled:
            tiled[-1] = replace(tiled[-1], end=start)
        if phone is None or min(phone.end, duration) - start < 1e-3:
            at = start
            continue
        _append(tiled, replace(phone, start=start if tiled else at, end=min(phone.end, duration)))
        at = tiled[-1].end
    return tiled


def _append(tiled: list[Phone], phone: Phone) -> None:
    """Append a phone, or lengthen the pause before it if both are pauses."""
    if tiled and tiled[-1].name == phone.name == SILENCE:
        tiled[-1] = replace(tiled[-1], end=phone.end)
    else:
        tiled.append(phone)


def mark_stress(
    phones: Sequence[Phone], samples: NDArray[np.float32], rate: int = 16_000
) -> list[Phone]:
    """Return the phones with each vowel's prominence: its energy against the utterance's vowels.

    Synthesisers tell stress in different ways or not at all; this acoustic measure (energy summed
    over the vowel, so long vowels count more) is the same for all of them.

    Args:
        phones: Of one utterance.
        samples: ``(N,)`` mono in [-1, 1].
        rate: Samples a second.

    Returns:
        Phones whose vowels have a stress in [0, 1]: 0 for the weakest, 1 for the most prominent.
    """
    energy = [
        float(np.sqrt(np.square(samples[int(p.start * rate) : int(p.end * rate)]).sum() + 1e-12))
        if p.name in VOWELS
        else 0.0
        for p in phones
    ]
    of_vowels = [value for value in energy if value > 0]
    if not of_vowels:
        return list(phones)
    low, high = min(of_vowels), max(of_vowels)
    span = max(high - low, 1e-9)
    return [
        replace(p, stress=round((e - low) / span, 3)) if e > 0 else p
        for p, e in zip(phones, energy, strict=True)
    ]
