"""Attention roll-out: which patches flow into a transformer's decision (Abnar, Zuidema, ACL 2020)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from forensics.backbones.vit import PatchTransformer, rollout
from forensics.detections import Maps
from forensics.detectors.detector import MapDetector
from forensics.faces import FaceSet
from forensics.maps.provider import forged_batches, peak_to_one, silenced
from shared.errors import InputError


@dataclass(frozen=True)
class AttentionRollout:
    """Roll-out of a trained ``vit-map`` detector, from 0 to 1.

    Raises:
        InputError: If the detector is no transformer.
    """

    name: ClassVar[str] = "rollout"
    reads: ClassVar[tuple[str, ...]] = ("frames",)

    detector: MapDetector

    def __post_init__(self) -> None:
        """Refuse a detector without attention."""
        if not isinstance(getattr(self.detector.network, "backbone", None), PatchTransformer):
            raise InputError(
                "attention needs a transformer", found=self.detector.name, expected="vit-map"
            )

    @property
    def checkpoint(self) -> str:
        """Of the detector."""
        return self.detector.sha256

    @property
    def settings(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    @torch.inference_mode()
    def maps(self, faces: FaceSet) -> Maps:
        """Return maps on the patches' grid; see :class:`forensics.maps.provider.MapProvider`."""
        network = self.detector.network
        backbone: PatchTransformer = network.backbone  # type: ignore[assignment]
        grid = network.image // backbone.patch
        made = np.zeros((len(faces), grid, grid), np.float32)
        for rows, pictures in forged_batches(faces, network.image):
            tokens = backbone(pictures.to(self.detector.device), attentions=True)
            flow = rollout(tokens.attentions).reshape(-1, grid, grid)
            made[rows] = peak_to_one(flow).cpu().numpy()
        return silenced(made, faces)
