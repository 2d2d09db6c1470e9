"""Celeb-DF v2 (Li et al., CVPR 2020).

    Celeb-real/id0_0000.mp4  Celeb-synthesis/id0_id1_0000.mp4  YouTube-real/00000.mp4
    List_of_testing_videos.txt            "1 Celeb-real/id1_0000.mp4" for authentic, "0 ..." for forged

The official test list splits videos, not people: nearly all celebrities are on both sides. Here the list stays
``test``, and ``train`` and ``val`` keep only those of whom nobody is in the test; the rest is left out, by name: of the
owners' training videos nearly all of Celeb-real and Celeb-synthesis. It is a test for what learnt elsewhere.
"""

from __future__ import annotations

import re
from pathlib import Path

from shared.data.corpora.held_out import hold_out
from shared.data.corpora.video import (
    AUTHENTIC,
    FORGED,
    LabelledVideo,
    Reading,
    checked,
    read_text,
    require_folder,
    unread,
)
from shared.errors import InputError

TEST_LIST = "List_of_testing_videos.txt"
_FOLDERS = {"Celeb-real": AUTHENTIC, "YouTube-real": AUTHENTIC, "Celeb-synthesis": FORGED}


def read_celeb_df(root: str | Path) -> Reading:
    """Read Celeb-DF v2; videos may lie in the folders or in ``videos`` below them.

    Raises:
        InputError: If folder or test list are missing, a listed label contradicts the folder, or nothing is found.
    """
    place = require_folder(root)
    listed = _test_list(place)
    videos, left_out = [], []
    for folder, label in _FOLDERS.items():
        for path in sorted((place / folder).rglob("*.mp4")):
            split = "test" if f"{folder}/{path.name}" in listed else "train"
            persons = tuple(re.findall(r"id\d+", path.stem)) or (f"{folder}-{path.stem}",)
            videos.append(LabelledVideo(path, label, split, _family(label), persons))
    tested = {person for video in videos if video.split == "test" for person in video.persons}
    kept = []
    for video in videos:
        if video.split == "train" and tested & set(video.persons):
            row = {"path": str(video.path.relative_to(place)), "reason": "the person is in the test list"}  # fmt: skip
            left_out.append(row)
        else:
            kept.append(video)
    there = {f"{video.path.relative_to(place).parts[0]}/{video.path.name}" for video in kept}
    left_out += [
        {"path": name, "reason": "in the test list, but no such file"}
        for name in sorted(listed - there)
    ]
    left_out += unread(place, kept, left_out, "not where Celeb-DF v2 has its videos")
    return checked(hold_out(kept), place, "Celeb-DF v2", left_out)


def _family(label: str) -> str:
    return "Celeb-synthesis" if label == FORGED else ""


def _test_list(root: Path) -> set[str]:
    """Return the listed paths, after a look whether their labels are what the folders say."""
    path = root / TEST_LIST
    found = set()
    for number, line in enumerate(read_text(path, "it belongs to the corpus").splitlines(), 1):
        if not line.strip():
            continue
        label, _, name = line.strip().partition(" ")
        wanted = {AUTHENTIC: "1", FORGED: "0"}.get(_FOLDERS.get(name.split("/")[0], ""))
        if label != wanted:
            raise InputError(
                f"line {number} of {path} is wrong", found=line, expected="1 Celeb-real/NAME.mp4"
            )
        found.add(name)
    return found
