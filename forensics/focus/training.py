"""FoCus as a LightningModule: labels of whole pictures in, gradients out."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from forensics.focus import losses
from forensics.focus.config import FocusProfile
from forensics.focus.network import FocusNetwork, FocusOutput
from forensics.focus.views import inside, moved, random_moves
from forensics.validation import ValidatedModule
from shared.training.steps import step_seed

Batch = dict[str, Tensor]


class FocusModule(ValidatedModule):
    """Trains :class:`FocusNetwork` on batches of :class:`forensics.face_batches.FaceBatches`.

    Args:
        profile: Network, recipe and budget.
        seed: Of the regions that are erased and of the moves.
        network: To be trained; None for one from scratch.
    """

    def __init__(
        self, profile: FocusProfile, seed: int = 0, network: FocusNetwork | None = None
    ) -> None:
        super().__init__()
        self.profile = profile
        self.network = network or FocusNetwork(profile.network)
        self.seed, self.generator = seed, torch.Generator()

    def forward(self, pictures: Tensor) -> FocusOutput:
        """Return decisions and maps."""
        return self.network(pictures)

    def training_step(self, batch: Batch, _index: int) -> Tensor:
        """Return the sum of the weighted terms and log each."""
        recipe, step = self.profile.recipe, self.global_step
        self.generator.manual_seed(step_seed(self.seed, step))
        share = self.share()
        terms = self.terms(batch, again=share > 0 and step % recipe.again_every == 0)
        weights = {name: share * weight for name, weight in vars(recipe.weights).items()}
        for name in ("erased", "equivariance"):
            weights[name] *= recipe.again_every
        self.log_dict({f"train/{name}": value.detach() for name, value in terms.items()})
        return torch.stack([weights.get(name, 1.0) * value for name, value in terms.items()]).sum()

    def share(self) -> float:
        """Return how much of their weights the terms beside classification have at this step, 0 to 1."""
        settle, done = self.profile.recipe.settle, self.global_step / self.profile.budget.steps
        return 1.0 if settle == 0 else min(max((done - settle) / settle, 0.0), 1.0)

    def terms(self, batch: Batch, *, again: bool = True) -> dict[str, Tensor]:
        """Return each term of the loss whose weight is not 0, not weighted; or those alone that need one look."""
        pictures, labels = batch["image"], batch["label"]
        weights, config = self.profile.recipe.weights, self.profile.network
        output = self.network(pictures)
        names = ("rgb", "edges")
        terms = {
            names[number]: losses.classification(stream.logits, labels)
            for number, stream in enumerate(output.streams)
        }
        if output.fused is not None:
            terms["fused"] = losses.classification(output.logits, labels)
            first, second = (stream.maps for stream in output.streams)
            if weights.union:
                terms["union"] = losses.union_coverage(output.fused, first, second, labels)
            if weights.agreement:
                terms["agreement"] = losses.agreement(first, second, labels)
        if again and weights.erased and config.learning in ("erase", "both"):
            terms["erased"] = self.erased(pictures, labels, output)
        if weights.real:
            terms["real"] = losses.real_suppression(output.maps, labels)
        if weights.area:
            terms["area"] = losses.area_hinge(output.maps, labels)
        if weights.tv:
            terms["tv"] = losses.total_variation(output.maps, pictures.shape[-1])
        if again and weights.equivariance:
            terms["equivariance"] = self.equivariance(pictures, output)
        return terms

    def erased(self, pictures: Tensor, labels: Tensor, output: FocusOutput) -> Tensor:
        """Return the classification of what one view's proposal leaves to the other view, or to either."""
        count = len(output.streams)
        proposing = int(torch.randint(count, (), generator=self.generator))
        learning = (proposing + 1) % count
        if self.profile.network.erase_from == "either":
            learning = int(torch.randint(count, (), generator=self.generator))
        regions = self.network.proposals(output.streams[proposing].maps.detach())
        forged = (labels == 1).nonzero()[:, 0]
        if len(forged) == 0:
            return output.logits.sum() * 0
        everywhere = self.profile.recipe.weights.erase_authentic
        # an authentic face loses the region of some forged one, so that erasing does not tell the class
        lent = forged[torch.randint(len(forged), (len(labels),), generator=self.generator)]
        rows = torch.where(labels == 1, torch.arange(len(labels), device=labels.device), lent)
        kept = torch.ones_like(labels, dtype=torch.bool) if everywhere else labels == 1
        view = self.network.views(pictures)[learning]
        again = self.network.stream(learning, view[kept], regions[rows][kept])
        return losses.classification(again.logits, labels[kept])

    def equivariance(self, pictures: Tensor, output: FocusOutput) -> Tensor:
        """Return how far the moved map is from the map of the moved picture, of which a part is hidden."""
        count, side = len(pictures), pictures.shape[-1] // self.network.patch
        theta = random_moves(count, self.generator, like=pictures)
        valid = inside(theta, output.maps.shape)
        hidden, share = None, self.profile.recipe.weights.hide
        if share:
            draws = torch.rand(count, 1 + side * side, generator=self.generator).to(pictures)
            hidden = (draws[:, 1:] < share * draws[:, :1]).reshape(count, side, side)
            valid = valid * ~self.network.on_grid(hidden)[:, None]  # type: ignore[index]
        again = self.network(moved(pictures, theta), hidden).maps
        return losses.equivariance(moved(output.maps, theta), again, valid)

    def configure_optimizers(self) -> dict[str, Any]:
        """AdamW with a rate of its own for the backbone; both rise, then fall along a cosine."""
        recipe = self.profile.recipe
        backbone = list(self.network.backbones.parameters())
        known = {id(parameter) for parameter in backbone}
        rest = [p for p in self.network.parameters() if id(p) not in known]
        groups = [
            {"params": backbone, "lr": recipe.backbone_rate},
            {"params": rest, "lr": recipe.head_rate},
        ]
        optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer,
            [recipe.backbone_rate, recipe.head_rate],
            total_steps=self.profile.budget.steps + 1,
            pct_start=recipe.warmup,
            cycle_momentum=False,
        )
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}
