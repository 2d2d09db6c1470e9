"""From pictures to a target: one call trains it, goes on where it was stopped, and keeps it at several ages.

A folder of targets holds ``pictures.npz`` (all parts), ``vae/`` and ``tokenizer/`` (latent targets, shared), and for
the members' and the reference's part each ``age-NNNN/`` (a diffusers pipeline), ``run/`` (to go on from) and
``target.json`` (what was learnt, and how).
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL
from torch import Tensor
from transformers import CLIPTokenizer

from benchmarks.targets.config import LatentProfile, PixelProfile, Training
from benchmarks.targets.networks import (
    build_autoencoder,
    build_latent,
    build_pixel,
    latent_scheduler,
    pixel_scheduler,
    save_latent,
    save_pixel,
)
from benchmarks.targets.pictures import Part, Pictures
from benchmarks.targets.text import build_text_encoder, learn_tokenizer, tokens_of
from benchmarks.targets.training import (
    AutoencoderModule,
    DenoiserModule,
    Reading,
    counter,
    latents_of,
    steps_for,
    to_pixels,
)
from shared.custody import sha256_of_json, write_atomic
from shared.errors import InputError
from shared.training.run import Budget, fit
from shared.training.steps import seeded

FACTS_NAME = "target.json"
PICTURES_NAME = "pictures.npz"


def train_pixel(
    pictures: Pictures,
    out: str | Path,
    profile: PixelProfile,
    *,
    part: Part = "members",
    seed: int = 0,
    ages: tuple[int, ...] | None = None,
    device: str = "auto",
) -> Path:
    """Train an unconditional DDPM on one part of the pictures.

    Args:
        pictures: All three parts.
        out: Folder of the targets.
        profile: How large and how long.
        part: What it learns: ``members`` for the target, ``reference`` for its reference model.
        seed: Of everything random.
        ages: Other ages than the profile's, for a reference that need not grow as old.
        device: Lightning's accelerator name.

    Returns:
        The folder of the oldest checkpoint.
    """
    learnt = _kept(pictures, Path(out)).resized(profile.size).part(part, profile.training.members)
    with seeded(seed):
        unet = build_pixel(profile)
    module = DenoiserModule(
        unet,
        to_pixels(learnt.images),
        pixel_scheduler().alphas_cumprod,
        profile.training,
        seed=seed,
    )
    folder = Path(out) / part
    _claim(folder, learnt, profile, seed)
    return _grow(
        module, folder, profile.training, ages, device, seed, lambda place: save_pixel(unet, place)
    )


def train_latent(
    pictures: Pictures,
    out: str | Path,
    profile: LatentProfile,
    *,
    part: Part = "members",
    seed: int = 0,
    ages: tuple[int, ...] | None = None,
    device: str = "auto",
) -> Path:
    """Train a text-conditional latent diffusion model on one part of the pictures.

    The autoencoder and the tokenizer see all three parts alike and are shared by target and reference, so that neither
    tells members from non-members; only U-Net and text encoder learn the part.

    Args, Returns: as :func:`train_pixel`.
    """
    root = Path(out)
    fitted = _kept(pictures, root).resized(profile.size)
    vae, tokenizer = shared_parts(fitted, root, profile, seed=seed, device=device)
    learnt = fitted.part(part, profile.training.members)
    clean = latents_of(vae, to_pixels(learnt.images)) * vae.config.scaling_factor
    with seeded(seed):
        unet = build_latent(profile)
        encoder = build_text_encoder(tokenizer, profile.text_width, profile.text_layers)
    tokens = torch.tensor(tokens_of(tokenizer, learnt.captions))
    empty = torch.tensor(tokens_of(tokenizer, [""])[0])
    reading = Reading(encoder, tokens, empty, profile.caption_dropout)
    levels: Tensor = latent_scheduler().alphas_cumprod
    module = DenoiserModule(unet, clean, levels, profile.training, seed=seed, reading=reading)
    _claim(root / part, learnt, profile, seed)
    return _grow(
        module, root / part, profile.training, ages, device, seed,
        lambda place: save_latent(vae, encoder, tokenizer, unet, place),
    )  # fmt: skip


def shared_parts(
    pictures: Pictures, root: Path, profile: LatentProfile, *, seed: int = 0, device: str = "auto"
) -> tuple[AutoencoderKL, CLIPTokenizer]:
    """Return the autoencoder and the tokenizer of a folder of targets, learnt first if they are missing."""
    if not (root / "tokenizer").is_dir():
        tokenizer = learn_tokenizer(pictures.captions, profile.vocabulary, profile.tokens)
        tokenizer.save_pretrained(root / "tokenizer")
    tokenizer = CLIPTokenizer.from_pretrained(root / "tokenizer", local_files_only=True)
    if not (root / "vae").is_dir():
        _learn_autoencoder(to_pixels(pictures.images), root, profile, seed, device)
    vae = AutoencoderKL.from_pretrained(root / "vae", local_files_only=True)
    return vae.float().eval().requires_grad_(False), tokenizer


def _learn_autoencoder(
    pixels: Tensor, root: Path, profile: LatentProfile, seed: int, device: str
) -> None:
    with seeded(seed):
        vae = build_autoencoder(profile)
    module = AutoencoderModule(vae, pixels, profile.vae_steps, seed=seed)
    budget = Budget(profile.vae_steps, precision="32-true", save_every=500)
    fit(
        module, counter(profile.vae_steps), out=root / "vae-run", budget=budget, device=device,
        average=0.99, seed=seed,
    )  # fmt: skip
    vae.cpu().eval()
    vae.register_to_config(scaling_factor=float(1 / latents_of(vae, pixels[:500]).std()))
    vae.half().save_pretrained(root / "vae", safe_serialization=True)


def _kept(pictures: Pictures, root: Path) -> Pictures:
    """Keep the pictures beside what learns them, so that an attack queries the very same.

    Raises:
        InputError: If others are kept there.
    """
    path = root / PICTURES_NAME
    if not path.is_file():
        pictures.save(path)
    elif sha256_of_json(Pictures.load(path).images) != sha256_of_json(pictures.images):
        raise InputError(f"{path} holds other pictures", fix="choose another folder")
    return pictures


def _claim(folder: Path, learnt: Pictures, profile: Any, seed: int) -> None:
    """Write down what is learnt here, or refuse a folder where something else was.

    Raises:
        InputError: If it was.
    """
    facts = {
        "profile": asdict(profile), "seed": seed, "source": learnt.source,
        "learnt": list(learnt.names()), "pictures_sha256": sha256_of_json(learnt.images),
    }  # fmt: skip
    plain = json.loads(json.dumps(facts))
    path = folder / FACTS_NAME
    folder.mkdir(parents=True, exist_ok=True)
    if path.is_file() and json.loads(path.read_text("utf-8")) != plain:
        raise InputError(f"{folder} holds another target", fix="choose another folder")
    write_atomic(path, json.dumps(plain, indent=1) + "\n")


def _grow(
    module: DenoiserModule,
    folder: Path,
    training: Training,
    ages: tuple[int, ...] | None,
    device: str,
    seed: int,
    save: Callable[[Path], Path],
) -> Path:
    """Train from age to age and keep each; ages that are kept already are passed over."""
    place = folder
    for age in ages or training.ages:
        place = folder / f"age-{age:04d}"
        if (place / "model_index.json").is_file():
            continue
        began, steps = time.monotonic(), steps_for(age, training)
        budget = Budget(
            steps, batch_size=training.batch_size, precision=training.precision,
            save_every=training.save_every,
        )  # fmt: skip
        fit(
            module.train(), counter(steps), out=folder / "run", budget=budget, device=device,
            average=training.average, seed=seed,
        )  # fmt: skip
        module.cpu()
        save(place)
        facts = {"age": age, "steps": steps, "seconds_since_last_age": time.monotonic() - began}
        write_atomic(place / "age.json", json.dumps(facts) + "\n")
    return place
