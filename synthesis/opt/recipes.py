"""From a manifest to a driver: the four stages, one after the other, and the checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from lightning import LightningModule
from torch.utils.data import DataLoader

from shared.custody import to_plain
from shared.data.manifest import Manifest
from shared.errors import WeightsError
from shared.face.head_model import HeadModel
from shared.training.plan import claim
from shared.training.run import Budget, fit
from shared.training.steps import seeded
from shared.zoo.checkpoints import checkpoint_hash, load_checkpoint, save_checkpoint
from synthesis.opt.batches import Mouths, VoicePairs
from synthesis.opt.config import OptConfig, OptProfile, StageBudget, profile_named
from synthesis.opt.data import Utterance, load_utterances, speaker_count
from synthesis.opt.generator import OptDriver
from synthesis.opt.geometry import FaceGeometry
from synthesis.opt.network import ContentEncoder, ExpressionNet
from synthesis.opt.pictures import PictureLoop, load_faces
from synthesis.opt.sync import SyncExpert
from synthesis.opt.training import (
    OptAudioModule,
    OptExpressionModule,
    OptJointModule,
    OptSyncModule,
)
from synthesis.renderer.generator import Renderer

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
    with seeded(seed):
        module = OptAudioModule(profile, speaker_count(utterances))
    return module, DataLoader(VoicePairs(utterances, profile.audio, seed), batch_size=None)


def build_sync(
    profile: OptProfile, utterances: Sequence[Utterance], *, seed: int
) -> tuple[OptSyncModule, DataLoader]:
    """Return stage 2's module and its endless loader; arguments as :func:`build_audio`'s."""
    with seeded(seed + 1):
        module = OptSyncModule(profile)
    return module, DataLoader(Mouths(utterances, profile.sync, seed + 1), batch_size=None)


def build_expression(
    profile: OptProfile,
    utterances: Sequence[Utterance],
    content: ContentEncoder,
    expert: SyncExpert | None = None,
    *,
    seed: int,
) -> tuple[OptExpressionModule, DataLoader]:
    """Return stage 3's module and its endless loader.

    Args:
        profile: From :func:`fitted_profile`.
        utterances: Of the training split.
        content: E_c of stage 1; frozen.
        expert: Of stage 2, or None without.
        seed: Of the weights and the draws.
    """
    geometry = FaceGeometry.of_head_model(HeadModel.load())
    with seeded(seed):
        module = OptExpressionModule(profile, geometry, content, expert)
    return module, DataLoader(Mouths(utterances, profile.expression, seed), batch_size=None)


def build_joint(
    profile: OptProfile,
    utterances: Sequence[Utterance],
    content: ContentEncoder,
    expression: ExpressionNet,
    *,
    audio: OptAudioModule | None = None,
    expert: SyncExpert | None = None,
    pictures: PictureLoop | None = None,
    seed: int,
) -> tuple[OptJointModule, DataLoader]:
    """Return stage 4's module and its endless loader.

    Args:
        profile: From :func:`fitted_profile`.
        utterances: Of the training split.
        content: E_c.
        expression: Of stage 3.
        audio: Stage 1, to go on with its losses; None keeps E_c as it is.
        expert: Of stage 2, or None without.
        pictures: The image generator in the loop, or None.
        seed: Of the draws.
    """
    geometry = FaceGeometry.of_head_model(HeadModel.load())
    module = OptJointModule(profile, geometry, content, expression, audio, expert, pictures)
    return module, DataLoader(VoicePairs(utterances, profile.joint, seed + 2), batch_size=None)


def train_opt(
    manifest: Manifest,
    out: str | Path,
    *,
    profile: OptProfile | str = "cpu",
    seed: int = 0,
    minutes: float | None = None,
    device: str = "auto",
    start: str | Path | None = None,
    faces: Manifest | None = None,
) -> Path:
    """Train all stages, or go on with the training that ``out`` holds, and write the checkpoint.

    Args:
        manifest: A corpus with clips of kind ``voice`` or ``speaking`` and their truth.
        out: Folder of the run; the checkpoint is ``out/checkpoint``, and clips that were read are
            kept in ``out/cache``.
        profile: A scale of :data:`synthesis.opt.config.PROFILES`, or one of your own.
        seed: Of everything.
        minutes: Wall clock of each stage at most.
        device: Lightning's accelerator name.
        start: A checkpoint of the same sizes, by name or folder, whose weights are the first.
        faces: People on video for the image generator of stage 4, where the profile has it; by
            default those of ``manifest``.

    Returns:
        The folder of the checkpoint.

    Raises:
        InputError: If the profile is unknown, or the corpus lacks speech with truth, or the profile
            asks for people on video and there are none, or ``out`` holds another training.
        WeightsError: If ``start`` is no OPT driver, or one of other sizes.
    """
    chosen = profile_named(profile) if isinstance(profile, str) else profile
    folder = Path(out)
    utterances = load_utterances(
        manifest, "train", variants=chosen.variants, seed=seed, cache=folder / "cache"
    )
    chosen = fitted_profile(chosen, utterances)
    first = None if start is None else _weights(start, chosen.network)
    people = faces or manifest
    claim(folder, _plan(chosen, manifest, people, start, seed))
    pictures = _picture_loop(chosen, people, seed)
    audio, pairs = build_audio(chosen, utterances, seed=seed)
    if first is not None:
        audio.content.load_state_dict(first["content"])
    _fit(audio, pairs, folder / "audio", chosen.audio, minutes, device, seed)
    expert = None
    if chosen.expression_weights.sync:
        sync, mouths = build_sync(chosen, utterances, seed=seed)
        _fit(sync, mouths, folder / "sync", chosen.sync, minutes, device, seed)
        expert = sync.cpu().expert
    mouth, batches = build_expression(
        chosen, utterances, audio.cpu().content, expert, seed=seed
    )  # fmt: skip
    if first is not None:
        mouth.expression.load_state_dict(first["expression"])
    _fit(mouth, batches, folder / "expression", chosen.expression, minutes, device, seed)
    net = mouth.cpu().expression
    joint, pairs = build_joint(
        chosen, utterances, audio.content, net, audio=audio, expert=expert, pictures=pictures,
        seed=seed,
    )  # fmt: skip
    _fit(joint, pairs, folder / "joint", chosen.joint, minutes, device, seed)
    joint.cpu()
    name = profile if isinstance(profile, str) else "own"
    export(
        OptDriver(joint.content, joint.expression, chosen.network),
        folder / "checkpoint",
        card=f"# OPT driver\n\nProfile {name}, seed {seed}, {len(utterances)} clips; not measured.",
        meta={
            "profile": name,
            "seed": seed,
            "clips": len(utterances),
            "start": None if start is None else str(start),
            "stages": {
                stage: asdict(getattr(chosen, stage))
                for stage in ("audio", "sync", "expression", "joint")
            },
        },
    )
    return folder / "checkpoint"


def _plan(
    profile: OptProfile, manifest: Manifest, people: Manifest, start: str | Path | None, seed: int
) -> dict[str, Any]:
    """Return what decides the weights."""
    return {
        "trains": "opt",
        "profile": profile,
        "seed": seed,
        "corpus_sha256": manifest.where(split="train").sha256(),
        "faces_sha256": people.where(split="train").sha256() if _renders(profile) else None,
        "start": None if start is None else checkpoint_hash(start),
    }


def _renders(profile: OptProfile) -> bool:
    return bool(profile.joint_weights.pictures and profile.joint.steps)


def _weights(start: str | Path, config: OptConfig) -> dict[str, dict[str, torch.Tensor]]:
    """Return the weights of an earlier driver."""
    modules, facts = load_checkpoint(start, "opt")
    wanted = to_plain(asdict(replace(config, dropout=0.0)))
    found = {**wanted, **facts["config"], "dropout": 0.0}
    if found != wanted:
        raise WeightsError(
            "the driver to start from has other sizes",
            found={name: found[name] for name in wanted if found[name] != wanted[name]},
            fix="choose the profile that it was trained with",
        )
    return modules


def _picture_loop(profile: OptProfile, people: Manifest, seed: int) -> PictureLoop | None:
    """Return the image generator in the loop, the shipped renderer, where the profile has one."""
    if not _renders(profile):
        return None
    renderer = Renderer.from_pretrained().network
    with seeded(seed):
        return PictureLoop(renderer, load_faces(people, renderer.config.size), seed=seed)


def _fit(
    module: LightningModule,
    loader: DataLoader,
    out: Path,
    stage: StageBudget,
    minutes: float | None,
    device: str,
    seed: int,
) -> None:
    if stage.steps:
        budget = Budget(steps=stage.steps, minutes=minutes, batch_size=stage.batch_size)
        fit(module, loader, out=out, budget=budget, seed=seed, device=device, average=AVERAGE)


def export(driver: OptDriver, folder: str | Path, *, card: str, meta: dict[str, Any]) -> str:
    """Write a driver's checkpoint and return the hash of its weights."""
    modules = {"content": driver.content, "expression": driver.net}
    return save_checkpoint(
        folder, modules, driver.config, card, {"kind": "opt", "trained": True, **meta}
    )
