"""From faces that ``forensics prepare`` extracted to a set that detectors learn from; inspections cut alike."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from forensics.faces import FaceSet, Images
from shared.data.clip import Clip
from shared.data.corpora.faces import Faces, faces_of
from shared.data.forgery.known import is_forged
from shared.data.manifest import Manifest
from shared.errors import InputError
from shared.face.crop import CropBox
from shared.media.video import VideoReader

KIND = "faces"
"""Of the rows that ``forensics prepare`` writes."""


def read_prepared(
    manifest: Manifest,
    *,
    corpus: Manifest | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> FaceSet:
    """Read extracted faces, or those of one split; with masks if every video has them, see :func:`with_masks`.

    Args:
        manifest: Of ``forensics prepare``.
        corpus: The forgery corpus (:mod:`shared.data.forgery`) that they come from: each forged face then has the same
            square of the same frame of its authentic counterpart. None: no counterparts.
        progress: Called with (videos read, videos).

    Raises:
        InputError: If there is no face, or the corpus is another one.
    """
    if not len(manifest):
        raise InputError(
            "there are no extracted faces, or none in this split",
            fix="`forensics prepare` makes them and tells how many are in each",
        )
    partner = None if corpus is None else _partners(corpus)
    parts: list[Faces] = []
    pairs: list[Images] = []
    for number, clip in enumerate(manifest):
        faces = faces_of(manifest, clip)
        parts.append(faces)
        if corpus is not None and partner is not None:
            pairs.append(_counterparts(clip, faces, corpus, partner))
        if progress:
            progress(number + 1, len(manifest))
    counts = [len(part.frames) for part in parts]
    known = [part.masks for part in parts if part.masks is not None]
    return FaceSet(
        np.concatenate([part.images for part in parts]),
        np.repeat([int(is_forged(clip)) for clip in manifest], counts).astype(np.int64),
        np.repeat([clip.person for clip in manifest], counts),
        np.repeat(np.arange(len(parts)), counts),
        _shares(known) if len(known) == len(parts) else None,
        np.concatenate(pairs) if pairs else None,
    )


def with_masks(manifest: Manifest) -> Manifest:
    """Leave out the videos whose masks could not be used: a set has masks only where all of its faces have."""
    kept = tuple(clip for clip in manifest if not clip.extra.get("mask_left_out"))
    return Manifest(manifest.root, kept)


def _shares(masks: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
    return np.asarray(np.concatenate(masks) / np.float32(255), np.float32)


def _partners(corpus: Manifest) -> dict[str, Clip]:
    """Return the file name of each clip's video -> its authentic counterpart, itself for an authentic one."""
    own = {
        (clip.extra["target"], clip.extra["quality"]): clip
        for clip in corpus
        if not is_forged(clip)
    }
    pairs = {clip.video: own.get((clip.extra["target"], clip.extra["quality"])) for clip in corpus}
    return {name: clip for name, clip in pairs.items() if clip is not None}


def _counterparts(clip: Clip, faces: Faces, corpus: Manifest, partner: dict[str, Clip]) -> Images:
    """Cut the same squares of the same frames out of the authentic clip.

    Raises:
        InputError: If that is another corpus's, or ends before the forged one: a black picture is no authentic face.
    """
    if not is_forged(clip):
        return faces.images
    name = clip.source.partition(": ")[2]
    if name not in partner:
        raise InputError("these faces come from another corpus", found=clip.source)
    size, wanted = faces.images.shape[1], {int(n): at for at, n in enumerate(faces.frames)}
    cut, filled = np.zeros_like(faces.images), 0
    with VideoReader(corpus.path(partner[name].video)) as reader:
        for number, frame in enumerate(reader):
            if number in wanted:
                left, top, right, bottom = (float(v) for v in faces.boxes[wanted[number]])
                square = CropBox(((left + right) / 2, (top + bottom) / 2), right - left)
                cut[wanted[number]] = square.cut(frame, size)
                filled += 1
            if number >= max(wanted):
                break
    if filled < len(wanted):
        raise InputError(
            f"{partner[name].video} is shorter than {name}, which was made of it",
            found=f"{filled} of the {len(wanted)} frames that are wanted",
            fix="build the forgery corpus and extract its faces again",
        )
    return cut
