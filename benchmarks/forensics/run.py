"""The sections, in the order of importance; each leaves a record of its own, so that what is finished can be shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from benchmarks.forensics.ablation_table import ablation_rows
from benchmarks.forensics.exploitability import exploit_rows
from benchmarks.forensics.figures import by_video
from benchmarks.forensics.main_table import judged_rows, main_rows
from benchmarks.forensics.maps_table import lit_authentic, located, map_rows
from benchmarks.forensics.plan import ALL
from benchmarks.forensics.robustness import robust_rows
from benchmarks.forensics.teaching import teaching_rows
from benchmarks.forensics.workshop import Workshop
from benchmarks.tables import Rows, row
from forensics.calibration import Calibration
from forensics.calibration_error import reliability
from forensics.focus.detector import FocusDetector
from forensics.inspection.familiarity import Familiarity
from forensics.inspection.judge import read_calibration, read_familiarity
from forensics.maps.focus import FocusMaps
from forensics.verdict import Decision
from shared.zoo.checkpoints import folder_of


def shipped_rows(shop: Workshop, name_or_dir: str | Path, status: str) -> Rows:
    """Return the figures of one finished FoCus: decisions at both qualities, maps, robustness, calibration."""
    detector = FocusDetector.from_pretrained(name_or_dir, shop.device)
    title = "focus"
    rows: Rows = []
    for quality in sorted(set(shop.material.quality.tolist())):
        rows += judged_rows(shop, [detector], title, status, ALL, quality=quality)
        rows += judged_rows(shop, [detector], title, status, ALL, quality=quality, datasets=(ALL,))
    calibration = read_calibration(folder_of(name_or_dir))
    if calibration is not None:
        known = read_familiarity(folder_of(name_or_dir))
        rows += answered(shop, detector, calibration, title, status, known)
        reliable = reliability(calibration)
        rows.append(
            row(
                f"expected calibration error: {title}", reliable.error, status=status,
                n=len(calibration.positives) + len(calibration.negatives),
                protocol=f"tracks of validation people, five folds; held out together: {reliable.held_out}",
                note=calibration.method,
            )
        )  # fmt: skip
    maps = FocusMaps(detector)
    rows += located(shop, title, lambda faces: shop.maps(maps, faces), status)
    rows.append(lit_authentic(shop, title, detector, status))
    return rows + robust_rows(shop, detector, title, status)


def answered(
    shop: Workshop,
    detector: FocusDetector,
    calibration: Calibration,
    title: str,
    status: str,
    known: Familiarity | None = None,
) -> Rows:
    """Return which share of test clips is called what, by quality and truth, as an inspection would.

    A mean of few frames is judged by means of few. Clips whose faces are beyond the known ones get no answer.
    """
    whole, rows = shop.material.faces, []
    for quality in sorted(set(shop.material.quality.tolist())):
        faces = shop.material.rows(ALL, "test", quality=quality)
        videos = whole.videos[faces]
        means, truth, _ = by_video(
            shop.judged(detector, faces), whole.labels[faces], videos, whole.people[faces]
        )
        names, counts = np.unique(videos, return_counts=True)
        beyond = np.zeros(len(means), bool)
        if known is not None:
            unlike = known.unlike(shop.features(detector, faces))
            beyond = np.array([np.median(unlike[videos == one]) > 1 for one in names])
        for label, kind in enumerate(("authentic", "forged")):
            own = truth == label
            told = [
                Decision.INCONCLUSIVE if far else calibration.of(int(count)).judge(float(mean))
                for mean, count, far in zip(means[own], counts[own], beyond[own], strict=True)
            ]
            accused = np.mean([one is Decision.MANIPULATED for one in told])
            cleared = np.mean([one is Decision.AUTHENTIC for one in told])
            rows.append(
                row(
                    f"called manipulated: {title}, {kind} test clips {quality}", float(accused),
                    status=status, n=len(told),
                    protocol="mean of a clip's frames, the calibration of means of so many",
                    table="Answers on test clips",
                    **{"called authentic": float(cleared), "no answer": float(1 - accused - cleared),  # type: ignore[arg-type]
                       "of these beyond the known faces": float(beyond[own].mean())},  # type: ignore[arg-type]
                )
            )  # fmt: skip
    return rows


SECTIONS: Mapping[str, Callable[[Workshop, str], Rows]] = {
    "main": main_rows,
    "maps": map_rows,
    "teaching": teaching_rows,
    "exploitability": exploit_rows,
    "ablations": ablation_rows,
}
"""Name -> what is measured, beside ``shipped``, which comes first."""
