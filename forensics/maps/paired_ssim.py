"""Structural difference with the authentic counterpart: where the neighbourhood changed, not the pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from skimage.metrics import structural_similarity

from forensics.detections import Maps
from forensics.faces import FaceSet
from forensics.maps.provider import needed, silenced


@dataclass(frozen=True)
class PairedSsim:
    """``(1 - SSIM) / 2`` of the luminance in a uniform window (DSSIM), in [0, 1]."""

    name: ClassVar[str] = "paired-ssim"
    checkpoint: ClassVar[str] = ""
    reads: ClassVar[tuple[str, ...]] = ("frames", "counterparts")

    window: int = 7
    """px, odd. Usual: 7 to 11."""
    threshold: float | None = None
    """None keeps the soft difference."""

    @property
    def settings(self) -> dict[str, Any]:
        """Window and threshold."""
        return {"window": self.window, "threshold": str(self.threshold)}

    def maps(self, faces: FaceSet) -> Maps:
        """Return maps at the size of the faces; see :class:`forensics.maps.provider.MapProvider`."""
        others = needed(faces, "counterparts")
        made = np.zeros(faces.frames.shape[:3], np.float32)
        for row in np.flatnonzero(faces.labels == 1):
            pair = [cv2.cvtColor(p[row], cv2.COLOR_RGB2GRAY) for p in (faces.frames, others)]
            _, alike = structural_similarity(*pair, win_size=self.window, data_range=255, full=True)
            difference = (1 - alike) / 2
            made[row] = difference if self.threshold is None else difference > self.threshold
        return silenced(made, faces)
