"""Face X-ray: the border along which a face was blended in (L. Li et al., CVPR 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np

from forensics.detections import Maps
from forensics.faces import FaceSet
from forensics.maps.provider import needed, silenced


@dataclass(frozen=True)
class FaceXray:
    """``4 M (1 - M)`` of the blurred mask M."""

    name: ClassVar[str] = "xray"
    checkpoint: ClassVar[str] = ""
    reads: ClassVar[tuple[str, ...]] = ("masks",)

    blur: float = 0.02
    """Standard deviation of the blur, in shares of the face's side: 4.5 px of 224. ours."""

    @property
    def settings(self) -> dict[str, Any]:
        """The blur."""
        return {"blur": self.blur}

    def maps(self, faces: FaceSet) -> Maps:
        """Return maps at the size of the faces; see :class:`forensics.maps.provider.MapProvider`."""
        masks = needed(faces, "masks")
        sigma = self.blur * faces.size
        soft = [cv2.GaussianBlur(np.asarray(mask, np.float32), (0, 0), sigma) for mask in masks]
        return silenced(np.stack([4 * mask * (1 - mask) for mask in soft]), faces)
