"""FoCus' maps: soft, because how sure they are is part of what they teach."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from forensics.detections import Maps
from forensics.faces import FaceSet
from forensics.focus.detector import FocusDetector
from forensics.focus.production import produce
from forensics.maps.provider import silenced
from shared.errors import InputError


@dataclass(frozen=True)
class FocusMaps:
    """Maps of a trained FoCus at the size of the faces, forged ones from 0 to 1."""

    name: ClassVar[str] = "focus"
    reads: ClassVar[tuple[str, ...]] = ("frames",)

    detector: FocusDetector
    views: int = 4
    """Moved copies that are averaged."""

    @property
    def checkpoint(self) -> str:
        """Of the detector."""
        return self.detector.sha256

    @property
    def settings(self) -> dict[str, Any]:
        """The number of copies."""
        return {"views": self.views}

    def maps(self, faces: FaceSet) -> Maps:
        """Return the maps; see :class:`forensics.maps.provider.MapProvider`."""
        made = np.zeros(faces.frames.shape[:3], np.float32)
        rows = np.flatnonzero(faces.labels == 1)
        if len(rows):
            found = self.detector.detect(faces.frames[rows], views=self.views).maps
            if found is None:
                raise InputError("the detector has no map")
            made[rows] = produce(found, faces.size, np.ones(len(rows), bool))
        return silenced(made, faces)
