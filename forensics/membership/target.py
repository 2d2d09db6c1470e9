"""What an attack may ask of a diffusion model, and the way from a folder or a hub id to it."""

from __future__ import annotations

import importlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from shared.errors import InputError, WeightsError

INDEX_NAME = "model_index.json"

_ADAPTERS = {
    "StableDiffusionPipeline": "forensics.membership.targets.text:LatentTextTarget",
    "StableDiffusionImg2ImgPipeline": "forensics.membership.targets.text:LatentTextTarget",
    "StableDiffusionXLPipeline": "forensics.membership.targets.sdxl:SDXLTarget",
    "LDMPipeline": "forensics.membership.targets.unconditional:LatentTarget",
    "DDPMPipeline": "forensics.membership.targets.unconditional:PixelTarget",
    "DDIMPipeline": "forensics.membership.targets.unconditional:PixelTarget",
}
"""Pipeline class in model_index.json -> adapter, imported when needed (diffusers takes seconds to import)."""

_WANTED_FILES = ["*.json", "*.safetensors", "*.txt"]


@runtime_checkable
class Target(Protocol):
    """A diffusion model under audit.

    Pictures go in and out as ``(B, 3, image_size, image_size)`` RGB float32 in [0, 1], latents as ``(B, channels, h,
    w)`` float32 in the scale that the U-Net was trained in.
    """

    name: str
    """What a reader calls it."""
    image_size: int
    """Side of the pictures, px."""
    channels: int
    """Channels of the latent; 3 for a pixel model."""
    device: torch.device
    """Where the networks are, and where latents come out."""
    alphas_cumprod: Tensor
    """``(T,)`` float64 on the CPU: the noise levels that the model was trained with."""
    clean_limit: float | None
    """What the model's sampler clamps a predicted clean latent to, or None: as its scheduler says."""
    conditional: bool
    """Whether it takes captions."""
    trained: bool
    """False: random weights; no verdict may come from it."""
    calls: int
    """U-Net evaluations of single pictures so far: a batch of 8 counts 8."""

    def fingerprint(self) -> dict[str, str]:
        """Return file (relative to the model's folder) -> SHA-256."""
        ...

    def encode(
        self,
        images: Tensor,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,
    ) -> Tensor:
        """Return the latents of pictures, scale factor included.

        Without a generator the mode of the autoencoder's posterior; with one a sample of it, with a sequence one
        generator a picture. A pixel model only maps [0, 1] to [-1, 1].
        """
        ...

    def decode(self, latents: Tensor) -> Tensor:
        """Return the pictures of latents, around [0, 1] and *not* clamped."""
        ...

    def eps(self, latents: Tensor, t: int, condition: Tensor | None = None) -> Tensor:
        """Return the predicted noise at time step ``t``, of the latents' shape, float32.

        Predictions of v or of the clean latent are converted. ``condition`` has one row a latent or one for all;
        without it a conditional model gets the empty caption.
        """
        ...

    def condition(self, captions: Sequence[str]) -> Tensor | None:
        """Return the embedding of captions, one row each (``""`` is allowed), or None if unconditional."""
        ...

    def sample(
        self,
        captions: Sequence[str],
        *,
        steps: int = 50,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return one new picture a caption, by deterministic DDIM: ``(len(captions), 3, H, W)`` in [0, 1]."""
        ...


def open_target(
    path_or_hub_id: str | Path,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    allow_download: bool = False,
) -> Target:
    """Open a diffusion model in the diffusers form, from a folder or by a hub id.

    Args:
        path_or_hub_id: A folder with ``model_index.json``, or ``"owner/name"`` of a model that is in the local hub
            cache already (or may be downloaded).
        device: Where it runs.
        dtype: Of the U-Net and the text encoder. The autoencoder stays in float32: scores see its rounding.
        allow_download: Whether a hub id may be fetched from the network. Nothing is ever fetched otherwise.

    Raises:
        WeightsError: If there is no model, it is of a kind that is not supported, incomplete, or not safetensors.
    """
    folder = _folder(path_or_hub_id, allow_download)
    index = read_index(folder)
    kind = index.get("_class_name")
    if kind not in _ADAPTERS:
        raise WeightsError(
            f"{folder.name} is of a kind that cannot be audited",
            found=kind,
            expected=" | ".join(_ADAPTERS),
            fix="convert it with diffusers to one of these pipelines",
        )
    module, name = _ADAPTERS[kind].split(":")
    adapter = getattr(importlib.import_module(module), name)
    target: Target = adapter.from_folder(
        folder, name=str(path_or_hub_id), device=torch.device(device), dtype=dtype
    )
    return target


def read_index(folder: Path) -> dict[str, Any]:
    """Read a model folder's ``model_index.json``.

    Raises:
        WeightsError: If there is none, or it is damaged.
    """
    path = folder / INDEX_NAME
    if not path.is_file():
        raise WeightsError(
            f"no {INDEX_NAME} in {folder}",
            fix="give the folder that diffusers' save_pretrained wrote",
        )
    try:
        index = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise WeightsError(f"{path} is damaged", found=error) from error
    if not isinstance(index, dict):
        raise WeightsError(f"{path} is no model index", found=type(index).__name__)
    return index


def check_images(images: Tensor, size: int) -> Tensor:
    """Return the pictures unchanged if they are ``(B, 3, size, size)`` floats.

    Raises:
        InputError: If they are something else.
    """
    if images.ndim != 4 or images.shape[1:] != (3, size, size) or not images.is_floating_point():
        raise InputError(
            "the pictures do not fit the model",
            found=f"{images.dtype} {tuple(images.shape)}",
            expected=f"float (B, 3, {size}, {size})",
            fix="read them with forensics.membership.pictures.read_images",
        )
    return images


def _folder(path_or_hub_id: str | Path, allow_download: bool) -> Path:
    place = Path(path_or_hub_id)
    if place.is_dir():
        return place
    if isinstance(path_or_hub_id, Path) or path_or_hub_id.count("/") != 1 or place.is_absolute():
        raise WeightsError(f"no model folder at {place}", fix="check the path")
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
    )

    try:
        return Path(
            snapshot_download(
                path_or_hub_id,
                allow_patterns=_WANTED_FILES,
                local_files_only=not allow_download,
            )
        )
    except HFValidationError as error:
        raise WeightsError(f"no model folder at {place}", fix="check the path") from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise WeightsError(
            f"the model {path_or_hub_id} cannot be had",
            found="no such folder, and not in the local hub cache" if not allow_download else error,
            fix="give a folder, or allow the download explicitly",
        ) from error
