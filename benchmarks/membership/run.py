"""The whole benchmark over trained targets, resumable; one record, from which ``benchmarks tables`` prints.

What matters most is measured first on every target, and the record is written after each step, so that a run that is
stopped leaves the most important tables behind. Finished scores are kept: the same call goes on where it was stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.membership.ablations import ablate_drc, ablate_structural, ablation_rows
from benchmarks.membership.claims import Robust, claim_rows
from benchmarks.membership.cost import cost_rows
from benchmarks.membership.main_table import (
    Draws,
    Lines,
    Progress,
    main_rows,
    robustness,
    robustness_rows,
    score_all,
)
from benchmarks.membership.plan import Plan
from benchmarks.membership.scoring import Scorer
from benchmarks.membership.shifted import shifted_rows
from benchmarks.membership.subjects import Subject, read_subjects
from benchmarks.tables import Rows
from forensics.membership.distortions import DISTORTIONS

Keep = Callable[[Rows, dict[str, str]], None]

_SECTIONS = ("claims", "main", "shifted", "robustness", "structural", "drc", "cost")
"""In the order of the page."""

_COSTLY = "drc"
"""The attack whose robustness is measured last: one picture costs it ten times the others' calls."""


@dataclass
class _Study:
    """A target at its ages and what was found of it so far."""

    subjects: list[Subject]
    lines: list[Lines] = field(default_factory=list)
    robust: Robust = field(default_factory=dict)
    rows: dict[str, Rows] = field(default_factory=dict)

    @property
    def oldest(self) -> Subject:
        return self.subjects[-1]

    @property
    def aged(self) -> list[tuple[Subject, Lines]]:
        return list(zip(self.subjects, self.lines, strict=True))


def measure(
    folders: list[Path],
    plan: Plan,
    out: Path,
    *,
    seed: int = 0,
    threads: int = 2,
    device: str = "cpu",
    progress: Progress = lambda _: None,
    keep: Keep = lambda *_: None,
) -> tuple[Rows, dict[str, str]]:
    """Measure all targets: claims first, then the tables that they rest on.

    Args:
        folders: Of ``benchmarks targets train``.
        plan: How much.
        out: Folder of finished scores.
        seed: Of everything random.
        threads: For the protocol of the cost table.
        device: Where the models run.
        progress: Called with what is done next.
        keep: Called after each step with the rows so far and the weights.

    Returns:
        The rows, and name -> SHA-256 of the targets' U-Nets.
    """
    scorer, draws = Scorer(out, plan.batch_size, seed), Draws(seed, plan.resamples)
    studies = [_Study(read_subjects(folder, plan.pictures, device=device)) for folder in folders]
    weights = {
        f"{subject.name} {subject.age}": _unet_hash(subject)
        for study in studies
        for subject in study.subjects
    }

    def main(study: _Study) -> None:
        study.lines = [
            score_all(subject, plan, scorer, progress, oldest=subject is study.oldest)
            for subject in study.subjects
        ]
        study.rows["main"] = main_rows(study.aged, draws)
        study.rows["claims"] = claim_rows(study.aged, study.robust, draws)

    def cost(study: _Study) -> None:
        study.rows["cost"] = cost_rows(study.oldest, plan, threads)

    cheap = tuple(name for name in plan.distorted if name != _COSTLY)

    def robust_published(study: _Study) -> None:
        chosen = tuple(name for name in plan.distortions if DISTORTIONS[name].published)
        robust_of(study, cheap, chosen)

    def robust_cheap(study: _Study) -> None:
        robust_of(study, cheap, plan.distortions)

    def robust_all(study: _Study) -> None:
        robust_of(study, plan.distorted, plan.distortions)

    def robust_of(study: _Study, attackers: tuple[str, ...], distortions: tuple[str, ...]) -> None:
        study.robust = robustness(study.oldest, plan, attackers, distortions, scorer, progress)
        study.rows["robustness"] = robustness_rows(study.oldest, study.robust, draws)
        study.rows["claims"] = claim_rows(study.aged, study.robust, draws)

    def structural(study: _Study) -> None:
        found = ablate_structural(study.oldest, plan, scorer, progress)
        study.rows["structural"] = ablation_rows(
            "the structural attack", study.oldest, found, draws
        )

    def drc(study: _Study) -> None:
        asked = study.oldest.first(plan.ablated)
        found = ablate_drc(asked, plan, scorer, progress)
        study.rows["drc"] = ablation_rows("DRC", asked, found, draws)

    def shifted(study: _Study) -> None:
        others = [one.oldest for one in studies if one is not study]
        if others:
            progress(f"{study.oldest.name}: another source as non-members")
            found = shifted_rows(study.subjects, others[0], plan, scorer, draws)
            study.rows["shifted"] = found

    steps = (main, shifted, robust_published, structural, cost, drc, robust_cheap, robust_all)
    for step in steps:
        for study in studies:
            step(study)
            keep(_collected(studies), weights)
    return _collected(studies), weights


def _collected(studies: list[_Study]) -> Rows:
    return [
        found for section in _SECTIONS for study in studies for found in study.rows.get(section, [])
    ]


def _unet_hash(subject: Subject) -> str:
    files = subject.target.fingerprint()
    return next(
        sha for name, sha in files.items() if name.startswith("unet") and "safetensors" in name
    )
