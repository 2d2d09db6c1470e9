"""The receiver operating characteristic of membership: members are the positives of ``shared.metrics.roc``."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from shared.metrics.roc import Roc, Scores, auc, roc, tpr_at_fpr
from shared.metrics.roc import checked as checked_classes

__all__ = ["LOW_RATES", "Roc", "Scores", "auc", "checked", "plot_roc", "roc", "tpr_at_fpr"]

LOW_RATES = (0.01, 0.001)
"""False positive rates at which membership attacks are compared (Carlini et al., 2022)."""


def checked(members: ArrayLike, nonmembers: ArrayLike) -> tuple[Scores, Scores]:
    """Return both classes' scores as float64 vectors.

    Raises:
        InputError: If a class is empty or a score is not finite.
    """
    return checked_classes(members, nonmembers, ("members", "non-members"))


def plot_roc(curves: dict[str, Roc], *, log: bool = True) -> Figure:
    """Draw curves, by default with both axes logarithmic, where the rates that matter can be seen.

    Args:
        curves: Name -> curve, in the order of the legend.
        log: Logarithmic axes, from a tenth of the smallest rate on; else both from 0 to 1.

    Returns:
        A figure that belongs to no window.
    """
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.subplots()
    floor = 1.0
    for name, curve in curves.items():
        axes.step(curve.false_positive_rate, curve.true_positive_rate, where="post", label=name)
        rates = np.concatenate([curve.false_positive_rate, curve.true_positive_rate])
        floor = min(floor, rates[rates > 0].min())
    chance = np.geomspace(floor / 10, 1, 50)
    axes.plot(chance, chance, color="0.6", linestyle=":", label="chance")
    if log:
        axes.set(xscale="log", yscale="log", xlim=(floor / 2, 1), ylim=(floor / 2, 1.05))
    axes.set(xlabel="non-members called members", ylabel="members called members")
    axes.legend(fontsize="small", loc="lower right")
    axes.grid(alpha=0.3)
    return figure
