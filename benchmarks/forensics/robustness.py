"""(v) What becomes of decision and map when a picture is compressed, blurred, noisy, small, dark or bright."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.forensics.figures import over_people, told
from benchmarks.forensics.plan import ALL
from benchmarks.forensics.workshop import Workshop
from benchmarks.tables import Rows, row
from forensics.faces import Images
from forensics.focus.detector import FocusDetector
from shared.media.image import through_jpeg
from shared.metrics.eer import equal_error_threshold
from shared.metrics.roc import auc
from shared.statistics import Interval

Change = Callable[[Images], Images]


def _each(change: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> Change:
    return lambda frames: np.stack([change(frame) for frame in frames])


def jpeg(quality: int) -> Change:
    """Return what a JPEG of this quality leaves."""
    return _each(lambda frame: through_jpeg(frame, quality))


def blur(sigma: float) -> Change:
    """Return what a Gaussian of sigma px leaves."""
    return _each(lambda frame: np.asarray(cv2.GaussianBlur(frame, (0, 0), sigma), np.uint8))


def noise(sigma: float) -> Change:
    """Return pictures with white noise of sigma grey levels, the same noise whenever it is asked for."""

    def change(frames: Images) -> Images:
        grain = np.random.default_rng(0).normal(0, sigma, frames.shape)
        return np.clip(np.round(frames + grain), 0, 255).astype(np.uint8)

    return change


def resize(factor: float) -> Change:
    """Return pictures made smaller and large again."""

    def change(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
        small = cv2.resize(frame, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, frame.shape[1::-1], interpolation=cv2.INTER_LINEAR))

    return _each(change)


def light(factor: float) -> Change:
    """Return pictures so many times as bright."""
    return lambda frames: np.clip(np.round(frames * factor), 0, 255).astype(np.uint8)


CHANGES: Mapping[str, Change] = {
    **{f"JPEG {quality}": jpeg(quality) for quality in (90, 70, 50, 30)},
    **{f"blur, sigma {sigma}": blur(sigma) for sigma in (1, 2, 3)},
    **{f"noise, sigma {sigma}": noise(sigma) for sigma in (5, 10, 20)},
    "half size": resize(0.5),
    "brightness -30 %": light(0.7),
    "brightness +30 %": light(1.3),
}
"""Name -> what is done to face crops."""


def robust_rows(shop: Workshop, detector: FocusDetector, title: str, status: str) -> Rows:
    """Return the AUC of each change beside the cosine of the maps before and after it."""
    whole = shop.material.faces
    faces = shop.material.rows(ALL, "test", frames=1)
    labels, people = whole.labels[faces], whole.people[faces]
    plain = shop.judged(detector, faces), shop.raw_maps(detector, faces)
    right = (plain[0] >= threshold(shop, detector)) == (labels == 1)
    rows: Rows = []
    for name, change in {"as delivered": None, **CHANGES}.items():
        scores = (
            plain[0] if change is None else shop.judged(detector, faces, changed=change, label=name)
        )
        maps = (
            plain[1]
            if change is None
            else shop.raw_maps(detector, faces, changed=change, label=name)
        )
        alike = _cosine(plain[1], maps)

        def figures(
            drawn: NDArray[np.int64],
            s: NDArray[np.float64] = scores,
            c: NDArray[np.float64] = alike,
        ) -> NDArray[np.float64]:
            forged, authentic = drawn[labels[drawn] == 1], drawn[labels[drawn] == 0]
            groups = (forged[right[forged]], forged[~right[forged]], authentic)
            means = [float(c[group].mean()) if len(group) else np.nan for group in groups]
            return np.array([auc(s[forged], s[authentic]), *means])

        area, kept, lost, clean = over_people(
            figures, people, seed=0, resamples=shop.plan.resamples
        )
        more: dict[str, Any] = {"target": "map cosine >= 0.8"} if name == "JPEG 50" else {}
        more |= {
            "map cosine, right before": _or_none(kept), "map cosine, wrong before": _or_none(lost),
            "map cosine, authentic": told(clean),
        }  # fmt: skip
        rows.append(
            row(
                f"frame AUC: {title}, {name}", area, status=status, seed=0,
                protocol="all datasets, c23, test people, a frame a video; right by equal error of val people",
                table="Robustness of decision and map",
                **more,
            )
        )  # fmt: skip
    return rows


def threshold(shop: Workshop, detector: FocusDetector) -> float:
    """Return the score of equal error on validation people: test people must not tell who of them is right."""
    faces = shop.material.rows(ALL, "val", frames=1)
    scores, labels = shop.judged(detector, faces), shop.material.faces.labels[faces]
    return equal_error_threshold(scores[labels == 1], scores[labels == 0])


def _or_none(value: Interval) -> str:
    return told(value) if np.isfinite(value.value) else "there is none"


def _cosine(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float64]:
    a, b = (maps.reshape(len(maps), -1).astype(np.float64) for maps in (one, other))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return (a * b).sum(1) / np.maximum(lengths, 1e-12)
