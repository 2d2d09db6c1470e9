"""The sections, in the order of importance; each leaves a record of its own, so that what is finished can be shown."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.forensics.ablation_table import ablation_rows
from benchmarks.forensics.exploitability import exploit_rows
from benchmarks.forensics.main_table import judged_rows, main_rows
from benchmarks.forensics.maps_table import lit_authentic, located, map_rows
from benchmarks.forensics.plan import ALL
from benchmarks.forensics.robustness import robust_rows
from benchmarks.forensics.teaching import teaching_rows
from benchmarks.forensics.workshop import Workshop
from benchmarks.tables import Rows, row
from forensics.calibration_error import reliability
from forensics.focus.detector import FocusDetector
from forensics.inspection.judge import read_calibration
from forensics.maps.focus import FocusMaps
from shared.zoo.checkpoints import folder_of


def shipped_rows(shop: Workshop, name_or_dir: str | Path, status: str) -> Rows:
    """Return the figures of one finished FoCus: decisions at both qualities, maps, robustness, calibration."""
    detector = FocusDetector.from_pretrained(name_or_dir, shop.device)
    title = "focus, shipped" if str(name_or_dir) == "focus" else "focus"
    rows: Rows = []
    for quality in sorted(set(shop.material.quality.tolist())):
        rows += judged_rows(shop, [detector], title, status, ALL, quality=quality)
        rows += judged_rows(shop, [detector], title, status, ALL, quality=quality, datasets=(ALL,))
    calibration = read_calibration(folder_of(name_or_dir))
    if calibration is not None:
        rows.append(
            row(
                f"expected calibration error: {title}", reliability(calibration).error, status=status,
                n=len(calibration.positives) + len(calibration.negatives),
                protocol="tracks of validation people, five folds", note=calibration.method,
            )
        )  # fmt: skip
    maps = FocusMaps(detector)
    rows += located(shop, title, lambda faces: shop.maps(maps, faces), status)
    rows.append(lit_authentic(shop, title, detector, status))
    return rows + robust_rows(shop, detector, title, status)


SECTIONS: Mapping[str, Callable[[Workshop, str], Rows]] = {
    "main": main_rows,
    "maps": map_rows,
    "teaching": teaching_rows,
    "exploitability": exploit_rows,
    "ablations": ablation_rows,
}
"""Name -> what is measured, beside ``shipped``, which comes first."""
