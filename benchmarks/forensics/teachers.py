"""Where maps come from: providers by name, each with a teacher trained on the same faces by the same recipe."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from benchmarks.forensics.workshop import FOCUS, Workshop
from forensics.detectors.detector import MapDetector
from forensics.focus.config import PLAIN, FocusProfile
from forensics.focus.detector import FocusDetector
from forensics.maps.carp import CarpMaps
from forensics.maps.focus import FocusMaps
from forensics.maps.gradcam import GradCam
from forensics.maps.provider import MapProvider
from forensics.maps.registry import provider_named
from forensics.maps.rfm import ForgeryAttention
from forensics.maps.rollout import AttentionRollout
from shared.errors import InputError

CAM_OF = "xception"
"""The detector that Grad-CAM and RFM look into."""


def plain_carp(profile: FocusProfile) -> FocusProfile:
    """Return CARP alone: one view, classification alone."""
    network = replace(profile.network, edges="none", learning="none")
    return replace(
        profile, network=network, recipe=replace(profile.recipe, weights=PLAIN, again_every=1)
    )


def provider(shop: Workshop, name: str, datasets: str | Sequence[str], seed: int) -> MapProvider:
    """Return a provider whose teacher, if it has one, learnt these datasets from labels alone."""
    if name in ("focus", "carp"):
        profile = plain_carp(shop.focus_profile()) if name == "carp" else None
        focus = shop.taught(FOCUS, datasets, seed, focus=profile)
        if not isinstance(focus, FocusDetector):
            raise InputError("FoCus' maps come from FoCus", found=type(focus).__name__)
        return CarpMaps(focus) if name == "carp" else FocusMaps(focus)
    if name in ("gradcam", "rfm", "rollout"):
        kinds: dict[str, Any] = {
            "gradcam": GradCam, "rfm": ForgeryAttention, "rollout": AttentionRollout
        }  # fmt: skip
        detector = shop.taught("vit-map" if name == "rollout" else CAM_OF, datasets, seed)
        if not isinstance(detector, MapDetector):
            raise InputError("these maps come from a detector", found=type(detector).__name__)
        found: MapProvider = kinds[name](detector)
        return found
    return provider_named(name)
