"""Grad-CAM: the features that raise the score of "forged", weighted by their gradient (Selvaraju et al., ICCV 2017)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch.nn import functional as F

from forensics.detections import Maps
from forensics.detectors.detector import MapDetector
from forensics.detectors.network import SpatialClassifier
from forensics.faces import FaceSet
from forensics.maps.provider import forged_batches, peak_to_one, silenced
from shared.errors import InputError


@dataclass(frozen=True)
class GradCam:
    """``relu(sum_k mean_xy(d l_forged / d F_k) F_k)`` of the last features, from 0 to 1, at the faces' own grid.

    Raises:
        InputError: If the detector does not decide from a feature map.
    """

    name: ClassVar[str] = "gradcam"
    reads: ClassVar[tuple[str, ...]] = ("frames",)

    detector: MapDetector

    def __post_init__(self) -> None:
        """Refuse a detector without a last feature map."""
        if not isinstance(self.detector.network, SpatialClassifier):
            raise InputError(
                "Grad-CAM needs a detector that decides from a feature map",
                found=self.detector.name,
                expected="xception | efficientnet | ffd | efficientnet-unet",
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
    def _grid(self, network: SpatialClassifier) -> tuple[int, ...]:
        side = self.detector.network.image
        blank = torch.zeros(1, 3, side, side, device=self.detector.device)
        return tuple(network.features(blank).shape[2:])

    def maps(self, faces: FaceSet) -> Maps:
        """Return maps on the features' grid; see :class:`forensics.maps.provider.MapProvider`."""
        network = self.detector.network
        if not isinstance(network, SpatialClassifier):
            raise InputError("Grad-CAM needs a feature map", found=self.detector.name)
        found: list[tuple[Any, Maps]] = []
        for rows, pictures in forged_batches(faces, network.image):
            features = network.features(pictures.to(self.detector.device)).detach()
            with torch.enable_grad():
                features.requires_grad_()
                (slope,) = torch.autograd.grad(network.decide(features)[:, 1].sum(), features)
            weight = slope.mean((2, 3), keepdim=True)
            cam = F.relu((weight * features.detach()).sum(1))
            found.append((rows, peak_to_one(cam).cpu().numpy()))
        grid = found[0][1].shape[1:] if found else self._grid(network)
        made = np.zeros((len(faces), *grid), np.float32)
        for rows, part in found:
            made[rows] = part
        return silenced(made, faces)
