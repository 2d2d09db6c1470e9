"""The readers by name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from shared.data.corpora.celeb_df import read_celeb_df
from shared.data.corpora.dfdc import read_dfdc, read_dfdc_preview
from shared.data.corpora.faceforensics import read_dfd, read_faceforensics
from shared.data.corpora.plain import read_embedded, read_plain
from shared.data.corpora.video import Reading
from shared.data.corpora.wild_deepfake import read_wild_deepfake
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

CORPORA: tuple[str, ...] = tuple(sorted([*READERS, *READERS_BY_QUALITY]))


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
