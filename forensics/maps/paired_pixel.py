"""Pixel difference with the authentic counterpart, as FFD's ground truth is made (Dang et al., CVPR 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from forensics.detections import Maps
from forensics.faces import FaceSet
from forensics.maps.provider import needed, silenced

_GREY = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class PairedPixel:
    """``1[ grey(|x_forged - x_authentic|) / 255 > threshold ]``, or without a threshold the difference itself."""

    name: ClassVar[str] = "paired-pixel"
    checkpoint: ClassVar[str] = ""
    reads: ClassVar[tuple[str, ...]] = ("frames", "counterparts")

    threshold: float | None = 0.1
    """FFD: 0.1. None keeps the soft difference."""

    @property
    def settings(self) -> dict[str, Any]:
        """The threshold."""
        return {"threshold": str(self.threshold)}

    def maps(self, faces: FaceSet) -> Maps:
        """Return maps at the size of the faces; see :class:`forensics.maps.provider.MapProvider`."""
        others = needed(faces, "counterparts")
        made = np.zeros(faces.frames.shape[:3], np.float32)
        for row in np.flatnonzero(
            faces.labels == 1
        ):  # face by face: the difference needs signed numbers
            difference = np.abs(faces.frames[row].astype(np.int16) - others[row]) @ _GREY / 255
            made[row] = difference if self.threshold is None else difference > self.threshold
        return silenced(made, faces)
