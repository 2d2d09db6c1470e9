"""The families by name, and whom each one needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from shared.data.forgery.local_edits import local_edits
from shared.data.forgery.mouth_splice import mouth_splice
from shared.data.forgery.reenactment import Reenact, reenactment
from shared.data.forgery.self_blend import self_blend
from shared.data.forgery.shot import Cast, Forged
from shared.data.forgery.swap import CANDIDATES, swap
from shared.data.forgery.whole import PEOPLE, whole
from shared.errors import InputError

Forge = Callable[[Cast, np.random.Generator], Forged]


@dataclass(frozen=True)
class Family:
    """What a family needs.

    Attributes:
        others: How many other people it is given, if there are so many.
        fewest: With how few of them it can be made.
        speech: Whether target and others must speak.
        forge: Makes the forgery; None: it needs a :data:`Reenact` first, see :func:`forge_of`.
    """

    others: int
    fewest: int
    speech: bool = False
    forge: Forge | None = None


FAMILIES: dict[str, Family] = {
    "swap": Family(CANDIDATES, 1, forge=swap),
    "reenactment": Family(1, 1),
    "mouth_splice": Family(1, 1, speech=True, forge=mouth_splice),
    "self_blend": Family(0, 0, forge=self_blend),
    "whole": Family(PEOPLE, 2, forge=whole),
    "local_edits": Family(0, 0, forge=local_edits),
}

DATASETS: tuple[str, ...] = ("swap", "reenactment", "mouth_splice", "whole", "local_edits")
"""The five embedded datasets; self-blended pictures are for training."""


def forge_of(name: str, reenact: Reenact | None = None) -> Forge:
    """Return a family's function.

    Raises:
        InputError: If there is no such family, or it draws faces and nobody was given who can.
    """
    if name not in FAMILIES:
        raise InputError("unknown family of forgeries", found=name, expected=" | ".join(FAMILIES))
    forge = FAMILIES[name].forge
    if forge is not None:
        return forge
    if reenact is None:
        raise InputError(
            f"the family {name} needs who draws its faces",
            fix="give --reenact MODULE:FUNCTION, for example benchmarks.reenactor:reenact",
        )
    return partial(reenactment, reenact=reenact)
