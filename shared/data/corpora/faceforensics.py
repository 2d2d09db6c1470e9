"""FaceForensics++ (Rössler et al., ICCV 2019) with its official split, and DeepFakeDetection (DFD), which has none.

original_sequences/{youtube,actors}/<quality>/videos/
manipulated_sequences/<method>/<quality>/videos/
manipulated_sequences/<method>/masks/videos/
splits/{train,val,test}.json                 pairs of video numbers, from the authors' repository (dataset/splits)
"""

from __future__ import annotations

import re
from pathlib import Path

from shared.data.clip import SPLITS
from shared.data.corpora.video import (
    AUTHENTIC,
    FORGED,
    LabelledVideo,
    Reading,
    checked,
    read_json,
    require_folder,
    unread,
)
from shared.errors import InputError

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
DFD_METHOD = "DeepFakeDetection"
_LAYOUT = re.compile(
    rf"(original_sequences/(youtube|actors)|manipulated_sequences/({'|'.join(METHODS)}|{DFD_METHOD}))"
    r"/(raw|c23|c40|masks)/videos/[^/]+\.mp4"
)
"""Where videos lie; those of another quality, masks and the sister corpus are no loss of a reading."""
_SPLIT_FIX = "copy dataset/splits of the authors' repository FaceForensics to ROOT/splits"


def read_faceforensics(root: str | Path, quality: str = "c23") -> Reading:
    """Read FaceForensics++ at one quality; a video's number is its person.

    Args:
        root: The folder of the download script.
        quality: ``raw``, ``c23`` or ``c40``.

    Raises:
        InputError: If folder or split files are missing, or nobody is found.
    """
    place = require_folder(root)
    split_of = _official_split(place)
    videos, left_out = [], []
    for path, method in _files(place, "youtube", METHODS, quality):
        persons = tuple(path.stem.split("_"))
        splits = {split_of.get(person) for person in persons}
        split = next(iter(splits))
        if len(splits) > 1 or split is None:
            reason = "not in one official split"
            left_out.append({"path": str(path.relative_to(place)), "reason": reason})
            continue
        videos.append(_video(place, path, method, persons, split, quality))
    left_out += _outside(place, videos, left_out)
    return checked(videos, place, "FaceForensics++", left_out)


def read_dfd(root: str | Path, quality: str = "c23") -> Reading:
    """Read DFD at one quality. Google gave no split: everything is ``test``, as cross-dataset protocols use it.

    Args:
        root: The folder of FaceForensics' download script.
        quality: ``raw``, ``c23`` or ``c40``.

    Raises:
        InputError: If the folder is missing or holds no such video.
    """
    place = require_folder(root)
    videos, left_out = [], []
    for path, method in _files(place, "actors", (DFD_METHOD,), quality):
        # 01__walking.mp4 or 01_02__walking__NAME.mp4
        match = re.match(r"(\d+(?:_\d+)?)__", path.name)
        if match is None:
            reason = "the name holds no actor"
            left_out.append({"path": str(path.relative_to(place)), "reason": reason})
            continue
        persons = tuple(match[1].split("_"))
        videos.append(_video(place, path, method, persons, "test", quality))
    left_out += _outside(place, videos, left_out)
    return checked(videos, place, "DFD", left_out)


def _files(
    root: Path, originals: str, methods: tuple[str, ...], quality: str
) -> list[tuple[Path, str]]:
    """Return (path, method) of every video; the method of an original is ""."""
    folders = [(root / "original_sequences" / originals, "")]
    folders += [(root / "manipulated_sequences" / method, method) for method in methods]
    return [
        (path, method)
        for folder, method in folders
        for path in sorted((folder / quality / "videos").glob("*.mp4"))
    ]


def _outside(
    root: Path, videos: list[LabelledVideo], left_out: list[dict[str, str]]
) -> list[dict[str, str]]:
    """Name the videos that lie where neither corpus has any."""
    rows = unread(root, videos, left_out, "not where the download script puts videos")
    return [row for row in rows if not _LAYOUT.fullmatch(row["path"])]


def _video(
    root: Path, path: Path, method: str, persons: tuple[str, ...], split: str, quality: str
) -> LabelledVideo:
    mask = root / "manipulated_sequences" / method / "masks" / "videos" / path.name
    return LabelledVideo(
        path,
        FORGED if method else AUTHENTIC,
        split,
        method,
        persons,
        mask if method and mask.is_file() else None,
        quality,
    )


def _official_split(root: Path) -> dict[str, str]:
    """Return video number -> split, from ``ROOT/splits`` or ``ROOT`` itself."""
    folder = root / "splits" if (root / "splits").is_dir() else root
    found = {}
    for split in SPLITS:
        pairs = read_json(folder / f"{split}.json", _SPLIT_FIX)
        try:
            found.update({str(number): split for pair in pairs for number in pair})
        except TypeError as error:
            raise InputError(f"{split}.json is no list of pairs", fix=_SPLIT_FIX) from error
    return found
