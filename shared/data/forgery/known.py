"""What is known of a clip of the forgery corpus: where it is forged, and where the face is."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.arrays import stored_arrays
from shared.custody import write_atomic
from shared.data.clip import Clip
from shared.data.manifest import Manifest
from shared.errors import InputError

AUTHENTIC = "authentic"
FORGED = "forged"


@dataclass(frozen=True, eq=False)
class Known:
    """The truth about each frame.

    Attributes:
        masks: ``(T, H, W)`` uint8, 255 times the share of the foreign picture; all 0 for authentic clips.
        landmarks: ``(T, 68, 2)`` px of the face before it was forged.
    """

    masks: NDArray[np.uint8]
    landmarks: NDArray[np.float32]

    def save(self, path: str | Path) -> Path:
        """Write one compressed ``.npz``."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, masks=self.masks, landmarks=self.landmarks.astype(np.float16))
        return write_atomic(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> Known:
        """Read the file.

        Raises:
            InputError: If it is missing or another kind of file.
            LimitExceeded: If its arrays take too much memory.
        """
        try:
            with stored_arrays(path) as data:
                return cls(data["masks"], data["landmarks"].astype(np.float32))
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise InputError(f"{path} holds no masks", found=error, fix="build it again") from error


def is_forged(clip: Clip) -> bool:
    """Tell a clip's label.

    Raises:
        InputError: If the clip has none.
    """
    label = clip.extra.get("label")
    if label not in (AUTHENTIC, FORGED):
        raise InputError(
            f"clip {clip.id} has no label", found=label, expected=f"{AUTHENTIC} | {FORGED}"
        )
    return bool(label == FORGED)


def known_of(manifest: Manifest, clip: Clip) -> Known:
    """Read what is known of a clip of a forgery corpus."""
    return Known.load(manifest.path(str(clip.extra.get("known", ""))))


def dataset_of(manifest: Manifest, families: Iterable[str], quality: str) -> Manifest:
    """Return one embedded dataset: the forgeries of these families at one quality, and exactly their authentic clips.

    A clip of which no such forgery could be made is left out on both sides, so that nothing about which clips there
    are tells the labels apart.
    """
    wanted = set(families)
    here = [clip for clip in manifest if clip.extra.get("quality") == quality]
    forged = [clip for clip in here if clip.extra.get("family") in wanted]
    targets = {clip.extra["target"] for clip in forged}
    authentic = [clip for clip in here if not is_forged(clip) and clip.extra["target"] in targets]
    return Manifest(manifest.root, (*authentic, *forged))
