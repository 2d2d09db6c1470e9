"""From a manifest to a driver: both stages, one after the other, and the checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import LightningModule
from torch import Tensor
from torch.utils.data import DataLoader

from shared.data.manifest import Manifest
from shared.face.head_model import HeadModel
from shared.training.run import Budget, fit
from shared.zoo.checkpoints import save_checkpoint
from synthesis.opt.config import OptProfile, StageBudget, profile_named
from synthesis.opt.data import Mouths, Utterance, VoicePairs, load_utterances, speaker_count
from synthesis.opt.disturbance import disturbed
from synthesis.opt.features import SpeechFeatures
from synthesis.opt.generator import OptDriver, speech_batch
from synthesis.opt.geometry import FaceGeometry
from synthesis.opt.network import ContentEncoder, raw_content
from synthesis.opt.training import OptAudioModule, OptExpressionModule

AVERAGE = 0.99
"""Decay of the average of the weights."""


def fitted_profile(profile: OptProfile, utterances: Sequence[Utterance]) -> OptProfile:
    """Return a profile whose identity dimension is that of the corpus."""
    network = replace(profile.network, identity_dim=len(utterances[0].identity))
    return replace(profile, network=network)


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
    contents = encode(
        content,
        utterances,
        raw=not profile.network.disentangle,
        copies=profile.disturbed,
        seed=seed,
    )
    mouths = Mouths(utterances, contents, profile.expression, seed)
    return module, DataLoader(mouths, batch_size=None)


@torch.no_grad()
def encode(
    content: ContentEncoder,
    utterances: Sequence[Utterance],
    *,
    raw: bool = False,
    copies: int = 0,
    seed: int = 0,
) -> list[list[Tensor]]:
    """Return the content ``(T, C)`` of every view of every utterance, then of disturbed copies.

    Args:
        content: E_c.
        utterances: Heard in all their voices.
        raw: Return the raw mel instead.
        copies: Disturbed copies of each view (:func:`synthesis.opt.disturbance.disturbed`).
        seed: Of the disturbances.
    """
    content.eval()
    generator = np.random.default_rng(seed)

    def of(view: SpeechFeatures) -> Tensor:
        speech = speech_batch(view)
        return (raw_content(speech) if raw else content(speech)[0])[0]

    found = []
    for utterance in utterances:
        heard = [disturbed(v, generator) for _ in range(copies) for v in utterance.views]
        found.append([of(view) for view in (*utterance.views, *heard)])
    return found


def train_opt(
    manifest: Manifest,
    out: str | Path,
    *,
    profile: OptProfile | str = "cpu",
    seed: int = 0,
    minutes: float | None = None,
    device: str = "auto",
) -> Path:
    """Train both stages, or go on with the training that ``out`` holds, and write the checkpoint.

    Args:
        manifest: A corpus with clips of kind ``voice`` or ``speaking`` and their truth.
        out: Folder of the run; the checkpoint is ``out/checkpoint``.
        profile: A scale of :data:`synthesis.opt.config.PROFILES`, or one of your own.
        seed: Of everything.
        minutes: Wall clock of each stage at most.
        device: Lightning's accelerator name.

    Returns:
        The folder of the checkpoint.

    Raises:
        InputError: If the profile is unknown or the corpus has no speech with truth.
    """
    chosen = profile_named(profile) if isinstance(profile, str) else profile
    utterances = load_utterances(manifest, "train", variants=chosen.variants, seed=seed)
    chosen, folder = fitted_profile(chosen, utterances), Path(out)
    audio, pairs = build_audio(chosen, utterances, seed=seed)
    _fit(audio, pairs, folder / "audio", chosen.audio, minutes, device)
    mouth, batches = build_expression(chosen, utterances, audio.cpu().content, seed=seed)
    _fit(mouth, batches, folder / "expression", chosen.expression, minutes, device)
    driver = OptDriver(audio.content, mouth.cpu().expression, chosen.network)
    name = profile if isinstance(profile, str) else "own"
    export(
        driver,
        folder / "checkpoint",
        card=f"# OPT driver\n\nProfile {name}, seed {seed}, {len(utterances)} clips; not measured.",
        meta={"profile": name, "seed": seed, "clips": len(utterances)},
    )
    return folder / "checkpoint"


def _fit(
    module: LightningModule,
    loader: DataLoader,
    out: Path,
    stage: StageBudget,
    minutes: float | None,
    device: str,
) -> None:
    budget = Budget(steps=stage.steps, minutes=minutes, batch_size=stage.batch_size)
    fit(module, loader, out=out, budget=budget, device=device, average=AVERAGE)


def export(driver: OptDriver, folder: str | Path, *, card: str, meta: dict[str, Any]) -> str:
    """Write a driver's checkpoint and return the hash of its weights."""
    modules = {"content": driver.content, "expression": driver.net}
    return save_checkpoint(
        folder, modules, driver.config, card, {"kind": "opt", "trained": True, **meta}
    )
