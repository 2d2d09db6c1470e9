"""The embedded datasets as arrays: faces that ``forensics prepare`` extracted, with family, target, quality and split.

A dataset is one family's forgeries and exactly the authentic clips that they were made of, at one quality; ``all`` is
all five, and the self-blended faces where one learns from it. Splits are by identity, donors included.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.forensics.plan import ALL
from forensics.faces import FaceSet, joined
from forensics.prepared_faces import read_prepared
from shared.custody import sha256_of_json
from shared.data.corpora.extraction import FaceSettings, prepare_faces
from shared.data.forgery.families import DATASETS
from shared.data.forgery.known import is_forged
from shared.data.manifest import Manifest, read_manifest
from shared.data.resumable import Progress
from shared.errors import InputError

Rows = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Material:
    """Faces and where each comes from.

    Attributes:
        faces: With masks and authentic counterparts.
        family: ``(N,)`` of :data:`DATASETS`, ``self_blend``, or "" for authentic faces.
        target: ``(N,)`` the clip that a face was forged from, or is.
        quality: ``(N,)`` c23 or c40.
        split: ``(N,)`` train, val or test.
        sha256: Of the corpus: what was forged of whom, how, and how the faces were cut.
    """

    faces: FaceSet
    family: NDArray[np.str_]
    target: NDArray[np.str_]
    quality: NDArray[np.str_]
    split: NDArray[np.str_]
    sha256: str

    def rows(
        self,
        datasets: str | Sequence[str],
        split: str,
        *,
        quality: str | None = "c23",
        frames: int | None = None,
    ) -> Rows:
        """Return which faces a dataset holds.

        Args:
            datasets: Of :data:`DATASETS`, or ``all``.
            split: train, val or test.
            quality: None takes all.
            frames: At most so many of each video, spread evenly; None takes all.

        Raises:
            InputError: If there is none, or one class is missing.
        """
        names = self.families(datasets, split)
        here = self.split == split
        if quality is not None:
            here &= self.quality == quality
        forged = here & np.isin(self.family, names)
        versions = np.char.add(self.target, self.quality)
        authentic = here & (self.family == "") & np.isin(versions, versions[forged])
        found = np.flatnonzero(forged | authentic)
        if not forged.any() or not authentic.any():
            raise InputError("the corpus lacks a dataset", found=f"no {datasets} in {split}")
        if frames is not None:
            found = np.concatenate(
                [
                    own[np.unique(np.linspace(0, len(own) - 1, frames).round().astype(int))]
                    for own in (
                        found[self.faces.videos[found] == v]
                        for v in np.unique(self.faces.videos[found])
                    )
                ]
            )
        return np.asarray(found, np.int64)

    def families(self, datasets: str | Sequence[str], split: str) -> list[str]:
        """Return the families of a dataset."""
        if datasets == ALL:
            return [*DATASETS, "self_blend"] if split == "train" else list(DATASETS)
        return [datasets] if isinstance(datasets, str) else list(datasets)


def prepared(
    corpus: Path,
    out: Path,
    qualities: Sequence[str],
    *,
    size: int,
    frames: int,
    progress: Progress | None = None,
) -> list[Manifest]:
    """Extract the faces of a forgery corpus at each quality, or what is missing of them.

    Args:
        corpus: Folder of :mod:`shared.data.forgery.build`.
        out: Folder of one folder a quality.
        qualities: c23, c40.
        size: Side of the faces, px.
        frames: Of each video.
        progress: Called with (videos done, videos) of each quality.
    """
    settings = FaceSettings(frames, size)
    return [
        prepare_faces(
            "embedded", corpus, out / quality, quality=quality, settings=settings, progress=progress
        )
        for quality in qualities
    ]


def read_material(
    corpus: Path,
    manifests: Sequence[Manifest],
    progress: Progress | None = None,
    *,
    first: int | None = None,
) -> Material:
    """Read extracted faces with their masks and counterparts.

    Args:
        corpus: Folder of the forgery corpus.
        manifests: Of :func:`prepared`.
        progress: Called with (videos read, videos) of each manifest.
        first: Read so many manifests alone, to save memory; the others count for the hash. None reads all.
    """
    source = read_manifest(corpus)
    origin = {clip.video: clip for clip in source}
    parts, facts = [], []
    for manifest in manifests[:first]:
        parts.append(read_prepared(manifest, corpus=source, progress=progress))
        for clip in manifest:
            one = origin[clip.source.partition(": ")[2]]
            kind = str(one.extra["family"]) if is_forged(one) else ""
            row = kind, str(one.extra["target"]), str(one.extra["quality"]), one.split
            facts += [row] * clip.frames
    family, target, quality, split = (np.array(column) for column in zip(*facts, strict=True))
    told = [[clip.id, clip.extra.get("chain")] for clip in source]
    cut = [[clip.id, clip.frames, clip.size] for manifest in manifests for clip in manifest]
    return Material(joined(parts), family, target, quality, split, sha256_of_json([told, cut]))
