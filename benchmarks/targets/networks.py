"""The networks of a target and the pipelines that they are saved as: real ones, that diffusers opens.

pixel:  x (B, 3, S, S) in [-1, 1] -> UNet2DModel -> noise
latent: picture -> AutoencoderKL -> z (B, C, S/f, S/f) -> UNet2DConditionModel(caption) -> noise
"""

from __future__ import annotations

from pathlib import Path

import torch
from diffusers import (
    AutoencoderKL,
    DDIMScheduler,
    DDPMPipeline,
    DDPMScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
    UNet2DModel,
)
from transformers import CLIPTextModel, CLIPTokenizer

from benchmarks.targets.config import LatentProfile, PixelProfile
from benchmarks.targets.mosaic import begin_as_mosaic

STEPS = 1000

_CHANNELS_OF_GROUP = 4
"""Of the narrowest level, as in Stable Diffusion."""


def groups_of(channels: tuple[int, ...]) -> int:
    """Return the number of normalisation groups that divides all widths, 32 at most, of four channels at least.

    A group of one channel takes its mean from the whole picture away; before the last convolution that is its colour.

    Example:
        >>> groups_of((8, 16, 32)), groups_of((48, 80)), groups_of((128, 256))
        (2, 8, 32)
    """
    fitting = (n for n in (1, 2, 4, 8, 16, 32) if all(width % n == 0 for width in channels))
    return max(n for n in fitting if n == 1 or min(channels) >= _CHANNELS_OF_GROUP * n)


def pixel_scheduler() -> DDPMScheduler:
    """Return Ho et al.'s schedule: betas linear from 0.0001 to 0.02."""
    return DDPMScheduler(num_train_timesteps=STEPS, beta_start=1e-4, beta_end=0.02)


def latent_scheduler() -> DDIMScheduler:
    """Return Stable Diffusion's schedule: square roots of betas linear, 0.00085 to 0.012."""
    return DDIMScheduler(
        num_train_timesteps=STEPS, beta_start=0.00085, beta_end=0.012,
        beta_schedule="scaled_linear", clip_sample=False, set_alpha_to_one=False, steps_offset=1,
    )  # fmt: skip


def build_pixel(profile: PixelProfile) -> UNet2DModel:
    """Build the U-Net of a pixel target with random weights."""
    levels = len(profile.channels)
    down, up = ["DownBlock2D"] * levels, ["UpBlock2D"] * levels
    if profile.attention:
        down[1], up[-2] = "AttnDownBlock2D", "AttnUpBlock2D"
    return UNet2DModel(
        sample_size=profile.size, in_channels=3, out_channels=3,
        layers_per_block=profile.layers, block_out_channels=profile.channels,
        down_block_types=tuple(down), up_block_types=tuple(up), add_attention=profile.attention,
        norm_num_groups=groups_of(profile.channels), attention_head_dim=8,
    )  # fmt: skip


def build_autoencoder(profile: LatentProfile) -> AutoencoderKL:
    """Build the KL-VAE as it starts to learn."""
    levels = len(profile.vae_channels)
    vae = AutoencoderKL(
        in_channels=3, out_channels=3, latent_channels=profile.latent_channels,
        block_out_channels=profile.vae_channels, layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        norm_num_groups=1, sample_size=profile.size, mid_block_add_attention=False,
    )  # fmt: skip
    return begin_as_mosaic(vae)


def build_latent(profile: LatentProfile) -> UNet2DConditionModel:
    """Build the U-Net of a latent target with random weights; all levels but the first read the caption."""
    deeper = len(profile.channels) - 1
    reduction = 2 ** (len(profile.vae_channels) - 1)
    return UNet2DConditionModel(
        sample_size=profile.size // reduction, in_channels=profile.latent_channels,
        out_channels=profile.latent_channels, layers_per_block=profile.layers,
        block_out_channels=profile.channels, cross_attention_dim=profile.text_width,
        down_block_types=("DownBlock2D", *("CrossAttnDownBlock2D",) * deeper),
        up_block_types=(*("CrossAttnUpBlock2D",) * deeper, "UpBlock2D"),
        norm_num_groups=groups_of(profile.channels), attention_head_dim=8,
    )  # fmt: skip


def save_pixel(unet: UNet2DModel, folder: Path) -> Path:
    """Write a ``DDPMPipeline`` in half precision."""
    _in_half(unet)
    DDPMPipeline(unet, pixel_scheduler()).save_pretrained(folder, safe_serialization=True)
    unet.float()
    return folder


def save_latent(
    vae: AutoencoderKL,
    text_encoder: CLIPTextModel,
    tokenizer: CLIPTokenizer,
    unet: UNet2DConditionModel,
    folder: Path,
) -> Path:
    """Write a ``StableDiffusionPipeline`` in half precision."""
    networks = (vae, text_encoder, unet)
    for network in networks:
        _in_half(network)
    StableDiffusionPipeline(
        vae=vae, text_encoder=text_encoder, tokenizer=tokenizer, unet=unet,
        scheduler=latent_scheduler(), safety_checker=None, feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder, safe_serialization=True)  # fmt: skip
    for network in networks:
        network.float()
    return folder


def _in_half(network: torch.nn.Module) -> None:
    network.to(torch.float16).eval()
