"""From a diffusers folder to its parts, from safetensors alone and never from the network."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers
from safetensors import SafetensorError
from torch import Tensor, nn

from forensics.membership.target import read_index
from shared.custody import sha256_of
from shared.diffusion.schedule import alphas_cumprod
from shared.errors import WeightsError

_KNOWN: dict[str, Any] = {
    "UNet2DConditionModel": diffusers.UNet2DConditionModel,
    "UNet2DModel": diffusers.UNet2DModel,
    "AutoencoderKL": diffusers.AutoencoderKL,
    "VQModel": diffusers.VQModel,
    "CLIPTextModel": transformers.CLIPTextModel,
    "CLIPTextModelWithProjection": transformers.CLIPTextModelWithProjection,
}
"""The parts that may be loaded, by the class name in model_index.json."""

_HASHED = {".safetensors", ".json", ".txt"}


def load_part(folder: Path, part: str, *allowed: str) -> Any:
    """Load one network of a pipeline, in evaluation mode and without gradients.

    Args:
        folder: The pipeline's folder.
        part: Its name in the index, for example ``"unet"``.
        allowed: The classes that it may be of.

    Raises:
        WeightsError: If it is missing, of another class, incomplete, or not safetensors.
    """
    kind = (read_index(folder).get(part) or [None, None])[1]
    if kind not in allowed:
        raise WeightsError(
            f"the {part} of {folder.name} cannot be used", found=kind, expected=" | ".join(allowed)
        )
    place = part_folder(folder, part)
    files = [path.name for path in place.glob("*.safetensors")]
    half_only = bool(files) and all(".fp16." in name or ".fp16-" in name for name in files)
    try:
        with _quiet():
            network, info = _KNOWN[kind].from_pretrained(
                place,
                use_safetensors=True,
                local_files_only=True,
                variant="fp16" if half_only else None,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        raise WeightsError(
            f"the {part} in {place} cannot be loaded",
            found=str(error).splitlines()[0] if str(error) else type(error).__name__,
            expected="config.json and *.safetensors",
            fix="save the model again with save_pretrained",
        ) from error
    if info["missing_keys"] or info.get("mismatched_keys"):
        missing = sorted(map(str, [*info["missing_keys"], *info.get("mismatched_keys", [])]))
        raise WeightsError(f"the weights in {place} are incomplete", found=f"without {missing[0]}")
    return network.eval().requires_grad_(False)


def load_tokenizer(folder: Path, part: str = "tokenizer") -> Any:
    """Load a tokenizer of a pipeline.

    Raises:
        WeightsError: If it is missing or damaged.
    """
    place = part_folder(folder, part)
    try:
        return transformers.AutoTokenizer.from_pretrained(
            place, local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise WeightsError(f"the tokenizer in {place} cannot be loaded", found=error) from error


def load_schedule(folder: Path) -> tuple[Tensor, str, float | None]:
    """Return a pipeline's noise levels ``abar (T,)`` float64, what its U-Net predicts, and within which limits.

    Returns:
        The levels; ``"epsilon"``, ``"v_prediction"`` or ``"sample"``; what a clean latent is clamped to, or None.

    Raises:
        WeightsError: If there is no scheduler, or its schedule is unknown.
    """
    place = part_folder(folder, "scheduler")
    try:
        # Any DDPM-like scheduler's config says how betas were made; DDIM's reads them all.
        scheduler = diffusers.DDIMScheduler.from_pretrained(place, local_files_only=True)
    except (OSError, ValueError, NotImplementedError, TypeError) as error:
        raise WeightsError(
            f"no noise schedule in {place}", found=error, expected="scheduler_config.json"
        ) from error
    predicts = scheduler.config.prediction_type
    if predicts not in ("epsilon", "v_prediction", "sample"):
        raise WeightsError("the U-Net predicts something unknown", found=predicts)
    limit = float(scheduler.config.clip_sample_range) if scheduler.config.clip_sample else None
    return alphas_cumprod(scheduler.betas), predicts, limit


def part_folder(folder: Path, part: str) -> Path:
    """Return where a part's files are: its own folder, or in older models the pipeline's."""
    return folder / part if (folder / part).is_dir() else folder


def hash_files(folder: Path) -> dict[str, str]:
    """Return file -> SHA-256 of all weights, configs and vocabularies of a model folder."""
    files = (path for path in folder.rglob("*") if path.suffix in _HASHED and path.is_file())
    return {path.relative_to(folder).as_posix(): sha256_of(path) for path in sorted(files)}


def looks_untrained(network: nn.Module) -> bool:
    """Return whether all normalisation layers still scale by exactly 1 and shift by exactly 0.

    That is how they are made, and one step of any optimiser changes them, so no trained network looks like that.
    """
    norms = [m for m in network.modules() if isinstance(m, nn.GroupNorm | nn.LayerNorm)]
    affine = [m for m in norms if m.weight is not None]
    return bool(affine) and all(
        torch.all(m.weight == 1) and (m.bias is None or torch.all(m.bias == 0)) for m in affine
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the progress bars of transformers and diffusers away: a library does not print."""
    switches = [transformers.utils.logging, diffusers.utils.logging]
    shown = [switch.is_progress_bar_enabled() for switch in switches]
    try:
        for switch in switches:
            switch.disable_progress_bar()
        yield
    finally:
        for switch, was in zip(switches, shown, strict=True):
            if was:
                switch.enable_progress_bar()
