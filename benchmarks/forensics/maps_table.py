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
import torch
from numpy.typing import NDArray

from benchmarks.forensics.figures import localisation, over_people, told
from benchmarks.forensics.material import Rows as Faces
from benchmarks.forensics.plan import ALL
from benchmarks.forensics.teachers import provider
from benchmarks.forensics.workshop import Detector, Workshop
from benchmarks.tables import Rows, row
from forensics.faces import FaceSet, Images, as_pictures
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
FIFTH = 1
"""Number of the step at which a fifth of a face is blurred."""
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
            rows.append(unseen_by_itself(shop, source.name, source.detector, status))
    judge = shop.taught(JUDGE, ALL, seed)
    return rows + evidence(shop, judge, makers, status)


def located(shop: Workshop, title: str, maps: Callable[[Faces], Maps], status: str) -> Rows:
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
                seed=shop.plan.seeds[0], protocol=f"test people, teacher learnt {ALL}",
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


def lent(maps: NDArray[Any], labels: NDArray[np.int64], seed: int) -> NDArray[Any]:
    """Return maps in which each authentic face has that of some forged one, so that no shape tells the class."""
    forged = np.flatnonzero(labels == 1)
    chosen = np.random.default_rng(seed).choice(forged, len(labels))
    return maps[np.where(labels == 1, np.arange(len(labels)), chosen)]


def evidence(
    shop: Workshop, judge: Detector, makers: Mapping[str, Callable[[Faces], Maps]], status: str
) -> Rows:
    """Return completeness, deletion and insertion of each provider's maps, the masks' and chance's beside them."""
    faces = _few(shop)
    rows: Rows = []
    for name in (*makers, "known", "chance"):
        maps = lent(_some_maps(shop, name, makers, faces), shop.material.faces.labels[faces], 0)
        deleted, inserted = steps(shop, judge, faces, maps)
        for figure, scores, told_as in (
            ("AUC left without the map", _without(shop, judge, faces, maps),
             f"blurred where the map reaches {SHOWN}; lower = more complete"),
            ("AUC left without the map's first fifth", deleted[[FIFTH]],
             "a fifth of every face blurred, so that wide maps have no advantage; lower = more complete"),
            ("deletion", deleted, "mean AUC while more of the map is blurred; lower is better"),
            ("insertion", inserted, "mean AUC while more of the map is shown; higher is better"),
        ):  # fmt: skip
            rows.append(
                row(
                    f"{figure}: maps of {name}", _mean_auc(shop, scores, faces), status=status, seed=0,
                    protocol=f"{len(faces)} faces, judged by {JUDGE}; {told_as}", table="What the maps hold",
                )
            )  # fmt: skip
    return rows


def unseen_by_itself(shop: Workshop, title: str, detector: FocusDetector, status: str) -> dict:
    """Return how well a FoCus still decides where its own proposals are taken from both of its views."""
    faces = _few(shop)
    labels = shop.material.faces.labels[faces]
    network = detector.network

    def scores() -> NDArray[np.float64]:
        pictures = as_pictures(
            shop.material.faces.frames[faces], network.config.image, detector.device
        )
        parts = [pictures[at : at + 64] for at in range(0, len(pictures), 64)]
        with torch.inference_mode():
            regions = torch.cat([network.proposals(network(part).maps) for part in parts])
            lost = torch.from_numpy(lent(regions.cpu().numpy(), labels, 0)).to(detector.device)
            told = [
                network(part, lost[at * 64 : at * 64 + len(part)]).logits.softmax(1)[:, 1]
                for at, part in enumerate(parts)
            ]
        return np.asarray(torch.cat(told).double().cpu().numpy())

    left = shop.kept(["itself", detector.sha256, shop.material.sha256, faces], scores)
    return row(
        f"AUC left to itself without its proposals: {title}", _mean_auc(shop, left[None], faces),
        status=status, seed=0, table="What the maps hold",
        protocol=f"{len(faces)} faces; authentic ones lose the proposals of forged ones; lower = more complete",
    )  # fmt: skip


def _without(shop: Workshop, judge: Detector, faces: Faces, maps: Maps) -> NDArray[np.float64]:
    frames = without(shop.material.faces.frames[faces], maps >= SHOWN)
    facts = ["rest", judge.sha256, shop.material.sha256, faces, maps]
    return shop.kept(facts, partial(_scores, judge, frames))[None]


def _mean_auc(shop: Workshop, scores: NDArray[np.float64], faces: Faces) -> Interval:
    """Return the mean AUC over several looks ``(K, N)`` at the same faces."""
    labels, people = shop.material.faces.labels[faces], shop.material.faces.people[faces]

    def figure(rows: NDArray[np.int64]) -> NDArray[np.float64]:
        forged, authentic = rows[labels[rows] == 1], rows[labels[rows] == 0]
        return np.array([np.mean([auc(one[forged], one[authentic]) for one in scores])])

    return over_people(figure, people, seed=0, resamples=shop.plan.resamples)[0]


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
    shop: Workshop, judge: Detector, faces: Faces, maps: Maps
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the scores ``(9, N)`` while the pixels of a map are blurred, largest first, and while they are shown."""
    frames = shop.material.faces.frames[faces]
    order = maps.reshape(len(maps), -1).argsort(axis=1, kind="stable").argsort(axis=1)
    rank = 1 - order.reshape(maps.shape) / maps[0].size  # 0 for the largest
    shares = np.linspace(0, 1, STEPS + 1)[1:-1]

    def looks() -> NDArray[np.float64]:
        return np.array(
            [
                [
                    judge.detect(without(frames, (rank <= share) ^ inverse)).scores
                    for share in shares
                ]
                for inverse in (False, True)
            ]
        )

    found = shop.kept(["looks", judge.sha256, shop.material.sha256, faces, maps], looks)
    return found[0], found[1]
