"""Was this *set* of pictures used? Many weak answers about pictures become one strong answer about their set.

Reference: Dubinski, Kowalczuk, Boenisch, Dziedzic, "CDI: Copyrighted Data Identification in Diffusion Models",
CVPR 2025 (arXiv 2411.12858): a one-sided Welch test of suspect scores against scores of pictures that are known to be
unpublished, on pictures that had no part in fitting anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import ttest_ind_from_stats

from forensics.membership.roc import checked
from shared.errors import InputError


@dataclass(frozen=True)
class DatasetClaim:
    """A test of the sentence "these pictures score no higher than pictures that were not used".

    Attributes:
        t: Welch's statistic.
        degrees_of_freedom: By Welch and Satterthwaite.
        p_value: One-sided.
        effect: Difference of the means over the pooled standard deviation (Cohen's d).
        suspects: Pictures in question.
        nonmembers: Held-out non-members.
    """

    t: float
    degrees_of_freedom: float
    p_value: float
    effect: float
    suspects: int
    nonmembers: int


def dataset_inference(suspects: ArrayLike, nonmembers: ArrayLike) -> DatasetClaim:
    """Test whether a set of pictures scores above non-members.

    Pictures must be independent: crops or frames of one picture count as one.

    Args:
        suspects: ``(M,)`` scores of the set in question, larger = member.
        nonmembers: ``(N,)`` scores of held-out non-members of the same distribution.

    Raises:
        InputError: If a side has fewer than two scores, one is not finite, or no score differs from another.

    Example:
        >>> claim = dataset_inference([2.0, 3.0, 4.0, 3.0], [0.0, 1.0, 0.0, 1.0])
        >>> claim.p_value < 0.01, round(claim.effect, 2)
        (True, 3.54)
    """
    inside, outside = checked(suspects, nonmembers)
    if min(len(inside), len(outside)) < 2:
        raise InputError(
            "a claim about a set needs several pictures on either side",
            found=f"{len(inside)} and {len(outside)}",
            expected="2 or more each",
        )
    variances = inside.var(ddof=1), outside.var(ddof=1)
    if sum(variances) == 0:
        raise InputError("all scores are equal, so nothing can be tested", found=inside[0])
    sizes = len(inside), len(outside)
    test = ttest_ind_from_stats(
        inside.mean(), variances[0] ** 0.5, sizes[0], outside.mean(), variances[1] ** 0.5, sizes[1],
        equal_var=False, alternative="greater",
    )  # fmt: skip
    errors = variances[0] / sizes[0], variances[1] / sizes[1]
    freedom = sum(errors) ** 2 / sum(e**2 / (n - 1) for e, n in zip(errors, sizes, strict=True))
    pooled = np.sqrt(
        ((len(inside) - 1) * variances[0] + (len(outside) - 1) * variances[1])
        / (len(inside) + len(outside) - 2)
    )
    return DatasetClaim(
        float(test.statistic),
        float(freedom),
        float(test.pvalue),
        float((inside.mean() - outside.mean()) / pooled),
        len(inside),
        len(outside),
    )
