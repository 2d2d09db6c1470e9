"""The readers by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from shared.data.corpora.celeb_df import read_celeb_df
from shared.data.corpora.dfdc import read_dfdc, read_dfdc_preview
from shared.data.corpora.faceforensics import read_dfd, read_faceforensics
from shared.data.corpora.plain import CSV_NAME, read_embedded, read_plain
from shared.data.corpora.video import Reading
from shared.data.corpora.wild_deepfake import read_wild_deepfake
from shared.data.manifest import MANIFEST_NAME
from shared.errors import InputError

READERS: dict[str, Callable[[str | Path], Reading]] = {
    "celeb-df-v2": read_celeb_df,
    "dfdc": read_dfdc,
    "dfdc-preview": read_dfdc_preview,
    "plain": read_plain,
    "wild-deepfake": read_wild_deepfake,
}
"""Corpora of one quality."""

READERS_BY_QUALITY: dict[str, Callable[[str | Path, str], Reading]] = {
    "dfd": read_dfd,
    "embedded": read_embedded,
    "faceforensics": read_faceforensics,
}
"""Corpora that lie there in several qualities."""

LISTS: dict[str, str] = {"embedded": MANIFEST_NAME, "plain": CSV_NAME}
"""Corpora that may be named by the list that lies in their folder."""

CORPORA: tuple[str, ...] = tuple(sorted([*READERS, *READERS_BY_QUALITY]))


def folder_of_corpus(name: str, root: str | Path) -> Path:
    """Return a corpus's folder, of which ``root`` may be the list.

    Raises:
        InputError: If it is another file.
    """
    place = Path(root).resolve()
    if not place.is_file():
        return place
    if place.name != LISTS.get(name):
        expected = f"the folder, or {LISTS[name]} in it" if name in LISTS else "the folder"
        raise InputError(
            f"{root} is no folder of a corpus", found="a file", expected=expected,
            fix="see `forensics prepare --help` for what lies in it",
        )  # fmt: skip
    return place.parent


def read_corpus(name: str, root: str | Path, quality: str = "c23") -> Reading:
    """Read a corpus by the name of its layout.

    Args:
        name: One of :data:`CORPORA`.
        root: Its folder.
        quality: Of those that lie there in several; ignored by the others.

    Raises:
        InputError: If the name is unknown, or the folder does not hold that layout.
    """
    if name in READERS_BY_QUALITY:
        return READERS_BY_QUALITY[name](root, quality)
    if name in READERS:
        return READERS[name](root)
    raise InputError("unknown corpus", found=name, expected=" | ".join(CORPORA))
