"""What an attack is: from a model, pictures and captions to scores with a stated direction and their evidence."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forensics.membership.target import Target
from shared.errors import InputError


@dataclass(frozen=True)
class Evidence:
    """Why one picture got its score, in what a person can look at.

    Attributes:
        numbers: Name -> number or curve, for example ``{"ssim": 0.83, "ssim_curve": [...]}``.
        pictures: Name -> uint8 RGB ``(H, W, 3)``, in the order in which a report shows them.
        sentence: One plain sentence.
    """

    numbers: Mapping[str, float | list[float]]
    pictures: Mapping[str, NDArray[np.uint8]]
    sentence: str


@dataclass(frozen=True)
class Scores:
    """What an attack says of N pictures.

    Attributes:
        values: ``(N,)`` float64, as the paper defines the score; NaN where a picture could not be scored.
        higher_is_member: Whether a larger value speaks for membership.
        evidence: One per picture, or empty when it was not asked for.
        calls: U-Net evaluations a picture, what was drawn once for all pictures spread over them.
        failures: Place in ``values`` -> why that picture has no score.
    """

    values: NDArray[np.float64]
    higher_is_member: bool
    evidence: tuple[Evidence, ...]
    calls: float
    failures: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that values are a vector, with one evidence each or none."""
        values = np.asarray(self.values, np.float64)
        object.__setattr__(self, "values", values)
        if values.ndim != 1 or len(self.evidence) not in (0, len(values)):
            raise InputError(
                "scores and evidence do not belong together",
                found=f"values {values.shape}, {len(self.evidence)} pieces of evidence",
                expected="(N,) values and N pieces or none",
            )

    @property
    def oriented(self) -> NDArray[np.float64]:
        """The values with the sign that makes larger mean member, always."""
        return self.values if self.higher_is_member else -self.values


@runtime_checkable
class Attack(Protocol):
    """One membership inference attack, or a control that is run like one.

    An attack is a frozen dataclass: its fields are its settings (plain values, so that they hash into custody), the
    rest are class variables. One that compares with a model trained on other data takes it as its field ``reference``.

    Noise comes from :func:`image_generators`, one generator a picture, so that a batch gives what a loop gives.
    """

    name: ClassVar[str]
    """As the command line and the registry call it: ``"structural"``, ``"drc"``, ``"secmi"``."""
    title: ClassVar[str]
    """As a table prints it."""
    higher_is_member: ClassVar[bool]
    """Whether a larger score speaks for membership."""
    needs_reference: ClassVar[bool]
    """Whether it takes a second model, trained on other data, as its field ``reference``."""
    control: ClassVar[bool]
    """Whether it is a control: something that must *not* tell members apart if the attack is to be believed."""

    def score(
        self,
        target: Target,
        images: Tensor,
        captions: Sequence[str],
        *,
        generator: torch.Generator,
        evidence: bool = False,
    ) -> Scores:
        """Score pictures.

        Args:
            target: The model under audit.
            images: ``(B, 3, S, S)`` RGB in [0, 1], S the target's ``image_size``, on any device.
            captions: One a picture; ignored by unconditional targets.
            generator: On the CPU, from :func:`batch_generator`.
            evidence: Whether to collect evidence too.

        Raises:
            InputError: If pictures, captions and target do not fit together.
        """
        ...


def batch_generator(seed: int, first: int) -> torch.Generator:
    """Return the generator for a batch of consecutive pictures whose first has index ``first``.

    Runs of different seeds have nothing in common: the seed is hashed before the index is added.
    """
    base = int.from_bytes(hashlib.sha256(f"membership {seed}".encode()).digest()[:7], "big")
    return torch.Generator().manual_seed(base + first)


def image_generators(generator: torch.Generator, count: int) -> list[torch.Generator]:
    """Return one generator a picture of the batch that ``generator`` was made for.

    Call it once in ``score`` and draw from the results: asked again, it gives the same generators at their start.

    Example:
        >>> batch = image_generators(batch_generator(seed=1, first=5), 3)
        >>> alone = image_generators(batch_generator(seed=1, first=7), 1)
        >>> torch.equal(torch.randn(4, generator=batch[2]), torch.randn(4, generator=alone[0]))
        True
    """
    first = generator.initial_seed()
    return [torch.Generator().manual_seed(first + row) for row in range(count)]


def normal_like(latents: Tensor, generators: Sequence[torch.Generator]) -> Tensor:
    """Return standard normal noise of the shape, dtype and device of ``latents``, row i drawn from generator i."""
    rows = [torch.randn(latents.shape[1:], generator=generator) for generator in generators]
    return torch.stack(rows).to(latents)
