"""What a run folder trains, written down when it begins, so that it never goes on as something else."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from shared.custody import sha256_of_arrays, to_plain, write_atomic
from shared.errors import InputError
from shared.training.run import LAST

PLAN_NAME = "plan.json"


def claim(folder: str | Path, plan: Mapping[str, Any]) -> None:
    """Write down what a folder trains, or refuse one that holds another training.

    The number of steps belongs to it: rates rise and fall over all of them. Wall clock and device do not.

    Args:
        folder: Of the run, ``-o``.
        plan: Whatever decides the weights; dataclasses and paths may be in it.

    Raises:
        InputError: If a checkpoint in the folder comes from another plan, or from none.
    """
    path = Path(folder) / PLAN_NAME
    asked: dict[str, Any] = json.loads(json.dumps(to_plain(dict(plan))))
    if any(Path(folder).rglob(LAST)):
        known = json.loads(path.read_text("utf-8")) if path.is_file() else {}
        _refuse_others(Path(folder), _flat(known), _flat(asked))
    else:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, json.dumps(asked, indent=1) + "\n")


def weights_hash(module: nn.Module) -> str:
    """Return the hash of a module's weights and buffers."""
    return sha256_of_arrays(*(value.numpy(force=True) for value in module.state_dict().values()))


def _refuse_others(folder: Path, known: dict[str, Any], asked: dict[str, Any]) -> None:
    names = sorted(name for name in {*known, *asked} if known.get(name) != asked.get(name))
    if names:
        found, wanted = (
            ", ".join(f"{name} {plan.get(name)}" for name in names) for plan in (known, asked)
        )
        raise InputError(
            f"{folder} holds another training", found=found if known else f"no {PLAN_NAME}",
            expected=wanted, fix="choose another folder (-o), or delete this one",
        )  # fmt: skip


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    """Return the entries of nested dictionaries, their names joined by dots."""
    if not isinstance(value, dict):
        return {name: value}
    return {
        inner: entry
        for key, part in value.items()
        for inner, entry in _flat(part, f"{name}.{key}".lstrip(".")).items()
    }
