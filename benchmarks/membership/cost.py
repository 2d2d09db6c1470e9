"""What attacks cost: U-Net calls and seconds a picture, and how close the structural attack comes to the bare calls."""

from __future__ import annotations

import itertools
import multiprocessing
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import memory
from benchmarks.membership.plan import Plan, by_name
from benchmarks.membership.subjects import Subject
from benchmarks.tables import Rows, row
from benchmarks.timing import take_turns
from forensics.membership.captions import read_captions
from forensics.membership.pictures import Picture, as_pictures, find_images, read_images
from forensics.membership.registry import attack_class, names
from forensics.membership.run import score_images
from forensics.membership.structural import Structural
from forensics.membership.target import Target, open_target
from shared.errors import ToolkitError
from shared.zoo.pipelines import find_pipeline, shipped_pipelines

OVERHEAD_LIMIT = 1.15
LOOP_FACTOR = 3.0
_PICTURES = 16

SHIPPED_LATENT = "target-portraits"
"""The shipped target that the attack is timed on."""


def cost_rows(subject: Subject, plan: Plan, threads: int) -> Rows:
    """Run each attack once over 16 pictures and tell its calls and its seconds a picture."""
    images = subject.images[:_PICTURES]
    protocol = f"{len(images)} pictures, one run, batches of {plan.batch_size}, {threads} threads"
    facts: dict[str, Any] = {
        "table": f"Cost, {subject.name}", "protocol": protocol, "status": "tiny", "n": len(images),
    }  # fmt: skip
    rows: Rows = []
    for name in names():
        kind = attack_class(name)
        if kind.control or kind.needs_reference:
            continue
        attack, began = by_name(plan, name), time.perf_counter()
        try:
            scores = score_images(
                attack, subject.target, as_pictures(images), subject.captions, plan.batch_size
            )
        except ToolkitError as error:
            rows.append(row(kind.title, None, note=str(error), **facts))
            continue
        seconds = (time.perf_counter() - began) / len(images)
        calls: dict[str, Any] = {"U-Net calls a picture": scores.calls}
        rows.append(row(kind.title, 1000 * seconds, unit="ms/picture", **calls, **facts))
    return rows


def structural_speed_rows(
    target: Target,
    images: Tensor,
    captions: list[str],
    *,
    pictures: int = 1000,
    batch_size: int = 50,
    runs: int = 3,
    threads: int = 2,
) -> Rows:
    """Time the structural attack against the bare calls of its networks, batched and one picture at a time.

    Args:
        target: The model.
        images: ``(N, 3, S, S)`` in [0, 1]; repeated until there are ``pictures`` of them.
        captions: ``(N,)``.
        pictures: Pictures that are scored.
        batch_size: Pictures at a time.
        runs: Timed runs of each; they take turns.
        threads: For the protocol; set by the caller.
    """
    attack = Structural()
    texts = [captions[index % len(captions)] for index in range(pictures)]
    tasks: dict[str, Callable[[], object]] = {
        "attack": lambda: score_images(
            attack, target, repeated(images, pictures), texts, batch_size
        ),
        "bare": lambda: _bare_calls(target, images, texts, pictures, batch_size),
        "loop": lambda: _bare_calls(target, images, texts, pictures, 1),
    }
    timed = {name: timing.median for name, timing in take_turns(tasks, runs).items()}
    facts: dict[str, Any] = {
        "table": "Structural membership inference",
        "protocol": f"{pictures} pictures of {images.shape[-1]} px, batches of {batch_size}, median of {runs} runs, "
        f"{threads} threads, {Path(target.name).name}",
        "status": "tiny",
        "n": runs,
    }
    return [
        row("structural attack", pictures / timed["attack"], unit="pictures/s", **facts),
        row(
            "its time over that of the bare encoder, U-Net and decoder calls, batched",
            timed["attack"] / timed["bare"], target=f"at most {OVERHEAD_LIMIT}", **facts,
        ),
        row(
            "a loop of the same calls, one picture at a time, over the attack",
            timed["loop"] / timed["attack"], target=f"at least {LOOP_FACTOR:g}", **facts,
        ),
    ]  # fmt: skip


def repeated(images: Tensor, count: int) -> Iterator[Picture]:
    """Give ``count`` pictures one by one; none but the originals is held."""
    return itertools.islice(
        (
            picture
            for turn in itertools.count()
            for picture in as_pictures(images, turn * len(images))
        ),
        count,
    )


@torch.inference_mode()
def _bare_calls(
    target: Target, images: Tensor, texts: list[str], pictures: int, batch_size: int
) -> None:
    """Make the network calls of the structural attack, T = 100 in steps of 50, and nothing else."""
    for first in range(0, pictures, batch_size):
        rows = [row % len(images) for row in range(first, min(first + batch_size, pictures))]
        z = target.encode(images[rows])
        condition = target.condition([texts[first + place] for place in range(len(rows))])
        for t in (0, 50):
            target.eps(z, t, condition)
        target.decode(z)


def shipped_speed_rows(*, pictures: int = 1000, runs: int = 3, threads: int = 2) -> Rows:
    """Time the structural attack on the shipped latent target, and see whether its memory grows; no row without one."""
    if SHIPPED_LATENT not in shipped_pipelines():
        return []
    folder = find_pipeline(SHIPPED_LATENT)
    target, images, captions = _opened(folder)
    rows = structural_speed_rows(
        target, images, captions, pictures=pictures, runs=runs, threads=threads
    )
    few, many = (peak_megabytes(folder, count) for count in (pictures // 5, pictures))
    facts = {name: rows[0][name] for name in ("table", "protocol", "status")}
    growth = f"{few:.0f} MB with {pictures // 5} pictures"
    return [*rows, row("peak memory", many, unit="MB", note=growth, **facts)]


def peak_megabytes(folder: Path, pictures: int) -> float:
    """Return the peak resident memory of a process that scores so many pictures, MB."""
    context = multiprocessing.get_context("spawn")
    with context.Pool(1) as pool:
        return pool.apply(_peak_of_run, (folder, pictures))


def _peak_of_run(folder: Path, pictures: int) -> float:
    target, images, captions = _opened(folder)
    texts = [captions[index % len(captions)] for index in range(pictures)]
    score_images(Structural(), target, repeated(images, pictures), texts, 50)
    return memory.peak_megabytes()


def _opened(folder: Path) -> tuple[Target, Tensor, list[str]]:
    """Open a shipped target with the pictures beside it."""
    target, paths = open_target(folder), find_images(folder)
    pictures = (picture.image for picture in read_images(paths, target.image_size))
    images = torch.stack([image for image in pictures if image is not None])
    return target, images, read_captions(folder / "captions.csv", paths)
