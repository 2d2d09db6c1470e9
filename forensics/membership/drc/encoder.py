"""A picture encoder by local path: CLIP, DINO, a face encoder, or any other vision transformer of transformers.

Serves twice: its class token's attention tells where the subject is, its embedding tells how alike two pictures are.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from shared.errors import WeightsError

_CONFIG, _PREPROCESSING = "config.json", "preprocessor_config.json"


class VisionEncoder:
    """A frozen encoder, read from a folder of transformers' form; nothing is downloaded.

    Args:
        folder: With ``config.json``, safetensors and, unless mean and deviation are 0.5, ``preprocessor_config.json``.
        device: Where it runs.

    Raises:
        WeightsError: If the folder holds no vision model in safetensors.
    """

    def __init__(self, folder: str | Path, device: torch.device) -> None:
        from transformers import AutoModel

        path = Path(folder)
        if not (path / _CONFIG).is_file():
            raise WeightsError(f"no {_CONFIG} in {path}", fix="give a folder of save_pretrained")
        try:
            self._model: Any = AutoModel.from_pretrained(
                path,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                attn_implementation="eager",  # the only one that returns attentions
            )
        except (OSError, ValueError, KeyError) as error:
            raise WeightsError(f"{path} holds no encoder that can be read", found=error) from error
        self._model = self._model.to(device).eval().requires_grad_(False)
        self._vision: Any = getattr(self._model, "vision_model", self._model)
        config = getattr(self._model.config, "vision_config", self._model.config)
        if not hasattr(config, "image_size") or not hasattr(config, "patch_size"):
            raise WeightsError(f"{path} is no vision transformer", found=config.model_type)
        self._size, self._patch = int(config.image_size), int(config.patch_size)
        self._mean, self._deviation = (row.to(device) for row in _normalisation(path))

    @torch.inference_mode()
    def embed(self, images: Tensor) -> Tensor:
        """Return the embeddings ``(B, D)`` of pictures ``(B, 3, H, W)`` in [0, 1], of length 1.

        The class token of the last layer, or CLIP's projected image features.
        """
        pixels = self._prepared(images)
        if hasattr(self._model, "get_image_features"):
            found = self._model.get_image_features(pixel_values=pixels)
            features = found if isinstance(found, Tensor) else found.pooler_output
        else:
            features = self._model(pixel_values=pixels).last_hidden_state[:, 0]
        return functional.normalize(features.float(), dim=1)

    @torch.inference_mode()
    def attention(self, images: Tensor) -> Tensor:
        """Return the class token's attention to each patch in the last layer, mean over heads, ``(B, 1, g, g)``.

        Raises:
            WeightsError: If the model has no class token before its patches.
        """
        output = self._vision(pixel_values=self._prepared(images), output_attentions=True)
        patches = (self._size // self._patch) ** 2
        last = output.attentions[-1].mean(1)
        if last.shape[-1] <= patches:
            raise WeightsError("the encoder has no class token", fix="take a DINO, ViT or CLIP")
        side = self._size // self._patch
        return last[:, 0, -patches:].reshape(-1, 1, side, side).float()

    def _prepared(self, images: Tensor) -> Tensor:
        size = (self._size, self._size)
        resized = functional.interpolate(
            images.float(), size=size, mode="bicubic", antialias=True, align_corners=False
        )
        return (resized.clamp(0, 1) - self._mean) / self._deviation


@lru_cache(maxsize=2)
def load_encoder(folder: str, device: torch.device) -> VisionEncoder:
    """Return an encoder, read once."""
    return VisionEncoder(folder, device)


def _normalisation(folder: Path) -> tuple[Tensor, Tensor]:
    path = folder / _PREPROCESSING
    told = json.loads(path.read_text("utf-8")) if path.is_file() else {}
    rows = (told.get("image_mean", [0.5] * 3), told.get("image_std", [0.5] * 3))
    mean, deviation = (torch.tensor(row, dtype=torch.float32).reshape(1, 3, 1, 1) for row in rows)
    return mean, deviation
