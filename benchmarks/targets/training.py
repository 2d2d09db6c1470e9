"""What learns: the KL-VAE, and the denoiser of a target, each a LightningModule that holds its own pictures.

Which pictures, noise and time steps a step sees follows from the seed and the step's number alone, so that a resumed
run sees what an uninterrupted one would have seen. ``z_t = sqrt(abar_t) z + sqrt(1 - abar_t) e``; the loss is
``|e - eps(z_t, t)|^2`` (Ho et al., NeurIPS 2020, eq. 14).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import lightning
import numpy as np
import torch
from diffusers import AutoencoderKL, UNet2DConditionModel, UNet2DModel
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader
from transformers import CLIPTextModel

from benchmarks.targets.config import Training
from shared.diffusion.ddim import add_noise
from shared.training.steps import step_generator

_KL_WEIGHT = 1e-8
"""Against the error's mean over pixels; 1e-5 was seen to wash out all colour."""
_VAE_BATCH = 16
_VAE_RATE = 7e-4
"""A rate of 2e-3 was seen to lose the colour again."""


def rows_at(step: int, batch_size: int, count: int, seed: int) -> NDArray[np.int64]:
    """Return which pictures a step sees: one permutation of all after the other, cut into batches.

    Example:
        >>> seen = np.concatenate([rows_at(step, 2, 5, 0) for step in range(5)])
        >>> np.bincount(seen).tolist()
        [2, 2, 2, 2, 2]
    """
    places = np.arange(step * batch_size, (step + 1) * batch_size)
    turns = {
        epoch: np.random.default_rng([seed, epoch]).permutation(count)
        for epoch in np.unique(places // count).tolist()
    }
    return np.array([turns[place // count][place % count] for place in places.tolist()])


def steps_for(epochs: int, training: Training) -> int:
    """Return the steps after which every member was seen ``epochs`` times."""
    return math.ceil(epochs * training.members / training.batch_size)


def counter(steps: int) -> DataLoader:
    """Return a loader that only counts: the modules know their pictures."""
    return DataLoader(range(steps), batch_size=None)  # type: ignore[arg-type]


def to_pixels(images: NDArray[np.uint8]) -> Tensor:
    """Turn ``(N, S, S, 3)`` uint8 into ``(N, 3, S, S)`` in [-1, 1]."""
    return torch.from_numpy(images).permute(0, 3, 1, 2).float().div(127.5).sub(1).contiguous()


@dataclass
class Reading:
    """How captions condition a denoiser.

    Attributes:
        encoder: The text encoder; it learns with the U-Net.
        tokens: ``(N, L)`` of the captions.
        empty: ``(L,)`` of the empty caption.
        dropout: Share of captions that are emptied.
    """

    encoder: CLIPTextModel
    tokens: Tensor
    empty: Tensor
    dropout: float


class DenoiserModule(lightning.LightningModule):
    """A target's U-Net, with its text encoder if it reads.

    Args:
        unet: What predicts the noise.
        clean: ``(N, C, h, w)`` what is learnt: pictures in [-1, 1], or scaled latents.
        alphas_cumprod: ``(T,)``.
        training: How.
        seed: Of pictures' order, noise and time steps.
        reading: The captions, or None.
    """

    def __init__(
        self,
        unet: UNet2DModel | UNet2DConditionModel,
        clean: Tensor,
        alphas_cumprod: Tensor,
        training: Training,
        *,
        seed: int = 0,
        reading: Reading | None = None,
    ) -> None:
        super().__init__()
        self.unet = unet
        self.text_encoder = reading.encoder if reading else None
        self._clean, self._levels = clean, alphas_cumprod.float()
        self._training, self._seed, self._reading = training, seed, reading

    def training_step(self, batch: Any, index: int) -> Tensor:  # noqa: ARG002
        """Return the loss of the step whose number the trainer has."""
        loss = self.loss_at(self.global_step)
        self.log("loss", loss.detach())
        return loss

    def loss_at(self, step: int) -> Tensor:
        """Return a step's loss."""
        training, generator = self._training, step_generator(self._seed, step)
        rows = torch.from_numpy(rows_at(step, training.batch_size, len(self._clean), self._seed))
        clean = self._clean[rows]
        noise = torch.randn(clean.shape, generator=generator)
        t = torch.randint(len(self._levels), (len(rows),), generator=generator)
        noisy = add_noise(clean, noise, self._levels[t].view(-1, 1, 1, 1))
        context = self._context(rows, generator)
        given = (noisy.to(self.device), t.to(self.device), *context)
        return functional.mse_loss(self.unet(*given).sample.float(), noise.to(self.device))

    def _context(self, rows: Tensor, generator: torch.Generator) -> tuple[Tensor, ...]:
        reading = self._reading
        if reading is None or self.text_encoder is None:
            return ()
        tokens = reading.tokens[rows].clone()
        tokens[torch.rand(len(rows), generator=generator) < reading.dropout] = reading.empty
        return (self.text_encoder(tokens.to(self.device)).last_hidden_state,)

    def configure_optimizers(self) -> dict[str, Any]:
        """Return AdamW with a linear warm-up."""
        optimizer = torch.optim.AdamW(
            self.parameters(),
            self._training.learning_rate,
            fused=self._training.precision == "32-true",  # 13 ms a step less on a core
        )
        warmup = self._training.warmup
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda n: min(1.0, (n + 1) / warmup)
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class AutoencoderModule(lightning.LightningModule):
    """The KL-VAE: absolute error of the reconstruction and a small pull of the posterior to the normal.

    Args:
        vae: What learns.
        pictures: ``(N, 3, S, S)`` in [-1, 1].
        steps: Steps in all; the rate falls to nothing along a cosine.
        seed: Of the pictures' order and the posterior's samples.
    """

    def __init__(self, vae: AutoencoderKL, pictures: Tensor, steps: int, *, seed: int = 0) -> None:
        super().__init__()
        self.vae = vae
        self._pictures, self._steps, self._seed = pictures, steps, seed

    def training_step(self, batch: Any, index: int) -> Tensor:  # noqa: ARG002
        """Return the loss of the step whose number the trainer has."""
        step = self.global_step
        rows = rows_at(step, min(_VAE_BATCH, len(self._pictures)), len(self._pictures), self._seed)
        pictures = self._pictures[rows].to(self.device)
        posterior = self.vae.encode(pictures).latent_dist
        noise = torch.randn(posterior.mean.shape, generator=step_generator(self._seed, step))
        made = self.vae.decode(posterior.mean + posterior.std * noise.to(pictures)).sample
        loss = functional.l1_loss(made, pictures) + _KL_WEIGHT * posterior.kl().mean()
        self.log("loss", loss.detach())
        return loss

    def configure_optimizers(self) -> dict[str, Any]:
        """Return AdamW with a cosine schedule."""
        optimizer = torch.optim.AdamW(self.parameters(), _VAE_RATE)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, self._steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


@torch.no_grad()
def latents_of(vae: AutoencoderKL, pictures: Tensor, batch_size: int = 100) -> Tensor:
    """Return the unscaled latents (the posterior's mode) of pictures in [-1, 1]."""
    return torch.cat([
        vae.encode(part.to(vae.device)).latent_dist.mode().cpu() for part in torch.split(pictures, batch_size)
    ])  # fmt: skip
