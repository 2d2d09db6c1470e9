"""From a manifest to a driver: both stages, one after the other, and the checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from shared.data.manifest import Manifest
from shared.face.head_model import HeadModel
from shared.training.run import Budget, fit
from shared.zoo.checkpoints import save_checkpoint
from synthesis.opt.config import OptProfile, profile_named
from synthesis.opt.data import Mouths, Utterance, VoicePairs, load_utterances, speaker_count
from synthesis.opt.generator import OptDriver, speech_batch
from synthesis.opt.geometry import FaceGeometry
from synthesis.opt.network import ContentEncoder, raw_content
from synthesis.opt.training import OptAudioModule, OptExpressionModule


def fitted_profile(profile: OptProfile | str, utterances: Sequence[Utterance]) -> OptProfile:
    """Return a profile whose identity dimension is that of the corpus."""
    chosen = profile_named(profile) if isinstance(profile, str) else profile
    network = replace(chosen.network, identity_dim=len(utterances[0].identity))
    return replace(chosen, network=network)


def build_audio(
    profile: OptProfile, utterances: Sequence[Utterance], *, seed: int
) -> tuple[OptAudioModule, DataLoader]:
    """Return stage 1's module and its endless loader.

    Args:
        profile: From :func:`fitted_profile`.
        utterances: Of the training split.
        seed: Of the weights and the draws.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = OptAudioModule(profile, speaker_count(utterances))
    return module, DataLoader(VoicePairs(utterances, profile.audio, seed), batch_size=None)


def build_expression(
    profile: OptProfile,
    utterances: Sequence[Utterance],
    content: ContentEncoder,
    *,
    seed: int,
) -> tuple[OptExpressionModule, DataLoader]:
    """Return stage 2's module and its endless loader.

    Args:
        profile: From :func:`fitted_profile`.
        utterances: Of the training split.
        content: E_c of stage 1; frozen.
        seed: Of the weights and the draws.
    """
    geometry = FaceGeometry.of_head_model(HeadModel.load())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = OptExpressionModule(profile, geometry)
    contents = encode(content, utterances, raw=not profile.network.disentangle)
    mouths = Mouths(utterances, contents, profile.expression, seed)
    return module, DataLoader(mouths, batch_size=None)


@torch.inference_mode()
def encode(
    content: ContentEncoder, utterances: Sequence[Utterance], *, raw: bool = False
) -> list[list[Tensor]]:
    """Return the content ``(T, C)`` of every view of every utterance, or its raw mel."""
    content.eval()

    def of(view: Any) -> Tensor:
        speech = speech_batch(view)
        return (raw_content(speech) if raw else content(speech)[0])[0].clone()

    return [[of(view) for view in utterance.views] for utterance in utterances]


def train(
    manifest: Manifest,
    out: str | Path,
    *,
    profile: OptProfile | str = "cpu",
    seed: int = 0,
    minutes: float | None = None,
    device: str = "auto",
    card: str = "# OPT driver\n\nTrained by `synthesis.opt.recipe.train`; no figures yet.",
) -> OptDriver:
    """Train both stages and write the checkpoint to ``out/opt``; goes on where it was stopped.

    Args:
        manifest: A corpus with clips of kind ``voice`` or ``speaking`` and their truth.
        out: Folder of checkpoints and logs.
        profile: A scale of :data:`synthesis.opt.config.PROFILES`, or one of your own.
        seed: Of everything.
        minutes: Wall clock of each stage at most.
        device: Lightning's accelerator name.
        card: Markdown for the checkpoint.
    """
    utterances = load_utterances(manifest, "train", variants=_named(profile).variants, seed=seed)
    chosen = fitted_profile(profile, utterances)
    folder = Path(out)
    audio, pairs = build_audio(chosen, utterances, seed=seed)
    fit(audio, pairs, out=folder / "audio", budget=_budget(chosen.audio, minutes), device=device,
        average=0.99)  # fmt: skip
    audio.cpu()
    mouth, batches = build_expression(chosen, utterances, audio.content, seed=seed)
    fit(mouth, batches, out=folder / "expression", budget=_budget(chosen.expression, minutes),
        device=device, average=0.99)  # fmt: skip
    driver = OptDriver(audio.content, mouth.expression.cpu(), chosen.network)
    export(driver, folder / "opt", card=card, meta={"seed": seed, "clips": len(utterances)})
    return driver


def export(driver: OptDriver, folder: str | Path, *, card: str, meta: dict[str, Any]) -> str:
    """Write a driver's checkpoint and return the hash of its weights."""
    modules = {"content": driver.content, "expression": driver.net}
    return save_checkpoint(
        folder, modules, driver.config, card, {"kind": "opt", "trained": True, **meta}
    )


def _named(profile: OptProfile | str) -> OptProfile:
    return profile_named(profile) if isinstance(profile, str) else profile


def _budget(stage: Any, minutes: float | None) -> Budget:
    return Budget(steps=stage.steps, minutes=minutes, batch_size=stage.batch_size)
