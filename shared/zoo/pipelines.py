"""Shipped diffusion pipelines: folders of several files, each with its hash in ``pipelines.json``.

A pipeline lies under ``weights/<name>/`` as diffusers wrote it, beside what belongs to it: ``card.md`` and, for a
target of membership inference, the pictures that it learnt and others that it did not.
"""

from __future__ import annotations

import json
from pathlib import Path

from shared.custody import sha256_of, write_atomic
from shared.errors import WeightsError
from shared.zoo.checkpoints import ZOO

REGISTRY_NAME = "pipelines.json"
_HASHED = {".safetensors", ".json", ".txt", ".csv", ".png"}


def shipped_pipelines(*, zoo: Path = ZOO) -> tuple[str, ...]:
    """Return the names of the shipped pipelines."""
    return tuple(sorted(_registry(zoo)))


def find_pipeline(name: str, *, zoo: Path = ZOO) -> Path:
    """Return the folder of a shipped pipeline, all its files checked.

    Args:
        name: One of :func:`shipped_pipelines`.
        zoo: Where ``weights/`` and ``pipelines.json`` lie.

    Raises:
        WeightsError: If none of that name is shipped, or a file is missing or changed.
    """
    known = _registry(zoo)
    if name not in known:
        raise WeightsError(
            f"no shipped pipeline {name}", expected=" | ".join(sorted(known)) or "none is shipped"
        )
    folder = zoo / "weights" / name
    for path, wanted in known[name].items():
        found = sha256_of(folder / path) if (folder / path).is_file() else "no file"
        if found != wanted:
            raise WeightsError(
                f"{path} of the pipeline {name} was changed", found=found[:16],
                expected=wanted[:16], fix="install it again",
            )  # fmt: skip
    return folder


def register_pipeline(name: str, *, zoo: Path = ZOO) -> dict[str, str]:
    """Write the hashes of ``weights/<name>`` to the registry and return them.

    Raises:
        WeightsError: If there is no pipeline.
    """
    folder = zoo / "weights" / name
    if not (folder / "model_index.json").is_file():
        raise WeightsError(f"no pipeline in {folder}", expected="model_index.json")
    hashes = {
        path.relative_to(folder).as_posix(): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.suffix in _HASHED and path.is_file()
    }
    write_atomic(
        zoo / REGISTRY_NAME,
        json.dumps(_registry(zoo) | {name: hashes}, indent=1, sort_keys=True) + "\n",
    )
    return hashes


def _registry(zoo: Path) -> dict[str, dict[str, str]]:
    path = zoo / REGISTRY_NAME
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}
