"""(vi) What each element of FoCus is worth: the grid of :func:`forensics.focus.config.ablations`, trained alike."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.forensics.figures import localisation, over_people, told
from benchmarks.forensics.maps_table import SHOWN, masks_of
from benchmarks.forensics.plan import ALL, UNPAIRED
from benchmarks.forensics.workshop import FOCUS, Workshop
from benchmarks.tables import Rows, row
from forensics.faces import FaceSet
from forensics.focus.config import FocusProfile, ablations
from forensics.focus.detector import FocusDetector
from forensics.focus.production import produce
from shared.errors import InputError
from shared.metrics.roc import auc


def ablation_rows(shop: Workshop, status: str) -> Rows:
    """Train each arm on all datasets and return how it decides, where its maps lie, and what authentic faces show."""
    known = arms(shop.focus_profile(shop.plan.arm_steps))
    missing = [name for name in shop.plan.arms if name not in known]
    if missing:
        raise InputError("there is no such arm", found=missing, expected=" | ".join(known))
    return [_arm(shop, name, known[name], status) for name in shop.plan.arms]


def arms(profile: FocusProfile) -> dict[str, FocusProfile]:
    """Return the grid, and the full method once more for the arm whose batches differ."""
    grid = ablations(profile)
    return grid | {UNPAIRED: grid["full"]}


def _arm(shop: Workshop, name: str, profile: FocusProfile, status: str) -> dict:
    seed, whole = shop.plan.seeds[0], shop.material.faces
    weights = profile.recipe.weights
    if not (weights.erased or weights.equivariance):
        profile = replace(profile, recipe=replace(profile.recipe, again_every=1))
    alone = {"changed": _alone, "label": UNPAIRED} if name == UNPAIRED else {}
    detector = shop.taught(FOCUS, ALL, seed, focus=profile, **alone)  # type: ignore[arg-type]
    if not isinstance(detector, FocusDetector):
        raise InputError("an arm is a FoCus", found=type(detector).__name__)
    faces = shop.material.rows(ALL, "test", frames=max(1, shop.plan.judged // 2))
    labels, people = whole.labels[faces], whole.people[faces]
    scores, raw = shop.judged(detector, faces), shop.raw_maps(detector, faces)
    forged = labels == 1

    def figures(drawn: NDArray[np.int64]) -> NDArray[np.float64]:
        own = labels[drawn] == 1
        lit = (raw[drawn[~own]] >= SHOWN).mean()
        return np.array([auc(scores[drawn[own]], scores[drawn[~own]]), lit])

    area, lit = over_people(figures, people, seed=0, resamples=shop.plan.resamples)
    maps = produce(raw[forged], whole.size, np.ones(int(forged.sum()), bool))
    where = localisation(
        maps, masks_of(whole, faces[forged]), people[forged], seed=0, resamples=shop.plan.resamples
    )
    return row(
        f"frame AUC: {name}", area, status=status, seed=seed, table="Ablation grid",
        protocol=f"{profile.budget.steps} steps on all datasets, test people",
        **{"IoU at 0.5": told(where["IoU at 0.5"]), "best IoU": told(where["best IoU"]),  # type: ignore[arg-type]
           "pointing": told(where["pointing"]), "activated on authentic": told(lit)},  # type: ignore[arg-type]
    )  # fmt: skip


def _alone(faces: FaceSet) -> FaceSet:
    """Forget the counterparts."""
    return replace(faces, counterparts=None)
