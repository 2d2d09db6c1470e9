"""The answers of an audit and what they rest on, as a reader and as a program get them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forensics.membership.distribution_shift import DistributionShift
from forensics.membership.examination import Bands
from forensics.membership.judgement import SetAnswer, Standing, answer
from forensics.membership.known import PictureSet
from forensics.membership.pictures import read_images
from forensics.membership.protocol import Attack, Evidence, Scores
from forensics.membership.registry import settings_of
from forensics.membership.target import Target
from forensics.verdict import Verdict
from shared.custody import RunRecord, sha256_of_json, to_plain
from shared.errors import ToolkitError


@dataclass(frozen=True)
class Finding:
    """What is answered about one picture in question.

    Attributes:
        path: The picture.
        verdict: The answer.
        evidence: What a person can look at; None for unreadable pictures and beyond the number that a report shows.
    """

    path: Path
    verdict: Verdict
    evidence: Evidence | None


@dataclass(frozen=True)
class Audit:
    """The answers and all that they rest on.

    Attributes:
        findings: One per picture in question, in their order.
        standing: What the known pictures say about the method.
        shift: Whether known members and non-members differ by themselves; None without them.
        set_answer: About all pictures in question together; None when that cannot be tested.
        bands: Curves of known pictures, for the report.
        attack: The method.
        record: Hashes, settings, versions, notes and the answers: what the JSON file holds.
    """

    findings: tuple[Finding, ...]
    standing: Standing
    shift: DistributionShift | None
    set_answer: SetAnswer | None
    bands: Bands
    attack: Attack
    record: RunRecord

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts, in the order of the pictures."""
        return tuple(finding.verdict for finding in self.findings)


def collect_findings(
    pictures: PictureSet,
    standing: Standing,
    scores: Scores,
    evidence: Mapping[Path, Evidence],
    record: RunRecord,
    *,
    unlike: NDArray[np.bool_] | None,
) -> tuple[Finding, ...]:
    """Answer for each picture in question.

    Args:
        pictures: Of the audit.
        standing: What the known pictures say.
        scores: Of all pictures.
        evidence: Of some pictures in question.
        record: Whose weights and settings the verdicts cite.
        unlike: ``(Q,)`` which pictures in question are of another kind than the known ones.
    """
    start = pictures.parts()[2].start
    common = {"settings": sha256_of_json(record.settings), "model": sha256_of_json(record.weights)}
    found = []
    for offset, path in enumerate(pictures.questioned):
        index = start + offset
        piece = evidence.get(path)
        custody = {"picture": pictures.hashes.get(path, ""), **common}
        told: dict[str, object] = {"raw_score": float(scores.values[index])}
        if piece is not None:
            told |= {"sentence": piece.sentence, "numbers": to_plain(dict(piece.numbers))}
        if index in scores.failures:
            told = {"error": _code(path), "problem": scores.failures[index]}
        verdict = answer(
            standing, str(path), float(scores.oriented[index]), evidence=told, custody=custody,
            unlike=bool(unlike[offset]) if unlike is not None else False,
        )  # fmt: skip
        found.append(Finding(path, verdict, piece))
    return tuple(found)


def describe(
    attack: Attack,
    target: Target,
    reference: Target | None,
    pictures: PictureSet,
    captions: Sequence[str] | None,
    *,
    seed: int,
    error_rate: float,
) -> RunRecord:
    """Begin the record of an audit: what was asked, of what, with what."""
    record = RunRecord("forensics.audit")
    for path in pictures.paths:
        if path in pictures.hashes:
            record.inputs[str(path)] = {"path": str(path), "sha256": pictures.hashes[path]}
    record.weights = dict(target.fingerprint())
    if reference is not None:
        record.weights |= {
            f"reference/{name}": value for name, value in reference.fingerprint().items()
        }
    record.settings = {
        "model": target.name,
        "trained": target.trained,
        "method": settings_of(attack),
        "seed": seed,
        "error_rate": error_rate,
        "captions": "empty" if captions is None else sha256_of_json(list(captions)),
        "known_members": len(pictures.members),
        "known_nonmembers": len(pictures.nonmembers),
    }
    record.notes = list(pictures.notes)
    if target.conditional and captions is None:
        record.notes.append("No captions were given; the model was asked with empty ones.")
    return record


def summarise(
    findings: Sequence[Finding],
    standing: Standing,
    shift: DistributionShift | None,
    together: SetAnswer | None,
    scores: Scores,
    pictures: PictureSet,
) -> dict[str, Any]:
    """Return the answers as plain JSON values."""
    known = dict(zip(("members", "nonmembers"), pictures.parts(), strict=False))
    return {
        "verdicts": [finding.verdict.to_json() for finding in findings],
        "counts": Counter(finding.verdict.decision.value for finding in findings),
        "set": to_plain(together),
        "unet_calls_per_picture": scores.calls,
        "known_scores": {
            name: [float(score) if np.isfinite(score) else None for score in scores.oriented[part]]
            for name, part in known.items()
        },
        "reason": standing.reason,
        "performance": to_plain(standing.performance),
        "comparison": to_plain(standing.comparison),
        "control_auc": dict(standing.control_auc),
        "shift": to_plain(shift),
        "held_out_outcomes": to_plain(standing.outcomes),
    }


def _code(path: Path) -> str:
    """Return the code of what is wrong with a picture that has no score."""
    error: ToolkitError | None = next(iter(read_images([path], 8))).error
    return error.code if error else ToolkitError.code
