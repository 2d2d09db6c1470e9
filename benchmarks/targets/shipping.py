"""From a trained target to one in the box: pipeline, pictures that it learnt, pictures that it did not, its card."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from benchmarks.membership.subjects import ages_of
from benchmarks.tables import Rows, markdown_table
from benchmarks.targets.pictures import Pictures, joined
from benchmarks.targets.recipes import FACTS_NAME, PICTURES_NAME
from shared.custody import write_atomic
from shared.errors import InputError
from shared.zoo.checkpoints import CARD_NAME, ZOO
from shared.zoo.pipelines import register_pipeline

_ASKED = 5
"""Pictures of each class that stand for those in question."""

LIMIT = 5_000_000
"""Bytes that the weights of a shipped target may take; its pictures come on top."""

_KEPT = ("model_index.json", "unet", "vae", "text_encoder", "tokenizer", "scheduler")


def ship(
    folder: str | Path,
    name: str,
    card: str,
    *,
    pictures: int = 100,
    record: Path | None = None,
    zoo: Path = ZOO,
) -> Path:
    """Copy a target's oldest checkpoint into the zoo, with pictures of both classes, and register it.

    ``members.json`` lists everything that it learnt; ``members/`` and ``nonmembers/`` hold the first ``pictures`` of
    each class as PNG files at the target's size, ``asked/`` five more of each to try, ``captions.csv`` all captions.

    Args:
        folder: Of ``benchmarks targets train``.
        name: In the zoo.
        card: Markdown for people.
        pictures: Pictures of each class.
        record: Of ``benchmarks membership``; its figures of this checkpoint go into the card.
        zoo: Where ``weights/`` lies.

    Raises:
        InputError: If there is no finished checkpoint, or its weights are larger than 5 MB.
    """
    root = Path(folder)
    ages = ages_of(root / "members")
    if not ages:
        raise InputError(f"no finished target in {root}", fix="benchmarks targets train")
    age, place = max(ages.items())
    target = zoo / "weights" / name
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    for part in _KEPT:
        source = place / part
        if source.is_dir():
            shutil.copytree(source, target / part)
        elif source.is_file():
            shutil.copy2(source, target / part)
    facts = json.loads((root / "members" / FACTS_NAME).read_text("utf-8"))
    listed = {
        "learnt": facts["learnt"],
        "epochs": age,
        "source": facts["source"],
        "seed": facts["seed"],
    }
    write_atomic(target / "members.json", json.dumps(listed, indent=1) + "\n")
    known = Pictures.load(root / PICTURES_NAME).resized(facts["profile"]["size"])
    both = [known.part(part, pictures + _ASKED) for part in ("members", "nonmembers")]
    for one, place_of in zip(both, ("members", "nonmembers"), strict=True):
        one.take(range(pictures)).write_images(target / place_of)
        one.take(range(pictures, pictures + _ASKED)).write_images(target / "asked")
    joined(both).write_captions(target / "captions.csv")
    write_atomic(target / CARD_NAME, card.rstrip() + "\n" + _measured(record, root.name, age))
    size = sum(path.stat().st_size for path in target.rglob("*.safetensors"))
    if size > LIMIT:
        raise InputError(
            "the target is too large to ship", found=f"{size / 1e6:.1f} MB", expected="5 MB"
        )
    register_pipeline(name, zoo=zoo)
    return target


_COLUMNS = ("figure", "value", "low", "high", "n", "TPR at 1 % FPR", "kind")


def _measured(record: Path | None, name: str, age: int) -> str:
    """Return the figures of a checkpoint in a membership record as Markdown; empty without a record."""
    if record is None:
        return ""
    rows: Rows = json.loads(record.read_text("utf-8"))["result"]["rows"]
    own = [one for one in rows if one.get("table") == f"{name}, {age} epochs"]
    if not own:
        raise InputError(f"{record} has no figures of {name} at {age} epochs")
    kept = [{key: one[key] for key in _COLUMNS if key in one} for one in own]
    return f"\n## Measured\n\n{own[0]['protocol']}\n\n{markdown_table(kept)}\n"
