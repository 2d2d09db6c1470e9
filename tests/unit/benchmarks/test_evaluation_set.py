"""Who is judged: the takes, the rendered set's files, and footage."""

import numpy as np
import pytest

from benchmarks.evaluation_set import (
    FIRST_SEED,
    NEUTRAL,
    evaluation_set,
    plan,
    read_subjects,
    subjects_of_corpus,
    units,
    vowel,
)
from shared.data.manifest import Manifest
from shared.errors import InputError
from shared.face.head_model import HeadModel
from shared.motion import FACE_UNITS, UNIT


def test_everybody_is_shown_in_the_same_takes_but_for_the_free_ones():
    first, second = plan(np.random.default_rng(1)), plan(np.random.default_rng(2))
    assert [take.name for take in first] == [take.name for take in second]
    for one, other in zip(first, second, strict=True):
        same = np.array_equal(one.rotation, other.rotation)
        assert same != one.name.startswith("free")
    takes = {take.name: take for take in first}
    assert len(takes) == len(first) == 26
    assert np.flatnonzero(takes["jaw"].expression).tolist() == [UNIT["jawOpen"]]
    assert not takes[NEUTRAL].expression.any()
    assert np.degrees(takes["yaw -20"].rotation).round(4).tolist() == [0, -20, 0]
    assert all(take.expression.min() >= 0 and take.expression.max() <= 1 for take in first)


def test_units_sets_both_sides_and_vowels_differ():
    assert {FACE_UNITS[i] for i in np.flatnonzero(units(mouthSmile=1))} == {
        "mouthSmileLeft",
        "mouthSmileRight",
    }
    assert vowel("AA")[UNIT["jawOpen"]] > vowel("IY")[UNIT["jawOpen"]] + 0.1
    assert vowel("UW")[UNIT["mouthPucker"]] > 0.4


def test_a_whole_set_needs_no_graphics_and_another_kind_of_set_is_refused(
    evaluation_folder, tmp_path
):
    assert evaluation_set(evaluation_folder, people=2) == evaluation_folder
    (tmp_path / "set.json").write_text("{}", "utf-8")
    with pytest.raises(InputError, match="another evaluation set"):
        evaluation_set(tmp_path, people=1)
    with pytest.raises(InputError, match="no evaluation set"):
        read_subjects(tmp_path, 64)


def test_a_set_for_another_head_model_is_refused(evaluation_folder, tmp_path):
    stored = next(evaluation_folder.glob("*.npz"))
    with np.load(stored) as data:
        np.savez(tmp_path / stored.name, **{**data, "head_model": np.array("0" * 64)})
    with pytest.raises(InputError, match="another head model"):
        read_subjects(tmp_path, 48)


def test_subjects_are_framed_as_a_photo_would_be_and_their_points_stay_on_the_face(
    evaluation_folder,
):
    subjects = read_subjects(evaluation_folder, 48)
    assert [subject.name for subject in subjects] == [str(FIRST_SEED), str(FIRST_SEED + 1)]
    subject = subjects[0]
    assert subject.bank.frames.shape == (26, 48, 48, 3)
    assert subject.takes[subject.source] == NEUTRAL
    # the points are where the drawn skin is, and never on what is called background
    pixels = ((subject.bank.points.astype(float) + 1) * 24).astype(int)
    frontal = np.flatnonzero(~np.abs(subject.bank.angles).any(axis=1))
    x, y = pixels[frontal, 1].T  # the tip of the nose
    assert len(frontal) == 10
    assert np.abs(subject.bank.frames[frontal, y, x].astype(int) - (220, 170, 140)).max() < 12
    assert not subject.still[frontal, y, x].any()
    assert 0.2 < subject.still.mean() < 0.9


def test_the_camera_of_a_subject_projects_the_head_model_onto_its_points(evaluation_folder):
    subject = read_subjects(evaluation_folder, 48)[1]
    with np.load(evaluation_folder / f"{subject.name}.npz") as data:
        head = HeadModel.load().points("478", data["identity"], data["expression"])
        pixels = HeadModel.project(head, data["rotation"], data["translation"], subject.camera)
    face = subject.bank.points[:, :478].astype(float)
    assert np.abs(pixels / 24 - 1 - face).max() < 5e-3


def test_footage_gives_one_subject_a_person_of_the_test_split(corpus, tmp_path):
    subjects = subjects_of_corpus(corpus, 48, tmp_path, frames=6)
    assert [subject.name for subject in subjects] == ["p2", "p3"]
    subject = subjects[0]
    assert len(subject.bank) == 6
    assert subject.still is None
    jaw = subject.bank.expression[:, UNIT["jawOpen"]]
    assert jaw[subject.source] == jaw.min()
    with pytest.raises(InputError, match="no test clip"):
        subjects_of_corpus(Manifest(corpus.root, corpus.clips[:2]), 48, tmp_path)
