"""(iv) The paper's claim: what maps teach detectors, and whether that helps on foreign datasets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from benchmarks.forensics.figures import over_people, told
from benchmarks.forensics.teachers import provider
from benchmarks.forensics.workshop import Workshop
from benchmarks.tables import Rows, row
from forensics.maps.cache import CachedMaps
from shared.metrics.roc import auc
from shared.statistics import Interval

NONE = "none"
AGAINST = "paired-pixel"
OURS = "focus"

Scores = dict[str, list[NDArray[np.float64]]]
"""Dataset -> scores of each seed's training."""


def teaching_rows(shop: Workshop, status: str) -> Rows:
    """Train each detector with each provider's maps; return AUCs at home and abroad, and the claim."""
    plan = shop.plan
    rows: Rows = []
    ahead: list[float] = []
    for detector in plan.detectors:
        scores = {name: _scores(shop, detector, name) for name in (NONE, *plan.providers)}
        for name, found in scores.items():
            home, abroad = (_mean_auc(shop, found, part) for part in (plan.taught_on, plan.foreign))
            rows.append(
                row(
                    f"cross-dataset frame AUC: {detector}, maps of {name}", abroad, status=status,
                    seed=plan.seeds[0], protocol=f"learnt {', '.join(plan.taught_on)}; mean over the others",
                    table="Maps as teachers", **{"in-dataset": told(home)},  # type: ignore[arg-type]
                )
            )  # fmt: skip
        if {OURS, AGAINST} <= scores.keys():
            gain = _gain(shop, scores[OURS], scores[AGAINST])
            ahead.append(gain.value)
            rows.append(
                row(
                    f"cross-dataset gain: {detector}, maps of {OURS} over {AGAINST}", gain, status=status,
                    seed=plan.seeds[0], protocol="paired over people", target="> 0",
                    table="FoCus maps against pixel differences",
                )
            )  # fmt: skip
    if ahead:
        rows.append(
            row(
                f"detectors that gain cross-dataset from {OURS} over {AGAINST}", sum(g > 0 for g in ahead),
                status=status, n=len(ahead), target=">= 3 of 4", table="FoCus maps against pixel differences",
            )
        )  # fmt: skip
    return rows


def _scores(shop: Workshop, detector: str, name: str) -> Scores:
    plan = shop.plan
    found: Scores = {dataset: [] for dataset in (*plan.taught_on, *plan.foreign)}
    for seed in plan.seeds:
        maps = None
        if name != NONE:
            maps = CachedMaps(provider(shop, name, plan.taught_on, seed), shop.out / "maps")
        taught = shop.taught(detector, plan.taught_on, seed, maps=maps)
        for dataset, own in found.items():
            own.append(shop.judged(taught, _test(shop, dataset)))
    return found


def _test(shop: Workshop, dataset: str) -> NDArray[np.int64]:
    return shop.material.rows(dataset, "test", frames=shop.plan.judged)


def _mean_auc(shop: Workshop, scores: Scores, datasets: tuple[str, ...]) -> Interval:
    return _interval(shop, [(scores, 1.0)], datasets)


def _gain(shop: Workshop, ours: Scores, theirs: Scores) -> Interval:
    return _interval(shop, [(ours, 1.0), (theirs, -1.0)], shop.plan.foreign)


def _interval(
    shop: Workshop, terms: list[tuple[Scores, float]], datasets: tuple[str, ...]
) -> Interval:
    """Return the weighted sum of mean AUCs over datasets and seeds, with its interval over people."""
    whole = shop.material.faces
    faces = [_test(shop, dataset) for dataset in datasets]
    stacked = np.concatenate(faces)
    which = np.repeat(np.arange(len(faces)), list(map(len, faces)))
    labels, people = whole.labels[stacked], whole.people[stacked]
    columns = [
        (np.stack([np.concatenate(seeds) for seeds in zip(*(scores[d] for d in datasets), strict=True)]), weight)
        for scores, weight in terms
    ]  # fmt: skip

    def figure(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        total = 0.0
        for column, weight in columns:
            each = [
                auc(one[own[labels[own] == 1]], one[own[labels[own] == 0]])
                for one in column
                for own in (rows[which[rows] == number] for number in range(len(datasets)))
            ]
            total += weight * float(np.mean(each))
        return np.array([total])

    return over_people(figure, people, seed=0, resamples=shop.plan.resamples)[0]
