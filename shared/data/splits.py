"""Train, val and test without anybody in two of them, and without anybody ever moving."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from shared.data.clip import SPLITS
from shared.errors import InputError

SHARES: Mapping[str, float] = {"train": 0.8, "val": 0.1, "test": 0.1}
"""Expected share of the people in each split."""


def split_by_identity(
    persons: Iterable[str], seed: int = 0, shares: Mapping[str, float] = SHARES
) -> dict[str, str]:
    """Give every person a split that depends on nothing but the name, the seed and the shares.

    A person's place is a hash of seed and name, a number in [0, 1); so adding people or reading them in another
    order moves nobody. The price: shares hold only in expectation, and a handful of people may all fall into one
    split.

    Args:
        persons: Identity labels; repetitions are fine.
        seed: Another seed is another split.
        shares: Split -> expected share; non-negative, summing to 1.

    Raises:
        InputError: If the shares are wrong.

    Example:
        >>> one, two = split_by_identity(["anna"]), split_by_identity(["bert", "anna"])
        >>> one["anna"] == two["anna"]
        True
    """
    values = [float(shares.get(name, 0.0)) for name in SPLITS]
    if set(shares) - set(SPLITS) or min(values) < 0 or abs(sum(values) - 1) > 1e-9:
        raise InputError(
            "the shares of a split are wrong",
            found=dict(shares),
            expected=f"{', '.join(SPLITS)}; none negative, together 1",
        )
    return {person: _split_at(_place(person, seed), values) for person in persons}


def _place(person: str, seed: int) -> float:
    """Return a person's number in [0, 1)."""
    digest = hashlib.sha256(f"{seed}:{person}".encode(errors="surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _split_at(place: float, shares: list[float]) -> str:
    """Return the split in whose part of [0, 1) the place lies."""
    end = 0.0
    for name, share in zip(SPLITS, shares, strict=True):
        end += share
        if place < end:
            return name
    # Rounding of the sum: the last split that has a share at all.
    return [name for name, share in zip(SPLITS, shares, strict=True) if share > 0][-1]
