"""Tiny diffusion models with random weights, written to disk as diffusers writes real ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that writes a tiny model of some kind once and returns its folder; its pictures are 32 px."""
    made: dict[tuple[str, str], Path] = {}

    def folder(kind: str, predicts: str = "epsilon") -> Path:
        if (kind, predicts) not in made:
            path = tmp_path_factory.mktemp(kind)
            with torch.random.fork_rng():
                torch.manual_seed(0)
                _MAKERS[kind](predicts).save_pretrained(path)
            made[kind, predicts] = path
        return made[kind, predicts]

    return folder


def _scheduler(predicts: str, **options):
    from diffusers import DDIMScheduler

    return DDIMScheduler(
        clip_sample=False,
        set_alpha_to_one=True,
        steps_offset=0,
        prediction_type=predicts,
        **options,
    )


def _autoencoder():
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        latent_channels=4,
    )


def _text_unet(width: int, **options):
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=16,
        **{"in_channels": 4, **options},
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        attention_head_dim=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        cross_attention_dim=width,
    )


def _plain_unet(size: int, channels: int, out_channels: int | None = None):
    from diffusers import UNet2DModel

    return UNet2DModel(
        sample_size=size,
        in_channels=channels,
        out_channels=out_channels or channels,
        layers_per_block=1,
        block_out_channels=(8, 16),
        norm_num_groups=4,
        attention_head_dim=4,
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    )


def _tokenizer():
    from transformers import CLIPTokenizer

    words = [*_LETTERS, *(f"{letter}</w>" for letter in _LETTERS)]
    vocab = {w: i for i, w in enumerate([*words, "<|startoftext|>", "<|endoftext|>"])}
    return CLIPTokenizer(vocab=vocab, merges=[], model_max_length=12)


def _text_config(**options):
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=54,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=12,
        bos_token_id=52,
        eos_token_id=53,
        pad_token_id=53,
        **options,
    )


def _stable_diffusion(predicts: str, in_channels: int = 4):
    from diffusers import StableDiffusionPipeline
    from transformers import CLIPTextModel

    return StableDiffusionPipeline(
        vae=_autoencoder(),
        text_encoder=CLIPTextModel(_text_config()),
        tokenizer=_tokenizer(),
        unet=_text_unet(8, in_channels=in_channels),
        scheduler=_scheduler(
            predicts, beta_schedule="scaled_linear", beta_start=0.00085, beta_end=0.012
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _inpainting(predicts: str):
    return _stable_diffusion(predicts, in_channels=9)


def _sdxl(predicts: str):
    from diffusers import StableDiffusionXLPipeline
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    return StableDiffusionXLPipeline(
        vae=_autoencoder(),
        text_encoder=CLIPTextModel(_text_config()),
        text_encoder_2=CLIPTextModelWithProjection(_text_config(projection_dim=6)),
        tokenizer=_tokenizer(),
        tokenizer_2=_tokenizer(),
        unet=_text_unet(
            16,
            addition_embed_type="text_time",
            addition_time_embed_dim=4,
            projection_class_embeddings_input_dim=6 + 6 * 4,
        ),
        scheduler=_scheduler(predicts, beta_schedule="scaled_linear"),
    )


def _latent_kl(predicts: str):
    from diffusers import LDMPipeline

    return LDMPipeline(
        vqvae=_autoencoder(), unet=_plain_unet(16, 4), scheduler=_scheduler(predicts)
    )


def _latent_vq(predicts: str):
    from diffusers import LDMPipeline, VQModel

    autoencoder = VQModel(
        block_out_channels=(8, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        norm_num_groups=4,
        latent_channels=3,
        num_vq_embeddings=32,
    )
    return LDMPipeline(vqvae=autoencoder, unet=_plain_unet(16, 3), scheduler=_scheduler(predicts))


def _pixel(predicts: str):
    from diffusers import DDPMPipeline, DDPMScheduler

    scheduler = DDPMScheduler(clip_sample=False, prediction_type=predicts)
    return DDPMPipeline(unet=_plain_unet(32, 3), scheduler=scheduler)


def _pixel_with_variance(predicts: str):
    from diffusers import DDPMPipeline, DDPMScheduler

    scheduler = DDPMScheduler(prediction_type=predicts)
    return DDPMPipeline(unet=_plain_unet(32, 3, 6), scheduler=scheduler)


_MAKERS = {
    "sd": _stable_diffusion,
    "inpainting": _inpainting,
    "sdxl": _sdxl,
    "ldm-kl": _latent_kl,
    "ldm-vq": _latent_vq,
    "ddpm": _pixel,
    "ddpm-variance": _pixel_with_variance,
}
