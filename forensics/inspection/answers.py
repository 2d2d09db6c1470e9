"""From scores to verdicts: about each person, and about the file."""

from __future__ import annotations

import math
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
    *,
    fresh: Sequence[bool] | None = None,
    stretches: Sequence[Segment] = (),
) -> Verdict:
    """Answer about one person by the mean of the scores, compared with known means of as many pictures.

    Args:
        subject: The file and the person.
        scores: Of the frames; NaN is left out. Empty if no judge was asked.
        opened: The judge.
        evidence: What a reader can check.
        custody: Hashes.
        fresh: Of the frames: which show another picture than the one before; None: all do.
        stretches: Of time that score as manipulated ones do: with one the face is not called authentic.
    """
    finite = np.array(scores, np.float64)[np.isfinite(scores)] if len(scores) else np.zeros(0)
    score = float(finite.mean()) if len(finite) else None
    calibration = opened.judge.calibration if opened.judge and not opened.reason else None
    if calibration is None or score is None:
        reason = opened.reason or Reason.OUT_OF_RANGE
        return _inconclusive(subject, reason, opened.problem, evidence, custody, score=score)
    if float(evidence.get(UNLIKE, 0)) > 1:  # the score of such a face has no probability
        return _inconclusive(subject, Reason.OUT_OF_RANGE, "", evidence, custody, score=score)
    calibration = calibration.of(len(finite) if fresh is None else max(1, sum(fresh)))
    judged = calibration.judge(score)
    if judged is Decision.AUTHENTIC and stretches:
        judged = Reason.PARTLY
    facts = {
        **evidence,
        "p_if_authentic": calibration.p_against(score),
        "p_if_manipulated": calibration.p_for(score),
    }
    why = judged if isinstance(judged, Reason) else None
    decision = judged if isinstance(judged, Decision) else Decision.INCONCLUSIVE
    return Verdict(
        subject, decision, track_sentence(decision, why), DIRECTION, why, score,
        None if why is Reason.OUT_OF_RANGE else calibration.probability(score),
        calibration.thresholds(), facts, custody,
    )  # fmt: skip


def track_sentence(decision: Decision, reason: Reason | None) -> str:
    """Return the answer about one face in one sentence.

    Example:
        >>> track_sentence(Decision.MANIPULATED, None)
        'By this test, this face was manipulated.'
    """
    if reason is not None:
        return f"No answer can be given for this face: {EXPLANATIONS[reason]}."
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
    crowd: int = 0,
    unseen: bool = False,
) -> Verdict:
    """Answer about a file: manipulated if one face is; authentic only if every face is, and nothing was left out.

    Args:
        path: The file.
        tracks: Answers about its people.
        opened: The judge.
        custody: Hashes.
        left_out: Tracks that are not among these.
        crowd: Most faces of a frame that were not followed.
        unseen: Whether a part of the file was not seen.
    """
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
    why = _open(own if left else None, left_out + crowd, unseen)
    if why is not None and not accused:
        of = (left_out, left_out + len(tracks)) if left_out else None
        return _inconclusive(
            subject, why, opened.problem if left else "", evidence, custody, score=own.score,
            probability=own.probability, of=(len(left), len(tracks)) if left else of,
        )  # fmt: skip
    sentence = _file_sentence(path.name, accused, len(tracks))
    return Verdict(
        subject, own.decision, sentence, DIRECTION, None, own.score, own.probability,
        own.thresholds, {**evidence, "deciding face": deciding.number}, custody,
    )  # fmt: skip


def _open(left: Verdict | None, others: int, unseen: bool) -> Reason | None:
    """Return why a file in which no face is accused is not authentic either; None if it is."""
    if left is not None:
        return left.reason
    if others:
        return Reason.TOO_MANY
    return Reason.UNSEEN if unseen else None


def unreadable(path: Path, error: ToolkitError, custody: Mapping[str, str]) -> Verdict:
    """Return the verdict on a file that could not be examined, with the code of what was wrong."""
    facts = {"error": error.code, "problem": str(error)}
    return _inconclusive(str(path), Reason.UNREADABLE, "", facts, custody)


def segments(
    times: Sequence[float],
    scores: Sequence[float],
    calibration: Calibration,
    seconds: float,
    *,
    fresh: Sequence[bool] | None = None,
    end: float = math.inf,
) -> tuple[Segment, ...]:
    """Return the stretches of time in which the smoothed score lies above the threshold of ``manipulated``.

    Args:
        times: ``(T,)`` seconds, increasing; a single one has no stretch.
        scores: ``(T,)``; NaN is left out.
        calibration: Whose threshold counts, for means of as many pictures as were averaged.
        seconds: Width of the moving mean; a longer gap between two frames ends a segment.
        fresh: ``(T,)`` which frames show another picture than the one before; None: all do.
        end: Of the file, seconds.
    """
    values = np.array(scores, np.float64)
    finite = np.isfinite(values)
    clock, values = np.array(times, np.float64)[finite], values[finite]
    if len(values) < 2:
        return ()
    step = float(np.median(np.diff(clock)))
    pictures = np.ones(len(values), bool) if fresh is None else np.array(fresh, bool)[finite]
    means, counts = smoothed(clock, values, seconds, pictures)
    least = {int(count): _least(calibration.of(int(count))) for count in np.unique(counts)}
    high = means > np.array([least[int(count)] for count in counts])
    breaks = np.flatnonzero(
        (np.diff(high.astype(int)) != 0) | (np.diff(clock) > max(seconds, 2 * step))
    )
    runs = np.split(np.arange(len(values)), breaks + 1)
    return tuple(
        Segment(
            float(clock[run[0]]), max(float(clock[run[-1]]), min(float(clock[run[-1]]) + step, end)),
            float(values[run].mean()),
        )
        for run in runs
        if high[run[0]]
    )  # fmt: skip


def smoothed(
    times: NDArray[np.float64],
    values: NDArray[np.float64],
    seconds: float,
    fresh: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return the mean of the values within half of ``seconds`` of each one's time, and how many pictures they are.

    Example:
        >>> seen = np.array([True, False, True])
        >>> means, counts = smoothed(np.array([0.0, 0.4, 5.0]), np.array([0.0, 1.0, 7.0]), 1.0, seen)
        >>> means.tolist(), counts.tolist()
        ([0.5, 0.5, 7.0], [1, 1, 1])
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    pictures = np.concatenate([[0], np.cumsum(fresh)])
    low = np.searchsorted(times, times - seconds / 2, side="left")
    high = np.searchsorted(times, times + seconds / 2, side="right")
    means = (sums[high] - sums[low]) / (high - low)
    return np.asarray(means), np.maximum(pictures[high] - pictures[low], 1)


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
    """Return the answer about a file; one person has an appearance in each shot."""
    kinds = "of the kinds that the detector knows"
    if not accused:
        if faces == 1:
            return f"By this test, the only face in {name} shows no manipulation {kinds}."
        return f"By this test, none of the {faces} appearances of faces in {name} shows a manipulation {kinds}."
    if faces == 1:
        return f"By this test, the face in {name} was manipulated."
    these = ", ".join(str(track.number) for track in accused)
    if len(accused) == 1:
        return f"By this test, 1 of {faces} appearances of faces in {name} was manipulated: number {these}."
    return f"By this test, {len(accused)} of {faces} appearances of faces in {name} were manipulated: numbers {these}."


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
    whom = "" if of is None or of[0] == of[1] else f" for {of[0]} of {of[1]} appearances of faces"
    sentence = f"No answer can be given{whom}: {EXPLANATIONS[reason]}."
    return Verdict(
        subject, Decision.INCONCLUSIVE, sentence, DIRECTION, reason, score, probability,
        {}, facts, custody,
    )  # fmt: skip
