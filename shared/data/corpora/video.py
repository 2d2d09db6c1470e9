"""LabelledVideo: one video of a corpus, as its owner's files describe it."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from shared.data.clip import SPLITS
from shared.errors import InputError

AUTHENTIC = "authentic"
FORGED = "forged"

HELD_OUT = 0.1
"""Share of the training groups that become ``val`` where the owners give none."""


@dataclass(frozen=True)
class LabelledVideo:
    """One video, or one folder of pictures in order.

    Attributes:
        path: The file or folder.
        label: ``authentic`` or ``forged``.
        split: ``train``, ``val`` or ``test``.
        family: The method that forged it, or "".
        persons: Everybody whose face is in it: of a face swap both. The corpus's own labels; where it has none, what
            certainly keeps versions of one recording together.
        mask: A video or ``.npz`` (see :mod:`shared.data.forgery.known`) of where it is forged, or None.
        quality: Name of the compression, or "".
    """

    path: Path
    label: str
    split: str
    family: str = ""
    persons: tuple[str, ...] = ()
    mask: Path | None = None
    quality: str = ""

    def __post_init__(self) -> None:
        """Check label and split."""
        if self.label not in (AUTHENTIC, FORGED):
            raise InputError("unknown label", found=self.label, expected=f"{AUTHENTIC} | {FORGED}")
        if self.split not in SPLITS:
            raise InputError("unknown split", found=self.split, expected=" | ".join(SPLITS))


@dataclass(frozen=True)
class Reading:
    """What a reader found.

    Attributes:
        videos: In a fixed order.
        left_out: One ``{"path": ..., "reason": ...}`` for each video that is there and not used.
    """

    videos: tuple[LabelledVideo, ...]
    left_out: tuple[dict[str, str], ...] = field(default=())


def require_folder(root: str | Path) -> Path:
    """Return the folder.

    Raises:
        InputError: If it is not there.
    """
    place = Path(root)
    if not place.is_dir():
        raise InputError(f"there is no folder {place}", fix="give the folder of the corpus")
    return place


def read_json(path: Path, fix: str) -> Any:
    """Read a JSON file that belongs to a corpus.

    Raises:
        InputError: If it is missing or no JSON.
    """
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read", found=error, fix=fix) from error


def checked(
    videos: Iterable[LabelledVideo],
    root: Path,
    layout: str,
    left_out: Sequence[dict[str, str]] = (),
) -> Reading:
    """Return a reading whose people are in one split each.

    Raises:
        InputError: If nothing was found, or somebody is in two splits.
    """
    kept = tuple(sorted(videos, key=lambda video: str(video.path)))
    if not kept:
        raise InputError(
            f"no video in {root} fits the layout of {layout}",
            found=f"{len(left_out)} that are not used",
            fix="check the folder, or use the layout plain",
        )
    splits: dict[str, set[str]] = defaultdict(set)
    for video in kept:
        for person in video.persons:
            splits[person].add(video.split)
    torn = sorted(person for person, here in splits.items() if len(here) > 1)
    if torn:
        raise InputError(
            f"people of {layout} are in two splits", found=f"{len(torn)}: {', '.join(torn[:5])}",
            expected="each person in one split", fix="use the owners' split files unchanged",
        )  # fmt: skip
    return Reading(kept, tuple(left_out))


def hold_out(videos: Sequence[LabelledVideo], share: float = HELD_OUT) -> list[LabelledVideo]:
    """Turn some of the training people into ``val``, together with all whom they share a video with.

    Groups are taken in the order of their names' hashes, up to this share of the training videos, and at least one.
    One that holds more than half of the videos stays in ``train``: no ``val`` is better than a face in both.
    """
    train = [video for video in videos if video.split == "train"]
    names = sorted({person for video in train for person in video.persons})
    place = {name: number for number, name in enumerate(names)}
    pairs = [(place[v.persons[0]], place[other]) for v in train for other in v.persons[1:]]
    here, there = np.array(pairs or np.zeros((0, 2), int)).reshape(-1, 2).T
    links = coo_array((np.ones(len(here)), (here, there)), shape=(len(names), len(names)))
    _, group = connected_components(links, directed=False)
    own = [int(group[place[video.persons[0]]]) for video in train]
    size = Counter(own)
    first = {int(number): names[at] for at, number in reversed(list(enumerate(group)))}
    taken: set[int] = set()
    room = share * len(train)
    for number in sorted(size, key=lambda n: hashlib.sha256(os.fsencode(first[n])).digest()):
        if size[number] <= room or (not taken and size[number] <= 0.5 * len(train)):
            taken.add(number)
            room -= size[number]
    held = {id(video) for video, number in zip(train, own, strict=True) if number in taken}
    return [replace(video, split="val") if id(video) in held else video for video in videos]
