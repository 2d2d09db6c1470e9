"""How large the targets are, what they learn and how long, by profile."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from shared.errors import InputError

PROFILES = ("smoke", "cpu", "gpu", "paper")


@dataclass(frozen=True)
class Training:
    """What a target learns and how long.

    Attributes:
        members: Pictures that it learns.
        ages: Epochs after which a checkpoint is kept, ascending.
        batch_size: Pictures a step.
        learning_rate: Of AdamW, reached after ``warmup`` steps.
        warmup: Steps.
        average: Decay of the average of the weights that is kept.
        precision: Lightning's name.
        save_every: Steps between the checkpoints that a resumed run goes on from.
    """

    members: int
    ages: tuple[int, ...]
    batch_size: int = 32
    learning_rate: float = 1e-3
    warmup: int = 100
    average: float = 0.995
    precision: str = "32-true"
    save_every: int = 500


@dataclass(frozen=True)
class PixelProfile:
    """An unconditional DDPM on pixels.

    Attributes:
        training: What it learns.
        size: Side of the pictures, px.
        channels: Of the U-Net, from the full size downwards.
        layers: Residual blocks a level.
        attention: Whether the lowest level attends.
    """

    training: Training
    size: int = 32
    channels: tuple[int, ...] = (16, 32, 64, 96)
    layers: int = 1
    attention: bool = False


@dataclass(frozen=True)
class LatentProfile:
    """A text-conditional latent diffusion model: KL-VAE, text encoder, U-Net.

    Attributes:
        training: What the U-Net and the text encoder learn.
        size: Side of the pictures, px.
        vae_channels: Of the KL-VAE, from the full size downwards; each level but the last halves the side.
        latent_channels: Of the latent.
        vae_steps: Steps of the KL-VAE, which sees all three parts alike, so that it tells no member.
        channels: Of the U-Net.
        layers: Residual blocks a level.
        text_width: Of the text encoder.
        text_layers: Of the text encoder.
        tokens: Longest caption, tokens.
        vocabulary: Entries of the tokenizer at most.
        caption_dropout: Share of captions that are left empty while learning.
    """

    training: Training
    size: int = 64
    vae_channels: tuple[int, ...] = (8, 16, 32, 64)
    latent_channels: int = 8
    vae_steps: int = 1600
    channels: tuple[int, ...] = (48, 80)
    layers: int = 1
    text_width: int = 48
    text_layers: int = 1
    tokens: int = 40
    vocabulary: int = 600
    caption_dropout: float = 0.1


P = TypeVar("P", PixelProfile, LatentProfile)

_AGES = (25, 100, 400)

PIXEL: dict[str, PixelProfile] = {
    "smoke": PixelProfile(Training(4, (1, 2), 2, warmup=1), 16, (8, 8)),
    "cpu": PixelProfile(Training(1000, _AGES, 16)),
    "gpu": PixelProfile(
        Training(1000, _AGES, 128, 2e-4, 500, 0.9995, "bf16-mixed"), 32, (128, 256, 256, 256), 2, True
    ),
    "paper": PixelProfile(  # the recipe of SecMI's code base, which DRC's targets follow
        Training(1200, (25, 100, 400, 1600, 4100), 128, 2e-4, 5000, 0.9999, "bf16-mixed", 5000),
        32, (128, 256, 256, 256), 2, True,
    ),
}  # fmt: skip

LATENT: dict[str, LatentProfile] = {
    "smoke": LatentProfile(
        Training(4, (1, 2), 2, warmup=1), 16, (8, 8), 4, 3, (8, 8), text_width=8, tokens=16
    ),
    "cpu": LatentProfile(Training(1000, _AGES, 32)),
    "gpu": LatentProfile(
        Training(2000, _AGES, 128, 2e-4, 500, 0.9995, "bf16-mixed"),
        64, (32, 64, 128), 4, 20_000, (128, 256, 384), 2, 256, 4,
    ),
    "paper": LatentProfile(
        Training(10_000, (25, 100, 400), 256, 1e-4, 5000, 0.9999, "bf16-mixed", 5000),
        64, (64, 128, 256), 4, 100_000, (192, 384, 576), 2, 512, 8,
    ),
}  # fmt: skip


def pixel_profile(name: str, members: int | None = None) -> PixelProfile:
    """Return a pixel target's profile, with another number of members if one is given."""
    profile = _named(PIXEL, name)
    return profile if members is None else replace(profile, training=_with(profile, members))


def latent_profile(name: str, members: int | None = None) -> LatentProfile:
    """Return a latent target's profile, with another number of members if one is given."""
    profile = _named(LATENT, name)
    return profile if members is None else replace(profile, training=_with(profile, members))


def _with(profile: PixelProfile | LatentProfile, members: int) -> Training:
    return replace(profile.training, members=members)


def _named(profiles: dict[str, P], name: str) -> P:
    if name not in profiles:
        raise InputError("unknown profile", found=name, expected=" | ".join(PROFILES))
    return profiles[name]
