"""Scoring, resumable: each attack on each target leaves a file of finished pictures, and is not run again."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.membership.subjects import Subject
from forensics.membership.distortions import DISTORTIONS
from forensics.membership.pictures import as_pictures
from forensics.membership.protocol import Attack
from forensics.membership.registry import settings_of
from forensics.membership.run import score_images
from forensics.membership.score_cache import ForeignScores
from shared.custody import sha256_of_json
from shared.errors import ToolkitError

NONE = "none"
"""Name of no distortion."""


@dataclass(frozen=True)
class ClassScores:
    """An attack's scores, larger = member.

    Attributes:
        members: ``(M,)``.
        nonmembers: ``(N,)``.
        calls: U-Net evaluations a picture.
        problem: Why there are none, or empty.
    """

    members: NDArray[np.float64]
    nonmembers: NDArray[np.float64]
    calls: float
    problem: str = ""

    @property
    def pair(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Both classes."""
        return self.members, self.nonmembers


@dataclass(frozen=True)
class Scorer:
    """Scores subjects and remembers.

    Attributes:
        out: Folder of finished scores.
        batch_size: Pictures at a time.
        seed: Of noise and distortions.
    """

    out: Path
    batch_size: int
    seed: int

    def __call__(self, attack: Attack, subject: Subject, distortion: str = NONE) -> ClassScores:
        """Return the scores of a subject's pictures, or why this attack cannot judge this target.

        Raises:
            ForeignScores: If finished scores of this name are of another model: of another seed, or trained anew.
        """
        self.out.mkdir(parents=True, exist_ok=True)
        key = sha256_of_json([settings_of(attack), distortion, self.seed])[:12]
        cache = self.out / f"{subject.name}-{subject.age}-{attack.name}-{key}.jsonl"
        images = distorted(subject.images, distortion, self.seed)
        try:
            scores = score_images(
                attack, subject.target, as_pictures(images), subject.captions,
                self.batch_size, self.seed, cache,
            )  # fmt: skip
        except ForeignScores:
            raise
        except ToolkitError as error:
            return ClassScores(np.zeros(0), np.zeros(0), 0.0, str(error))
        values = scores.oriented
        if scores.failures:
            place, reason = next(iter(scores.failures.items()))
            return ClassScores(np.zeros(0), np.zeros(0), 0.0, f"picture {place}: {reason}")
        return ClassScores(values[: subject.count], values[subject.count :], scores.calls)


def distorted(images: Tensor, name: str, seed: int) -> Tensor:
    """Return the pictures after a distortion of the robustness suite; ``"none"`` leaves them."""
    if name == NONE:
        return images
    return DISTORTIONS[name](images, torch.Generator().manual_seed(seed))
