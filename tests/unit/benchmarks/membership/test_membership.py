"""The membership benchmark on tiny targets, from folders to a record that becomes tables."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from benchmarks.cli import app
from benchmarks.membership.claims import claim_rows
from benchmarks.membership.cost import repeated, structural_speed_rows
from benchmarks.membership.growth import sibling_rows
from benchmarks.membership.main_table import Draws, Line, auc_gap, main_rows
from benchmarks.membership.plan import entries, plan_named
from benchmarks.membership.scoring import ClassScores, Scorer
from benchmarks.membership.shifted import with_strangers
from benchmarks.membership.subjects import as_tensor, read_subjects
from benchmarks.tables import write_results
from forensics.membership.structural import Structural
from shared.errors import InputError


@pytest.fixture(scope="module")
def record(pixel_folder, latent_folder, tmp_path_factory):
    folder = tmp_path_factory.mktemp("membership")
    done = CliRunner().invoke(
        app,
        ["membership", str(pixel_folder), str(latent_folder), "--beside", str(pixel_folder),
         "--profile", "smoke", "--threads", "1", "--out", str(folder / "scores"),
         "--record", str(folder / "records/membership.json")],
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    return folder


def rows_of(folder, table: str) -> list[dict]:
    rows = json.loads((folder / "records/membership.json").read_text())["result"]["rows"]
    return [row for row in rows if row["table"].startswith(table)]


def test_the_record_becomes_tables(record):
    page = write_results(record / "records", record / "page.md").read_text()
    for title in ("### pixel, 2 epochs", "### latent, 2 epochs", "### Claims, latent",
                  "### Another source as non-members, pixel",
                  "### Robustness, pixel", "### Ablations of DRC, latent", "### Cost, pixel"):  # fmt: skip
        assert title in page


def test_every_attack_and_control_has_a_row_with_both_ages(record):
    rows = rows_of(record, "latent, 2 epochs")
    labels = {row["figure"].removeprefix("AUC of ") for row in rows}
    for title in ("Structural MIA", "DRC", "SecMI (stat)", "PIA", "PIAN", "PFAMI (Met)", "SimA",
                  "CLiD (th)", "ReDiffuse", "GAN-Leaks", "Monte Carlo", "Naive loss",
                  "Texture of the picture", "Autoencoder alone", "DRC on random weights",
                  "Structural MIA on the reference model", "DRC less the reference model's"):  # fmt: skip
        assert title in labels
    measured = [row for row in rows if row["value"] is not None]
    assert all(0 <= row["value"] <= 1 and "AUC, 1 epochs" in row for row in measured)
    assert all(row["status"] == "smoke" for row in rows)
    assert all("best control" in row for row in measured if row["kind"] == "attack")


def test_targets_beside_have_their_main_table_and_a_place_on_the_curve(record):
    curve = rows_of(record, "Memory by size of the set and age")
    assert [(row["figure"].split(", ", 1)[1], row["protocol"][0]) for row in curve] == [
        (f"{name}, {age} epochs", asked)
        for name, asked, ages in (
            ("latent", "4", (1, 2)), ("pixel", "3", (1, 2)), ("pixel", "4", (1, 2)), ("pixel", "4", (2,))
        )
        for age in ages
    ]  # fmt: skip
    assert [(row["members"], row["steps"]) for row in curve] == [*[(4, 2), (4, 4)] * 3, (4, 4)]
    assert "DRC" not in curve[-1] and "SimA" in curve[-1]  # all that was learnt: the quick ones
    assert curve[5]["value"] == curve[6]["value"]  # one target asked twice
    main, cost = (rows_of(record, title) for title in ("pixel, 2 epochs", "Cost, pixel"))
    assert len(main) == 2 * len({row["figure"] for row in main})
    assert len(cost) == len({row["figure"] for row in cost})


def test_what_cannot_judge_a_target_says_why(record):
    row = next(row for row in rows_of(record, "pixel, 2") if "CLiD" in row["figure"])
    assert row["value"] is None
    assert row["note"]


def test_a_second_run_scores_nothing_again(record, pixel_folder, monkeypatch):
    def fail(*_, **__):
        raise AssertionError("scored again")

    monkeypatch.setattr(Structural, "score", fail)
    subject = read_subjects(pixel_folder, 4)[0]
    scores = Scorer(record / "scores", 4, 0)(plan_named("smoke").structural, subject)
    assert len(scores.members) == len(scores.nonmembers) == 4


def test_members_come_first_and_are_those_that_were_learnt(latent_folder, drawn_parts):
    subject = read_subjects(latent_folder, 4)[-1]
    learnt = drawn_parts.part("members", 4)
    assert subject.captions[:4] == learnt.captions
    first = subject.images[0].permute(1, 2, 0).mul(255).round().numpy()
    np.testing.assert_array_equal(first, learnt.images[0])
    assert (subject.age, subject.reference_age, subject.first(2).count) == (2, 2, 2)


def test_strangers_take_the_place_of_non_members_alone_and_are_as_they_are_stored(
    latent_folder, pixel_folder, drawn_parts
):
    subject, other = (read_subjects(folder, 4)[-1] for folder in (pixel_folder, latent_folder))
    small = replace(other, images=torch.zeros(8, 3, 2, 2))
    mixed = with_strangers(subject, small)
    assert torch.equal(mixed.images[:4], subject.images[:4])
    assert mixed.images.shape == subject.images.shape
    assert mixed.captions == subject.captions[:4] + other.captions[4:]
    stored = drawn_parts.part("nonmembers", 4).resized(subject.target.image_size)
    assert torch.equal(mixed.images[4:], as_tensor(stored))


def perfect(rng, shift: float) -> ClassScores:
    return ClassScores(rng.normal(shift, 1, 60), rng.normal(0, 1, 60), 1.0)


def test_claims_answer_with_the_sign_of_the_gap(latent_folder):
    subject = read_subjects(latent_folder, 4)[-1]
    rng = np.random.default_rng(0)
    shifts = {"Structural MIA": 3.0, "DRC": 0.0, "SecMI (stat)": 1.0, "PIA": 0.5}
    lines = {
        entry.label: Line(entry, perfect(rng, shifts.get(entry.label, 0.0)))
        for entry in entries(plan_named("smoke"), None)
    }
    rows = claim_rows([(subject, lines)], {}, Draws(0, 50))
    notes = {row["figure"].split("?")[0]: row["note"] for row in rows}
    assert notes["Does structure beat pixels"] == "yes; best rival: SecMI (stat)"
    assert notes["Does DRC beat the rest"].startswith("no, it is behind; best other: Structural")
    table = main_rows([(subject, lines)], Draws(0, 50))
    assert table[0]["explained by it"] == "no"


def test_each_paper_is_asked_whether_it_is_robust(latent_folder):
    subject = read_subjects(latent_folder, 4)[-1]
    rng = np.random.default_rng(2)
    robust = {
        "rotation": {
            "structural": perfect(rng, 0.0),
            "pia": perfect(rng, 2.0),
            "drc": perfect(rng, 5.0),
        }
    }
    lines = {
        entry.label: Line(entry, perfect(rng, 0.0)) for entry in entries(plan_named("smoke"), None)
    }
    rows = claim_rows([(subject, lines)], robust, Draws(0, 50))
    notes = {row["figure"].split("?")[0]: row["note"] for row in rows}
    assert notes["Is structure more robust"] == "no, it is behind; best rival: PIA"
    assert notes["Is DRC more robust"] == "yes; best rival: PIA"


def test_near_copies_are_told_from_pictures_alone(latent_folder):
    subject = replace(read_subjects(latent_folder, 4)[-1], identities=tuple("aabcddef"))
    scores = ClassScores(np.array([9.0, 8, 1, 2]), np.array([3.0, 4, 1.5, 2.5]), 1.0)
    line = next(Line(entry, scores) for entry in entries(plan_named("smoke"), None))
    copies = {
        row["figure"].split("pictures ")[1]: row["value"]
        for row in sibling_rows(subject, {"PIA": line}, Draws(0, 20))
    }
    assert copies == {"alone": 0.25, "beside near copies": 1.0}
    assert (
        sibling_rows(replace(subject, identities=tuple("abcdefgh")), {"PIA": line}, Draws(0)) == []
    )


def test_a_gap_to_oneself_is_nothing():
    scores = perfect(np.random.default_rng(1), 1.0)
    gap = auc_gap(scores, scores, Draws(0))
    assert (gap.value, gap.low, gap.high) == (0, 0, 0)


def test_speed_compares_the_attack_with_its_bare_calls(latent_folder):
    subject = read_subjects(latent_folder, 4)[-1]
    rows = structural_speed_rows(
        subject.target, subject.images, list(subject.captions), pictures=12, batch_size=4, runs=1,
        threads=1,
    )  # fmt: skip
    assert [row.get("target") for row in rows] == [None, "at most 1.15", "at least 3"]
    assert all(row["value"] > 0 for row in rows)


def test_repeated_pictures_count_on():
    pictures = list(repeated(torch.rand(3, 3, 4, 4), 7))
    assert [picture.index for picture in pictures] == list(range(7))
    assert torch.equal(pictures[6].image, pictures[0].image)


def test_a_folder_without_a_target_is_refused(tmp_path):
    with pytest.raises(InputError, match="no finished target"):
        read_subjects(tmp_path, 4)
    with pytest.raises(InputError, match="unknown profile"):
        plan_named("huge")
