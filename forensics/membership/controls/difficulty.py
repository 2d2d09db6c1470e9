"""D2: what is left of a score after what makes a picture easy has been taken out."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from shared.errors import InputError


def without_difficulty(scores: ArrayLike, difficulty: ArrayLike) -> NDArray[np.float64]:
    """Return the residual of scores after a linear regression on measures of difficulty.

    The AUC of the result is the partial AUC of the attack: what image difficulty does not explain. The regression sees
    no labels, so where members are truly easier pictures, it takes that part of the signal too.

    Args:
        scores: ``(N,)`` of one attack, members and others together.
        difficulty: ``(N, F)`` for example rows of ``image_statistics``, or the share of the mask.

    Raises:
        InputError: If there are no more pictures than measures, or a value is not finite.

    Example:
        >>> texture = np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> without_difficulty([1.0, 3.0, 5.0, 7.0], texture).round(9).tolist()
        [0.0, 0.0, 0.0, 0.0]
    """
    values = np.asarray(scores, np.float64)
    rows = np.asarray(difficulty, np.float64)
    if rows.ndim != 2 or values.shape != (len(rows),) or len(rows) <= rows.shape[1] + 1:
        raise InputError(
            "scores and measures of difficulty do not fit",
            found=f"{values.shape} and {rows.shape}",
            expected="(N,) and (N, F) with N > F + 1",
        )
    if not (np.isfinite(values).all() and np.isfinite(rows).all()):
        raise InputError("a value is not finite", fix="leave out what could not be scored")
    design = np.column_stack([np.ones(len(rows)), rows])
    found, *_ = np.linalg.lstsq(design, values, rcond=None)
    return values - design @ found
