"""The whole benchmark over trained targets, resumable; one record, from which ``benchmarks tables`` prints.

What matters most is measured first on every target, and the record is written after each step, so that a run that is
stopped leaves the most important tables behind. Finished scores are kept: the same call goes on where it was stopped.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.membership.ablations import ablate_drc, ablate_structural, ablation_rows
from benchmarks.membership.claims import claim_rows
from benchmarks.membership.cost import cost_rows
from benchmarks.membership.growth import growth_rows, quick_lines, sibling_rows
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
from benchmarks.membership.scoring import ClassScores, Scorer
from benchmarks.membership.shifted import shifted_rows
from benchmarks.membership.subjects import Subject, read_subjects
from benchmarks.tables import Rows
from forensics.membership.distortions import DISTORTIONS

Keep = Callable[[Rows, dict[str, str]], None]

_SECTIONS = ("siblings", "claims", "main", "shifted", "robustness", "structural", "drc", "cost")
"""In the order of the page."""

_COSTLY = "drc"
"""The attack whose robustness is measured last: one picture costs it ten times the others' calls."""


@dataclass(eq=False)
class _Study:
    """A target at its ages, the oldest with all that it learnt, and what was found of it so far."""

    subjects: list[Subject]
    whole: Subject | None = None
    lines: list[Lines] = field(default_factory=list)
    robust: dict[str, dict[str, ClassScores]] = field(default_factory=dict)
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
    beside: Sequence[Path] = (),
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
        beside: Further targets, of which the main table alone is measured: other sizes, other seeds.
        progress: Called with what is done next.
        keep: Called after each step with the rows so far and the weights.

    Returns:
        The rows, and name -> SHA-256 of the targets' U-Nets.
    """
    studies = [_Study(read_subjects(folder, plan.pictures, device=device)) for folder in folders]
    others = [
        _Study(
            read_subjects(folder, plan.beside, device=device),
            read_subjects(folder, sys.maxsize, device=device)[-1],
        )
        for folder in beside
    ]
    scorer, draws = Scorer(out, plan.batch_size, seed), Draws(seed, plan.resamples)
    bench = _Bench(plan, scorer, draws, threads, progress, studies, others)
    weights = {
        f"{subject.name} {subject.age}": _unet_hash(subject)
        for study in [*studies, *others]
        for subject in study.subjects
    }
    steps = (
        bench.shifted, bench.robust_published, bench.structural, bench.cost, bench.drc,
        bench.robust_costly, bench.robust_cheap, bench.robust_all,
    )  # fmt: skip
    todo = [(bench.main, study) for study in [*studies, *others]]
    todo += [(step, study) for step in steps for study in studies]
    for step, study in todo:
        step(study)
        keep(bench.rows(), weights)
    return bench.rows(), weights


@dataclass
class _Bench:
    """The steps of the benchmark; each fills in rows of the study that it is given."""

    plan: Plan
    scorer: Scorer
    draws: Draws
    threads: int
    progress: Progress
    studies: list[_Study]
    others: list[_Study]
    grown: Rows = field(default_factory=list)
    whole: list[list[tuple[Subject, Lines]]] = field(default_factory=list)

    def rows(self) -> Rows:
        """Return everything that was measured so far, in the order of the page."""
        studies = [*self.studies, *self.others]
        own = [row for name in _SECTIONS for one in studies for row in one.rows.get(name, [])]
        return self.grown + own

    def main(self, study: _Study) -> None:
        study.lines = [
            score_all(
                subject, self.plan, self.scorer, self.progress, oldest=subject is study.oldest
            )
            for subject in study.subjects
        ]
        study.rows["main"] = main_rows(study.aged, self.draws)
        study.rows["claims"] = claim_rows(study.aged, study.robust, self.draws)
        if study in self.others:
            self._grow(study)

    def _grow(self, study: _Study) -> None:
        """Put a target that stands beside on the curve of all; the oldest is asked for everything that it learnt."""
        if study.whole and study.whole.count > study.oldest.count:
            found = quick_lines(study.whole, self.plan, self.scorer, self.progress)
            self.whole.append([(study.whole, found)])
            study.rows["siblings"] = sibling_rows(study.whole, found, self.draws)
        known = [one.aged for one in [*self.studies, *self.others] if one.lines]
        self.grown = growth_rows([*known, *self.whole], self.draws)

    def cost(self, study: _Study) -> None:
        study.rows["cost"] = cost_rows(study.oldest, self.plan, self.threads)

    def robust_published(self, study: _Study) -> None:
        self._robust(study, self._cheap, self._published)

    def robust_costly(self, study: _Study) -> None:
        self._robust(study, self.plan.distorted, self._published)

    def robust_cheap(self, study: _Study) -> None:
        self._robust(study, self._cheap, self.plan.distortions)

    def robust_all(self, study: _Study) -> None:
        self._robust(study, self.plan.distorted, self.plan.distortions)

    @property
    def _published(self) -> tuple[str, ...]:
        return tuple(name for name in self.plan.distortions if DISTORTIONS[name].published)

    @property
    def _cheap(self) -> tuple[str, ...]:
        return tuple(name for name in self.plan.distorted if name != _COSTLY)

    def _robust(
        self, study: _Study, attackers: tuple[str, ...], distortions: tuple[str, ...]
    ) -> None:
        found = robustness(
            study.oldest, self.plan, attackers, distortions, self.scorer, self.progress
        )
        study.robust |= {
            name: study.robust.get(name, {}) | scores for name, scores in found.items()
        }
        study.rows["robustness"] = robustness_rows(study.oldest, study.robust, self.draws)
        study.rows["claims"] = claim_rows(study.aged, study.robust, self.draws)

    def structural(self, study: _Study) -> None:
        found = ablate_structural(study.oldest, self.plan, self.scorer, self.progress)
        study.rows["structural"] = ablation_rows(
            "the structural attack", study.oldest, found, self.draws
        )

    def drc(self, study: _Study) -> None:
        asked = study.oldest.first(self.plan.ablated)
        found = ablate_drc(asked, self.plan, self.scorer, self.progress)
        study.rows["drc"] = ablation_rows("DRC", asked, found, self.draws)

    def shifted(self, study: _Study) -> None:
        strangers = [one.oldest for one in self.studies if one is not study]
        if strangers:
            self.progress(f"{study.oldest.name}: another source as non-members")
            study.rows["shifted"] = shifted_rows(
                study.subjects, strangers[0], self.plan, self.scorer, self.draws
            )


def _unet_hash(subject: Subject) -> str:
    files = subject.target.fingerprint()
    return next(
        sha for name, sha in files.items() if name.startswith("unet") and "safetensors" in name
    )
