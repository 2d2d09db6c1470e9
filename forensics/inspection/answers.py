"""From scores to verdicts: about each person, and about the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from forensics.calibration import GAP, Calibration
from forensics.inspection.judge import Opened
from forensics.inspection.result import Segment, TrackFinding
from forensics.verdict import EXPLANATIONS, Decision, Reason, Verdict
from shared.errors import ToolkitError

DIRECTION = Decision.MANIPULATED

UNLIKE = "unlike the known faces"
"""Name of the evidence that tells how unlike those of the calibration a track's faces are: above 1, no answer."""


def answer_track(
    subject: str,
    scores: Sequence[float],
    opened: Opened,
    evidence: Mapping[str, Any],
    custody: Mapping[str, str],
) -> Verdict:
    """Answer about one person by the mean of the scores.

    Args:
        subject: The file and the person.
        scores: Of the frames; NaN is left out. Empty if no judge was asked.
        opened: The judge.
        evidence: What a reader can check.
        custody: Hashes.
    """
    finite = np.array(scores, np.float64)[np.isfinite(scores)] if len(scores) else np.zeros(0)
    score = float(finite.mean()) if len(finite) else None
    calibration = opened.judge.calibration if opened.judge and not opened.reason else None
    if calibration is None or score is None:
        reason = opened.reason or Reason.OUT_OF_RANGE
        return _inconclusive(subject, reason, opened.problem, evidence, custody, score=score)
    if float(evidence.get(UNLIKE, 0)) > 1:  # the score of such a face has no probability
        return _inconclusive(subject, Reason.OUT_OF_RANGE, "", evidence, custody, score=score)
    judged = calibration.judge(score)
    facts = {
        **evidence,
        "p_if_authentic": calibration.p_against(score),
        "p_if_manipulated": calibration.p_for(score),
    }
    why = judged if isinstance(judged, Reason) else None
    decision = judged if isinstance(judged, Decision) else Decision.INCONCLUSIVE
    return Verdict(
        subject, decision, track_sentence(decision, why), DIRECTION, why, score,
        calibration.probability(score), calibration.thresholds(), facts, custody,
    )  # fmt: skip


def track_sentence(decision: Decision, reason: Reason | None, problem: str = "") -> str:
    """Return the answer about one face in one sentence.

    Example:
        >>> track_sentence(Decision.MANIPULATED, None)
        'By this test, this face was manipulated.'
    """
    if reason is not None:
        told = f" ({problem})" if problem else ""
        return f"No answer can be given for this face: {EXPLANATIONS[reason]}{told}."
    if decision is Decision.MANIPULATED:
        return "By this test, this face was manipulated."
    return "By this test, this face shows no manipulation of the kinds that the detector knows."


def answer_file(
    path: Path,
    tracks: Sequence[TrackFinding],
    opened: Opened,
    custody: Mapping[str, str],
    *,
    left_out: int = 0,
) -> Verdict:
    """Answer about a file: manipulated if one face is; authentic only if every face is, and none was left out."""
    subject = str(path)
    if not tracks:
        return _inconclusive(subject, Reason.NO_FACE, "", {"faces": 0}, custody)
    counts = {
        answer.value: sum(track.verdict.decision is answer for track in tracks)
        for answer in (DIRECTION, Decision.AUTHENTIC, Decision.INCONCLUSIVE)
    }
    evidence = {"faces": len(tracks), **counts}
    accused = [track for track in tracks if track.verdict.decision is DIRECTION]
    left = [track for track in tracks if track.verdict.decision is Decision.INCONCLUSIVE]
    deciding = max(accused or left or tracks, key=lambda track: _score(track.verdict))
    own = deciding.verdict
    if left and not accused:
        return _inconclusive(
            subject, own.reason or Reason.OVERLAP, opened.problem, evidence, custody,
            score=own.score, probability=own.probability, of=(len(left), len(tracks)),
        )  # fmt: skip
    if left_out and not accused:
        return _inconclusive(
            subject, Reason.TOO_MANY, "", evidence, custody, score=own.score,
            probability=own.probability, of=(left_out, left_out + len(tracks)),
        )  # fmt: skip
    sentence = _file_sentence(path.name, accused, len(tracks))
    return Verdict(
        subject, own.decision, sentence, DIRECTION, None, own.score, own.probability,
        own.thresholds, {**evidence, "deciding face": deciding.number}, custody,
    )  # fmt: skip


def unreadable(path: Path, error: ToolkitError, custody: Mapping[str, str]) -> Verdict:
    """Return the verdict on a file that could not be examined, with the code of what was wrong."""
    facts = {"error": error.code, "problem": str(error)}
    return _inconclusive(str(path), Reason.UNREADABLE, "", facts, custody)


def segments(
    times: Sequence[float], scores: Sequence[float], calibration: Calibration, seconds: float
) -> tuple[Segment, ...]:
    """Return the stretches of time in which the smoothed score lies above the threshold of ``manipulated``.

    Args:
        times: ``(T,)`` seconds, increasing.
        scores: ``(T,)``; NaN is left out.
        calibration: Whose threshold counts.
        seconds: Width of the moving mean; a longer gap between two frames ends a segment.
    """
    values = np.array(scores, np.float64)
    clock = np.array(times, np.float64)[np.isfinite(values)]
    values = values[np.isfinite(values)]
    if not len(values):
        return ()
    step = float(np.median(np.diff(clock))) if len(clock) > 1 else 0.0
    high = smoothed(clock, values, seconds) > _least(calibration)
    breaks = np.flatnonzero(
        (np.diff(high.astype(int)) != 0) | (np.diff(clock) > max(seconds, 2 * step))
    )
    runs = np.split(np.arange(len(values)), breaks + 1)
    return tuple(
        Segment(float(clock[run[0]]), float(clock[run[-1]]) + step, float(values[run].mean()))
        for run in runs
        if high[run[0]]
    )


def smoothed(
    times: NDArray[np.float64], values: NDArray[np.float64], seconds: float
) -> NDArray[np.float64]:
    """Return the mean of the values within half of ``seconds`` of each one's time.

    Example:
        >>> smoothed(np.array([0.0, 0.4, 5.0]), np.array([0.0, 1.0, 7.0]), 1.0).tolist()
        [0.5, 0.5, 7.0]
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    low = np.searchsorted(times, times - seconds / 2, side="left")
    high = np.searchsorted(times, times + seconds / 2, side="right")
    return np.asarray((sums[high] - sums[low]) / (high - low))


def _least(calibration: Calibration) -> float:
    """Return the score from which on a stretch of time counts as manipulated.

    That is the threshold of the answer; between classes that do not overlap, the place from which on the manipulated
    ones are much nearer.
    """
    found = calibration.thresholds()
    low, high = found[DIRECTION].value, found[Decision.AUTHENTIC].value
    return low + max(0.0, high - low) * GAP / (GAP + 1)


def _score(verdict: Verdict) -> float:
    return verdict.score if verdict.score is not None else float("-inf")


def _file_sentence(name: str, accused: Sequence[TrackFinding], faces: int) -> str:
    if not accused:
        whose = "the only face" if faces == 1 else f"all {faces} faces"
        return f"By this test, {whose} in {name} shows no manipulation of the kinds that the detector knows."
    if faces == 1:
        return f"By this test, the face in {name} was manipulated."
    these = ", ".join(str(track.number) for track in accused)
    return (
        f"By this test, {len(accused)} of {faces} faces in {name} were manipulated: number {these}."
    )


def _inconclusive(
    subject: str,
    reason: Reason,
    problem: str,
    evidence: Mapping[str, Any],
    custody: Mapping[str, str],
    *,
    score: float | None = None,
    probability: float | None = None,
    of: tuple[int, int] | None = None,
) -> Verdict:
    facts = {**evidence, "problem": problem} if problem else dict(evidence)
    whom = "" if of is None or of[0] == of[1] else f" for {of[0]} of {of[1]} faces"
    sentence = f"No answer can be given{whom}: {EXPLANATIONS[reason]}."
    return Verdict(
        subject, Decision.INCONCLUSIVE, sentence, DIRECTION, reason, score, probability,
        {}, facts, custody,
    )  # fmt: skip
