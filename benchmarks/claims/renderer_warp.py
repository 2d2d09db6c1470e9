"""What the renderer's warp knows before anything is learned: turned heads, warped from the photo by geometry alone.

    neutral picture, points, turn -> mesh flow (either side of the fissures) -> warped -> |warped - true|, mean

Over the head (hull of face and skull, widened) and over the face (hull of its oval), with the surface of the whole head
and with the face points alone (the arm ``no-surface`` of :mod:`benchmarks.claims.renderer_ablations`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.claims.renderer import hull_masks
from benchmarks.claims.renderer_ablations import VARIANTS
from benchmarks.evaluation_set import Subject
from benchmarks.tables import Rows, row
from shared.statistics import bootstrap_interval
from synthesis.renderer.config import RendererConfig
from synthesis.renderer.dataset import conditions, gather
from synthesis.renderer.fissures import fissure_distances, side_of
from synthesis.renderer.network import DenseMotion, Motion2D
from synthesis.renderer.points import OVAL

ARMS = {"full": "the whole head's surface", "no-surface": "the face points alone"}
_MARGIN = 0.04
"""How far the head's hull is widened, as a share of the picture's side: hair stands off the skull."""


@torch.inference_mode()
def warp_error(motion: DenseMotion, subject: Subject) -> tuple[float, float]:
    """Return the mean absolute error over head and face, [0, 1], of a subject's turns and nods warped by geometry."""
    turned = [n for n, take in enumerate(subject.takes) if take.split()[0] in ("yaw", "pitch")]
    batch = gather(subject.bank, np.full(len(turned), subject.source), np.array(turned))
    known, driven = batch["points_source"], batch["points_driven"]
    size = batch["source"].shape[-1]
    grid = 2 * motion.config.motion_size
    flow, *_ = motion.candidates(known, driven, conditions(batch)[0], grid)
    side = side_of(driven, fissure_distances(driven, grid))
    nothing = driven.new_zeros(0)
    warped = Motion2D(flow, side, nothing, nothing, nothing).warp(batch["source"])
    error = (warped - batch["target"]).abs().mean(1).numpy()
    places = driven.numpy()
    head = hull_masks(places, size, _MARGIN)
    face = hull_masks(places[:, list(OVAL)], size, 0.0)
    return _mean(error, head), _mean(error, face)


def _mean(error: NDArray[np.float32], mask: NDArray[np.float32]) -> float:
    return float((error * mask).sum() / mask.sum())


def warp_rows(subjects: Sequence[Subject], config: RendererConfig, *, seed: int = 0) -> Rows:
    """Return the errors in grey levels of 255, a mean over people each."""
    rows: Rows = []
    for name, title in ARMS.items():
        motion = VARIANTS[name].network(config).motion
        errors = np.array([warp_error(motion, subject) for subject in subjects])
        for part, values in zip(("head", "face"), 255 * errors.T, strict=True):
            interval = bootstrap_interval(values, seed=seed)
            rows.append(
                row(f"error of the warp over the {part}: {title}", interval, unit="/255", seed=seed,
                    protocol="held-out people, turns and nods from the neutral take, nothing learned",
                    status="tiny")
            )  # fmt: skip
    return rows
