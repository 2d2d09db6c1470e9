"""The report of an audit: the answer in a sentence first, then what it rests on, then where it ends."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from forensics.membership.examination import curves
from forensics.membership.findings import Audit, Finding
from forensics.membership.judgement import ANSWERS
from forensics.membership.protocol import Evidence
from forensics.membership.roc import plot_roc
from forensics.report.figures import picture_uri, plot_calibration, plot_curve, plot_uri
from forensics.report.page import flat, write_page
from forensics.verdict import EXPLANATIONS, Decision, Verdict
from shared.custody import sha256_of_json
from shared.statistics import Interval

TEMPLATE = "membership.html.jinja"

CAPTIONS = {
    "original": "the picture in question, as the model sees it",
    "mask": "white: what was hidden from the model",
    "degraded": "what was left for the model to see",
    "restoration": "what the model put in its place",
    "mean difference": "where the restorations differ from the original (bright: more)",
    "noised": "what is left after the model's own noise",
    "rebuilt": "what the model makes of it on its way back",
    "SSIM map": "where its structure was kept",
}
"""Beginning of a picture's name -> what a reader sees there."""


def write_report(audit: Audit, path: str | Path) -> Path:
    """Write an audit as one HTML file that needs nothing else.

    Args:
        audit: From :func:`forensics.audit`.
        path: The file.

    Returns:
        The path.

    Raises:
        OutputError: If the file cannot be written.
    """
    return write_page(path, TEMPLATE, view(audit))


def view(audit: Audit) -> dict[str, Any]:
    """Return what the template shows, in plain values and data URIs."""
    standing, record = audit.standing, audit.record
    scores = [v.score for v in audit.verdicts if v.score is not None]
    return {
        "headline": headline(audit),
        "together": audit.set_answer.sentence if audit.set_answer else None,
        "general_reason": EXPLANATIONS[standing.reason] if standing.reason else None,
        "method": audit.attack.title,
        "model": record.settings["model"],
        "date": record.started[:19].replace("T", " ") + " UTC",
        "findings": [_finding(finding, audit) for finding in audit.findings],
        "shown": any(finding.evidence for finding in audit.findings),
        "outcomes": _outcomes(audit),
        "error_rate": f"{record.settings['error_rate']:.1%}",
        "calibration_plot": plot_uri(plot_calibration(standing.calibration, scores))
        if standing.calibration
        else None,
        "roc_plot": plot_uri(plot_roc(dict(standing.curves))) if standing.curves else None,
        "figures": _figures(audit),
        "comparison": _comparison(audit),
        "shift": _shift(audit),
        "controls": [(name, f"{area:.3f}") for name, area in standing.control_auc.items()],
        "limits": limits(audit),
        "notes": record.notes,
        "weights": sorted(record.weights.items()),
        "inputs": _inputs(audit),
        "settings": flat(record.settings),
        "settings_hash": sha256_of_json(record.settings),
        "versions": sorted(record.versions.items()),
    }


def headline(audit: Audit) -> str:
    """Return the answer in one sentence."""
    verdicts = audit.verdicts
    if len(verdicts) == 1:
        return verdicts[0].sentence
    counts = Counter(verdict.decision for verdict in verdicts)
    member, other, left = (counts[decision] for decision in ANSWERS)
    if left == len(verdicts):
        return f"No answer can be given for any of the {left} pictures in question."
    asked = f"Of {len(verdicts)} pictures in question, by this test"
    found = _were(member, "in the training set"), _were(other, "not in it")
    if not left:
        return f"{asked} {found[0]} and {found[1]}."
    return f"{asked} {found[0]}, {found[1]}, and for {left} no answer can be given."


def limits(audit: Audit) -> list[str]:
    """Return what the reader must not conclude, in plain sentences."""
    rate = audit.record.settings["error_rate"]
    known = audit.standing.calibration is not None
    told = [
        "The test sees a picture's trace in the model. It does not see how the picture got there, who put it there, "
        "or under which licence.",
        "A near copy in the training set (another crop, size or compression) leaves a trace like the picture itself.",
        "A model may have been trained on a picture and remember nothing of it: “non-member” says that no "
        "trace was found where known members leave one.",
    ]
    if not known:
        return [
            *told,
            "Without known pictures of both classes, a score cannot be turned into an answer.",
        ]
    told += [
        f"In either class up to {rate:.1%} of the answers are wrong by chance, so among many pictures some wrong "
        "answers are to be expected. This holds for pictures that are drawn from the same source as the known ones.",
        "The lists of known members and non-members are taken on trust. If they are wrong, so are the answers.",
        "The probability is that of a member if member and non-member were equally likely before the test; what else "
        "is known of the case is not in it.",
    ]
    if audit.shift and audit.shift.shifted:
        told.append(
            "The known members and non-members differ by themselves, before any model has seen them. The answers are "
            "sound only as far as the controls above rule that difference out."
        )
    performance = audit.standing.performance
    if performance and performance.nonmembers < 1000:
        told.append(
            f"With {performance.nonmembers} known non-members, rates of false positives below "
            f"1 in {performance.nonmembers} cannot be told from zero."
        )
    return told


def _were(count: int, what: str) -> str:
    return f"{count or 'none'} {'was' if count == 1 else 'were'} {what}"


def _finding(finding: Finding, audit: Audit) -> dict[str, Any]:
    verdict = finding.verdict
    piece = finding.evidence
    return {
        "name": finding.path.name,
        "path": str(finding.path),
        "decision": verdict.decision.value,
        "reason": verdict.reason.value if verdict.reason else None,
        "sentences": _sentences(verdict),
        "score": "-" if verdict.score is None else f"{verdict.score:.4g}",
        "probability": None if verdict.probability is None else f"{verdict.probability:.1%}",
        "evidence": piece.sentence if piece else None,
        "pictures": _pictures(piece) if piece else [],
        "curves": _curves(piece, audit) if piece else [],
        "hash": verdict.custody.get("picture") or "the file could not be opened",
    }


def _sentences(verdict: Verdict) -> list[str]:
    told, found = verdict.evidence, [verdict.sentence]
    if verdict.probability is not None:
        found.append(
            f"Probability of having been used, if both were equally likely before: {verdict.probability:.1%}."
        )
    if verdict.decision is Decision.INCONCLUSIVE and "p_if_used" in told:
        found.append(
            f"A picture that was not used scores at least as high with a chance of {told['p_if_not_used']:.1%}, "
            f"one that was used at most as high with a chance of {told['p_if_used']:.1%}."
        )
    if "problem" in told:
        found.append(f"The problem: {told['problem']}.")
    return found


def _pictures(piece: Evidence) -> list[dict[str, str]]:
    similarities = piece.numbers.get("similarities")
    each = iter(similarities if isinstance(similarities, list) else [])
    shown = []
    for name, rgb in piece.pictures.items():
        told = next((text for start, text in CAPTIONS.items() if name.startswith(start)), "")
        value = next(each, None) if name.startswith("restoration") else None
        label = name if value is None else f"{name}: {value:.2f}"
        shown.append({"label": label, "caption": told, "uri": picture_uri(rgb)})
    return shown


def _curves(piece: Evidence, audit: Audit) -> list[dict[str, str]]:
    shown = []
    for name, curve in curves(piece).items():
        times = piece.numbers[f"{name}_t"]
        label = name.removesuffix("_curve").replace("_", " ")
        label = label.upper() if len(label) <= 4 else label
        figure = plot_curve(np.array(times), np.array(curve), audit.bands.get(name, {}), label)
        shown.append({"label": f"{label} over noise step t", "uri": plot_uri(figure)})
    return shown


def _outcomes(audit: Audit) -> list[tuple[str, list[int]]]:
    return [
        (f"known {known.value}s", [counts[decision] for decision in ANSWERS])
        for known, counts in audit.standing.outcomes.items()
    ]


def _figures(audit: Audit) -> list[tuple[str, str]]:
    found = audit.standing.performance
    if found is None:
        return []
    rows = {
        "AUC: how often a member scores above a non-member": found.auc,
        "right answers at one threshold, both classes weighing alike (ASR)": found.asr,
        "precision": found.precision,
        "recall": found.recall,
        "members found when at most 1 % of non-members are accused": found.tpr_at_1_percent,
        "members found when at most 0.1 % of non-members are accused": found.tpr_at_01_percent,
    }
    return [(name, _interval(figure)) for name, figure in rows.items()]


def _comparison(audit: Audit) -> dict[str, str] | None:
    found = audit.standing.comparison
    if found is None:
        return None
    return {
        "control": found.control,
        "attack": _interval(found.attack_auc),
        "best": _interval(found.control_auc),
        "difference": _interval(found.difference),
        "p": f"{found.p_value:.2g}",
        "sentence": (
            "The control separates the known pictures about as well as the method does, so the method proves nothing "
            "here."
            if found.explained
            else "The method separates the known pictures better than the best control."
        ),
    }


def _shift(audit: Audit) -> str | None:
    if audit.shift is None:
        return None
    blind = audit.shift.blind_auc
    least = min(audit.shift.p_values, key=audit.shift.p_values.__getitem__)
    found = "differ" if audit.shift.shifted else "do not measurably differ"
    return (
        f"The known members and non-members {found} by themselves: a classifier of their brightness, colours, texture "
        f"and the like reaches an AUC of {_interval(blind)}; they differ most in {least} "
        f"(p = {audit.shift.p_values[least]:.2g})."
    )


def _interval(figure: Interval | None) -> str:
    if figure is None:
        return "none: nobody is called a member"
    return f"{figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})"


def _inputs(audit: Audit) -> dict[str, str]:
    """Return one hash of all known pictures: the JSON file has each."""
    asked = {str(finding.path) for finding in audit.findings}
    known = sorted(v["sha256"] for name, v in audit.record.inputs.items() if name not in asked)
    return {"count": str(len(known)), "hash": sha256_of_json(known)}
