"""Which training people become ``val`` where the owners of a corpus give none."""

from __future__ import annotations

import hashlib
import os
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from shared.data.corpora.video import AUTHENTIC, FORGED, LabelledVideo
from shared.data.linked import linked_groups

HELD_OUT = 0.1
"""Share of the training videos that become ``val``."""


def hold_out(videos: Sequence[LabelledVideo], share: float = HELD_OUT) -> list[LabelledVideo]:
    """Turn some of the training people into ``val``, together with all whom they share a video with.

    Groups are taken in the order of their names' hashes, up to this share of the training videos of each label; then,
    of a label that ``val`` still lacks, the smallest group. Both sides keep every label of ``train``. Where the groups
    do not allow it, there is no ``val``: none is better than a face in both, or than one of a single label.
    """
    train = [video for video in videos if video.split == "train"]
    own = linked_groups([video.persons for video in train])
    count: dict[str, Counter[str]] = defaultdict(Counter)
    for name, video in zip(own, train, strict=True):
        count[name][video.label] += 1
    taken = _taken(count, share)
    held = {id(video) for video, name in zip(train, own, strict=True) if name in taken}
    return [replace(video, split="val") if id(video) in held else video for video in videos]


def _taken(count: Mapping[str, Counter[str]], share: float) -> set[str]:
    """Choose the groups of ``val`` by how many videos of each label they hold.

    A choice that leaves every label on both sides exists if, and only if, each is in two groups at least; the steps
    below then always find one.
    """
    total = sum(count.values(), Counter[str]())
    without = Counter(label for one in count.values() for label in one)
    if any(groups < 2 for groups in without.values()):
        return set()
    order = sorted(count, key=lambda name: hashlib.sha256(os.fsencode(name)).digest())
    taken: set[str] = set()
    room = {label: share * number for label, number in total.items()}
    for name in order:
        if all(count[name][label] <= room[label] for label in total):
            taken.add(name)
            room = {label: left - count[name][label] for label, left in room.items()}
            without -= Counter(count[name].keys())
    for label in sorted(total):
        if not any(count[name][label] for name in taken):
            able = [
                name
                for name in order
                if count[name][label] and all(without[one] > 1 for one in count[name])
            ]
            smallest = min(able, key=lambda name: count[name].total())
            taken.add(smallest)
            without -= Counter(count[smallest].keys())
    # The greater part stays in train.
    size = sum(count[name].total() for name in taken)
    return taken if 2 * size <= total.total() else set(count) - taken


def lacking(found: Collection[tuple[str, str]]) -> list[str]:
    """Return what a training will miss, in a sentence a split; nothing where a corpus is for tests alone.

    Args:
        found: (split, label) of the videos.

    Example:
        >>> lacking({("train", "authentic"), ("train", "forged"), ("val", "authentic")})
        ['val holds no forged video']
    """
    if all(split == "test" for split, _ in found):
        return []
    lacks = {
        split: [label for label in (AUTHENTIC, FORGED) if (split, label) not in found]
        for split in ("train", "val")
    }
    return [
        f"{split} holds no {' and no '.join(labels)} video"
        for split, labels in lacks.items()
        if labels
    ]
