"""Pictures and plots as data URIs, so that a report is one file."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib import rc_context
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from forensics.calibration import Calibration
from forensics.verdict import OPPOSITE, Decision

LARGEST = 256
"""Side of an embedded picture, px; larger ones are scaled down."""

COLOURS = {
    Decision.MEMBER: "#0072b2",
    Decision.NONMEMBER: "#d55e00",
    Decision.AUTHENTIC: "#0072b2",
    Decision.MANIPULATED: "#d55e00",
}
"""Blue and vermilion: told apart by colour-blind readers (Okabe and Ito) and, by their darkness, in print."""


def picture_uri(rgb: NDArray[np.uint8]) -> str:
    """Return a picture as a data URI: PNG up to 128 px a side, JPEG above.

    Args:
        rgb: ``(H, W, 3)`` uint8.
    """
    picture = Image.fromarray(np.ascontiguousarray(rgb))
    picture.thumbnail((LARGEST, LARGEST))
    small = max(picture.size) <= 128
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG" if small else "JPEG", **({} if small else {"quality": 90}))
    return _uri("image/png" if small else "image/jpeg", buffer.getvalue())


def plot_uri(figure: Figure) -> str:
    """Return a plot as an SVG data URI, the same bytes for the same plot."""
    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "report", "svg.fonttype": "none"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return _uri("image/svg+xml", buffer.getvalue())


def plot_calibration(known: Calibration, questioned: Sequence[float]) -> Figure:
    """Draw where known pictures of either class score, from where on answers are given, and the ones in question.

    Args:
        known: Calibration part.
        questioned: Oriented scores of the pictures in question.
    """
    figure = Figure(figsize=(7.2, 2.6), layout="constrained")
    axes = figure.subplots()
    other = OPPOSITE[known.direction]
    pooled = np.concatenate([known.positives, known.negatives])
    edges = np.histogram_bin_edges(pooled, bins=24).tolist()
    for decision, scores in ((known.direction, known.positives), (other, known.negatives)):
        axes.hist(
            scores, edges, color=COLOURS[decision], alpha=0.55, label=f"known: {decision} ({len(scores)})"
        )  # fmt: skip
    for decision, threshold in known.thresholds().items():
        arrow = "→" if decision is known.direction else "←"
        side = "above" if decision is known.direction else "below"
        axes.axvline(
            threshold.value, color=COLOURS[decision], linestyle="--", linewidth=1.2,
            label=f"{arrow} {side}: {decision}",
        )  # fmt: skip
    top = axes.get_ylim()[1]
    axes.plot(
        questioned, np.full(len(questioned), 1.06 * top), "v", color="black", markersize=6,
        label="in question", clip_on=False,
    )  # fmt: skip
    axes.set(xlabel=f"score (larger speaks for: {known.direction})", ylabel="known examples")
    axes.set_ylim(0, 1.15 * top)
    axes.legend(fontsize="small", bbox_to_anchor=(1.01, 1), loc="upper left", frameon=False)
    return figure


def plot_curve(
    abscissae: ArrayLike, curve: ArrayLike, bands: Mapping[Decision, NDArray[np.float64]], name: str
) -> Figure:
    """Draw one picture's curve against the middle 80 % of known pictures' curves.

    Args:
        abscissae: ``(n,)`` diffusion time steps.
        curve: ``(n,)`` of the picture.
        bands: Class -> ``(K, n)`` curves of known pictures.
        name: Of the ordinate.
    """
    figure = Figure(figsize=(5.6, 2.3), layout="constrained")
    axes = figure.subplots()
    for decision, rows in bands.items():
        low, high = np.quantile(rows, [0.1, 0.9], axis=0)
        axes.fill_between(
            abscissae, low, high, color=COLOURS[decision], alpha=0.25, label=f"known {decision}s"
        )
    axes.plot(abscissae, curve, color="black", linewidth=1.6, label="this picture")
    axes.set(xlabel="noise step t", ylabel=name)
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    axes.grid(alpha=0.3)
    return figure


def _uri(kind: str, data: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(data).decode('ascii')}"
