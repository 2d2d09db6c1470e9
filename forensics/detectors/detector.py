"""The public detector of this folder: face crops in, scores and, where it draws them, maps out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from forensics.detections import Detections, batches_of
from forensics.detectors.config import network_class, sizes_from_plain
from forensics.detectors.network import DetectorNetwork
from forensics.faces import Images
from shared.zoo.checkpoints import load_checkpoint

KIND = "face-detector"


class MapDetector:
    """Any detector of :data:`forensics.detectors.config.DETECTORS`, trained.

    Args:
        network: A trained network.
        name: Of the detector.
        device: Where it runs.
        sha256: Of the weights file.
    """

    def __init__(
        self,
        network: DetectorNetwork,
        name: str,
        device: str | torch.device = "cpu",
        sha256: str = "",
    ) -> None:
        self.name, self.sha256 = name, sha256
        self.device = torch.device(device)
        self.network = network.eval().to(self.device)

    @classmethod
    def from_pretrained(
        cls, name_or_dir: str | Path, device: str | torch.device = "cpu"
    ) -> MapDetector:
        """Load a shipped detector by name, or one's own by folder.

        Raises:
            WeightsError: If it is missing, of another kind, or its hash differs.
            NotTrained: If its config says that it was never trained.
        """
        modules, facts = load_checkpoint(name_or_dir, KIND)
        name = str(facts["config"]["detector"])
        network = network_class(name)(sizes_from_plain(name, facts["config"]["sizes"]))
        network.load_state_dict(modules["network"])
        return cls(network, name, device, facts["sha256"])

    @torch.inference_mode()
    def detect(self, frames: Images, *, batch_size: int = 16) -> Detections:
        """Answer about face crops.

        Args:
            frames: ``(N, S, S, 3)`` uint8 RGB of any size.
            batch_size: Faces a network call.
        """
        scores, maps = [], []
        for pictures in batches_of(frames, self.network.image, batch_size, self.device):
            output = self.network(pictures)
            scores.append(output.logits.softmax(1)[:, 1].double().cpu().numpy())
            if output.map_logits is not None:
                maps.append(output.map_logits[:, 0].sigmoid().float().cpu().numpy())
        return Detections(np.concatenate(scores), np.concatenate(maps) if maps else None)
