"""How much is measured, by profile; the order is that of importance, and every cell is kept on disk."""

from __future__ import annotations

from dataclasses import dataclass

from forensics.maps.registry import PROVIDERS
from shared.data.forgery.families import DATASETS
from shared.errors import InputError

ALL = "all"
"""Name of the five datasets together."""

SINGLE_TASK = ("xception", "efficientnet")
MULTI_TASK = ("classnseg", "ffd", "efficientnet-unet", "vit-map")

LADDER = (
    "attention", "CAM", "CARP, GAP", "CARP, top-k", "+ real suppression", "+ Sobel stream", "+ CL, erase",
    "+ CL, fuse", "+ affinity", "+ equivariance", "+ hiding",
)  # fmt: skip
VARIANTS = (
    "full", "mean patch taken away", "delta 0.3", "delta 0.7", "separate backbones", "SRM instead of Sobel",
    "DCT instead of Sobel", "CL, fuse alone", "log-sum-exp", "erase pixels", "grid doubled", "ConvNeXt",
    "all terms from the start", "with position embeddings",
)  # fmt: skip
"""Arms of :func:`forensics.focus.config.ablations`."""

SWITCHED_ON = ("all terms from the start", "with position embeddings")
"""Variants that profiles other than ``cpu`` are by themselves."""

UNPAIRED = "full, counterparts not in the batch"
"""The full method on batches whose authentic faces are drawn from all."""


@dataclass(frozen=True)
class Plan:
    """Sizes of everything.

    Attributes:
        scale: Profile of the networks (:data:`forensics.detectors.config.SCALES`).
        size: Side of the extracted faces, px.
        image: Side at which networks look at them, px; None: the profile's own.
        frames: Extracted of each video.
        judged: Judged of each video; at most ``frames``.
        steps: Of every training of the tables; ``focus_steps`` of FoCus, where a step costs more.
        batch_size: Faces a step.
        rate: Peak learning rate of every training.
        map_weight: Weight of the loss of the map.
        seeds: One training of each cell of the main and the teaching table for each.
        learnt: What each model of the main table learns from, one training each.
        taught_on: Datasets that the teaching table learns from; the others are foreign.
        providers: Of the teaching table, beside no maps at all.
        detectors: Of the teaching table.
        arms: Of the ablation grid.
        arm_steps: Of each arm's training.
        resamples: Draws of an interval, over people.
        pictures: Faces of each class whose maps are erased step by step, at most.
    """

    scale: str = "cpu"
    size: int = 112
    image: int | None = None
    frames: int = 8
    judged: int = 4
    steps: int = 300
    focus_steps: int = 300
    batch_size: int = 16
    rate: float = 2e-3
    map_weight: float = 1.0
    seeds: tuple[int, ...] = (0,)
    learnt: tuple[str, ...] = (ALL, *DATASETS)
    taught_on: tuple[str, ...] = ("swap", "reenactment")
    providers: tuple[str, ...] = PROVIDERS
    detectors: tuple[str, ...] = MULTI_TASK
    arms: tuple[str, ...] = (*LADDER, *VARIANTS, UNPAIRED)
    arm_steps: int = 200
    resamples: int = 200
    pictures: int = 160

    @property
    def foreign(self) -> tuple[str, ...]:
        """Datasets that the teaching table is judged on and does not learn from."""
        return tuple(name for name in DATASETS if name not in self.taught_on)


PLANS: dict[str, Plan] = {
    "smoke": Plan(
        "smoke", 48, None, 2, 1, 4, 4, 4, 4, providers=("paired-pixel", "focus"), detectors=("classnseg",),
        arms=("CAM", "full"), arm_steps=4, resamples=5, pictures=4,
    ),
    "cpu": Plan(
        arm_steps=150, providers=("paired-pixel", "known", "gradcam", "carp", "focus"),
        arms=(
            "CAM", "CARP, top-k", "+ real suppression", "+ Sobel stream", "+ CL, erase", "full", UNPAIRED,
            "mean patch taken away", "SRM instead of Sobel", "all terms from the start",
            "with position embeddings",
        ),
    ),
    "gpu": Plan(
        "gpu", 224, None, 32, 32, 8000, 8000, 8000, 64, 3e-4, seeds=(0, 1, 2), arm_steps=3000,
        arms=(*LADDER, *(name for name in VARIANTS if name not in SWITCHED_ON), UNPAIRED),
        resamples=1000, pictures=1000,
    ),
}  # fmt: skip
"""Scale -> plan."""


def plan_named(name: str) -> Plan:
    """Return a profile's plan.

    Raises:
        InputError: If there is none of that name.
    """
    if name not in PLANS:
        raise InputError("unknown profile", found=name, expected=" | ".join(PLANS))
    return PLANS[name]
