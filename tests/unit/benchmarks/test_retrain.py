"""What `make retrain-smoke` runs: every shipped model has its recipe, in commands that exist."""

import shutil
import subprocess
from pathlib import Path

import pytest

import benchmarks
from benchmarks.retrain import (
    SAMPLE,
    _calibrates,
    _draws,
    _samples,
    _speaks,
    _tells,
    sample_people,
    sample_pictures,
    steps,
)
from benchmarks.targets.pictures import PARTS
from shared.data.manifest import read_manifest
from shared.errors import ToolkitError
from shared.zoo.checkpoints import ZOO


def test_every_recipe_is_a_command_and_none_writes_outside_its_folder(tmp_path):
    made = steps(tmp_path)
    assert {step.name for step in made} >= {
        "renderer", "opt", "faces", "focus", "calibration", "pixel members", "latent reference",
    }  # fmt: skip
    assert "--beside" in next(step.command for step in made if step.name == "focus")
    for step in made:
        folders = [
            part for part in step.command if part.startswith("/") and "bin/python" not in part
        ]
        assert all(part.startswith((str(tmp_path), str(SAMPLE))) for part in folders)


def test_the_sample_pack_gives_pictures_of_three_people():
    pictures = sample_pictures(count=2)
    assert set(pictures.parts) == set(PARTS) and len(pictures) == 2 * len(PARTS)
    assert len(set(pictures.identities)) == len(PARTS)
    assert pictures.images.std() > 20


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
@pytest.mark.parametrize(
    ("goal", "says"),
    [
        (("train", "WHAT=target-portraits"), "--members 170 --ages 25,100,400 --out runs/target-portraits-cpu"),
        (("train", "WHAT=reference-portraits"), "--part reference --out runs/target-portraits-cpu"),
        (("train", "WHAT=reference-emoji"), "--part reference --out runs/target-emoji-cpu"),
        (("calibrate",), "forensics calibrate runs/focus-cpu/checkpoint --corpus corpus/faces-c23"),
    ],
)  # fmt: skip
def test_make_has_a_command_for_each_file_and_a_reference_lies_beside_its_target(goal, says):
    root = Path(benchmarks.__file__).parents[1]
    command = ["make", "--no-print-directory", "--dry-run", *goal]  # itself run by make, mostly
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=root)
    assert says in done.stdout.replace("\\\n\t", "").splitlines()[-1]


ASKED = {
    _draws: "renderer", _speaks: "opt", _tells: "focus", _calibrates: "focus",
    _samples: "target-emoji",
}  # fmt: skip


@pytest.mark.parametrize("answers", ASKED)
def test_what_was_trained_is_opened_and_asked(answers, tmp_path):
    answers(ZOO / "weights" / ASKED[answers])
    with pytest.raises(ToolkitError):
        answers(Path(tmp_path))


def test_the_sample_packs_people_are_split_so_that_several_calibrate(tmp_path):
    sample_people(tmp_path / "people")
    clips = read_manifest(tmp_path / "people")
    people = {split: {c.person for c in clips.where(split=split)} for split in ("train", "val")}
    # familiarity and reliability hold people out, whose number decides
    assert len(people["train"]) == 1 and len(people["val"]) == 3
    assert all(clips.path(clip.video).is_file() for clip in clips)
