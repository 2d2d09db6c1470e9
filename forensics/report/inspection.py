"""The report of an inspection: the answer in a sentence, the faces, what it rests on, and where it ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from forensics.calibration_error import reliability
from forensics.inspection.answers import UNLIKE
from forensics.inspection.person import Kept
from forensics.inspection.result import Inspection, TrackFinding
from forensics.report.face_figures import overlay, plot_reliability, plot_scores
from forensics.report.figures import picture_uri, plot_calibration, plot_uri
from forensics.report.page import flat, write_page
from forensics.verdict import Decision, Reason
from shared.custody import sha256_of_json
from shared.media.marks import told_marks

TEMPLATE = "inspection.html.jinja"


def write_inspection(found: Inspection, path: str | Path) -> Path:
    """Write an inspection as one HTML file that needs nothing else.

    Args:
        found: From :func:`forensics.inspect`; one that was read back from JSON has no pictures of faces to show.
        path: The file.

    Raises:
        OutputError: If the file cannot be written.
    """
    return write_page(path, TEMPLATE, view(found))


def view(found: Inspection) -> dict[str, Any]:
    """Return what the template shows, in plain values and data URIs."""
    record, verdict = found.record, found.verdict
    scores = [track.verdict.score for track in found.tracks if track.verdict.score is not None]
    known = found.calibration
    return {
        "name": Path(verdict.subject).name,
        "decision": verdict.decision.value,
        "headline": verdict.sentence,
        "problem": verdict.evidence.get("problem"),
        "code": verdict.evidence.get("error"),
        "probability": _percent(verdict.probability),
        "date": record.started[:19].replace("T", " ") + " UTC",
        "detector": record.settings["detector"],
        "marks": _marks(found),
        "faces": [_face(track, found.pictures.get(track.number, ())) for track in found.tracks],
        "calibration_error": None
        if found.calibration_error is None
        else f"{found.calibration_error:.3f}",
        "calibration_plot": plot_uri(plot_calibration(known, scores)) if known else None,
        "reliability_plot": plot_uri(plot_reliability(reliability(known))) if known else None,
        "limits": limits(found),
        "notes": record.notes,
        "file": record.inputs.get(
            "file", {"path": verdict.subject, "sha256": "none: no such file"}
        ),
        "facts": flat(record.result),
        "weights": sorted(record.weights.items()),
        "settings": flat(record.settings),
        "settings_hash": sha256_of_json(record.settings),
        "versions": sorted(record.versions.items()),
    }


def limits(found: Inspection) -> list[str]:
    """Return what the reader must not conclude, in plain sentences."""
    told = [
        "Only faces are examined, by their pictures. Sound, text, background, the place, the time and identity of the "
        "person are not: a genuine picture can be shown with a false story.",
        "“Authentic” means: no trace of the kinds of manipulation that the detector has learned. A new or "
        "a careful method may leave none, and strong compression, scaling and filters can erase it.",
        "The map shows where the detector looked. It is evidence to look at, not proof that these pixels were changed.",
        "Retouching that everyone does, filters of phones and repairs by compression may look like manipulation.",
    ]
    if not found.tracks:
        return told
    if found.calibration_error is None:
        return [*told, "Without a calibration a score cannot be turned into an answer."]
    # an inspection that was read back has no calibration, but its thresholds tell the rate
    known = found.calibration
    rate = f"up to {known.error_rate:.1%}" if known else "up to the share beside the thresholds"
    told += [
        f"Of faces like those that calibrated the detector, {rate} of either class get the wrong answer by "
        "chance. For files of another origin the share may be larger, and nobody knows by how much.",
        "The probability is that of manipulation if manipulated and authentic were equally likely before the test; "
        "what else is known of the case is not in it.",
    ]
    if any(len(track.times) > 1 for track in found.tracks):
        told.append(
            "A face that is followed through a cut to another face at the same place counts as one: where two people "
            "are seen under one number, its answer is about both."
        )
    if any(track.segments for track in found.tracks):
        told.append(
            "A stretch of time above the threshold says where to look. Many stretches are compared, and how many of "
            "them are above it by chance is not known: a stretch has no error rate of its own."
        )
    if len(found.tracks) > 1:
        told.append(
            f"{len(found.tracks)} appearances of faces were tested (a person has one in each shot), each with its own "
            "chance of error: the file as a whole is called manipulated if one of them is, so its chance of a false "
            "alarm is larger than that of one."
        )
    return told


def _face(track: TrackFinding, kept: tuple[Kept, ...]) -> dict[str, Any]:
    verdict = track.verdict
    plot = None
    if len(track.scores) > 1:
        stretches = [(one.start, one.end) for one in track.segments]
        plot = plot_uri(plot_scores(track.times, track.scores, dict(verdict.thresholds), stretches))
    thresholds = [
        (name.value, f"{threshold.value:.4g}", threshold.origin)
        for name, threshold in verdict.thresholds.items()
    ]
    return {
        "number": track.number,
        "decision": verdict.decision.value,
        "reason": verdict.reason.value if verdict.reason else None,
        "beyond": verdict.reason == Reason.OUT_OF_RANGE,
        "sentence": verdict.sentence,
        "when": _when(track),
        "score": "-" if verdict.score is None else f"{verdict.score:.4g}",
        "probability": _percent(verdict.probability),
        "thresholds": thresholds,
        "unlike": None if UNLIKE not in verdict.evidence else f"{verdict.evidence[UNLIKE]:.2f}",
        "regions": [(name, f"{value:.2f}") for name, value in track.regions.items()],
        "segments": [
            (_clock(one.start), _clock(one.end), f"{one.score:.3g}") for one in track.segments
        ],
        "pictures": [picture for one in kept for picture in _pictures(one, verdict.decision)],
        "plot": plot,
    }


def _when(track: TrackFinding) -> str:
    if len(track.times) == 1:
        return f"seen in one frame looked at, at {_clock(track.start)}"
    return f"seen from {_clock(track.start)} to {_clock(track.end)}, in {len(track.times)} frames looked at"


def _pictures(one: Kept, decision: Decision) -> list[dict[str, str]]:
    at = _clock(one.sight.time)
    shown = [{"label": at, "caption": "", "uri": picture_uri(one.sight.crop)}]
    if one.map is not None:
        shown[0]["caption"] = f"score {one.score:.3g}"
        laid = picture_uri(overlay(one.sight.crop, one.map))
        accused = decision is Decision.MANIPULATED
        told = "bright: manipulated here" if accused else "bright: most like a manipulation"
        shown.append({"label": f"{at}, map", "caption": told, "uri": laid})
    return shown


def _marks(found: Inspection) -> str:
    marks = found.marks
    if marks is None:
        return "The file could not be searched for marks of generators."
    told = marks.metadata if marks.found else None
    says = (
        f" The comment: made by {told.get('generator')}, {told.get('method', '')}." if told else ""
    )
    return told_marks(marks) + says


def _percent(value: float | None) -> str | None:
    return None if value is None else f"{value:.1%}"


def _clock(seconds: float) -> str:
    """Return a time as people write it.

    Example:
        >>> _clock(83.46)
        '1:23.5'
    """
    tenths = round(seconds * 10)
    return f"{tenths // 600}:{tenths % 600 / 10:04.1f}"
