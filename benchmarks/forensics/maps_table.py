"""(iii) Where the maps lie: against known masks, by what they leave, by what they teach, step by step.

Every map is of test faces by a teacher that learnt all datasets. An independent Xception, trained alike, judges what is
left of a face without what a map shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.forensics.figures import localisation, over_people, told
from benchmarks.forensics.material import Rows as Faces
from benchmarks.forensics.plan import ALL
from benchmarks.forensics.teachers import provider
from benchmarks.forensics.workshop import Detector, Workshop
from benchmarks.tables import Rows, row
from forensics.faces import FaceSet, Images
from forensics.focus.detector import FocusDetector
from forensics.maps.carp import CarpMaps
from forensics.maps.focus import FocusMaps
from shared.data.forgery.families import DATASETS
from shared.metrics.roc import auc
from shared.statistics import Interval

Maps = NDArray[np.float32]

COMPARED = ("focus", "carp", "gradcam", "rfm", "rollout")
JUDGE = "xception"
SHOWN = 0.5
STEPS = 10
LIMIT = 0.03
"""Share of an authentic face that may be lit up."""


def map_rows(shop: Workshop, status: str) -> Rows:
    """Return the figures of all providers' maps."""
    seed = shop.plan.seeds[0]
    sources = {name: provider(shop, name, ALL, seed) for name in COMPARED}
    makers = {name: partial(shop.maps, source) for name, source in sources.items()}
    rows: Rows = []
    for name, maker in makers.items():
        rows += located(shop, name, maker, status)
    for source in sources.values():
        if isinstance(source, FocusMaps | CarpMaps):
            rows.append(lit_authentic(shop, source.name, source.detector, status))
    judge = shop.taught(JUDGE, ALL, seed)
    return rows + evidence(shop, judge, makers, status)


def located(
    shop: Workshop, title: str, maps: Callable[[Faces], Maps], status: str, learnt: str = ALL
) -> Rows:
    """Return the figures of maps against masks, of each dataset and of all."""
    whole, rows = shop.material.faces, []
    for dataset in (*DATASETS, ALL):
        faces = shop.material.rows(dataset, "test", frames=shop.plan.judged)
        faces = faces[whole.labels[faces] == 1]
        found = localisation(
            full_size(maps(faces), whole.size), masks_of(whole, faces), whole.people[faces],
            seed=0, resamples=shop.plan.resamples,
        )  # fmt: skip
        cells: dict[str, Any] = {
            name: told(value) if isinstance(value, Interval) else value
            for name, value in found.items() if name != "IoU at 0.5"
        }  # fmt: skip
        rows.append(
            row(
                f"IoU at 0.5: maps of {title}, {dataset}", found["IoU at 0.5"], status=status,
                seed=shop.plan.seeds[0], protocol=f"test people, teacher learnt {learnt}",
                table="Maps against known masks", **cells,
            )
        )  # fmt: skip
    return rows


def masks_of(whole: FaceSet, faces: Faces) -> Maps:
    """Return the known masks of faces, as shares of the largest share."""
    masks = whole.masks[faces]  # type: ignore[index]
    # a self-blended face is a quarter foreign at least: any visible share counts
    return np.asarray(masks / np.maximum(masks.max((1, 2), keepdims=True), 1e-6), np.float32)


def full_size(maps: Maps, size: int) -> Maps:
    """Return maps at the size of the faces, bilinear."""
    if maps.shape[1] == size:
        return maps
    return np.stack([cv2.resize(m, (size, size), interpolation=cv2.INTER_LINEAR) for m in maps])


def lit_authentic(shop: Workshop, title: str, detector: FocusDetector, status: str) -> dict:
    """Return which share of authentic faces a FoCus' posterior calls forged."""
    whole = shop.material.faces
    faces = shop.material.rows(ALL, "test", frames=shop.plan.judged)
    faces = faces[whole.labels[faces] == 0]
    share = (shop.raw_maps(detector, faces) >= SHOWN).mean((1, 2))
    (value,) = over_people(
        lambda rows: np.array([share[rows].mean()]), whole.people[faces], seed=0,
        resamples=shop.plan.resamples,
    )  # fmt: skip
    return row(
        f"activated area on authentic faces: {title}", value, status=status, seed=0,
        protocol=f"share of patches whose posterior reaches {SHOWN}", target=f"< {LIMIT}",
        table="Maps on authentic faces",
    )  # fmt: skip


def without(frames: Images, regions: NDArray[np.bool_]) -> Images:
    """Return pictures blurred beyond recognition where regions ``(N, S, S)`` lie."""
    side = frames.shape[1]
    blurred = [cv2.GaussianBlur(frame, (0, 0), side / 8) for frame in frames]
    return np.where(regions[..., None], np.stack(blurred), frames) if len(frames) else frames


def lent(maps: Maps, labels: NDArray[np.int64], seed: int) -> Maps:
    """Return maps in which each authentic face has that of some forged one, so that no shape tells the class."""
    forged = np.flatnonzero(labels == 1)
    chosen = np.random.default_rng(seed).choice(forged, len(labels))
    return maps[np.where(labels == 1, np.arange(len(labels)), chosen)]


def evidence(
    shop: Workshop, judge: Detector, makers: Mapping[str, Callable[[Faces], Maps]], status: str
) -> Rows:
    """Return completeness, deletion and insertion of each provider's maps, the masks' and chance's beside them."""
    whole = shop.material.faces
    faces = _few(shop)
    labels = whole.labels[faces]
    rows: Rows = []
    for name in (*makers, "known", "chance"):
        maps = _some_maps(shop, name, makers, faces)
        curve_out, curve_in = steps(shop, judge, faces, lent(maps, labels, 0), name)
        frames = without(whole.frames[faces], lent(maps, labels, 0) >= SHOWN)
        rest = shop.kept(
            ["rest", judge.sha256, shop.material.sha256, faces, maps],
            partial(_scores, judge, frames),
        )
        rows += [
            row(
                f"{figure}: maps of {name}", value, status=status, seed=0, n=len(faces),
                protocol=f"judged by {JUDGE}; {told_as}", table="What the maps hold",
            )
            for figure, value, told_as in (
                ("AUC left without the map", auc(rest[labels == 1], rest[labels == 0]),
                 f"blurred where the map reaches {SHOWN}; lower = more complete"),
                ("deletion", curve_out, "mean AUC while more of the map is blurred; lower is better"),
                ("insertion", curve_in, "mean AUC while more of the map is shown; higher is better"),
            )
        ]  # fmt: skip
    return rows


def _scores(judge: Detector, frames: Images) -> NDArray[np.float64]:
    return judge.detect(frames).scores


def _few(shop: Workshop) -> Faces:
    """Return some test faces of each class, spread over people."""
    faces, most = shop.material.rows(ALL, "test", frames=1), shop.plan.pictures
    labels = shop.material.faces.labels[faces]
    generator = np.random.default_rng(0)
    picked = [np.flatnonzero(labels == label) for label in (0, 1)]
    kept = [generator.choice(own, min(most, len(own)), replace=False) for own in picked]
    return faces[np.sort(np.concatenate(kept))]


def _some_maps(
    shop: Workshop, name: str, makers: Mapping[str, Callable[[Faces], Maps]], faces: Faces
) -> Maps:
    whole = shop.material.faces
    if name == "known":
        return masks_of(whole, faces)
    if name == "chance":
        rough = np.random.default_rng(0).random((len(faces), 4, 4), np.float32)
        return full_size(rough, whole.size)
    return full_size(makers[name](faces), whole.size)


def steps(
    shop: Workshop, judge: Detector, faces: Faces, maps: Maps, name: str
) -> tuple[float, float]:
    """Return the mean AUC while the pixels of a map are blurred, largest first, and while they are shown."""
    whole = shop.material.faces
    frames, labels = whole.frames[faces], whole.labels[faces]
    order = maps.reshape(len(maps), -1).argsort(axis=1, kind="stable").argsort(axis=1)
    rank = 1 - order.reshape(maps.shape) / maps[0].size  # 0 for the largest
    shares = np.linspace(0, 1, STEPS + 1)[1:-1]

    def curve(inverse: bool) -> NDArray[np.float64]:
        aucs = []
        for share in shares:
            scores = judge.detect(without(frames, (rank <= share) ^ inverse)).scores
            aucs.append(auc(scores[labels == 1], scores[labels == 0]))
        return np.array(aucs)

    facts = ["steps", judge.sha256, shop.material.sha256, faces, maps, name]
    found = shop.kept(facts, lambda: np.array([curve(False).mean(), curve(True).mean()]))
    return float(found[0]), float(found[1])
