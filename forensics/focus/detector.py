"""The public FoCus: face crops in, scores and manipulation maps out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from forensics.detections import batches_of
from forensics.faces import Images
from forensics.focus.config import config_from_plain
from forensics.focus.network import FocusNetwork
from forensics.focus.production import FocusFindings, averaged
from shared.device import check_device
from shared.errors import InputError, WeightsError
from shared.zoo.checkpoints import load_checkpoint

KIND = "focus"


class FocusDetector:
    """Tells forged faces and where they are forged.

    Args:
        network: A trained network.
        device: Where it runs.
        sha256: Of the weights file, for the run record and the cache of maps.
    """

    def __init__(
        self, network: FocusNetwork, device: str | torch.device = "cpu", sha256: str = ""
    ) -> None:
        self.sha256 = sha256
        self.device = torch.device(device)
        self.network = network.eval().to(self.device)

    @classmethod
    def from_pretrained(
        cls, name_or_dir: str | Path = "focus", device: str | torch.device = "cpu"
    ) -> FocusDetector:
        """Load a shipped detector by name, or one's own by folder.

        Raises:
            WeightsError: If it is missing, of another kind, or its hash differs.
            NotTrained: If its config says that it was never trained.
            InputError: If there is no such device.
        """
        check_device(str(device))
        modules, facts = load_checkpoint(name_or_dir, KIND)
        try:
            network = FocusNetwork(config_from_plain(facts["config"]["network"]))
            network.load_state_dict(modules["network"])
        except (LookupError, TypeError, ValueError, RuntimeError, InputError) as error:
            raise WeightsError(
                f"the configuration of {name_or_dir} does not fit its weights", found=error,
                fix="install or train it again",
            ) from error  # fmt: skip
        return cls(network, device, facts["sha256"])

    @torch.inference_mode()
    def detect(self, frames: Images, *, batch_size: int = 16, views: int = 2) -> FocusFindings:
        """Answer about face crops.

        Args:
            frames: ``(N, S, S, 3)`` uint8 RGB of any size.
            batch_size: Faces a network call.
            views: Moved copies that are averaged: 1, 2 (with the mirror) or 4 (shifted, too).

        Returns:
            Scores, and maps on the network's grid; :func:`forensics.focus.production.produce` brings them to full
            size.
        """
        config = self.network.config
        parts = [
            [value.float().cpu().numpy() for value in averaged(self.network, pictures, views)]
            for pictures in batches_of(frames, config.image, batch_size, self.device)
        ]
        scores, maps, streams, features = (
            np.concatenate(part) for part in zip(*parts, strict=True)
        )
        return FocusFindings(scores.astype(np.float64), maps, streams, features)
