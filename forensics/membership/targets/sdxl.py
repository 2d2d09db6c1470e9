"""Stable Diffusion XL (Podell et al., ICLR 2024): two text encoders, a pooled embedding and the picture's size."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor
from torch.nn import functional

from forensics.membership.targets.denoiser import Parts
from forensics.membership.targets.loading import load_part, load_tokenizer
from forensics.membership.targets.spaces import LatentSpace
from forensics.membership.targets.text import TextTarget, tokenize
from shared.errors import WeightsError


class SDXLTarget(TextTarget):
    """A ``StableDiffusionXLPipeline``.

    Its condition is ``(B, tokens + 1, width)``: the two encoders' penultimate states side by side, then the pooled
    embedding as one more token, padded with zeros. So it can be cut and joined like any other condition.
    """

    _tokenizers: tuple[Any, Any]
    _text_encoders: tuple[Any, Any]

    @classmethod
    def from_folder(
        cls, folder: Path, *, name: str, device: torch.device, dtype: torch.dtype
    ) -> Self:
        """Load it from a diffusers folder.

        Raises:
            WeightsError: If a part is missing, damaged or of another kind (the refiner has one text encoder).
        """
        space = LatentSpace(load_part(folder, "vae", "AutoencoderKL").to(device))
        parts = Parts(load_part(folder, "unet", "UNet2DConditionModel"), space)
        target = cls(parts, folder, name=name, device=device, dtype=dtype)
        first = load_part(folder, "text_encoder", "CLIPTextModel")
        second = load_part(folder, "text_encoder_2", "CLIPTextModelWithProjection")
        width = first.config.hidden_size + second.config.hidden_size
        if second.config.projection_dim > width:
            raise WeightsError(
                "the pooled embedding is wider than a token",
                found=second.config.projection_dim,
                expected=f"at most {width}, as in every released SDXL",
            )
        target._text_encoders = (first.to(device, dtype), second.to(device, dtype))
        target._tokenizers = (load_tokenizer(folder), load_tokenizer(folder, "tokenizer_2"))
        return target

    def embed(self, captions: list[str]) -> Tensor:
        """Return both encoders' penultimate states and the second one's pooled embedding, packed."""
        outputs = [
            encoder(
                tokenize(tokenizer, captions).input_ids.to(self.device), output_hidden_states=True
            )
            for tokenizer, encoder in zip(self._tokenizers, self._text_encoders, strict=True)
        ]
        states = torch.cat([output.hidden_states[-2] for output in outputs], dim=-1)
        pooled = outputs[1].text_embeds
        row = functional.pad(pooled, (0, states.shape[-1] - pooled.shape[-1]))
        return torch.cat([states, row[:, None]], dim=1)

    def predict(self, z: Tensor, t: int, condition: Tensor | None) -> Tensor:
        """Return the U-Net's own output for an uncropped picture of the model's own size."""
        packed = self.conditions_for(z, condition)
        pooled_width = int(self._text_encoders[1].config.projection_dim)
        size = float(self.image_size)
        # original height and width, crop top and left, target height and width
        ids = torch.tensor([size, size, 0.0, 0.0, size, size]).to(z).expand(len(z), -1)
        added = {"text_embeds": packed[:, -1, :pooled_width], "time_ids": ids}
        output: Tensor = self.unet(
            z, t, encoder_hidden_states=packed[:, :-1], added_cond_kwargs=added
        ).sample
        return output
