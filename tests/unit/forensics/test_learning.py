"""What a short training leaves behind."""

from __future__ import annotations

import lightning
import numpy as np
import torch
from torch import Tensor, nn

from forensics.face_batches import UNCHANGED
from forensics.faces import FaceSet
from forensics.learning import fit_on_faces
from shared.training.run import Budget


class _Normed(lightning.LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(3, momentum=0.01)

    def forward(self, pictures: Tensor) -> Tensor:
        return self.norm(pictures)

    def training_step(self, batch: dict[str, Tensor], _index: int) -> Tensor:
        return self(batch["image"]).mean((1, 2, 3)).sub(batch["label"]).square().mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1e-3)


def test_batch_normalisation_ends_with_the_statistics_of_the_faces(tmp_path):
    """After three steps, running means at a momentum of 0.01 would still be those of the start."""
    rng = np.random.default_rng(0)
    frames = rng.integers(100, 200, (8, 16, 16, 3)).astype(np.uint8)
    faces = FaceSet(frames, np.arange(8) % 2, np.arange(8), np.arange(8))
    module = _Normed()
    fit_on_faces(
        module, faces, tmp_path, Budget(3, batch_size=4), 16, plan={}, augmentation=UNCHANGED,
        device="cpu",
    )  # fmt: skip
    seen = frames.reshape(-1, 3) / 255
    np.testing.assert_allclose(module.norm.running_mean.numpy(), seen.mean(0), atol=5e-3)
    np.testing.assert_allclose(module.norm.running_var.numpy(), seen.var(0), atol=5e-3)
    assert module.norm.momentum == 0.01
