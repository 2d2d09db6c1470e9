"""Text-to-image latent diffusion with one text encoder: Stable Diffusion 1.x and 2.x."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor

from forensics.membership.targets.denoiser import DenoiserTarget, Parts
from forensics.membership.targets.loading import load_part, load_tokenizer
from forensics.membership.targets.spaces import LatentSpace
from shared.errors import InputError


class TextTarget(DenoiserTarget, ABC):
    """What models with captions share: equal captions are embedded once, and a missing one is ``""``."""

    conditional = True
    _empty: Tensor | None = None

    @abstractmethod
    def embed(self, captions: list[str]) -> Tensor:
        """Return the embedding of captions, one row each."""

    @torch.no_grad()
    def condition(self, captions: Sequence[str]) -> Tensor:
        """Return the embedding of captions, one row each; what is too long for the tokenizer is cut."""
        distinct = list(dict.fromkeys(captions))
        rows = [distinct.index(caption) for caption in captions]
        return self.embed(distinct)[rows]

    def conditions_for(self, z: Tensor, condition: Tensor | None) -> Tensor:
        """Return one condition a latent.

        Raises:
            InputError: If there are neither as many conditions as latents nor one.
        """
        if condition is None:
            if self._empty is None:
                self._empty = self.condition([""])
            condition = self._empty
        if len(condition) not in (1, len(z)):
            raise InputError(
                "conditions and latents do not pair up",
                found=f"{len(condition)} conditions, {len(z)} latents",
            )
        return condition.to(self.device, self.dtype).expand(len(z), -1, -1)


class LatentTextTarget(TextTarget):
    """A ``StableDiffusionPipeline``; its condition is ``(B, tokens, width)``."""

    _tokenizer: Any
    _text_encoder: Any

    @classmethod
    def from_folder(
        cls, folder: Path, *, name: str, device: torch.device, dtype: torch.dtype
    ) -> Self:
        """Load it from a diffusers folder; safety checker and feature extractor are left alone.

        Raises:
            WeightsError: If a part is missing, damaged or of another kind.
        """
        space = LatentSpace(load_part(folder, "vae", "AutoencoderKL").to(device))
        parts = Parts(load_part(folder, "unet", "UNet2DConditionModel"), space)
        target = cls(parts, folder, name=name, device=device, dtype=dtype)
        encoder = load_part(folder, "text_encoder", "CLIPTextModel")
        target._text_encoder = encoder.to(device, dtype)
        target._tokenizer = load_tokenizer(folder)
        return target

    def embed(self, captions: list[str]) -> Tensor:
        """Return the text encoder's last hidden state."""
        tokens = tokenize(self._tokenizer, captions).to(self.device)
        mask = tokens.attention_mask if _uses_mask(self._text_encoder) else None
        output: Tensor = self._text_encoder(tokens.input_ids, attention_mask=mask).last_hidden_state
        return output

    def predict(self, z: Tensor, t: int, condition: Tensor | None) -> Tensor:
        """Return the U-Net's own output."""
        states = self.conditions_for(z, condition)
        output: Tensor = self.unet(z, t, encoder_hidden_states=states).sample
        return output


def tokenize(tokenizer: Any, captions: list[str]) -> Any:
    """Return padded token ids, cut to the tokenizer's length, as the pipelines make them."""
    return tokenizer(
        captions,
        padding="max_length",
        max_length=tokenizer.model_max_length,
        truncation=True,
        return_tensors="pt",
    )


def _uses_mask(text_encoder: Any) -> bool:
    return bool(getattr(text_encoder.config, "use_attention_mask", False))
