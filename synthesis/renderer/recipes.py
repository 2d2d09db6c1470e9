"""Profiles of the renderer's training, and the one function that runs them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch.utils.data import DataLoader

from shared.custody import to_plain
from shared.data.manifest import Manifest
from shared.errors import InputError, WeightsError
from shared.training.plan import claim
from shared.training.run import Budget, fit
from shared.training.steps import seeded
from shared.zoo.checkpoints import checkpoint_hash, load_checkpoint, save_checkpoint
from synthesis.renderer.config import PRESETS, RendererConfig
from synthesis.renderer.dataset import FrameBank, PairBatches, load_bank
from synthesis.renderer.samples import SamplePictures
from synthesis.renderer.training import RendererModule, RendererRecipe


@dataclass(frozen=True)
class Stage:
    """One part of a training: the network is convolutional, so it may begin on small pictures.

    Attributes:
        size: Side of the pictures, px.
        recipe: Losses.
        budget: Steps and batch.
    """

    size: int
    recipe: RendererRecipe
    budget: Budget


def _stage(
    size: int, steps: int, batch_size: int, *, precision: str = "32-true", **recipe: float
) -> Stage:
    return Stage(
        size, RendererRecipe(steps=steps, **recipe), Budget(steps, None, batch_size, precision)
    )  # type: ignore[arg-type]


PROFILES: dict[str, tuple[Stage, ...]] = {
    "smoke": (_stage(64, 20, 4),),
    "cpu": (_stage(64, 4_000, 16), _stage(128, 5_000, 12, learning_rate=6e-4)),
    "gpu": (
        _stage(128, 8_000, 32, precision="bf16-mixed", perceptual=0.5),
        _stage(256, 12_000, 16, precision="bf16-mixed", perceptual=0.5, learning_rate=5e-4),
    ),
    "paper": (
        _stage(256, 200_000, 32, precision="bf16-mixed", perceptual=1.0, learning_rate=2e-4),
    ),
}
"""Profile -> stages. ``paper`` keeps PIRenderer's 200 k steps and FOMM's learning rate; batch and losses are ours, and
where its sizes are not the published ones stands in :mod:`synthesis.renderer.config`."""


def train_renderer(
    manifest: Manifest,
    out: Path,
    *,
    profile: str = "cpu",
    seed: int = 0,
    minutes: float | None = None,
    device: str = "auto",
    start: str | Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Train a renderer, or go on with the training that ``out`` holds, and write the checkpoint.

    Args:
        manifest: A corpus with a ``train`` and a ``val`` split, rendered or prepared from real footage.
        out: Folder of the run; the checkpoint is ``out/checkpoint``, pictures of held-out people are in
            ``out/stage*/pictures``.
        profile: One of :data:`PROFILES`.
        seed: Seed of everything random.
        minutes: Wall clock for each stage; None for the profile's steps alone.
        device: Lightning's accelerator name.
        start: A checkpoint of the same sizes whose weights are the first, by name or folder: then only the profile's
            last stage is run.
        progress: Called with (clips decoded, clips) while frames are cached.

    Returns:
        The folder of the checkpoint.

    Raises:
        InputError: If the profile is unknown, the corpus has no video, or ``out`` holds another training.
        WeightsError: If ``start`` is no renderer, or one of other sizes.
    """
    if profile not in PROFILES:
        raise InputError("unknown profile", found=profile, expected=" | ".join(PROFILES))
    config = PRESETS[profile]
    first = None if start is None else _weights(start, config)
    claim(out, _plan(profile, manifest, start, seed))
    module: RendererModule | None = None
    stages = list(enumerate(PROFILES[profile]))
    for number, stage in stages if first is None else stages[-1:]:
        bank = load_bank(
            manifest.where(split="train"), stage.size, out / "cache", progress=progress
        )
        held = load_bank(manifest.where(split="val"), stage.size, out / "cache", progress=progress)
        with seeded(seed + number):
            following = RendererModule(config, stage.recipe, seed + number)
        if module is not None:
            following.network.load_state_dict(module.network.state_dict())
        elif first is not None:
            following.network.load_state_dict(first)
        module = following
        fit(
            module,
            DataLoader(
                PairBatches(bank, stage.budget.batch_size, seed + number),
                batch_size=None,
                num_workers=1,
            ),
            out=out / f"stage{number}",
            budget=replace(stage.budget, minutes=minutes),
            seed=seed + number,
            validation=validation_pairs(held, seed),
            device=device,
            average=0.995,
            callbacks=(SamplePictures(out / f"stage{number}" / "pictures"),),
        )
    if module is None:
        raise InputError("the profile has no stages", found=profile)
    return export(
        module,
        config,
        out / "checkpoint",
        {
            "profile": profile,
            "seed": seed,
            "clips": len(manifest),
            "start": None if start is None else str(start),
        },
    )


def _plan(
    profile: str, manifest: Manifest, start: str | Path | None, seed: int
) -> dict[str, object]:
    """Return what decides the weights."""
    return {
        "trains": "renderer",
        "profile": profile,
        "network": PRESETS[profile],
        "stages": dict(enumerate(PROFILES[profile])),
        "seed": seed,
        "corpus_sha256": manifest.where(split="train").sha256(),
        "start": None if start is None else checkpoint_hash(start),
    }


def _weights(start: str | Path, config: RendererConfig) -> dict[str, torch.Tensor]:
    """Return the weights of an earlier renderer."""
    modules, facts = load_checkpoint(start, "renderer")
    found = {**facts["config"]["network"]}
    wanted = to_plain(asdict(config))
    if found != wanted:
        raise WeightsError(
            "the renderer to start from has other sizes",
            found={name: found.get(name) for name in wanted if found.get(name) != wanted[name]},
            fix="choose the profile that it was trained with",
        )
    return modules["network"]


def validation_pairs(
    bank: FrameBank, seed: int, batches: int = 4, batch_size: int = 16
) -> DataLoader:
    """Return a small fixed set of held-out pairs."""
    stream = iter(PairBatches(bank, batch_size, seed + 1000))
    return DataLoader([next(stream) for _ in range(batches)], batch_size=None)  # type: ignore[arg-type]


def export(module: RendererModule, config: RendererConfig, folder: Path, meta: dict) -> Path:
    """Write the network in half precision with its configuration and card."""
    told = ", ".join(f"{name} {value}" for name, value in meta.items() if value is not None)
    card = (
        f"# Renderer\n\nTrained with {told}; not measured. Method: `synthesis/renderer/README.md`."
    )
    facts = {"kind": "renderer", "trained": True, "recipe": asdict(module.recipe), **meta}
    save_checkpoint(folder, {"network": module.network}, {"network": asdict(config)}, card, facts)
    return folder
