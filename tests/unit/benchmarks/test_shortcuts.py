"""The shortcut test finds what is there, and nothing where nothing is."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from benchmarks.shortcuts import BOUND, container_cues, picture_cues, shortcut_rows, shortcuts
from shared.data.clip import Clip
from shared.data.manifest import write_manifest
from shared.errors import InputError
from shared.media.video import VideoWriter


def film(path, seed: int, brightness: int = 100, frames: int = 5):
    generator = np.random.default_rng(seed)
    with VideoWriter(path, Fraction(25), (32, 32), crf=30) as writer:
        for _ in range(frames):
            noise = generator.integers(-20, 20, (32, 32, 3))
            writer.write((brightness + noise).astype(np.uint8))
    return path


def test_cues_tell_length_size_and_colour(tmp_path):
    short, long = film(tmp_path / "a.mp4", 0, frames=4), film(tmp_path / "b.mp4", 0, 150, frames=8)
    few, many = container_cues(short), container_cues(long)
    assert (few["duration"]["frames"], many["duration"]["frames"]) == (4, 8)
    assert many["duration"]["duration"] == pytest.approx(0.32, abs=0.01)
    assert many["file size"]["file"] == long.stat().st_size
    dark, bright = (picture_cues(path)["colours"]["mean_g"] for path in (short, long))
    assert bright - dark == pytest.approx(50, abs=3)


def test_cues_read_what_the_encoder_tells_and_where_quantisers_begin(tmp_path):
    frame = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    fields = {}
    for name, crf, bare in (("fine", 18, False), ("coarse", 33, False), ("bare", 33, True)):
        with VideoWriter(tmp_path / f"{name}.mp4", 25, (32, 32), crf=crf, bare=bare) as writer:
            writer.write(frame)
        fields[name] = container_cues(tmp_path / f"{name}.mp4")["codec fields"]
    assert [fields[name]["crf"] for name in fields] == [18, 33, 0]
    differ = {cue for cue, value in fields["fine"].items() if fields["coarse"][cue] != value}
    assert any(cue.startswith("header") for cue in differ)


def labelled(people: int, seed: int):
    generator = np.random.default_rng(seed)
    names = np.repeat([f"p{n:02d}" for n in range(people)], 4)
    return generator, np.tile([False, True], 2 * people), names


def test_a_planted_shortcut_is_found_in_its_group_and_in_all():
    generator, labels, people = labelled(20, 0)
    noise = generator.normal(size=(len(labels), 2))
    cues = {"file size": noise + 1.5 * labels[:, None], "colours": noise[:, ::-1].copy()}
    cues["all"] = np.concatenate(list(cues.values()), axis=1)
    found = {(one.cues, one.classifier): one.auc for one in shortcuts(cues, labels, people)}
    assert found["file size", "linear"].low > BOUND
    assert found["all", "forest"].value > 0.8
    assert found["file size", "linear"].n == 20


def test_people_are_held_out():
    # Who one is decides the label: only one who has seen the person's other clips could know it.
    generator, labels, people = labelled(20, 1)
    labels = np.repeat(generator.permutation(np.arange(20) % 2 == 0), 4)
    place = np.repeat(generator.normal(size=20), 4)[:, None]
    for one in shortcuts({"identity": place}, labels, people):
        assert one.auc.value < 0.75


def corpus(root, brightness_of_forged: int, people: int = 6):
    (root / "clips").mkdir(parents=True)
    clips = []
    for person in range(people):
        for take in range(2):
            for label, bright in (("authentic", 100), ("forged", brightness_of_forged)):
                name = f"{label}-{person}-{take}"
                light = bright + 3 * (person % 4)
                film(root / f"clips/{name}.mp4", hash((person, take, label)) % 1000, light)
                extra = {"label": label, "quality": "c23", "target": f"{person}-{take}",
                         "family": "authentic" if label == "authentic" else "swap"}  # fmt: skip
                clips.append(Clip(name, "speaking", "train", str(person),
                                  video=f"clips/{name}.mp4", extra=extra))  # fmt: skip
    return write_manifest(root, clips)


def test_rows_of_a_corpus_whose_forgeries_are_brighter(tmp_path):
    rows = shortcut_rows(corpus(tmp_path, 140), ["c23"])
    found = {row["figure"]: row["value"] for row in rows}
    assert found["AUC from colours, linear"] == 1
    assert found["AUC from duration, linear"] == 0.5
    assert {row["protocol"] for row in rows} == {"swap c23: 24 clips, people held out"}


def test_too_few_people_is_an_input_error(tmp_path):
    with pytest.raises(InputError, match="too few people"):
        shortcut_rows(corpus(tmp_path, 100, people=3), ["c23"])
