"""The providers by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from forensics.maps.provider import MapProvider
from shared.errors import InputError

PROVIDERS = (
    "paired-pixel", "paired-ssim", "xray", "known", "rollout", "gradcam", "rfm", "carp", "focus",
)  # fmt: skip
"""All of them, in the order of tables; the first four need pairs or masks, the others a teacher."""

_TAUGHT = ("rollout", "gradcam", "rfm", "carp", "focus")


def provider_named(
    name: str, teacher: str | Path | None = None, device: str = "cpu"
) -> MapProvider:
    """Return a provider with its own defaults.

    Args:
        name: Of :data:`PROVIDERS`.
        teacher: Checkpoint of the model that the maps come from, where there is one: a FoCus for ``focus`` and
            ``carp``, a detector for ``rollout``, ``gradcam`` and ``rfm``.
        device: Where the teacher runs.

    Raises:
        InputError: If there is no such provider, or a teacher is missing or not wanted.
        WeightsError: If the teacher is of another kind.
        NotTrained: If the teacher was never trained.
    """
    if name not in PROVIDERS:
        raise InputError(
            "there is no such map provider", found=name, expected=" | ".join(PROVIDERS)
        )
    if (teacher is not None) != (name in _TAUGHT):
        raise InputError(
            f"maps of {name} come {'from a teacher' if name in _TAUGHT else 'from no teacher'}",
            found=teacher,
            fix="give the folder of a checkpoint" if name in _TAUGHT else "leave the teacher out",
        )
    if teacher is None:
        return _untaught(name)
    return _taught(name, teacher, device)


def _untaught(name: str) -> MapProvider:
    from forensics.maps.known import KnownMasks
    from forensics.maps.paired_pixel import PairedPixel
    from forensics.maps.paired_ssim import PairedSsim
    from forensics.maps.xray import FaceXray

    kinds: dict[str, Any] = {
        kind.name: kind for kind in (PairedPixel, PairedSsim, FaceXray, KnownMasks)
    }
    provider: MapProvider = kinds[name]()
    return provider


def _taught(name: str, teacher: str | Path, device: str) -> MapProvider:
    from forensics.detectors.detector import MapDetector
    from forensics.focus.detector import FocusDetector
    from forensics.maps.carp import CarpMaps
    from forensics.maps.focus import FocusMaps
    from forensics.maps.gradcam import GradCam
    from forensics.maps.rfm import ForgeryAttention
    from forensics.maps.rollout import AttentionRollout

    if name in ("carp", "focus"):
        focus = FocusDetector.from_pretrained(teacher, device)
        return CarpMaps(focus) if name == "carp" else FocusMaps(focus)
    detector = MapDetector.from_pretrained(teacher, device)
    kinds: dict[str, Any] = {
        kind.name: kind for kind in (AttentionRollout, GradCam, ForgeryAttention)
    }
    provider: MapProvider = kinds[name](detector)
    return provider
