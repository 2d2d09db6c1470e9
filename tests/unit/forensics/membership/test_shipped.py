"""An audit of a shipped model needs its name alone, and takes what is said before what lies beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from forensics.membership.shipped import Question
from shared.errors import InputError, WeightsError
from shared.zoo.pipelines import register_pipeline


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    folder = tmp_path / "weights" / "small"
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    register_pipeline("small", zoo=tmp_path)
    return tmp_path


def test_the_name_alone_brings_pictures_and_captions(zoo):
    folder = zoo / "weights" / "small"
    found = Question("small", []).completed(zoo)
    assert found.model == str(folder)
    assert found.images == [folder / "asked"]
    assert (found.members, found.nonmembers) == (folder / "members", folder / "nonmembers")
    assert found.captions == folder / "captions.csv"


def test_what_is_said_comes_first(zoo):
    own = Question("small", [Path("mine.png")], Path("a"), Path("b"))
    found = own.completed(zoo)
    assert (found.images, found.members, found.nonmembers) == (own.images, Path("a"), Path("b"))
    assert found.captions is None  # the shipped table does not know these pictures


def test_a_folder_of_that_name_is_meant_before_the_shipped_model(zoo, monkeypatch):
    monkeypatch.chdir(zoo / "weights")
    asked = Question("small", [Path("mine.png")])
    assert asked.completed(zoo) is asked


def test_other_models_need_pictures_and_changed_files_are_refused(zoo):
    with pytest.raises(InputError, match="no picture in question"):
        Question("other", []).completed(zoo)
    (zoo / "weights" / "small" / "model_index.json").write_text("[]")
    with pytest.raises(WeightsError, match="was changed"):
        Question("small", []).completed(zoo)
