"""A checkpoint learns what its scores mean from extracted validation faces, may then answer, and can be shipped."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.forensics.shipping import ship
from forensics.calibrate import calibrate_checkpoint
from forensics.focus.config import PROFILES
from forensics.focus.network import FocusNetwork
from forensics.focus.recipes import export
from forensics.focus.training import FocusModule
from forensics.folds import EVERYBODY
from forensics.inspection.familiarity import Familiarity
from forensics.inspection.judge import open_judge
from forensics.prepared_faces import KIND
from shared.data.clip import Clip
from shared.data.corpora.faces import Faces
from shared.data.manifest import read_manifest, write_manifest
from shared.errors import InputError

SIDE = 32


@pytest.fixture(scope="module")
def faces(tmp_path_factory) -> Path:
    """Forty validation videos of one face each, half of them forged, and one of a training person."""
    root, rng, rows = tmp_path_factory.mktemp("faces"), np.random.default_rng(0), []
    for number in range(41):
        label = "forged" if number % 2 else "authentic"
        Faces(
            rng.integers(0, 256, (1, SIDE, SIDE, 3), dtype=np.uint8), None, np.array([0]),
            np.array([[0, 0, 9, 9]], np.float32), np.zeros((1, 68, 2), np.float32),
        ).save(root / f"faces/{number}")  # fmt: skip
        split = "train" if number == 40 else "val"
        family = ("swap", "whole")[number // 2 % 2] if number % 2 else ""
        extra = {"label": label, "family": family, "faces": f"faces/{number}"}
        rows.append(Clip(str(number), KIND, split, f"p{number}", frames=1, extra=extra))
    write_manifest(root, rows)
    return root


@pytest.fixture
def checkpoint(tmp_path) -> Path:
    profile = PROFILES["smoke"]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = FocusModule(profile, 0, FocusNetwork(profile.network))
    export(module, tmp_path / "checkpoint", {"profile": "smoke"})
    return tmp_path / "checkpoint"


def tracks_of(kinds: list[dict]) -> list[int]:
    return [len(kind["scores"]) for kind in kinds]


def test_a_calibrated_checkpoint_may_answer(faces, checkpoint):
    assert open_judge(checkpoint).reason is not None
    written = calibrate_checkpoint(checkpoint, [faces])
    held = json.loads(written.read_text())
    assert [tracks_of(held[name]) for name in ("manipulated", "authentic")] == [[20], [20]]
    assert held["authentic"][0]["people"] == [[f"p{number}"] for number in range(0, 40, 2)]
    assert held["held_out"] == EVERYBODY
    opened = open_judge(checkpoint)
    assert opened.reason is None
    assert opened.judge.calibration.method == held["method"]
    crops = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    scores, maps, unlike = opened.judge.judge(crops)
    assert scores.shape == unlike.shape == (2,) and maps.shape[0] == 2
    assert (unlike < 3).all() and (opened.judge.judge(crops * 0)[2] > 1).all()


def test_each_corpus_is_a_kind_of_its_own(faces, checkpoint):
    held = json.loads(calibrate_checkpoint(checkpoint, [faces, faces]).read_text())
    assert tracks_of(held["authentic"]) == [20, 20]
    known = open_judge(checkpoint).judge.calibration
    assert [len(kinds) for kinds in known.kinds] == [2, 2] and len(known.negatives) == 40


def test_each_family_of_forgeries_is_a_kind_of_its_own(faces, checkpoint):
    """Ten videos each of two families are kinds at an error rate of 10 %, and too few at 5 %."""
    told = {
        rate: json.loads(calibrate_checkpoint(checkpoint, [faces], error_rate=rate).read_text())
        for rate in (0.1, 0.05)
    }
    assert {rate: tracks_of(held["manipulated"]) for rate, held in told.items()} == {
        0.1: [10, 10],
        0.05: [20],
    }
    assert all(tracks_of(held["authentic"]) == [20] for held in told.values())


def test_faces_are_known_with_all_whom_their_videos_show(faces, checkpoint, tmp_path, monkeypatch):
    """A forgery is held out with its donor, in every corpus."""
    told, of = [], Familiarity.of

    def spy(features, persons):
        told.extend(persons)
        return of(features, persons)

    monkeypatch.setattr(Familiarity, "of", spy)
    rows = []
    for clip in read_manifest(faces):
        more = {"persons": [clip.person, "donor"]} if clip.id == "1" else {}
        place = str(faces / clip.extra["faces"])
        rows.append(replace(clip, extra={**clip.extra, "faces": place, **more}))
    write_manifest(tmp_path, rows)
    held = json.loads(calibrate_checkpoint(checkpoint, [tmp_path, faces]).read_text())
    assert held["manipulated"][0]["people"][0] == ["p1", "donor"]
    assert told[:3] == [("p0",), ("p1", "donor"), ("p2",)] and told[40:42] == [("p0",), ("p1",)]


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("nowhere", "nowhere is no corpus .found no such folder"),
        (".", "is no corpus .found no file manifest.jsonl in it"),
        ("a.png", "a.png is no manifest of a corpus"),
        ("row", "row/manifest.jsonl is no manifest of a corpus .*no clip at all"),
        ("other", "other holds no extracted faces .found clips of the kind speaking"),
        ("test", "test has no faces in the split val .found only test"),
    ],
)
def test_a_folder_that_is_no_corpus_is_named_before_any_work(checkpoint, tmp_path, place, told):
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n\xff")
    (tmp_path / "row").mkdir()
    (tmp_path / "row/manifest.jsonl").write_text("no clip at all\n")
    write_manifest_to(tmp_path / "other", Clip("1", "speaking", "val", "p"))
    write_manifest_to(tmp_path / "test", Clip("1", KIND, "test", "p"))
    with pytest.raises(InputError, match=told) as caught:
        calibrate_checkpoint(checkpoint, [tmp_path / place])
    assert "forensics prepare" in caught.value.fix or place == "test"


def write_manifest_to(folder: Path, clip: Clip) -> None:
    folder.mkdir()
    write_manifest(folder, [clip])


@pytest.mark.parametrize("rate", [math.nan, 0.0, -0.1, 0.5])
def test_an_error_rate_out_of_range_is_told_before_any_work(checkpoint, tmp_path, rate):
    with pytest.raises(InputError, match=f"between 0 and 0.5 .found {rate}"):
        calibrate_checkpoint(checkpoint, [tmp_path], error_rate=rate)


def test_what_is_shipped_has_its_figures_and_its_calibration(faces, checkpoint, tmp_path):
    sha = json.loads((checkpoint / "config.json").read_text())["sha256"]
    row = {"figure": "frame AUC", "value": 0.9, "low": 0.8, "high": 0.95}
    record = tmp_path / "record.json"
    record.write_text(json.dumps({"weights": {"focus": sha}, "result": {"rows": [row]}}))
    zoo = tmp_path / "zoo"
    (zoo / "weights").mkdir(parents=True)
    with pytest.raises(InputError, match="not calibrated"):
        ship(checkpoint, record, "A corpus.", "A run.", zoo)
    calibrate_checkpoint(checkpoint, [faces])
    folder = ship(checkpoint, record, "A corpus.", "A run.", zoo)
    card = (folder / "card.md").read_text()
    assert "| frame AUC | 0.900 | 0.800 to 0.950 |" in card and "A corpus." in card
    assert json.loads((zoo / "registry.json").read_text()) == {"focus": sha}
    assert (folder / "calibration.json").is_file()
    record.write_text(json.dumps({"weights": {"focus": "0" * 64}, "result": {"rows": [row]}}))
    with pytest.raises(InputError, match="other weights"):
        ship(checkpoint, record, "A corpus.", "A run.", zoo)
