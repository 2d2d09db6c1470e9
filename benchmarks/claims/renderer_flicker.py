"""Flicker: what trembles from frame to frame, beside true footage of the same movement.

    frames (T,3,S,S) true | copies of the source | rendered
        -> averaged over blocks of 4 x 4 px: grain differs from frame to frame, but nobody calls it flicker
        -> tremble  mean |I_{t-1} - 2 I_t + I_{t+1}| over face and head's surroundings
        -> error    mean |(I_{t+1} - I_t) - (J_{t+1} - J_t)| against the true J, over the face

A movement that goes on evenly has no second difference; what jumps to and fro has one. Copies of the source do not
tremble, and miss the movement. Driving points are kept in half precision here, 0.06 px apart at most: the product's own
tremble is not larger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from benchmarks.claims.renderer import Figures, delivered, finite, hull_masks
from benchmarks.evaluation_set import Subject
from benchmarks.tables import Rows, row
from shared.statistics import bootstrap_interval
from synthesis.renderer.network import RendererNetwork
from synthesis.renderer.points import OVAL

BLOCK = 4
"""Side of the squares that are averaged, px."""
_MARGIN = 0.04

TITLES = {
    "face": "tremble of the face",
    "beside": "tremble beside the head",
    "change": "error of the change from frame to frame, face",
}


def flicker_of(images: Tensor, true: Tensor, subject: Subject) -> Figures:
    """Return the figures of one person's consecutive frames, grey levels of 255.

    Args:
        images: ``(T, 3, S, S)`` in [0, 1], T >= 3.
        true: The true frames.
        subject: Whose points tell where face and head are.
    """
    size, places = images.shape[-1], subject.bank.points.astype(np.float32)
    face = torch.from_numpy(hull_masks(places[:, list(OVAL)], size, 0.0))
    head = torch.from_numpy(hull_masks(places, size, _MARGIN))
    seen, real = (F.avg_pool2d(frames, BLOCK) for frames in (images, true))
    # A block counts where all of it is face, or none of it head, in every frame that a difference needs.
    inside = -F.max_pool2d(-face, BLOCK)
    beside = 1 - F.max_pool2d(head, BLOCK)
    second = (seen[:-2] - 2 * seen[1:-1] + seen[2:]).abs().mean(1)
    change = ((seen[1:] - seen[:-1]) - (real[1:] - real[:-1])).abs().mean(1)
    of_three = [mask[:-2] * mask[1:-1] * mask[2:] for mask in (inside, beside)]
    return {
        "face": _mean(second, of_three[0]),
        "beside": _mean(second, of_three[1]),
        "change": _mean(change, inside[1:] * inside[:-1]),
    }


def _mean(values: Tensor, mask: Tensor) -> float:
    return 255 * float((values * mask).sum() / mask.sum()) if mask.any() else float("nan")


def flicker_rows(
    network: RendererNetwork,
    subjects: Sequence[Subject],
    *,
    seed: int = 0,
    protocol: str,
    status: str,
    progress: Callable[[int, int], None] | None = None,
) -> Rows:
    """Return a row a figure, with intervals over people, beside copies of the source and the true frames.

    Args:
        network: In evaluation mode; drawn as the product does.
        subjects: With consecutive frames.
        seed: Of the intervals.
        protocol: Of the rows.
        status: Of the rows.
        progress: Called with (subjects done, subjects).
    """
    judged = []
    for number, subject in enumerate(subjects, 1):
        true = torch.from_numpy(np.array(subject.bank.frames)).permute(0, 3, 1, 2).float() / 255
        copies = true[subject.source].expand_as(true)
        judged.append(
            [flicker_of(images, true, subject) for images in (delivered(network, subject), copies, true)]
        )  # fmt: skip
        if progress:
            progress(number, len(subjects))
    rows: Rows = []
    for key, title in TITLES.items():
        ours, copy, truth = (
            finite([person[which][key] for person in judged]) for which in range(3)
        )
        facts: dict[str, Any] = {"baseline": float(copy.mean())}
        if key != "change":
            facts["truth"] = float(truth.mean())
        rows.append(
            row(title, bootstrap_interval(ours, seed=seed), unit="/255", seed=seed, protocol=protocol,
                status=status, **facts)
        )  # fmt: skip
    return rows
