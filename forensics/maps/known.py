"""The masks that were kept when a forgery was made, or that a public corpus brings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from forensics.detections import Maps
from forensics.faces import FaceSet
from forensics.maps.provider import needed, silenced


@dataclass(frozen=True)
class KnownMasks:
    """The mask itself."""

    name: ClassVar[str] = "known"
    checkpoint: ClassVar[str] = ""
    reads: ClassVar[tuple[str, ...]] = ("masks",)

    @property
    def settings(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def maps(self, faces: FaceSet) -> Maps:
        """Return the masks; see :class:`forensics.maps.provider.MapProvider`."""
        return silenced(np.asarray(needed(faces, "masks"), np.float32), faces)
