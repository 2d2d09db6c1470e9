"""The ablations of both papers, one setting at a time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchmarks.membership.main_table import Draws, Progress, auc_interval, protocol_of, standing_of
from benchmarks.membership.plan import Plan, drc_variants, structural_variants
from benchmarks.membership.scoring import ClassScores, Scorer
from benchmarks.membership.subjects import Subject
from benchmarks.tables import Rows, row
from forensics.membership.protocol import Attack
from forensics.membership.roc import tpr_at_fpr

Variants = dict[str, ClassScores]


def ablate_structural(subject: Subject, plan: Plan, scorer: Scorer, progress: Progress) -> Variants:
    """Score the structural attack with one setting changed at a time."""
    variants = structural_variants(plan, subject.target.conditional)
    return _scored("structural", variants, subject, scorer, progress)


def ablate_drc(subject: Subject, plan: Plan, scorer: Scorer, progress: Progress) -> Variants:
    """Score DRC with one setting changed at a time."""
    return _scored("DRC", drc_variants(plan), subject, scorer, progress)


def _scored(
    title: str,
    variants: Mapping[str, Attack],
    subject: Subject,
    scorer: Scorer,
    progress: Progress,
) -> Variants:
    found = {}
    for label, attack in variants.items():
        progress(f"{subject.name}, {title}: {label}")
        found[label] = scorer(attack, subject)
    return found


def ablation_rows(title: str, subject: Subject, found: Variants, draws: Draws) -> Rows:
    """Return one row a variant.

    Args:
        title: Of the attack.
        subject: On whose pictures; DRC takes fewer.
        found: Of :func:`ablate`.
        draws: Of the intervals.
    """
    facts: dict[str, Any] = {
        "table": f"Ablations of {title}, {subject.name}", "status": standing_of(subject),
        "protocol": protocol_of(subject), "seed": draws.seed,
    }  # fmt: skip
    rows: Rows = []
    for label, scores in found.items():
        if scores.problem:
            rows.append(row(f"AUC, {label}", None, note=scores.problem, **facts))
            continue
        measured: dict[str, Any] = {
            "TPR at 1 % FPR": tpr_at_fpr(*scores.pair, 0.01),
            "U-Net calls a picture": scores.calls,
        }
        rows.append(row(f"AUC, {label}", auc_interval(scores, draws), **facts, **measured))
    return rows
