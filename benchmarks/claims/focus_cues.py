"""Does complementary learning find both of two cues where plain class maps find one? On synthetic faces, in minutes.

Each forged face carries two cues, either of which tells the class. In one set they are of two kinds, one for each view:
a texture and a tint. In the other both are colours, which the edge view hardly sees: no second view can do the work of
learning from what another has found. Plain CARP sees RGB alone and learns by classification alone; FoCus is the full
method. All learn from the same faces, steps and seeds, from labels.

    python -m benchmarks.claims.focus_cues -o benchmarks/records/focus_cues.json
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.tables import Rows, number, row, write_record
from forensics.face_batches import Augmentation
from forensics.focus.config import PLAIN, PROFILES, FocusProfile, FocusWeights
from forensics.focus.detector import FocusDetector
from forensics.focus.production import produce
from forensics.focus.recipes import train_focus
from forensics.focus.synthetic import COOL, CUES, TEXTURE, TINT, CueSet, synthetic_faces
from shared.custody import RunRecord
from shared.metrics.iou import best_iou, iou
from shared.metrics.mass_in_mask import mass_in_mask
from shared.metrics.roc import auc

SETS = {"a cue for each view": (TEXTURE, TINT), "both cues in one view": (TINT, COOL)}
"""Name of a set -> what each of its forged faces carries."""

FOUND = 0.3
"""A cue is found where the map reaches a half in more than this share of its patch."""

RATE = 3e-3
"""Learning rate of so small a network."""

APART = FocusWeights(erased=0.0, union=0.0, agreement=0.0)
"""Every term but those of complementary learning."""

MIRROR_ALONE = Augmentation(0.5, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True)
class CueFindings:
    """What one arm's maps show of held-out forged faces.

    Attributes:
        auc: Of the decision.
        iou: Mean IoU of the map at 0.5 with both cues' patches.
        best_iou: The same at the best threshold for these very masks: an oracle's.
        mass: Share of the map that lies in either patch.
        each: Name of a cue -> share of faces in which it is found.
        both: Share of faces in which all are.
        authentic: Mean posterior on authentic faces.
    """

    auc: float
    iou: float
    best_iou: float
    mass: float
    each: dict[str, float]
    both: float
    authentic: float


def arms(steps: int) -> dict[str, FocusProfile]:
    """Return plain CARP, the full method, what lies between them, and the full method as it failed before.

    Two views find two cues of different kinds without learning from each other: the arms between tell what the second
    view, the other terms and complementary learning do. One view can learn from what it found itself, too. All at the
    smallest size.

    Args:
        steps: Of each training.
    """
    base = PROFILES["smoke"]
    rates = replace(base.recipe, backbone_rate=RATE, head_rate=RATE)
    budget = replace(base.budget, steps=steps, batch_size=16)
    base = replace(base, budget=budget, recipe=rates)
    bare = replace(base.network, edges="none", learning="none")
    apart = replace(base.network, learning="none")
    alone = replace(bare, learning="erase")
    either = replace(base.network, erase_from="either")
    centred = replace(base.network, centred=True)
    chosen = {
        "plain CARP": (bare, PLAIN),
        "one view and all terms, nothing erased": (bare, APART),
        "one view and all terms, erased from itself": (alone, FocusWeights()),
        "two views, each for itself": (apart, PLAIN),
        "two views and all terms, no complementary learning": (apart, APART),
        "FoCus": (base.network, FocusWeights()),
        "FoCus, erased from either view": (either, FocusWeights()),
        "FoCus, mean patch taken away": (centred, FocusWeights()),
    }
    return {
        name: replace(base, network=network, recipe=replace(base.recipe, weights=weights))
        for name, (network, weights) in chosen.items()
    }


def examine(detector: FocusDetector, held: CueSet) -> CueFindings:
    """Return what a detector's maps show.

    Args:
        detector: Trained.
        held: Faces that it has not seen.
    """
    found = detector.detect(held.faces.frames)
    forged = held.faces.labels == 1
    if found.maps is None or held.faces.masks is None:
        raise TypeError("synthetic faces have masks, and FoCus has maps")
    maps = produce(found.maps, held.faces.size, forged)[forged]
    score, mask = torch.from_numpy(maps), torch.from_numpy(held.faces.masks[forged])
    carried = [cue for cue in range(len(CUES)) if held.cues[forged][:, cue].any()]
    places = held.cues[forged][:, carried]
    shown = (maps[:, None] >= 0.5) & places
    seen = shown.sum((2, 3)) / places.sum((2, 3)) > FOUND
    return CueFindings(
        auc=auc(found.scores[forged], found.scores[~forged]),
        iou=float(iou(score, mask).mean()),
        best_iou=best_iou(score, mask)[0],
        mass=float(mass_in_mask(score, mask).mean()),
        each={CUES[cue]: float(seen[:, place].mean()) for place, cue in enumerate(carried)},
        both=float(seen.all(1).mean()),
        authentic=float(found.maps[~forged].mean()),
    )


def measure(
    cues: tuple[int, ...], steps: int, seeds: Sequence[int], work: Path
) -> dict[str, list[CueFindings]]:
    """Train each arm with each seed and return arm -> findings.

    Args:
        cues: What forged faces carry.
        steps: Of each training.
        seeds: One training of each arm for each.
        work: Folder of the runs; what is there goes on.
    """
    measured: dict[str, list[CueFindings]] = {}
    for seed in seeds:
        faces = synthetic_faces(1200, 2 * seed, cues=cues).faces
        held = synthetic_faces(300, 2 * seed + 1, cues=cues)
        for name, profile in arms(steps).items():
            folder = train_focus(
                faces, work / f"{name}-{seed}", profile=profile, augmentation=MIRROR_ALONE,
                seed=seed, device="cpu",
            )  # fmt: skip
            findings = examine(FocusDetector.from_pretrained(folder), held)
            measured.setdefault(name, []).append(findings)
    return measured


def cue_rows(table: str, measured: dict[str, list[CueFindings]], steps: int) -> Rows:
    """Return a row an arm: figures are means over seeds."""
    trivial = "IoU of a map that is lit everywhere: about 0.19"
    rows: Rows = []
    for name, findings in measured.items():
        both = [one.both for one in findings]
        more: dict[str, Any] = {"target": ">= 0.9"} if name == "FoCus" else {}
        more |= {"of the seeds": f"{number(min(both))} to {number(max(both))}"}
        more |= {cue: _mean([one.each[cue] for one in findings]) for cue in findings[0].each}
        more |= {
            column: _mean([getattr(one, figure) for one in findings])
            for figure, column in _COLUMNS.items()
        }
        rows.append(
            row(
                f"faces in which both cues are found: {name}", _mean(both), status="tiny",
                table=table, n=len(findings),
                protocol=f"{steps} steps, held-out synthetic faces, n seeds; {trivial}", **more,
            )
        )  # fmt: skip
    return rows


_COLUMNS = {
    "iou": "IoU at 0.5", "best_iou": "best IoU", "mass": "mass in mask", "auc": "AUC",
    "authentic": "posterior on authentic",
}  # fmt: skip


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure from the command line and write the record; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.claims.focus_cues")
    parser.add_argument("-o", "--out", type=Path, required=True, help="record (JSON)")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--work", type=Path, help="keep the runs here, to go on")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as scratch:
        work = chosen.work or Path(scratch)
        rows = [
            one
            for name, cues in SETS.items()
            for one in cue_rows(
                name, measure(cues, chosen.steps, range(chosen.seeds), work / name), chosen.steps
            )
        ]
    settings = {"steps": chosen.steps, "seeds": chosen.seeds, "found": FOUND}
    record = RunRecord("benchmarks.focus_cues", settings=settings)
    write_record(chosen.out, record, rows)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
