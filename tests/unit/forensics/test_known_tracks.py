"""What a mean of few frames tells, and how honest the probabilities are about people who were not fitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forensics.calibration import calibrate
from forensics.calibration_error import best_fitted, reliability
from forensics.folds import AT_RANDOM, EVERYBODY
from forensics.known_tracks import KnownTrack, calibrate_tracks, kind_from_plain, to_plain_kind
from forensics.verdict import Decision
from shared.errors import InputError

MANIPULATED = Decision.MANIPULATED


def drawn(centre: float, rng: np.random.Generator, count: int = 400) -> list[KnownTrack]:
    """Tracks of eight frames that scatter far more from frame to frame than from track to track."""
    means = rng.normal(centre, 0.2, count)
    rows = means[:, None] + rng.normal(0, 1, (count, 8))
    return [KnownTrack((f"p{n % 40}",), tuple(row)) for n, row in enumerate(rows)]


@pytest.fixture(scope="module")
def known():
    rng = np.random.default_rng(0)
    return calibrate_tracks([drawn(1.5, rng)], [drawn(0, rng)], error_rate=0.05)


@pytest.mark.parametrize("frames", [1, 2, 3, 4, 8, 20])
def test_the_promise_holds_for_tracks_of_any_length(known, frames):
    rng = np.random.default_rng(1)
    means = rng.normal(0, 0.2, 4000) + rng.normal(0, 1, (frames, 4000)).mean(axis=0)
    wrong = {
        name: np.mean([one.judge(mean) is MANIPULATED for mean in means])
        for name, one in (("of its length", known.of(frames)), ("of eight", known))
    }
    assert wrong["of its length"] <= 0.05 + 0.02
    assert frames > 2 or wrong["of eight"] > 0.09


def test_a_length_between_two_is_judged_by_the_shorter(known):
    assert [known.of(count).frames for count in (1, 2, 3, 4, 7, 8, 99)] == [1, 2, 2, 4, 4, 8, 8]
    assert "single frames" in known.of(1).thresholds()[MANIPULATED].origin
    assert "means of 8 frames" in known.thresholds()[MANIPULATED].origin
    plain = calibrate(np.arange(20, 40), np.arange(20), MANIPULATED)
    assert plain.of(1) is plain


def test_tracks_come_back_from_plain_values():
    kind = [KnownTrack(("a",), (0.12344, 1.0)), KnownTrack(("b", "c"), (0.5,))]
    plain = to_plain_kind(kind)
    assert plain == {"people": [["a"], ["b", "c"]], "scores": [[0.1234, 1.0], [0.5]]}
    assert kind_from_plain(plain) == [KnownTrack(("a",), (0.1234, 1.0)), kind[1]]
    assert kind_from_plain(plain | {"people": ["a", "b+c"]})[1].persons == ("b+c",)  # older files
    with pytest.raises(InputError, match="no scores"):
        calibrate_tracks([[KnownTrack(("a",), ())]], [kind], error_rate=0.05)


def test_everyone_is_told_with_their_own_score(known):
    rng = np.random.default_rng(0)
    tracks = drawn(1.5, rng), drawn(0, rng)
    for one in (known, known.of(1)):
        pairs = {(p, s) for p, s in zip(one.people[0], one.positives, strict=True)}
        assert pairs == {(t.persons, t.mean_of(one.frames)) for t in tracks[0]}


def slow_error(known, fold_of, bins=10) -> float:
    """The expected calibration error by hand: hold out a fold, fit, compare bin by bin."""
    rows = [
        (score, person, label)
        for label, scores, people in (
            (1, known.positives, known.people[0]), (0, known.negatives, known.people[1]),
        )
        for score, person in zip(scores, people, strict=True)
    ]  # fmt: skip
    counts = [sum(label == one for *_, label in rows) for one in (0, 1)]
    told: list[list[tuple[float, float, float]]] = [[] for _ in range(bins)]
    for fold in set(fold_of.values()):
        fit = calibrate(
            *([s for s, p, y in rows if y == label and fold_of[p] != fold] for label in (1, 0)),
            known.direction, error_rate=0.4, method=known.method,
        )  # fmt: skip
        for score, person, label in rows:
            if fold_of[person] == fold:
                chance = fit.probability(score)
                weight = 0.5 / counts[label]
                told[min(int(chance * bins), bins - 1)].append((chance, label, weight))
    return sum(abs(sum(w * (c - y) for c, y, w in one)) for one in told)


@pytest.mark.parametrize("method", ["platt", "isotonic"])
def test_the_error_is_that_of_people_who_were_held_out(method):
    from forensics.folds import _hash

    rng = np.random.default_rng(3)
    known = calibrate_tracks(
        [drawn(1.5, rng, 60)], [drawn(0, rng, 60)], error_rate=0.05, method=method
    )
    names = sorted({*known.people[0], *known.people[1]}, key=lambda one: _hash(one[0]))
    folds = {name: place % 5 for place, name in enumerate(names)}
    assert reliability(known).error == pytest.approx(slow_error(known, folds), abs=1e-12)


def test_people_who_score_alike_do_not_vouch_for_each_other():
    """Each person has a score of its own whatever is shown: steps learn people, and sorted dealing praises them."""
    rng = np.random.default_rng(0)
    own = rng.permutation(np.linspace(0, 1, 16))
    both = [
        [
            KnownTrack((f"p{n}",), (score + rng.normal(0, 1e-3),))
            for n, score in enumerate(own)
            if n % 2 == label
            for _ in range(10)
        ]
        for label in (1, 0)
    ]
    known = calibrate_tracks([both[0]], [both[1]], error_rate=0.05, method="isotonic")
    in_turn = tuple(
        tuple((f"{place % 5}",) for place in range(len(scores)))
        for scores in (known.positives, known.negatives)
    )
    sorted_dealing = reliability(replace(known, people=in_turn)).error
    assert sorted_dealing < 0.02 and reliability(known).error > 0.1


def test_two_who_share_a_forgery_do_not_vouch_for_each_other():
    """Of each pair both have an own video and one with the other's face, all of one score: a pair is one person."""
    rng = np.random.default_rng(0)
    manipulated, authentic = [], []
    for pair, score in enumerate(rng.permutation(np.linspace(0, 1, 24)).tolist()):
        both = f"{pair}a", f"{pair}b"
        shown = (both, both[::-1]) if pair % 2 else ((both[0],), (both[1],))
        kind = manipulated if pair % 2 else authentic
        kind += [KnownTrack(one, (score + rng.normal(0, 1e-3),)) for one in shown for _ in range(5)]
        if not pair % 2:
            manipulated.append(KnownTrack(both, (2.0,)))
    known = calibrate_tracks([manipulated], [authentic], error_rate=0.05, method="isotonic")
    joined = tuple(tuple(("+".join(one),) for one in people) for people in known.people)
    told = reliability(known)
    assert told.held_out == EVERYBODY
    assert told.error > 2 * reliability(replace(known, people=joined)).error


def test_examples_of_nobody_in_particular_are_dealt_at_random():
    """Sorted scores that are dealt in turn mirror each other: steps that follow chance look perfect."""
    errors = []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        scores = rng.normal(0.5, 1, 60), rng.normal(0, 1, 60)
        known = calibrate(*scores, MANIPULATED, method="isotonic")
        in_turn = tuple(tuple((f"{place % 5}",) for place in range(60)) for _ in range(2))
        errors.append([reliability(one).error for one in (known, replace(known, people=in_turn))])
    assert reliability(known).held_out == AT_RANDOM
    at_random, mirrored = np.mean(errors, axis=0)
    assert at_random > 1.5 * mirrored


def test_one_person_alone_tells_nothing_about_others():
    rng = np.random.default_rng(0)
    same = [[KnownTrack(("p",), track.scores) for track in drawn(c, rng, 20)] for c in (1.5, 0)]
    known = calibrate_tracks(same[:1], same[1:], error_rate=0.05)
    with pytest.raises(InputError, match="too few people"):
        best_fitted(known)
