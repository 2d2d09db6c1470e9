"""A corpus from the sample pack: rows, masks, resumption, reasons."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from shared.data.clip import Clip
from shared.data.forgery import build as building
from shared.data.forgery.build import build, main
from shared.data.forgery.known import Known, dataset_of, is_forged, known_of
from shared.data.forgery.plan import choose_people, plan_forgeries
from shared.data.manifest import read_manifest, write_manifest
from shared.data.marionette.pack import SAMPLE_ROOT, sample_pack
from shared.errors import InputError, OutputError
from shared.media.video import VideoReader, probe

BRIEF = {"longest": 8, "qualities": ("c40",), "seed": 4}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    """The sample pack's speaking clips and one listener, all in one split, so that everybody has neighbours."""
    root = tmp_path_factory.mktemp("corpus")
    for name in ("clips",):
        (root / name).symlink_to(SAMPLE_ROOT / name)
    wanted = [c for c in sample_pack() if c.kind == "speaking" or c.id == "m0000-listening0"]
    write_manifest(root, [Clip(**{**vars(clip), "split": "train"}) for clip in wanted])
    return root


@pytest.fixture(scope="module")
def built(corpus, tmp_path_factory):
    return build(corpus, tmp_path_factory.mktemp("out"), families=["swap", "mouth_splice"], **BRIEF)


def test_every_clip_comes_authentic_and_forged_through_one_chain(built):
    rows = {clip.id: clip for clip in built}
    for target in {clip.extra["target"] for clip in built}:
        own, forged = rows[f"c40-authentic-{target}"], rows[f"c40-swap-{target}"]
        assert (is_forged(own), is_forged(forged)) == (False, True)
        ways = [dict(clip.extra["chain"]) for clip in (own, forged)]
        assert all(30 < way.pop("crf")["ahead"] <= 51 for way in ways)
        for own_draw in ("seed", "grain", "tint"):
            assert ways[0].pop(own_draw) != ways[1].pop(own_draw)
        assert ways[0] == ways[1]
        assert own.size == forged.size
        assert (own.frames, own.split, own.person) == (forged.frames, forged.split, forged.person)


def test_masks_fit_the_delivered_frames_and_tell_where_they_differ(built):
    rows = {clip.id: clip for clip in built}
    pair = rows["c40-authentic-m0001-speaking0"], rows["c40-swap-m0001-speaking0"]
    own, forged = (np.stack(list(VideoReader(built.path(clip.video)))).astype(int) for clip in pair)
    nothing, known = (known_of(built, clip) for clip in pair)
    assert known.masks.shape == forged.shape[:3]
    assert not nothing.masks.any()
    # Apart from tint and, over time, grain, the versions differ where the mask says.
    own, forged = (
        (frames / np.array(clip.extra["chain"]["tint"])).mean(axis=0)
        for frames, clip in zip((own, forged), pair, strict=True)
    )
    change, share = np.abs(forged - own).mean(axis=-1), known.masks.mean(axis=0)
    assert change[share > 127].mean() > 1.5 * change[share == 0].mean()
    inside = known.landmarks[:, 30].round().astype(int)
    assert (known.masks[np.arange(len(inside)), inside[:, 1], inside[:, 0]] > 127).all()


def test_a_mouth_splice_says_what_its_donor_says(built):
    source = {clip.id: clip for clip in sample_pack()}
    for clip in built:
        if clip.extra["family"] == "mouth_splice":
            (donor,) = (source[name] for name in clip.extra["donors"])
            assert clip.transcript == donor.transcript != source[clip.extra["target"]].transcript
            assert donor.person != clip.person
            assert probe(built.path(clip.video)).has_audio


def test_what_cannot_be_forged_is_named(built):
    lines = (built.root / "left_out.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line) for line in lines] == [
        {"id": "mouth_splice-m0000-listening0", "reason": "the clip has no speech"}
    ]


def test_a_dataset_holds_a_clip_on_both_sides_or_not_at_all(built):
    speech = dataset_of(built, ["mouth_splice"], "c40")
    targets = [{c.extra["target"] for c in speech if is_forged(c) == label} for label in (0, 1)]
    assert targets[0] == targets[1]
    assert not any("listening" in clip.id for clip in speech)
    assert len(dataset_of(built, ["swap"], "c23")) == 0


def test_a_build_goes_on_and_adds_families_without_redoing(corpus, built, monkeypatch):
    before = {path: path.stat().st_mtime_ns for path in built.root.rglob("*-swap-*.mp4")}
    made = []
    make = building._make
    monkeypatch.setattr(building, "_make", lambda site, plan: made.append(plan) or make(site, plan))
    names = ["swap", "mouth_splice", "self_blend"]
    again = build(corpus, built.root, families=names, **BRIEF)
    assert {plan.family for plan in made} == {"self_blend"}
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(again) == len(built) + len(made)


def test_another_folder_and_processes_give_the_same_bytes(corpus, built, tmp_path):
    again = build(corpus, tmp_path, families=["swap"], people=4, workers=2, **BRIEF)
    clip = next(clip for clip in again if is_forged(clip))
    assert again.path(clip.video).read_bytes() == built.path(clip.video).read_bytes()


def test_a_damaged_clip_is_left_out_and_the_rest_is_made(corpus, tmp_path):
    clips = list(read_manifest(corpus))[:2]
    root = tmp_path / "corpus"
    root.mkdir()
    (root / "clips").symlink_to(SAMPLE_ROOT / "clips")
    (root / "bad.mp4").write_bytes(b"no video")
    write_manifest(root, [clips[0], Clip(**{**vars(clips[1]), "video": "bad.mp4"})])
    made = build(root, tmp_path / "out", families=["self_blend"], **BRIEF)
    assert {clip.extra["target"] for clip in made} == {clips[0].id}
    left_out = (tmp_path / "out" / "left_out.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["id"] for line in left_out] == [
        f"authentic-{clips[1].id}", f"self_blend-{clips[1].id}",
    ]  # fmt: skip


def test_nobody_takes_part_in_two_splits():
    clips = [
        Clip(f"{p}{k}", "speaking", "train" if p < "m" else "test", p, audio="a", video="v",
             transcript=f"{p}{k}")
        for p in "abcdefmnopqr" for k in range(2)
    ]  # fmt: skip
    plans, left_out = plan_forgeries(clips, ["swap", "whole", "mouth_splice"], seed=1)
    assert not left_out
    for plan in plans:
        assert {clip.split for clip in plan.others} <= {plan.target.split}
        assert plan.target.person not in {clip.person for clip in plan.others}
        assert len({clip.person for clip in plan.others}) == len(plan.others)


def test_a_small_split_gives_fewer_donors_and_a_tiny_one_its_reason():
    clips = [Clip(p, "exercise", "test", p, video="v") for p in "abc"]
    plans, left_out = plan_forgeries(clips, ["swap", "whole"], seed=0)
    assert {len(plan.others) for plan in plans if plan.family == "whole"} == {2}
    assert not left_out
    _, left_out = plan_forgeries(clips[:2], ["whole"], seed=0)
    assert [row["reason"] for row in left_out] == ["needs 2 other people in test, found 1"] * 2


def spoken(person, transcript="", voice="", frames=50):
    return Clip(
        f"{person}{frames}", "speaking", "test", person, audio="a", video="v",
        transcript=transcript, voice=voice, frames=frames,
    )  # fmt: skip


def test_a_mouth_is_given_other_words_of_another_voice_that_last():
    target = spoken("a", "hello", "v1")
    wrong = [spoken("b", "hello", "v2"), spoken("c", "bye", "v1"), spoken("d", "bye", "v2", 20)]
    plans, left_out = plan_forgeries([target, *wrong], ["mouth_splice"], seed=0)
    assert "mouth_splice-a50" in {row["id"] for row in left_out}
    plans, _ = plan_forgeries([target, *wrong, spoken("e", "bye", "v2")], ["mouth_splice"], seed=0)
    (own,) = (plan for plan in plans if plan.name == "mouth_splice-a50")
    assert [clip.person for clip in own.others] == ["e"]
    cut, _ = plan_forgeries([target, wrong[2]], ["mouth_splice"], seed=0, longest=20)
    assert "mouth_splice-a50" in {plan.name for plan in cut}


def test_footage_without_transcripts_or_voices_can_be_spliced():
    plans, left_out = plan_forgeries([spoken("a"), spoken("b")], ["mouth_splice"], seed=0)
    assert len(plans) == 4 and not left_out


class Drawer:
    """Draws a grey face, and tells by which weights."""

    weights = "one"

    def __call__(self, target, driver):
        return np.full_like(target.frames, 128)

    def fingerprint(self):
        return self.weights


grey = Drawer()


def test_new_weights_draw_the_reenactments_anew(corpus, tmp_path, monkeypatch):
    options = {"families": ["swap", "reenactment"], "reenact": f"{__name__}:grey", **BRIEF}
    first = build(corpus, tmp_path, **options)
    times = {clip.id: first.path(clip.video).stat().st_mtime_ns for clip in first}
    monkeypatch.setattr(grey, "weights", "two")
    again = build(corpus, tmp_path, **options)
    made = {c.id for c in again if again.path(c.video).stat().st_mtime_ns != times[c.id]}
    assert made == {clip.id for clip in again if clip.extra["family"] == "reenactment"} != set()
    assert {tuple(clip.extra["drawn by"]) for clip in again} == {(), ("two",)}


def test_people_are_taken_split_by_split():
    clips = [
        Clip(f"{split}{n}", "exercise", split, f"{split}{n}", video="v")
        for split, count in (("train", 14), ("val", 4), ("test", 2)) for n in range(count)
    ]  # fmt: skip
    kept = [clip.split for clip in choose_people(clips, 10)]
    assert [kept.count(split) for split in ("train", "val", "test")] == [7, 2, 1]
    kept = [clip.split for clip in choose_people(clips, (3, 2, 2))]
    assert [kept.count(split) for split in ("train", "val", "test")] == [3, 2, 2]


def test_the_command_says_what_is_wrong(corpus, tmp_path, capsys):
    common = ["--corpus", str(corpus), "--out", str(tmp_path / "out")]
    assert main([*common, "--families", "reenactment"]) == InputError.exit_code
    assert "--reenact" in capsys.readouterr().err
    assert main([*common, "--reenact", "nowhere:nothing"]) == InputError.exit_code
    assert "cannot be loaded" in capsys.readouterr().err


def test_masks_round_trip_and_other_files_are_refused(tmp_path, generator):
    known = Known(generator.integers(0, 256, (2, 4, 4)).astype(np.uint8), np.ones((2, 68, 2)))
    again = Known.load(known.save(tmp_path / "a.npz"))
    assert np.array_equal(again.masks, known.masks)
    (tmp_path / "b.npz").write_bytes(b"nothing")
    with pytest.raises(InputError, match="no masks"):
        Known.load(tmp_path / "b.npz")


def test_a_build_notices_what_changed_and_what_is_gone(corpus, built, tmp_path):
    own = tmp_path / "corpus"
    (own / "clips").mkdir(parents=True)
    for path in (SAMPLE_ROOT / "clips").iterdir():
        (own / "clips" / path.name).write_bytes(path.read_bytes())
    (own / "manifest.jsonl").write_bytes((corpus / "manifest.jsonl").read_bytes())
    options = {"families": ["swap"], **BRIEF}
    first = build(own, tmp_path / "out", **options)
    times = {clip.id: first.path(clip.video).stat().st_mtime_ns for clip in first}
    gone = first.clips[0]
    first.path(gone.video).unlink()
    again = build(own, tmp_path / "out", **options)
    made = {c.id for c in again if again.path(c.video).stat().st_mtime_ns != times[c.id]}
    assert made == {gone.id}
    with pytest.raises(OutputError):
        build(own, own / "manifest.jsonl" / "out", **options)
