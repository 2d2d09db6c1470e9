"""What the report of an inspection shows: maps over faces, scores over time, how reliable the probabilities are."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from forensics.calibration_error import Reliability
from forensics.report.figures import COLOURS
from forensics.verdict import Decision, Threshold


def overlay(crop: NDArray[np.uint8], one: ArrayLike) -> NDArray[np.uint8]:
    """Lay a map over a face: grey where it is 0, yellow where it is 1; the scale is the same for every face.

    Args:
        crop: ``(S, S, 3)`` uint8 RGB.
        one: ``(h, w)`` in [0, 1].
    """
    full = cv2.resize(
        np.asarray(one, np.float32), crop.shape[1::-1], interpolation=cv2.INTER_LINEAR
    )
    grey = np.repeat(crop.mean(axis=2, keepdims=True), 3, axis=2)
    share = 0.75 * full[..., None]
    colour = colormaps["inferno"](full)[..., :3] * 255
    return np.asarray((1 - share) * grey + share * colour, np.uint8)


def plot_scores(
    times: Sequence[float],
    scores: Sequence[float | None],
    thresholds: dict[Decision, Threshold],
    segments: Sequence[tuple[float, float]],
) -> Figure:
    """Draw a person's score over time, the thresholds, and the stretches above the upper one."""
    figure = Figure(figsize=(7.2, 2.2), layout="constrained")
    axes = figure.subplots()
    values = [float("nan") if score is None else score for score in scores]
    axes.plot(times, values, color="black", linewidth=1.2, marker=".", label="score of a frame")
    for decision, threshold in thresholds.items():
        side = "above" if decision is Decision.MANIPULATED else "below"
        axes.axhline(
            threshold.value, color=COLOURS[decision], linestyle="--", linewidth=1.2,
            label=f"mean {side}: {decision}",
        )  # fmt: skip
    for start, end in segments:
        axes.axvspan(start, end, color=COLOURS[Decision.MANIPULATED], alpha=0.15)
    axes.set(xlabel="seconds", ylabel="score")
    axes.legend(fontsize="small", bbox_to_anchor=(1.01, 1), loc="upper left", frameon=False)
    axes.grid(alpha=0.3)
    return figure


def plot_reliability(found: Reliability) -> Figure:
    """Draw how often a probability of manipulation came true on known examples that did not fit it."""
    figure = Figure(figsize=(3.4, 3.0), layout="constrained")
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color="#999999", linestyle=":", label="perfect")
    axes.scatter(
        found.predicted, found.observed, s=15 + 300 * found.weight, color="black", alpha=0.7,
        label="known examples",
    )  # fmt: skip
    axes.set(
        xlabel="probability that was told", ylabel="share that was manipulated",
        xlim=(-0.03, 1.03), ylim=(-0.03, 1.03),
    )  # fmt: skip
    axes.legend(fontsize="small", frameon=False)
    return figure
