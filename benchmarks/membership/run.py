"""The whole benchmark over trained targets, resumable; one record, from which ``benchmarks tables`` prints."""

from __future__ import annotations

from pathlib import Path

from benchmarks.membership.ablations import ablate, ablation_rows
from benchmarks.membership.claims import claim_rows
from benchmarks.membership.cost import cost_rows
from benchmarks.membership.main_table import (
    Draws,
    Progress,
    main_rows,
    robustness,
    robustness_rows,
    score_all,
)
from benchmarks.membership.plan import Plan
from benchmarks.membership.scoring import Scorer
from benchmarks.membership.subjects import Subject, read_subjects
from benchmarks.tables import Rows


def measure(
    folders: list[Path],
    plan: Plan,
    out: Path,
    *,
    seed: int = 0,
    threads: int = 2,
    device: str = "cpu",
    progress: Progress = lambda _: None,
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

    Returns:
        The rows, and name -> SHA-256 of the targets' U-Nets.
    """
    scorer, draws = Scorer(out, plan.batch_size, seed), Draws(seed, plan.resamples)
    claims: Rows = []
    tables: Rows = []
    weights: dict[str, str] = {}
    for folder in folders:
        subjects = read_subjects(folder, plan.pictures, device=device)
        for subject in subjects:
            weights[f"{subject.name} {subject.age}"] = _unet_hash(subject)
        aged = [(subject, score_all(subject, plan, scorer, progress)) for subject in subjects]
        oldest = subjects[-1]
        robust = robustness(oldest, plan, scorer, progress)
        structural, drc = ablate(oldest, plan, scorer, progress)
        claims += claim_rows(aged, robust, draws)
        tables += main_rows(aged, draws) + robustness_rows(oldest, robust, draws)
        tables += ablation_rows("the structural attack", oldest, structural, draws)
        tables += ablation_rows("DRC", oldest.first(plan.ablated), drc, draws)
        tables += cost_rows(oldest, plan, threads)
    return claims + tables, weights


def _unet_hash(subject: Subject) -> str:
    files = subject.target.fingerprint()
    return next(
        sha for name, sha in files.items() if name.startswith("unet") and "safetensors" in name
    )
