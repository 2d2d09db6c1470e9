"""Who forges whom: everything that is drawn before a frame is read."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from shared.data.clip import SPLITS, Clip
from shared.data.forgery.families import FAMILIES
from shared.data.forgery.known import AUTHENTIC
from shared.errors import InputError

OWN_SHOTS = 2
"""Other clips of the target's person that a family may use."""


@dataclass(frozen=True)
class Plan:
    """One output, at all qualities.

    Attributes:
        target: The clip.
        family: A name of :data:`.families.FAMILIES`, or ``authentic``.
        own: Other clips of the target's person.
        others: Clips of other people of the same split.
    """

    target: Clip
    family: str
    own: tuple[Clip, ...] = ()
    others: tuple[Clip, ...] = ()

    @property
    def name(self) -> str:
        """Unique among the plans."""
        return f"{self.family}-{self.target.id}"


def generator_of(seed: int, *names: str) -> np.random.Generator:
    """Return a generator that depends on nothing but the seed and these names."""
    digest = hashlib.sha256(":".join([str(seed), *names]).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def choose_people(clips: Sequence[Clip], people: int | Sequence[int] | None) -> list[Clip]:
    """Return the filmed clips of at most so many people, each split with its share and never fewer than it can give.

    Args:
        clips: Of a corpus.
        people: How many in all; or how many of ``train``, of ``val`` and of ``test``; None takes all.

    Raises:
        InputError: If a number is below 1.

    Example:
        >>> clips = [Clip(str(i), "speaking", "train", str(i), video="v") for i in range(9)]
        >>> len(choose_people(clips, 4))
        4
    """
    filmed = [clip for clip in clips if clip.video]
    by_split: dict[str, list[str]] = {split: [] for split in SPLITS}
    for clip in filmed:
        if clip.person not in by_split[clip.split]:
            by_split[clip.split].append(clip.person)
    if people is None:
        return filmed
    if min([people] if isinstance(people, int) else people) < 1:
        raise InputError("people must be at least 1", found=people)
    each = _shares(by_split, people) if isinstance(people, int) else people
    taken = dict(zip(SPLITS, each, strict=True))
    kept = {name for split, names in by_split.items() for name in names[: taken[split]]}
    return [clip for clip in filmed if clip.person in kept]


def _shares(by_split: dict[str, list[str]], people: int) -> list[int]:
    """Return how many of each split are taken, so that splits keep their shares."""
    total = sum(map(len, by_split.values()))
    people = min(people, total)
    quota = {split: people * len(names) / total for split, names in by_split.items()}
    taken = {split: int(share) for split, share in quota.items()}
    for split in sorted(SPLITS, key=lambda name: taken[name] - quota[name])[
        : people - sum(taken.values())
    ]:
        taken[split] += 1
    return list(taken.values())


def plan_forgeries(
    clips: Sequence[Clip], families: Sequence[str], seed: int, longest: int = 125
) -> tuple[list[Plan], list[dict[str, str]]]:
    """Plan each clip's authentic delivery and its forgery by every family.

    Whoever takes part comes from the target's split, so that nobody is in two of them. Who lends speech says something
    else in another voice, and at least as long: silence at the end would tell.

    Args:
        clips: Of a corpus.
        families: Names of :data:`.families.FAMILIES`.
        seed: Of the draws.
        longest: Frames; longer clips are cut.

    Returns:
        The plans, and a row with a reason for each forgery that cannot be made.
    """
    by_split: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        by_split[clip.split].append(clip)
    plans, left_out = [], []
    for target in clips:
        plans.append(Plan(target, AUTHENTIC))
        for family in families:
            found = _cast(target, family, by_split[target.split], seed, longest)
            if isinstance(found, Plan):
                plans.append(found)
            else:
                left_out.append({"id": f"{family}-{target.id}", "reason": found})
    return plans, left_out


def _cast(
    target: Clip, family: str, neighbours: Sequence[Clip], seed: int, longest: int
) -> Plan | str:
    """Draw who takes part, or say why it cannot be."""
    needs = FAMILIES[family]
    if needs.speech and not target.audio:
        return "the clip has no speech"
    own = [clip for clip in neighbours if clip.person == target.person and clip != target]
    fit = [
        clip
        for clip in neighbours
        if clip.person != target.person and (not needs.speech or _speaks_for(clip, target, longest))
    ]
    people = sorted({clip.person for clip in fit})
    if len(people) < needs.fewest:
        who = "who say something else, as long and in another voice, " if needs.speech else ""
        return f"needs {needs.fewest} other people {who}in {target.split}, found {len(people)}"
    generator = generator_of(seed, family, target.id, "cast")
    others = []
    for person in generator.permutation(people)[: needs.others]:
        theirs = [clip for clip in fit if clip.person == person]
        others.append(theirs[generator.integers(len(theirs))])
    return Plan(target, family, tuple(own[:OWN_SHOTS]) if needs.speech else (), tuple(others))


def _speaks_for(clip: Clip, target: Clip, longest: int) -> bool:
    """Tell whether a clip's speech can be put into the target's mouth; what is not told counts as other."""
    others = (clip.transcript, target.transcript), (clip.voice, target.voice)
    return (
        bool(clip.audio)
        and clip.frames >= min(target.frames, longest)
        and all(theirs != own or not own for theirs, own in others)
    )
