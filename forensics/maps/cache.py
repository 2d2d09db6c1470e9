"""Maps on disk: what one run has made, no other makes again."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from forensics.detections import Maps
from forensics.faces import FaceSet
from forensics.maps.provider import MapProvider
from shared.custody import sha256_of_json, write_atomic


class CachedMaps:
    """A provider that keeps each map as an 8-bit PNG, keyed by image, provider and checkpoint.

    Maps come out quantised to 1/255 whether they were read or made, so that a second run equals the first.

    Args:
        provider: Makes what is missing.
        folder: Made if missing.
    """

    reads: tuple[str, ...]

    def __init__(self, provider: MapProvider, folder: str | Path) -> None:
        self._provider = provider
        self.name, self.checkpoint = provider.name, provider.checkpoint
        self.reads, self.settings = provider.reads, provider.settings
        made_by = sha256_of_json([provider.name, provider.checkpoint, provider.settings])
        self._folder = Path(folder) / f"{provider.name}-{made_by[:16]}"

    def maps(self, faces: FaceSet) -> Maps:
        """Return maps, made or read; see :class:`forensics.maps.provider.MapProvider`."""
        self._folder.mkdir(parents=True, exist_ok=True)
        places = [self._folder / f"{self._key(faces, row)}.png" for row in range(len(faces))]
        missing = np.array([not place.is_file() for place in places])
        if missing.any():
            made = self._provider.maps(faces.take(missing))
            for row, one in zip(np.flatnonzero(missing), made, strict=True):
                _, code = cv2.imencode(".png", np.round(255 * one).astype(np.uint8))
                write_atomic(places[row], code.tobytes())
        kept = [np.asarray(cv2.imread(str(place), cv2.IMREAD_GRAYSCALE)) for place in places]
        return np.asarray(np.stack(kept) / 255, np.float32)

    def _key(self, faces: FaceSet, row: int) -> str:
        digest = hashlib.sha256(str((int(faces.labels[row]), faces.frames.shape[1:])).encode())
        for name in self.reads:
            part: Any = getattr(faces, name)
            if part is not None:
                digest.update(np.ascontiguousarray(part[row]).tobytes())
        return digest.hexdigest()
