"""Checkpoints: a folder of ``model.safetensors``, ``config.json`` and ``card.md``; never a pickle.

Weights are kept in half precision and read back as float32. The shipped ones lie under
``weights/<name>/`` beside this file, and ``registry.json`` holds the SHA-256 that each must have.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from shared.custody import sha256_of, to_plain, write_atomic
from shared.errors import NotTrained, WeightsError

ZOO = Path(__file__).parent
WEIGHTS_NAME, CONFIG_NAME, CARD_NAME = "model.safetensors", "config.json", "card.md"


def save_checkpoint(
    directory: str | Path,
    modules: Mapping[str, nn.Module],
    config: Any,
    card: str,
    meta: Mapping[str, Any],
) -> str:
    """Write modules, their configuration and the card of the model to a folder.

    Args:
        directory: Made if missing; files in it are replaced.
        modules: Name (without a dot) -> module; its state is kept in half precision.
        config: What builds the modules anew (a dataclass or dict).
        card: Markdown for people: what it is, how it was trained, figures, limits, licence.
        meta: Must hold ``kind``, for example ``"opt"``, and ``trained`` (a bool); anything else
            that JSON can hold.

    Returns:
        The SHA-256 of the weights file.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {
        f"{name}.{key}": _half(value)
        for name, module in modules.items()
        for key, value in module.state_dict().items()
    }
    weights = write_atomic(folder / WEIGHTS_NAME, save(tensors))
    sha256 = sha256_of(weights)
    facts = {"kind": meta["kind"], "trained": bool(meta["trained"]), "sha256": sha256}
    content = {**facts, "config": to_plain(config), "meta": to_plain(dict(meta))}
    write_atomic(folder / CONFIG_NAME, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    write_atomic(folder / CARD_NAME, card.rstrip() + "\n")
    return sha256


def load_checkpoint(
    name_or_dir: str | Path, kind: str, *, zoo: Path = ZOO
) -> tuple[dict[str, dict[str, Tensor]], dict[str, Any]]:
    """Read a shipped checkpoint by name, or any by its folder.

    Args:
        name_or_dir: ``"opt"``, or the path of a folder.
        kind: What the checkpoint must be.
        zoo: Where ``weights/`` and ``registry.json`` lie.

    Returns:
        Module name -> its state (float32), and the whole of ``config.json``.

    Raises:
        WeightsError: If it is missing, broken, of another kind, or its hash differs.
        NotTrained: If its configuration says that it was never trained.
    """
    folder, expected = _find(name_or_dir, zoo)
    facts = _read_config(folder)
    if facts["kind"] != kind:
        raise WeightsError(
            f"the checkpoint {folder.name} is of another kind", found=facts["kind"], expected=kind
        )
    if not facts["trained"]:
        raise NotTrained(f"the checkpoint {folder.name} was never trained", fix="train it first")
    path = folder / WEIGHTS_NAME
    if not path.is_file():
        raise WeightsError(f"no {WEIGHTS_NAME} in {folder}", fix="install or train it again")
    found = sha256_of(path)
    for wanted in (facts["sha256"], expected or found):
        if found != wanted:
            raise WeightsError(
                f"the weights of {folder.name} were changed",
                found=found[:16],
                expected=wanted[:16],
                fix="install or train them again",
            )
    return _group(path), facts


def checkpoint_hash(name_or_dir: str | Path, *, zoo: Path = ZOO) -> str:
    """Return the SHA-256 that the configuration of a checkpoint names for its weights.

    Raises:
        WeightsError: If there is none.
    """
    return str(_read_config(folder_of(name_or_dir, zoo=zoo))["sha256"])


def register_checkpoint(name: str, *, zoo: Path = ZOO) -> None:
    """Write the hash of ``weights/<name>`` to the registry of shipped checkpoints."""
    known = _registry(zoo)
    known[name] = sha256_of(zoo / "weights" / name / WEIGHTS_NAME)
    write_atomic(zoo / "registry.json", json.dumps(known, indent=2, sort_keys=True) + "\n")


def folder_of(name_or_dir: str | Path, *, zoo: Path = ZOO) -> Path:
    """Return the folder of a shipped checkpoint by name, or the given one; nothing in it is read.

    Raises:
        WeightsError: If there is none.
    """
    return _find(name_or_dir, zoo)[0]


def _half(value: Tensor) -> Tensor:
    fits = value.is_floating_point() and bool((value.abs() < torch.finfo(torch.half).max).all())
    kept = value.half() if fits else value
    return kept.detach().cpu().contiguous().clone()


def _registry(zoo: Path) -> dict[str, str]:
    path = zoo / "registry.json"
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}


def _find(name_or_dir: str | Path, zoo: Path) -> tuple[Path, str | None]:
    known = _registry(zoo)
    if str(name_or_dir) in known:
        return zoo / "weights" / str(name_or_dir), known[str(name_or_dir)]
    folder = Path(name_or_dir)
    if not folder.is_dir():
        raise WeightsError(
            f"no checkpoint {name_or_dir}",
            expected=f"a folder, or one of: {', '.join(sorted(known)) or 'none shipped'}",
        )
    return folder, None


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / CONFIG_NAME
    try:
        facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
        missing = {"kind", "trained", "sha256", "config"} - set(facts)
    except (OSError, ValueError, TypeError) as error:
        raise WeightsError(f"{path} cannot be read", found=error) from error
    if missing:
        raise WeightsError(
            f"{path} is not a checkpoint's", found=f"no {', '.join(sorted(missing))}"
        )
    return facts


def _group(path: Path) -> dict[str, dict[str, Tensor]]:
    try:
        tensors = load(path.read_bytes())
    except SafetensorError as error:
        raise WeightsError(f"{path} cannot be read", found=error) from error
    grouped: dict[str, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        module, _, entry = key.partition(".")
        kept = value.to(torch.float32) if value.is_floating_point() else value
        grouped.setdefault(module, {})[entry] = kept
    return grouped
