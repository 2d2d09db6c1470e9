"""Forgery attention of RFM: which pixels the decision is most sensitive to (C. Wang, W. Deng, CVPR 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from forensics.detections import Maps
from forensics.detectors.detector import MapDetector
from forensics.faces import FaceSet
from forensics.maps.provider import forged_batches, peak_to_one, silenced


@dataclass(frozen=True)
class ForgeryAttention:
    """``max_channel | d |o_forged - o_authentic| / d x |``, from 0 to 1, of any detector."""

    name: ClassVar[str] = "rfm"
    reads: ClassVar[tuple[str, ...]] = ("frames",)

    detector: MapDetector

    @property
    def checkpoint(self) -> str:
        """Of the detector."""
        return self.detector.sha256

    @property
    def settings(self) -> dict[str, Any]:
        """Nothing."""
        return {}

    def maps(self, faces: FaceSet) -> Maps:
        """Return maps at the detector's size; see :class:`forensics.maps.provider.MapProvider`."""
        network = self.detector.network
        made = np.zeros((len(faces), network.image, network.image), np.float32)
        for rows, pictures in forged_batches(faces, network.image):
            with torch.enable_grad():
                x = pictures.to(self.detector.device).requires_grad_()
                logits = network(x).logits
                (slope,) = torch.autograd.grad((logits[:, 1] - logits[:, 0]).abs().sum(), x)
            made[rows] = peak_to_one(slope.abs().amax(1)).cpu().numpy()
        return silenced(made, faces)
