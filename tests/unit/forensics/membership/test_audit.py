from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from forensics import audit
from forensics.membership import examination
from forensics.membership.audit import FITTED
from forensics.membership.known import KnownPictures, collect_pictures
from forensics.verdict import Decision, Reason, Verdict
from shared.errors import InputError, OutputError, ToolkitError, WeightsError
from shared.media.image import read_image, write_image

OPTIONS = {"error_rate": 0.1, "seed": 1}


@pytest.fixture
def methods(fakes):
    return {"method": fakes.echo, "controls": [fakes.brightness]}


def test_members_and_others_are_told_apart(case, methods):
    found = audit(case.target, case.questioned, calibration=case.known, **methods, **OPTIONS)
    decisions = [verdict.decision for verdict in found.verdicts]
    assert decisions == [Decision.MEMBER] * 4 + [Decision.NONMEMBER] * 4
    assert all(v.probability > 0.5 for v in found.verdicts[:4])
    assert all("known to be" in v.sentence for v in found.verdicts)
    assert found.standing.outcomes[Decision.MEMBER][Decision.NONMEMBER] == 0
    assert set(found.standing.control_auc) == {"Mean brightness", FITTED}
    assert not found.standing.comparison.explained


def test_the_json_holds_the_answers_and_what_they_rest_on(case, methods, tmp_path):
    found = audit(case.target, case.questioned, calibration=case.known, **methods, **OPTIONS)
    record = json.loads(found.record.write(tmp_path / "out.json").read_text("utf-8"))
    rows = record["result"]["verdicts"]
    assert [Verdict.from_json(row) for row in rows] == list(found.verdicts)
    assert record["weights"] == case.target.fingerprint()
    assert record["inputs"][str(case.questioned[0])]["sha256"] == rows[0]["custody"]["picture"]
    assert record["result"]["unet_calls_per_picture"] == 1
    assert len(record["result"]["known_scores"]["nonmembers"]) == 20
    assert "NaN" not in json.dumps(record)


def test_without_known_pictures_nothing_is_answered(case, methods):
    found = audit(case.target, case.questioned, **methods)
    assert {verdict.reason for verdict in found.verdicts} == {Reason.UNCALIBRATED}
    assert all(
        verdict.score is not None and verdict.probability is None for verdict in found.verdicts
    )


def test_an_untrained_model_gives_no_verdict(case, methods):
    case.target.trained = False
    found = audit(case.target, case.questioned, calibration=case.known, **methods, **OPTIONS)
    assert {verdict.reason for verdict in found.verdicts} == {Reason.UNTRAINED}
    assert {v.reason for v in audit(case.target, case.questioned, **methods).verdicts} == {
        Reason.UNTRAINED
    }


def test_a_control_that_explains_the_scores_takes_the_answer_back(case, methods, fakes):
    known = KnownPictures(
        fakes.lit(case.folder / "members", +60), fakes.lit(case.folder / "others", -60)
    )
    found = audit(case.target, case.questioned, calibration=known, **methods, **OPTIONS)
    assert {verdict.reason for verdict in found.verdicts} == {Reason.CONTROL_EXPLAINS}
    assert all(verdict.probability is None for verdict in found.verdicts)


def test_a_picture_of_another_kind_gets_no_answer(case, methods, fakes):
    found = audit(
        case.target, [*case.questioned, fakes.checkerboard()], calibration=case.known, **methods,
        **OPTIONS,
    )  # fmt: skip
    assert found.verdicts[-1].reason is Reason.OUT_OF_RANGE
    assert sum(verdict.reason is None for verdict in found.verdicts) >= 7


def test_one_bad_picture_stops_nothing(case, methods):
    case.questioned[2].write_bytes(b"no picture")
    (case.folder / "members" / "000.png").write_bytes(b"")
    found = audit(case.target, case.questioned, calibration=case.known, **methods, **OPTIONS)
    bad = found.verdicts[2]
    assert bad.reason is Reason.UNREADABLE and bad.evidence["error"] == "bad-input"
    assert [v.decision for v in found.verdicts[:2]] == [Decision.MEMBER] * 2


def test_a_broken_off_audit_goes_on(case, methods, tmp_path, monkeypatch):
    whole = audit(case.target, case.questioned, calibration=case.known, **methods, **OPTIONS)
    options = {**methods, **OPTIONS, "calibration": case.known, "work": tmp_path / "work"}

    def stop(what, done, total):
        if what.startswith("scoring") and done == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit(case.target, case.questioned, **options, progress=stop)
    before = case.target.calls
    monkeypatch.setattr(examination, "SHOWN", 0)
    again = audit(case.target, case.questioned, **options)
    assert 0 < case.target.calls - before <= 48 - 24  # what was finished is not scored again
    assert [v.score for v in again.verdicts] == [v.score for v in whole.verdicts]


def test_progress_counts_up_to_the_end(case, methods):
    seen: dict[str, list[tuple[int, int]]] = {}
    audit(
        case.target, case.questioned, calibration=case.known, **methods, **OPTIONS,
        progress=lambda what, done, total: seen.setdefault(what, []).append((done, total)),
    )  # fmt: skip
    assert seen["scoring: Echo"][-1] == seen["scoring: Mean brightness"][-1] == (48, 48)
    assert all(steps == sorted(steps) for steps in seen.values())


def test_curves_of_known_pictures_become_bands(case, methods):
    found = audit(case.target, case.questioned, calibration=case.known, **methods, **OPTIONS)
    bands = found.bands["curve"]
    assert bands[Decision.MEMBER].shape == bands[Decision.NONMEMBER].shape == (20, 2)
    assert bands[Decision.MEMBER][:, 1].mean() < bands[Decision.NONMEMBER][:, 1].mean()


def test_a_set_of_members_is_claimed_and_one_of_others_is_not(case, methods):
    options = {**methods, **OPTIONS, "calibration": case.known}
    used = audit(case.target, case.questioned[:4], **options).set_answer
    unused = audit(case.target, case.questioned[4:], **options).set_answer
    assert used.claimed and used.claim.p_value < 0.01
    assert not unused.claimed and "do not score" in unused.sentence


@pytest.mark.parametrize("kind", ["copies", "another kind"])
def test_a_set_is_only_as_large_as_its_own_pictures(case, methods, fakes, kind):
    """Copies of one picture, and pictures unlike the known ones, are no evidence on a set."""
    asked = case.folder / "more"
    asked.mkdir()
    source = fakes.checkerboard() if kind == "another kind" else case.questioned[0]
    for number in range(12):
        content = read_image(source).copy()
        if kind == "another kind":
            content[0, number] = 128
        write_image(asked / f"{number}.png", content)
    found = audit(case.target, asked, calibration=case.known, **methods, **OPTIONS)
    assert found.set_answer is None or not found.set_answer.claimed
    left = 11 if kind == "copies" else 12
    assert any(note.startswith(f"{left} pictures in question") for note in found.record.notes)


def test_a_known_picture_in_question_does_not_judge_itself(case, methods):
    found = audit(
        case.target, [*case.questioned, case.folder / "members" / "003.png"],
        calibration=KnownPictures(case.folder / "members", case.folder / "others"),
        method=methods["method"], controls=methods["controls"], error_rate=0.11,
    )  # fmt: skip
    assert found.record.settings["known_members"] == 19
    assert any("also in question" in note for note in found.record.notes)


def _pair(case, **changes: Path) -> KnownPictures:
    return KnownPictures(**{"members": case.known.members, "nonmembers": case.known.nonmembers, **changes})  # fmt: skip


BAD = {
    "no model": (WeightsError, lambda case, fakes: {"target": case.folder / "nothing"}),
    "wrong kind of model": (WeightsError, lambda case, fakes: {"target": fakes.folder_of("FluxPipeline")}),
    "no pictures": (InputError, lambda case, fakes: {"images": fakes.empty()}),
    "no such place": (InputError, lambda case, fakes: {"images": case.folder / "gone"}),
    "one class only": (InputError, lambda case, fakes: {"calibration": _pair(case, nonmembers=fakes.empty())}),
    "both lists the same": (InputError, lambda case, fakes: {"calibration": KnownPictures(*[case.known.members] * 2)}),
    "mixed sizes": (InputError, lambda case, fakes: {"calibration": _pair(case, nonmembers=fakes.larger())}),
    "too few known pictures": (InputError, lambda case, fakes: {"error_rate": 0.05}),
    "no caption file": (InputError, lambda case, fakes: {"captions": case.folder / "captions.csv"}),
    "captions twice": (InputError, lambda case, fakes: {"captions": "a.csv", "captioner": "b"}),
    "no captioner": (WeightsError, lambda case, fakes: {"captioner": case.folder / "gone"}),
    "no such method": (InputError, lambda case, fakes: {"method": "magic"}),
    "a control that is none": (InputError, lambda case, fakes: {"controls": ["secmi"]}),
    "only corrupt pictures": (InputError, lambda case, fakes: {"calibration": None, "images": fakes.corrupt()}),
    "error rate": (InputError, lambda case, fakes: {"error_rate": 0.9}),
    "a path that looks like a hub id": (WeightsError, lambda case, fakes: {"target": "./model"}),
    "a seed below nought": (InputError, lambda case, fakes: {"seed": -1}),
    "no such device": (InputError, lambda case, fakes: {"device": "gpu"}),
    "a time beyond the schedule": (InputError, lambda case, fakes: {"method": "pia", "settings": {"t": 1000}}),
    "a number instead of a list": (InputError, lambda case, fakes: {"method": "pfami", "settings": {"timesteps": 5}}),
    "no draws": (InputError, lambda case, fakes: {"method": "naive-loss", "settings": {"draws": 0}}),
    "a folder below a file": (OutputError, lambda case, fakes: {"work": case.questioned[0] / "scores"}),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_input_has_a_code_and_says_what_to_do(name, case, methods, fakes):
    kind, change = BAD[name]
    options = {
        "target": case.target, "images": case.questioned, "calibration": case.known, **methods,
        **OPTIONS, **change(case, fakes),
    }  # fmt: skip
    with pytest.raises(kind) as caught:
        audit(**options)
    assert isinstance(caught.value, ToolkitError) and caught.value.exit_code > 1
    assert caught.value.found is not None or caught.value.fix or caught.value.expected


def test_copies_of_a_known_picture_count_once(case):
    folder = case.folder / "members"
    (folder / "copy.png").write_bytes((folder / "000.png").read_bytes())
    found = collect_pictures(case.questioned, case.known)
    assert len(found.members) == 20 and "1 known members are copies" in found.notes[0]


def test_a_list_file_and_a_folder_are_the_same(case, methods, tmp_path):
    listing = tmp_path / "asked.txt"
    lines = [str(path.relative_to(tmp_path)) for path in case.questioned]
    listing.write_text("# in question\n\n" + "\n".join(lines), "utf-8")
    options = {**methods, **OPTIONS, "calibration": case.known}
    by_list = audit(case.target, listing, **options)
    by_folder = audit(case.target, case.folder / "asked", **options)
    np.testing.assert_array_equal(
        [v.score for v in by_list.verdicts], [v.score for v in by_folder.verdicts]
    )
