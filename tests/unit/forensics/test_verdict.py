from __future__ import annotations

import json

import pytest

from forensics.verdict import EXPLANATIONS, Decision, Reason, Threshold, Verdict
from shared.errors import InputError

OPEN = Verdict(
    "é b.png",
    Decision.INCONCLUSIVE,
    "Nothing can be said.",
    Decision.MANIPULATED,
    reason=Reason.UNCALIBRATED,
    score=-1.5,
    thresholds={Decision.MANIPULATED: Threshold(0.25, "validation part")},
    evidence={"curve": [1.0, 2.0]},
    custody={"file": "ab"},
)


@pytest.mark.parametrize("through_text", [False, True])
def test_json_round_trip(through_text):
    plain = OPEN.to_json()
    assert Verdict.from_json(json.dumps(plain) if through_text else plain) == OPEN


@pytest.mark.parametrize("direction", [Decision.MEMBER, Decision.AUTHENTIC])
def test_both_questions_have_their_answers(direction):
    for decision in Decision:
        reason = Reason.OVERLAP if decision is Decision.INCONCLUSIVE else None
        fits = decision is Decision.INCONCLUSIVE or (
            (decision in (Decision.MEMBER, Decision.NONMEMBER)) == (direction is Decision.MEMBER)
        )
        if fits:
            assert Verdict("a", decision, "", direction, reason=reason).decision == decision
        else:
            with pytest.raises(InputError, match="another question"):
                Verdict("a", decision, "", direction)


@pytest.mark.parametrize(
    "wrong",
    [
        {"decision": Decision.INCONCLUSIVE},
        {"decision": Decision.MEMBER, "reason": Reason.OVERLAP},
        {"decision": Decision.MEMBER, "probability": 1.2},
        {"decision": Decision.MEMBER, "score": float("nan")},
        {"decision": Decision.INCONCLUSIVE, "direction": Decision.INCONCLUSIVE},
    ],
)
def test_what_would_mislead_is_refused(wrong):
    with pytest.raises(InputError):
        Verdict(**{"subject": "a", "sentence": "", "direction": Decision.MEMBER, **wrong})


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"decision": "guilty"}'])
def test_what_is_no_verdict_is_refused(text):
    with pytest.raises(InputError, match="no verdict"):
        Verdict.from_json(text)


def test_every_reason_is_explained():
    assert set(EXPLANATIONS) == set(Reason)
