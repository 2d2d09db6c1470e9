"""From a forgery corpus to face crops: frames spread over each clip, with mask, identity and authentic counterpart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.faces import FaceSet, Images
from shared.data.clip import Clip
from shared.data.forgery.known import Known, is_forged, known_of
from shared.data.manifest import Manifest
from shared.errors import InputError
from shared.face.crop import CropBox
from shared.media.video import VideoReader

SCALE = 1.6
"""Crop side over the breadth of the face at the ears: a detector's box enlarged by 1.3. Family: 1.3."""


@dataclass(frozen=True)
class _Cut:
    frames: Images
    masks: NDArray[np.float32]


def read_faces(
    manifest: Manifest,
    size: int,
    *,
    per_clip: int = 8,
    progress: Callable[[int, int], None] | None = None,
) -> FaceSet:
    """Read the faces of a forgery corpus, or of one split of it.

    Each forged face has the same frame of the authentic clip of its quality as its counterpart; where one is missing,
    the set has no counterparts at all.

    Args:
        manifest: Clips with a label (:mod:`shared.data.forgery`).
        size: Side of the crops, px.
        per_clip: Frames of each clip, spread evenly.
        progress: Called with (clips read, clips).

    Raises:
        InputError: If there is no clip, or one has no label or no masks.
    """
    clips = [clip for clip in manifest if clip.video]
    if not clips:
        raise InputError("there is no clip with a video", fix="build a forgery corpus")
    cuts: dict[str, _Cut] = {}
    for number, clip in enumerate(clips):
        cuts[clip.id] = _cut(manifest, clip, size, per_clip)
        if progress:
            progress(number + 1, len(clips))
    authentic = {_origin(clip): clip.id for clip in clips if not is_forged(clip)}
    pairs = [cuts.get(authentic.get(_origin(clip), "")) for clip in clips]
    paired = [
        pair.frames
        for clip, pair in zip(clips, pairs, strict=True)
        if pair is not None and len(pair.frames) == len(cuts[clip.id].frames)
    ]
    counts = [len(cuts[clip.id].frames) for clip in clips]
    return FaceSet(
        np.concatenate([cuts[clip.id].frames for clip in clips]),
        np.repeat([int(is_forged(clip)) for clip in clips], counts).astype(np.int64),
        np.repeat([clip.person for clip in clips], counts),
        np.repeat(np.arange(len(clips)), counts),
        np.concatenate([cuts[clip.id].masks for clip in clips]),
        np.concatenate(paired) if len(paired) == len(clips) else None,
    )


def _origin(clip: Clip) -> tuple[str, str]:
    """Return what a forgery and its authentic counterpart share."""
    return str(clip.extra.get("target", clip.id)), str(clip.extra.get("quality", ""))


def _cut(manifest: Manifest, clip: Clip, size: int, per_clip: int) -> _Cut:
    known = known_of(manifest, clip)
    wanted = set(np.linspace(0, len(known.masks) - 1, per_clip).round().astype(int).tolist())
    frames, masks = [], []
    with VideoReader(manifest.path(clip.video)) as reader:
        for number, frame in enumerate(reader):
            if number in wanted and number < len(known.masks):
                box = CropBox.from_landmarks(known.landmarks[number], SCALE)
                frames.append(box.cut(frame, size))
                masks.append(_mask(known, number, frame, box, size))
    return _Cut(np.stack(frames), np.asarray(np.stack(masks) / 255, np.float32))


def _mask(known: Known, number: int, frame: Images, box: CropBox, size: int) -> Images:
    """Cut a mask as its frame is cut; it may have been kept at another size."""
    height, width = frame.shape[:2]
    whole = cv2.resize(known.masks[number], (width, height), interpolation=cv2.INTER_LINEAR)
    return box.cut(np.repeat(whole[..., None], 3, axis=2), size)[..., 0]
