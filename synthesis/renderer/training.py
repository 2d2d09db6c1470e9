"""The renderer as a LightningModule: losses in, gradients out."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import lightning
import torch
from torch import Tensor
from torch.nn import functional as F

from shared.metrics.psnr import psnr
from shared.training.steps import step_seed
from synthesis.renderer.augment import Augment
from synthesis.renderer.config import RendererConfig
from synthesis.renderer.dataset import conditions
from synthesis.renderer.losses import (
    RandomFeatures,
    alpha_cost,
    flow_roughness,
    gradient_l1,
    pyramid_l1,
    region_weight,
    weighted_l1,
)
from synthesis.renderer.network import RendererNetwork, Rendering


@dataclass(frozen=True)
class RendererRecipe:
    """Weights of the losses and the schedule.

    Attributes:
        learning_rate: Peak; falls to a tenth by a cosine. FOMM 2e-4 with batch 40; ours, smaller net.
        mouth: Weight of the region loss at the mouth. Ours, by experiment.
        eyes: Weight of the region loss at the eyes. Ours.
        inside: Weight of the region loss in open mouths and eyes. Ours.
        warp: Weight of the warped source's own loss. PIRenderer trains the warp alone first.
        perceptual: Weight of the random-feature distance. Ours; 0 switches it off.
        alpha: Weight of the cost of the network's own pixels. Ours.
        roughness: Weight of the flow's gradient. Ours.
        augment: Strength of the domain randomisation, 0 to 1.
        steps: Length of the schedule.
    """

    learning_rate: float = 1e-3
    mouth: float = 5.0
    eyes: float = 4.0
    inside: float = 1.0
    warp: float = 0.5
    perceptual: float = 0.0
    alpha: float = 0.12
    roughness: float = 0.01
    augment: float = 1.0
    steps: int = 10_000


class RendererModule(lightning.LightningModule):
    """Trains :class:`RendererNetwork` on batches of :func:`synthesis.renderer.dataset.gather`."""

    def __init__(self, config: RendererConfig, recipe: RendererRecipe, seed: int = 0) -> None:
        super().__init__()
        self.save_hyperparameters(
            {"config": asdict(config), "recipe": asdict(recipe), "seed": seed}
        )
        self.network = RendererNetwork(config)
        self.recipe = recipe
        self.seed, self.augment = seed, Augment(torch.Generator(), recipe.augment)
        self.features = RandomFeatures() if recipe.perceptual else None

    def forward(self, batch: dict[str, Tensor]) -> Rendering:
        """Render a batch."""
        turn, code = conditions(batch)
        return self.network(
            batch["source"], batch["points_source"], batch["points_driven"], turn, code
        )

    def training_step(self, batch: dict[str, Tensor], _: int) -> Tensor:
        """Return the weighted sum of the losses."""
        self.augment.generator.manual_seed(step_seed(self.seed, self.global_step))
        batch = self.augment(batch)
        out = self(batch)
        losses = self.losses(out, batch)
        self.log_dict({f"train/{name}": value for name, value in losses.items()})
        total = torch.stack(list(losses.values())).sum()
        self.log("train/total", total, prog_bar=True)
        return total

    def losses(self, out: Rendering, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return each weighted term by name."""
        recipe, target, size = self.recipe, batch["target"], batch["target"].shape[-1]
        region = region_weight(batch["points_driven"], size)
        image, warped = out.image, out.warped
        # the warp is judged as a picture of half size, where its flow is defined
        half = F.avg_pool2d(target, 2)
        error = (warped.detach() - target).abs().mean(1, keepdim=True)
        inside = out.motion.opened.amax(1, keepdim=True)
        terms = {
            "pyramid": pyramid_l1(image, target),
            "gradient": gradient_l1(image, target),
            "mouth": recipe.mouth * weighted_l1(image, target, region[:, :1]),
            "eyes": recipe.eyes * weighted_l1(image, target, region[:, 1:]),
            "inside": recipe.inside * weighted_l1(image, target, inside),
            "warp": recipe.warp * pyramid_l1(F.avg_pool2d(warped, 2), half, levels=2),
            "own": 0.5 * weighted_l1(out.rgb, target, 0.05 + region.sum(1, keepdim=True)),
            "alpha": recipe.alpha * alpha_cost(out.alpha, error),
            "roughness": recipe.roughness
            * flow_roughness(out.motion.flow.flatten(0, 1))
            * size
            / 2,
        }
        if self.features is not None:
            terms["perceptual"] = recipe.perceptual * self.features(image, target)
        return terms

    def validation_step(self, batch: dict[str, Tensor], _: int) -> None:
        """Log PSNR and mouth PSNR of held-out pairs."""
        target = batch["target"]
        image = self(batch).image
        mouth = region_weight(batch["points_driven"], target.shape[-1])[:, :1]
        whole, near = psnr(image, target).mean(), psnr(image, target, mouth).mean()
        self.log("val/psnr", whole, prog_bar=True, batch_size=len(target))
        self.log("val/mouth_psnr", near, prog_bar=True, batch_size=len(target))

    def configure_optimizers(self) -> dict:
        """Adam with the betas of GAN practice and a cosine to a tenth."""
        optimizer = torch.optim.Adam(
            self.parameters(), lr=self.recipe.learning_rate, betas=(0.5, 0.99)
        )
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(
            optimizer, self.recipe.steps, eta_min=self.recipe.learning_rate / 10
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
