"""Targets to be attacked: what ``benchmarks targets train`` left in a folder, with members and non-members."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.targets.pictures import Pictures
from benchmarks.targets.recipes import FACTS_NAME, PICTURES_NAME
from forensics.membership.target import Target, open_target
from shared.errors import InputError


@dataclass(frozen=True)
class Subject:
    """A target at one age, and pictures of which it is known whether it learnt them.

    Attributes:
        name: Of the target.
        age: Epochs.
        target: The model.
        reference: A model of the same recipe that learnt other pictures, or None.
        reference_age: Its epochs; 0 without one.
        images: ``(2 N, 3, S, S)`` in [0, 1]: members, then non-members.
        captions: ``(2 N,)``.
        identities: ``(2 N,)`` whom or what each shows.
        learnt: Pictures that the target learnt.
        facts: How it was trained.
        stored: The non-members as they are kept, before they were made as small as the target's own pictures.
    """

    name: str
    age: int
    target: Target
    reference: Target | None
    reference_age: int
    images: Tensor
    captions: tuple[str, ...]
    identities: tuple[str, ...]
    learnt: int
    facts: dict[str, Any]
    stored: Pictures

    @property
    def count(self) -> int:
        """Pictures of a class."""
        return len(self.images) // 2

    def first(self, count: int) -> Subject:
        """Return the same target with at most ``count`` pictures of a class."""
        count = min(count, self.count)
        kept = [*range(count), *range(self.count, self.count + count)]
        return Subject(
            self.name, self.age, self.target, self.reference, self.reference_age,
            self.images[kept], tuple(self.captions[row] for row in kept),
            tuple(self.identities[row] for row in kept), self.learnt, self.facts,
            self.stored.take(range(count)),
        )  # fmt: skip


def ages_of(folder: Path) -> dict[int, Path]:
    """Return age -> pipeline of all finished checkpoints in a part's folder, youngest first."""
    found = {int(path.name.removeprefix("age-")): path for path in folder.glob("age-*")}
    return {age: found[age] for age in sorted(found) if (found[age] / "model_index.json").is_file()}


def read_subjects(
    folder: str | Path, pictures: int, *, device: str | torch.device = "cpu"
) -> list[Subject]:
    """Open a trained target at all its ages, youngest first.

    The reference is the one of the same age, or else the oldest that is younger, or else the youngest.

    Args:
        folder: What ``benchmarks targets train`` wrote.
        pictures: Members, and as many non-members; fewer where the target learnt fewer.
        device: Where the models run.

    Raises:
        InputError: If there is no finished checkpoint.
    """
    root = Path(folder)
    own = ages_of(root / "members")
    if not own:
        raise InputError(f"no finished target in {root}", fix="benchmarks targets train")
    facts = json.loads((root / "members" / FACTS_NAME).read_text("utf-8"))
    learnt = len(facts["learnt"])
    references = ages_of(root / "reference")
    all_pictures = Pictures.load(root / PICTURES_NAME)
    count = min(pictures, learnt)
    subjects = []
    for age, place in own.items():
        target = open_target(place, device=device)
        target.name = f"{root.name}, {age} epochs"  # records name no folder of this machine
        fitting = [known for known in references if known <= age] or list(references)[:1]
        reference = open_target(references[fitting[-1]], device=device) if fitting else None
        stored = [all_pictures.part("members", count), all_pictures.part("nonmembers", count)]
        parts = [part.resized(target.image_size) for part in stored]
        subjects.append(
            Subject(
                root.name, age, target, reference, fitting[-1] if fitting else 0,
                torch.cat([as_tensor(part) for part in parts]),
                parts[0].captions + parts[1].captions, parts[0].identities + parts[1].identities,
                learnt, facts, stored[1],
            )
        )  # fmt: skip
    return subjects


def as_tensor(pictures: Pictures) -> Tensor:
    """Return pictures as ``(N, 3, S, S)`` in [0, 1]."""
    images = torch.from_numpy(pictures.images).permute(0, 3, 1, 2)
    return images.float().div(255).contiguous()
