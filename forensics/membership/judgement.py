"""From the scores of known pictures to what may be said of a picture in question.

An answer needs four things: a trained model, enough known pictures of both classes, an attack that separates them
better than its best control does, and a score that lies where one class is rarely found.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forensics.calibration import Calibration, calibrate
from forensics.calibration_error import best_fitted
from forensics.membership.bootstrap import Comparison, Performance, compare, performance
from forensics.membership.dataset_inference import DatasetClaim, dataset_inference
from forensics.membership.roc import Roc, auc, roc
from forensics.membership.threshold import split_classes
from forensics.verdict import EXPLANATIONS, Decision, Reason, Verdict
from shared.errors import InputError

Vector = NDArray[np.float64]
ANSWERS = (Decision.MEMBER, Decision.NONMEMBER, Decision.INCONCLUSIVE)
SIGNIFICANT = 0.01
"""Largest p-value of a claim about a set. Ours, as CDI's."""


@dataclass(frozen=True)
class Standing:
    """What the known pictures say about a method.

    Attributes:
        reason: Why no picture can get an answer, else None.
        calibration: From the calibration part.
        performance: Figures with intervals.
        comparison: Against the best control.
        control_auc: Control -> AUC in the direction in which it separates, best first.
        curves: Attack and best control -> exact curve, for the report.
        outcomes: Known class -> answer -> how many held-out pictures of the class got it.
        held_out: Held-out non-members' scores by the attack and by the best control, the latter oriented as it
            separates.
        control_sign: What orients the best control's scores so.
    """

    reason: Reason | None
    calibration: Calibration | None = None
    performance: Performance | None = None
    comparison: Comparison | None = None
    control_auc: Mapping[str, float] = field(default_factory=dict)
    curves: Mapping[str, Roc] = field(default_factory=dict)
    outcomes: Mapping[Decision, Mapping[Decision, int]] = field(default_factory=dict)
    held_out: tuple[Vector, Vector] | None = None
    control_sign: int = 1


@dataclass(frozen=True)
class SetAnswer:
    """What may be said of all pictures in question together.

    Attributes:
        claim: Of the attack: pictures in question against held-out non-members.
        control_claim: The same of the best control; None when its scores do not differ.
        claimed: True when the attack's p-value is significant and the control's is not.
        sentence: In plain words.
    """

    claim: DatasetClaim
    control_claim: DatasetClaim | None
    claimed: bool
    sentence: str


def learn(
    members: Vector,
    nonmembers: Vector,
    controls: Mapping[str, tuple[Vector, Vector]],
    *,
    trained: bool,
    error_rate: float,
    seed: int,
) -> Standing:
    """Find out what the method's scores mean.

    Args:
        members: ``(M,)`` oriented scores of known members; NaN for a picture that has none.
        nonmembers: ``(N,)`` of known non-members.
        controls: Name -> oriented scores of the same pictures.
        trained: Whether the model was trained.
        error_rate: Allowed share of wrong answers in either class.
        seed: Of the split into calibration and held-out part, and of the intervals.

    Raises:
        InputError: If there are too few known pictures of a class, or no control.
    """
    inside = _complete(0, members, controls)
    outside = _complete(1, nonmembers, controls)
    attack = members[inside], nonmembers[outside]
    checks = {name: (pair[0][inside], pair[1][outside]) for name, pair in controls.items()}
    _enough(*map(len, attack))
    first, second = split_classes(len(attack[0]), len(attack[1]), seed)
    calibration = best_fitted(
        calibrate(
            attack[0][first.calibration], attack[1][second.calibration], Decision.MEMBER,
            error_rate=error_rate,
        )
    )  # fmt: skip
    comparison = compare(attack, checks, seed=seed)
    areas = {name: max(auc(*pair), auc(*pair[::-1])) for name, pair in checks.items()}
    best = checks[comparison.control]
    sign = 1 if auc(*best) >= 0.5 else -1
    reason = Reason.UNTRAINED if not trained else None
    if reason is None and comparison.explained:
        reason = Reason.CONTROL_EXPLAINS
    return Standing(
        reason,
        calibration,
        performance(*attack, seed=seed),
        comparison,
        dict(sorted(areas.items(), key=lambda item: -item[1])),
        {
            "attack": roc(*attack),
            "best control": roc(sign * best[0], sign * best[1]),
        },
        {
            Decision.MEMBER: _outcomes(calibration, attack[0][first.held_out], reason),
            Decision.NONMEMBER: _outcomes(calibration, attack[1][second.held_out], reason),
        },
        (attack[1][second.held_out], sign * best[1][second.held_out]),
        sign,
    )


def answer(
    standing: Standing,
    subject: str,
    score: float,
    *,
    unlike: bool = False,
    evidence: Mapping[str, object],
    custody: Mapping[str, str],
) -> Verdict:
    """Return the verdict on one picture.

    Args:
        standing: From :func:`learn`, or ``Standing(Reason.UNCALIBRATED)``.
        subject: The file.
        score: Oriented; not finite if the picture could not be scored.
        unlike: The picture itself is unlike all known ones.
        evidence: Plain JSON values that go into the verdict.
        custody: Name -> hash.
    """
    known, found = standing.calibration, _found(standing, score, unlike)
    reason = found if isinstance(found, Reason) else None
    if known is None or reason is Reason.UNREADABLE:
        return Verdict(
            subject, Decision.INCONCLUSIVE, _open(reason or Reason.UNCALIBRATED), Decision.MEMBER,
            reason, score if np.isfinite(score) else None, evidence=evidence, custody=custody,
        )  # fmt: skip
    # the fitted curve means nothing where the method does not, and is a guess beyond the known scores
    trusted = standing.reason is None and reason is not Reason.OUT_OF_RANGE
    ranks = {"p_if_not_used": known.p_against(score), "p_if_used": known.p_for(score)}
    return Verdict(
        subject,
        Decision.INCONCLUSIVE if isinstance(found, Reason) else found,
        _open(found) if isinstance(found, Reason) else _closed(found, score, known),
        Decision.MEMBER,
        reason,
        score,
        known.probability(score) if trusted else None,
        known.thresholds(),
        {**evidence, **ranks},
        custody,
    )


def _found(standing: Standing, score: float, unlike: bool) -> Decision | Reason:
    if not np.isfinite(score):
        return Reason.UNREADABLE
    if standing.reason is not None or standing.calibration is None:
        return standing.reason or Reason.UNCALIBRATED
    return Reason.OUT_OF_RANGE if unlike else standing.calibration.judge(score)


def answer_set(questioned: Vector, control: Vector, standing: Standing) -> SetAnswer | None:
    """Test whether the pictures in question, taken together, score above held-out non-members.

    Args:
        questioned: ``(Q,)`` oriented scores by the attack, NaN allowed.
        control: ``(Q,)`` by the best control.
        standing: From :func:`learn`.

    Returns:
        None with fewer than two scored pictures on either side, or scores that do not differ.
    """
    if standing.held_out is None:
        return None
    claim = _claim(questioned, standing.held_out[0])
    if claim is None:
        return None
    other = _claim(standing.control_sign * control, standing.held_out[1])
    significant = claim.p_value < SIGNIFICANT
    explained = other is not None and other.p_value < SIGNIFICANT
    return SetAnswer(
        claim,
        other,
        significant and not explained and standing.reason is None,
        _of_set(claim, significant, explained, standing.reason),
    )


def _claim(questioned: Vector, nonmembers: Vector) -> DatasetClaim | None:
    scored = questioned[np.isfinite(questioned)]
    try:
        return dataset_inference(scored, nonmembers)
    except InputError:
        return None  # too few pictures, or scores that do not differ


def _of_set(claim: DatasetClaim, significant: bool, explained: bool, reason: Reason | None) -> str:
    told = (
        f"{claim.suspects} pictures in question against {claim.nonmembers} known non-members, "
        f"p = {claim.p_value:.2g}"
    )
    if reason:
        return f"Nothing is claimed of the pictures as a set: {EXPLANATIONS[reason]}."
    if not significant:
        return f"As a set, the pictures do not score measurably higher than pictures that were not used ({told})."
    higher = "As a set, the pictures score higher than pictures that were not used"
    if explained:
        return f"{higher} ({told}), but the best control says the same, so nothing is claimed."
    return f"{higher} ({told}): by this test, at least some of them were."


def _complete(
    side: int, scores: Vector, controls: Mapping[str, tuple[Vector, Vector]]
) -> NDArray[np.bool_]:
    """Return which pictures of one class have all scores, so that comparisons are paired."""
    rows = [scores, *(pair[side] for pair in controls.values())]
    return np.asarray(np.isfinite(np.stack(rows)).all(axis=0), np.bool_)


def _enough(members: int, nonmembers: int) -> None:
    for name, count in (("members", members), ("non-members", nonmembers)):
        if count < 2:
            raise InputError(
                f"too few known {name} could be scored", found=count, expected="both classes"
            )


def _outcomes(
    calibration: Calibration, scores: Vector, reason: Reason | None
) -> dict[Decision, int]:
    answers = [reason or calibration.judge(float(score)) for score in scores]
    counts = {choice: sum(answer == choice for answer in answers) for choice in ANSWERS[:2]}
    return {**counts, Decision.INCONCLUSIVE: len(answers) - sum(counts.values())}


def _closed(decision: Decision, score: float, known: Calibration) -> str:
    if decision is Decision.MEMBER:
        count, total = int((known.negatives >= score).sum()), len(known.negatives)
        return (
            f"By this test the model was trained on this picture: of {total} pictures known to be outside its "
            f"training set, {count or 'none'} {'scores' if count <= 1 else 'score'} as high."
        )
    count, total = int((known.positives <= score).sum()), len(known.positives)
    return (
        f"By this test the model was not trained on this picture: of {total} pictures known to be in its "
        f"training set, {count or 'none'} {'scores' if count <= 1 else 'score'} as low."
    )


def _open(reason: Reason) -> str:
    return f"No answer can be given: {EXPLANATIONS[reason]}."
