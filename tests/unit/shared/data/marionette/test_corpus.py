from __future__ import annotations

import dataclasses
import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from shared.data.clip import SPLITS
from shared.data.manifest import read_manifest
from shared.data.marionette import corpus, plan, profiles
from shared.data.marionette.clips import Workshop, make_voice_clip
from shared.data.marionette.phones import Phone
from shared.data.marionette.voices import Speakers, Utterance, Voice, frame_speech
from shared.errors import InputError
from shared.media.audio import read_audio

TINY = profiles.Profile("tiny", people=0, size=64, voice_sentences=1, turns=3)


def spoken(self: Speakers, text: str, voice: Voice) -> Utterance:
    """Say a text as tones, one a letter: no synthesiser is needed."""
    names = ["B" if letter in "bmp" else "AA" for letter in text.lower() if letter.isalpha()][:5]
    edges = np.arange(len(names) + 1) * 0.1
    times = np.arange(round(edges[-1] * 16_000)) / 16_000
    tone = 0.1 * np.sin(2 * np.pi * (100 + len(voice.name)) * times)
    phones = [Phone(n, float(a), float(a) + 0.1) for n, a in zip(names, edges, strict=False)]
    samples, tiled = frame_speech(tone.astype(np.float32), phones)
    return Utterance(samples, voice.name, text, "en", tuple(tiled))


@pytest.fixture(autouse=True)
def tones(monkeypatch):
    monkeypatch.setattr(Speakers, "say", spoken)
    monkeypatch.setitem(profiles.PROFILES, "tiny", TINY)
    quick = {
        split: (Voice(f"tone-{split}", f"tone-{split}", split, "flite", "tone"),)
        for split in SPLITS
    }
    monkeypatch.setattr(plan, "voices_of", lambda split, with_kokoro: quick[split])


def files_of(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (root / "clips").iterdir()}


def truths_of(root: Path) -> dict[str, list[np.ndarray]]:
    manifest = read_manifest(root)
    return {
        clip.id: [t.motion.expression, t.motion.rotation, t.landmarks]
        for clip in manifest
        for t in [manifest.truth(clip)]
    }


def test_a_built_corpus_can_be_read(tmp_path):
    seen: dict[str, tuple[int, int]] = {}
    built = corpus.build(
        "tiny", tmp_path, progress=lambda stage, *counts: seen.update({stage: counts})
    )
    assert seen["voices"][0] == seen["voices"][1] > 0
    manifest = read_manifest(tmp_path)
    assert [clip.id for clip in manifest] == [clip.id for clip in built]
    assert (tmp_path / corpus.LEFT_OUT_NAME).read_text() == ""
    for clip in manifest:
        truth = manifest.truth(clip)
        assert len(truth.motion) == clip.frames == len(truth.landmarks)
        assert np.isfinite(truth.landmarks).all()
        if clip.kind == "voice":
            assert len(read_audio(manifest.path(clip.audio))) == clip.frames * 640
            assert len(truth.visemes) == clip.frames and clip.transcript
        else:
            assert clip.extra["speaker_clip"] in {other.id for other in manifest}


def test_a_finished_build_is_not_done_again_and_a_stopped_one_goes_on(tmp_path, monkeypatch):
    corpus.build("tiny", tmp_path)
    whole, states = files_of(tmp_path), sorted((tmp_path / "state").glob("*.json"))
    lost = next(path for path in states if path.name != "corpus.json")
    ids = [json.loads(line)["id"] for line in json.loads(lost.read_text())["clips"]]
    lost.unlink()
    made = []
    real = corpus.make_voice_clip
    monkeypatch.setattr(corpus, "make_voice_clip", lambda s, p: made.append(p.id) or real(s, p))
    corpus.build("tiny", tmp_path)
    assert sorted(made) == sorted(ids)
    assert set(files_of(tmp_path)) == set(whole)


def test_the_same_seed_gives_the_same_truth_and_another_one_not(tmp_path):
    first, second = (corpus.build("tiny", tmp_path / name, seed=5).root for name in "ab")
    one, two = truths_of(first), truths_of(second)
    assert all(np.array_equal(a, b) for k in one for a, b in zip(one[k], two[k], strict=True))
    other = truths_of(corpus.build("tiny", tmp_path / "c", seed=6).root)
    shared_ids = set(one) & set(other)
    assert any(not np.array_equal(one[k][1], other[k][1]) for k in shared_ids)


def test_the_order_of_the_work_does_not_matter(tmp_path):
    (tmp_path / "clips").mkdir()
    shop = Workshop(TINY, tmp_path, 5, Speakers())
    plans = plan.plan_voices(TINY, 5, with_kokoro=False)
    last = plans[-1]
    make_voice_clip(shop, last)
    alone = files_of(tmp_path)
    for one in reversed(plans[-6:]):
        make_voice_clip(shop, one)
    again = files_of(tmp_path)
    assert all(again[name] == data for name, data in alone.items())


def test_a_bad_clip_is_left_out_with_its_reason(tmp_path, monkeypatch):
    real = corpus.make_voice_clip

    def sometimes(shop, plan):
        if plan.id == "turn0001":
            raise ValueError("the tape broke")
        return real(shop, plan)

    monkeypatch.setattr(corpus, "make_voice_clip", sometimes)
    manifest = corpus.build("tiny", tmp_path)
    ids = {clip.id for clip in manifest}
    rows = [json.loads(line) for line in (tmp_path / corpus.LEFT_OUT_NAME).read_text().splitlines()]
    assert rows == [{"id": "turn0001", "reason": "ValueError: the tape broke"}]
    assert "turn0001" not in ids and "turn0000" in ids
    # Nobody can listen to a clip that is not there.
    assert not any(name.startswith("turn0001") for name in ids)


def test_two_corpora_do_not_mix(tmp_path):
    (tmp_path / "state").mkdir()
    facts = {"profile": "tiny", "seed": 1, "looks": False, "kokoro": False}
    (tmp_path / "state" / "corpus.json").write_text(json.dumps(facts))
    with pytest.raises(InputError, match="another corpus"):
        corpus.build("tiny", tmp_path, seed=2)


def test_an_unknown_profile_is_refused(tmp_path):
    with pytest.raises(InputError, match="profile"):
        corpus.build("enormous", tmp_path)


@pytest.mark.corpus
def test_people_are_rendered_with_exact_truth(tmp_path, monkeypatch):
    pytest.importorskip("moderngl")
    if importlib.util.find_spec("anny") is None:
        pytest.skip("anny is not installed")
    short = dataclasses.replace(
        profiles.PROFILES["smoke"],
        people=1,
        size=64,
        speaking_frames=4,
        listening_frames=3,
        exercise_frames=2,
    )
    monkeypatch.setitem(profiles.PROFILES, "smoke", short)
    manifest = corpus.build("smoke", tmp_path)
    assert {clip.kind for clip in manifest} == {"speaking", "listening", "exercise"}
    for clip in manifest:
        truth = manifest.truth(clip)
        assert truth.regions.shape == (clip.frames, 32, 32)
        assert truth.landmarks.min() > 0 and truth.landmarks.max() < 64
