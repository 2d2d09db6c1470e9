"""Members against pictures of another source: what an attack seems to find where the two sets differ anyway.

The structural paper's members are LAION pictures and its non-members COCO photographs. Here the members of a target
stand against pictures of the other target's kind. Whatever separates them at an age at which nothing is remembered, or
without any denoiser, is no memory.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from benchmarks.membership.main_table import Draws, auc_interval, standing_of
from benchmarks.membership.plan import PIXEL_RIVALS, Plan, by_name
from benchmarks.membership.scoring import Scorer
from benchmarks.membership.subjects import Subject, as_tensor
from benchmarks.tables import Rows, number, row
from forensics.membership.controls import GaussianNoise
from forensics.membership.registry import attack_class
from forensics.membership.roc import auc


def with_strangers(subject: Subject, other: Subject) -> Subject:
    """Return the subject with another's non-members in place of its own.

    They are made as large as its own from the pictures as they are stored, so that what was made smaller for the other
    target is not enlarged.
    """
    count = min(subject.count, other.count)
    strangers = other.stored.take(range(count)).resized(subject.target.image_size)
    return replace(
        subject,
        images=torch.cat([subject.images[:count], as_tensor(strangers)]),
        captions=subject.captions[:count] + strangers.captions,
        identities=subject.identities[:count] + strangers.identities,
        stored=strangers,
    )


def shifted_rows(
    ages: list[Subject], other: Subject, plan: Plan, scorer: Scorer, draws: Draws
) -> Rows:
    """Score the pixel attacks, the structural one and its control without a denoiser on members and strangers.

    Args:
        ages: A target at its ages; the youngest and the oldest are asked.
        other: Whose non-members take part.
        plan: The attacks' settings.
        scorer: Scores and remembers.
        draws: Of the intervals.
    """
    structural = plan.structural
    control = GaussianNoise(structural.preset, structural.total)
    asked = {
        attack_class(name).title: by_name(plan, name) for name in ("structural", *PIXEL_RIVALS)
    }
    asked[f"{control.title} ({structural.title})"] = control
    rows: Rows = []
    for subject in (ages[0], ages[-1]):
        mixed = with_strangers(subject, other)
        facts: dict[str, Any] = {
            "table": f"Another source as non-members, {subject.name}", "status": standing_of(mixed),
            "protocol": f"{mixed.count} members against as many pictures of {other.name}", "seed": draws.seed,
        }  # fmt: skip
        for title, attack in asked.items():
            scores = scorer(attack, mixed)
            own = scorer(attack, subject)
            beside: dict[str, Any] = {}
            if not own.problem:
                beside["against its own kind"] = number(auc(*own.pair))
            label = f"AUC of {title}, {subject.age} epochs"
            if scores.problem:
                rows.append(row(label, None, note=scores.problem, **facts))
            else:
                rows.append(row(label, auc_interval(scores, draws), **beside, **facts))
    return rows
