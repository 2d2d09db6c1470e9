"""The detectors by name, their sizes, recipes and budgets at each scale."""

from __future__ import annotations

import importlib
from dataclasses import asdict, dataclass
from typing import Any

from forensics.detectors.network import DetectorNetwork
from shared.errors import InputError
from shared.training.run import Budget

SCALES = ("smoke", "cpu", "gpu", "paper")


@dataclass(frozen=True)
class DetectorRecipe:
    """How a detector is trained.

    Attributes:
        learning_rate: Adam's; it falls to zero along a cosine.
        weight_decay: Adam's.
        map_weight: Of the loss of the map.
    """

    learning_rate: float
    weight_decay: float = 5e-4
    map_weight: float = 1.0


@dataclass(frozen=True)
class DetectorProfile:
    """Which network, how, and for how long.

    Attributes:
        name: Of :data:`DETECTORS`.
        sizes: The network's own dataclass of sizes.
    """

    name: str
    sizes: Any
    recipe: DetectorRecipe
    budget: Budget


@dataclass(frozen=True)
class _Entry:
    module: str
    network: str
    paper: DetectorRecipe
    batch_size: int
    steps: int
    sizes: str = ""


# ClassNSeg: Adam 1e-3, batch 64, 100 epochs (authors' code). FFD: Adam 1e-4, decay 1e-3, 100 x 1000 steps (authors'
# code). The others: DeepfakeBench's common recipe, Adam 2e-4, decay 5e-4, batch 32, 10 epochs; transformers 3e-5.
DETECTORS: dict[str, _Entry] = {
    "classnseg": _Entry("classnseg", "ClassNSeg", DetectorRecipe(1e-3), 64, 100_000),
    "ffd": _Entry("ffd", "FFD", DetectorRecipe(1e-4, 1e-3), 32, 100_000),
    "efficientnet-unet": _Entry(
        "efficientnet_unet", "EfficientNetUNet", DetectorRecipe(2e-4), 32, 50_000
    ),
    "vit-map": _Entry("vit_map", "VitMap", DetectorRecipe(3e-5), 64, 30_000),
    "xception": _Entry(
        "single", "XceptionDetector", DetectorRecipe(2e-4), 32, 50_000,
        "forensics.backbones.xception",
    ),
    "efficientnet": _Entry(
        "single", "EfficientNetDetector", DetectorRecipe(2e-4), 32, 50_000,
        "forensics.backbones.efficientnet",
    ),
}  # fmt: skip
"""Name -> where it is and what was published of its training."""


def network_class(name: str) -> type[DetectorNetwork]:
    """Return the class of a network.

    Raises:
        InputError: If there is none of that name.
    """
    entry = _entry(name)
    found: type[DetectorNetwork] = getattr(
        importlib.import_module(f"forensics.detectors.{entry.module}"), entry.network
    )
    return found


def profile_of(name: str, scale: str) -> DetectorProfile:
    """Return the profile of a detector.

    Args:
        name: Of :data:`DETECTORS`.
        scale: ``smoke``, ``cpu``, ``gpu`` or ``paper``.

    Raises:
        InputError: If there is no such detector or scale.

    Example:
        >>> profile_of("ffd", "paper").sizes.image
        299
    """
    entry = _entry(name)
    if scale not in SCALES:
        raise InputError("there is no such profile", found=scale, expected=" | ".join(SCALES))
    sizes = _sizes(entry)[scale]
    if scale == "paper":
        budget = Budget(entry.steps, batch_size=entry.batch_size, precision="bf16-mixed")
        return DetectorProfile(name, sizes, entry.paper, budget)
    budgets = {
        "smoke": Budget(10, batch_size=8),
        "cpu": Budget(2_500, batch_size=24),
        "gpu": Budget(8_000, batch_size=64, precision="bf16-mixed"),
    }
    # from scratch and with fewer steps, a larger rate. ours
    rate = max(entry.paper.learning_rate, 5e-4)
    return DetectorProfile(name, sizes, DetectorRecipe(rate), budgets[scale])


def sizes_from_plain(name: str, plain: dict[str, Any]) -> Any:
    """Read a network's sizes from what JSON held."""
    return type(_sizes(_entry(name))["paper"])(**plain)


def sizes_to_plain(sizes: Any) -> dict[str, Any]:
    """Return what JSON can hold and :func:`sizes_from_plain` reads."""
    return asdict(sizes)


def _entry(name: str) -> _Entry:
    if name not in DETECTORS:
        raise InputError("there is no such detector", found=name, expected=" | ".join(DETECTORS))
    return DETECTORS[name]


def _sizes(entry: _Entry) -> dict[str, Any]:
    module = importlib.import_module(entry.sizes or f"forensics.detectors.{entry.module}")
    found: dict[str, Any] = module.SIZES
    return found
