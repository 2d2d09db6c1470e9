"""Class maps without complementary learning: what FoCus is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from forensics.detections import Maps
from forensics.faces import FaceSet
from forensics.focus.detector import FocusDetector
from forensics.maps.focus import FocusMaps
from shared.errors import InputError


@dataclass(frozen=True)
class CarpMaps:
    """Maps of a FoCus network that was trained without complementary learning.

    Raises:
        InputError: If the detector was trained with it.
    """

    name: ClassVar[str] = "carp"
    reads: ClassVar[tuple[str, ...]] = ("frames",)

    detector: FocusDetector

    def __post_init__(self) -> None:
        """Refuse the full method."""
        learning = self.detector.network.config.learning
        if learning != "none":
            raise InputError(
                "plain CARP has no complementary learning",
                found=f"learning {learning}",
                fix="train one with learning none, or use the provider focus",
            )

    @property
    def checkpoint(self) -> str:
        """Of the detector."""
        return self.detector.sha256

    @property
    def settings(self) -> dict[str, Any]:
        """Those of the maps."""
        return FocusMaps(self.detector).settings

    def maps(self, faces: FaceSet) -> Maps:
        """Return maps at the size of the faces; see :class:`forensics.maps.provider.MapProvider`."""
        return FocusMaps(self.detector).maps(faces)
