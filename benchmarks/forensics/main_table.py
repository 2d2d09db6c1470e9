"""(ii) Who tells forged faces, in the dataset that he learnt from and in the others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.forensics.figures import by_video, decisions, told
from benchmarks.forensics.material import Rows as Faces
from benchmarks.forensics.plan import ALL, SINGLE_TASK
from benchmarks.forensics.workshop import FOCUS, Detector, Workshop
from benchmarks.tables import Rows, row
from shared.data.forgery.families import DATASETS
from shared.statistics import Interval

MODELS = (FOCUS, *SINGLE_TASK)


def main_rows(shop: Workshop, status: str) -> Rows:
    """Train every model on each dataset and on all together, and judge it on each; return a row a pair."""
    rows: Rows = []
    for learnt in shop.plan.learnt:
        for name in MODELS:
            detectors = [shop.taught(name, learnt, seed) for seed in shop.plan.seeds]
            rows += judged_rows(shop, detectors, f"{name}, learnt {learnt}", status, learnt)
    return rows


def judged_rows(
    shop: Workshop,
    detectors: Sequence[Detector],
    title: str,
    status: str,
    learnt: str = "",
    *,
    quality: str = "c23",
    datasets: Sequence[str] = DATASETS,
) -> Rows:
    """Return the figures of some trainings of one detector on each dataset's test people."""
    rows: Rows = []
    for dataset in datasets:
        faces = shop.material.rows(dataset, "test", quality=quality, frames=shop.plan.judged)
        scores = np.stack([shop.judged(detector, faces) for detector in detectors])
        frame, video = frame_and_video(shop, scores, faces)
        kind = "in-dataset" if learnt in (dataset, ALL) else "cross-dataset"
        goal = kind == "in-dataset" and title.startswith(FOCUS)
        more: dict[str, Any] = {"target": ">= 0.95"} if goal else {}
        more |= {name: told(frame[name]) for name in ("AP", "EER", "TPR at 1 % FPR")}
        more |= {f"video {name}": told(value) for name, value in video.items()}
        rows.append(
            row(
                f"frame AUC: {title}; judged on {dataset} {quality}", frame["AUC"], status=status,
                protocol=kind, seed=shop.plan.seeds[0], **more,
            )
        )  # fmt: skip
    return rows


def frame_and_video(
    shop: Workshop, scores: NDArray[np.float64], faces: Faces
) -> tuple[dict[str, Interval], dict[str, Interval]]:
    """Return the figures by frame and by video of scores ``(S, N)`` of these faces."""
    whole, plan = shop.material.faces, shop.plan
    labels, people, videos = whole.labels[faces], whole.people[faces], whole.videos[faces]
    frame = decisions(scores, labels, people, seed=0, resamples=plan.resamples)
    means = [by_video(one, labels, videos, people) for one in scores]
    video = decisions(
        np.stack([mean for mean, _, _ in means]), means[0][1], means[0][2], seed=0,
        resamples=plan.resamples,
    )  # fmt: skip
    return frame, video
