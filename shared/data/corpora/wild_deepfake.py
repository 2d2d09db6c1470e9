"""WildDeepfake (Zi et al., ACM MM 2020): face pictures cut from films of the internet, in sequences.

    [deepfake_in_the_wild/]{real,fake}_{train,test}/<video>/{real,fake}/<sequence>/<frame>.png      archives unpacked

The split is official. People are not named; a film's number keeps its sequences together.
"""

from __future__ import annotations

from pathlib import Path

from shared.data.corpora.held_out import hold_out
from shared.data.corpora.video import (
    AUTHENTIC,
    FORGED,
    LabelledVideo,
    Reading,
    checked,
    require_folder,
    unread,
)

_LABELS = {"real": AUTHENTIC, "fake": FORGED}


def read_wild_deepfake(root: str | Path) -> Reading:
    """Read WildDeepfake: one row a sequence, whose path is the folder of its pictures.

    What lies outside of a film's folder and archives that were not unpacked are left out by name; a tenth of the
    training films becomes ``val``.

    Raises:
        InputError: If no sequence is found.
    """
    place = require_folder(root)
    below = place / "deepfake_in_the_wild"
    top = below if below.is_dir() else place
    videos, left_out = [], []
    for kind, label in _LABELS.items():
        for split in ("train", "test"):
            folder = top / f"{kind}_{split}"
            for archive in sorted(folder.glob("*.tar.gz")):
                if not (folder / archive.name.removesuffix(".tar.gz")).is_dir():
                    row = {"path": str(archive.relative_to(place)), "reason": "not unpacked"}
                    left_out.append(row)
            for sequence in sorted({picture.parent for picture in folder.rglob("*.png")}):
                if sequence == folder:
                    where = str(folder.relative_to(place))
                    left_out.append(
                        {"path": where, "reason": "pictures that are in no film's folder"}
                    )
                    continue
                film = f"{kind}-{split}-{sequence.relative_to(folder).parts[0]}"
                family = "wild" if label == FORGED else ""
                videos.append(LabelledVideo(sequence, label, split, family, (film,)))
    left_out += unread(place, videos, left_out, "WildDeepfake has pictures, no videos")
    return checked(hold_out(videos), place, "WildDeepfake", left_out)
