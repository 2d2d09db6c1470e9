"""The answer that leaves the forensic wing: a decision, how sure it is, why, and from what it was made.

Two questions have verdicts: *membership* (member, non-member, inconclusive) and *authenticity* (authentic, manipulated,
inconclusive). "Inconclusive" always says why.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from shared.custody import to_plain
from shared.errors import InputError


class Decision(StrEnum):
    """What a verdict says."""

    MEMBER = "member"
    NONMEMBER = "non-member"
    AUTHENTIC = "authentic"
    MANIPULATED = "manipulated"
    INCONCLUSIVE = "inconclusive"


class Reason(StrEnum):
    """Why a verdict is inconclusive."""

    UNTRAINED = "untrained"
    NO_MODEL = "no usable model"
    NO_FACE = "no face found"
    UNCALIBRATED = "uncalibrated"
    CONTROL_EXPLAINS = "control explains it"
    OUT_OF_RANGE = "outside the calibrated range"
    OVERLAP = "both classes score like this"
    UNREADABLE = "unreadable"
    TOO_MANY = "more faces than are kept"
    PARTLY = "a part scores otherwise"
    UNSEEN = "a part was not seen"


EXPLANATIONS: dict[Reason, str] = {
    Reason.UNTRAINED: "the model was never trained, so its scores mean nothing",
    Reason.NO_MODEL: "there is no whole and unchanged checkpoint of the right kind to ask",
    Reason.NO_FACE: "no face that is large and clear enough was found, and faces are all that is examined",
    Reason.UNCALIBRATED: "there are no known examples of both classes to compare the score with",
    Reason.CONTROL_EXPLAINS: "a control that cannot know the answer separates the known examples as well, so the "
    "score may come from the pictures and not from the model's memory",
    Reason.OUT_OF_RANGE: "the file or its score is unlike the known examples of either class",
    Reason.OVERLAP: "known examples of both classes score like this too often",
    Reason.UNREADABLE: "the file could not be examined",
    Reason.TOO_MANY: "only the largest and most visible faces are examined, and the others may be what was manipulated",
    Reason.PARTLY: "as a whole the face scores as authentic ones do, but for a stretch of time it scores as "
    "manipulated ones do; how often such a stretch misleads is not known",
    Reason.UNSEEN: "a part of the file was not seen, and it may be what was manipulated",
}

OPPOSITE = {
    Decision.MEMBER: Decision.NONMEMBER,
    Decision.NONMEMBER: Decision.MEMBER,
    Decision.AUTHENTIC: Decision.MANIPULATED,
    Decision.MANIPULATED: Decision.AUTHENTIC,
}


@dataclass(frozen=True)
class Threshold:
    """A threshold on oriented scores and where it came from.

    Attributes:
        value: A score above it speaks for the direction of the verdict.
        origin: In words: on which examples it was fixed, by which rule.
    """

    value: float
    origin: str


@dataclass(frozen=True)
class Verdict:
    """One answer about one file.

    Attributes:
        subject: The file.
        decision: What is answered.
        reason: Why the answer is inconclusive, else None.
        sentence: The answer in one plain sentence.
        direction: The decision that larger scores speak for.
        score: Oriented so that larger speaks for ``direction``; None when there is none.
        probability: Of ``direction``, calibrated, if both answers were equally likely beforehand; None when
            uncalibrated.
        thresholds: Decision -> threshold; above the one of ``direction`` and below the other's the answer is given.
        evidence: What a reader can check, as plain JSON values.
        custody: Name -> SHA-256 or setting: the file, the model, the settings.

    Raises:
        InputError: If decision, reason and direction do not go together.
    """

    subject: str
    decision: Decision
    sentence: str
    direction: Decision
    reason: Reason | None = None
    score: float | None = None
    probability: float | None = None
    thresholds: Mapping[Decision, Threshold] = field(default_factory=dict)
    evidence: Mapping[str, Any] = field(default_factory=dict)
    custody: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what would mislead: a decision of another question, or an open one without a reason."""
        if self.direction is Decision.INCONCLUSIVE:
            raise InputError("larger scores must speak for something", found=self.direction)
        possible = {self.direction, OPPOSITE[self.direction], Decision.INCONCLUSIVE}
        if self.decision not in possible:
            raise InputError(
                "the decision answers another question",
                found=self.decision,
                expected=" | ".join(sorted(possible)),
            )
        if (self.decision is Decision.INCONCLUSIVE) != (self.reason is not None):
            raise InputError(
                "an inconclusive verdict, and no other, has a reason", found=self.reason
            )
        if self.probability is not None and not 0 <= self.probability <= 1:
            raise InputError("a probability lies between 0 and 1", found=self.probability)
        if self.score is not None and not math.isfinite(self.score):
            raise InputError("a score is finite or absent", found=self.score)

    def to_json(self) -> dict[str, Any]:
        """Return what :meth:`from_json` reads.

        Example:
            >>> verdict = Verdict("a.png", Decision.MEMBER, "It was used.", Decision.MEMBER, score=0.9)
            >>> Verdict.from_json(verdict.to_json()) == verdict
            True
        """
        plain: dict[str, Any] = to_plain(self)
        return plain

    @classmethod
    def from_json(cls, value: Mapping[str, Any] | str) -> Verdict:
        """Read a verdict from its JSON text or the object in it.

        Raises:
            InputError: If it is no verdict.
        """
        try:
            plain = dict(json.loads(value) if isinstance(value, str) else value)
            return cls(
                **{
                    **plain,
                    "decision": Decision(plain["decision"]),
                    "direction": Decision(plain["direction"]),
                    "reason": None if plain["reason"] is None else Reason(plain["reason"]),
                    "thresholds": {
                        Decision(name): Threshold(**threshold)
                        for name, threshold in plain["thresholds"].items()
                    },
                }
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(
                "this is no verdict", found=error, expected=", ".join(_names())
            ) from error


def _names() -> list[str]:
    return [item.name for item in dataclasses.fields(Verdict)]
