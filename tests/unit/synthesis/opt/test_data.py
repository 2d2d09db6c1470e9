from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import islice

import numpy as np
import pytest
import torch

from shared.data.clip import Clip, Truth
from shared.data.manifest import Manifest
from shared.data.marionette.lips import VISEMES
from shared.errors import InputError
from shared.media.audio import write_audio
from shared.motion import MOUTH_UNITS, UNIT, Motion
from synthesis.opt.batches import Drawer, Mouths, VoicePairs, _random_rest, random_pose
from synthesis.opt.config import StageBudget
from synthesis.opt.data import PAUSE_FRAMES, _phones_of, load_utterances, speaker_count
from synthesis.opt.losses import at_time

BUDGET = StageBudget(10, 4, 40)


@pytest.fixture(scope="module")
def utterances(manifest):
    return load_utterances(manifest, "train", variants=1, seed=0)


def test_every_view_has_the_time_of_the_truth(utterances):
    for utterance in utterances:
        assert all(len(view) == len(utterance) for view in utterance.views)
        assert len(utterance.expression) == len(utterance)
        assert len(set(utterance.speakers)) == 2
    labels = {label for u in utterances for label in u.speakers}
    assert len(labels) == 6
    assert speaker_count(utterances) > max(labels)


def test_the_mouth_moves_where_the_sound_is(utterances):
    for utterance in utterances:
        energy = utterance.views[0].energy.reshape(len(utterance), -1).mean(axis=1)
        jaw = utterance.expression[:, UNIT["jawOpen"]]
        assert np.corrcoef(energy, jaw)[0, 1] > 0.7


def test_added_pauses_are_known_to_be_at_rest_but_not_their_seams(utterances):
    utterance = utterances[0]
    assert utterance.pause[: PAUSE_FRAMES - 4].all()
    assert utterance.known[: PAUSE_FRAMES - 6].all()
    assert not utterance.known[PAUSE_FRAMES - 1]
    assert utterance.known[PAUSE_FRAMES]
    assert (utterance.expression[:5] == utterance.rest).all()
    assert not (utterance.pause & (utterance.expression[:, UNIT["jawOpen"]] > 0)).any()


def test_pauses_are_told_within_speech_and_closures_are_none(tmp_path):
    """0.4 s of silence is one; 0.12 s are not, nor is a stop that is quiet for 0.36 s; silence around is added."""
    parts = [
        ("SIL", 0.24), ("AA", 0.4), ("SIL", 0.4), ("AA", 0.4), ("P", 0.36), ("AA", 0.4),
        ("SIL", 0.12), ("AA", 0.4), ("SIL", 0.24),
    ]  # fmt: skip
    ends = np.cumsum([seconds for _, seconds in parts])
    phones = [[name, end - seconds, end] for (name, seconds), end in zip(parts, ends, strict=True)]
    tone = np.sin(2 * np.pi * 200 * np.arange(round(16_000 * ends[-1])) / 16_000)
    samples = np.zeros_like(tone)
    for name, start, end in phones:
        if name == "AA":
            samples[round(start * 16_000) : round(end * 16_000)] = 0.3
    frames = round(ends[-1] * 25)
    motion = Motion(*np.zeros((2, frames, 3)), np.zeros((frames, 52)), Fraction(25))
    truth = Truth(motion, np.zeros(3), np.ones(3), np.zeros((frames, 68, 2)))
    truth.save(tmp_path / "0.npz")
    write_audio(tmp_path / "0.wav", (samples * tone).astype(np.float32))
    clip = Clip(
        "c", "voice", "train", "p", "v", audio="0.wav", truth="0.npz", frames=frames,
        extra={"sentence": "x", "phones": phones},
    )  # fmt: skip
    for extra, stop in ((clip.extra, False), ({"sentence": "x"}, True)):
        manifest = Manifest(tmp_path, (replace(clip, extra=extra),))
        (found,) = load_utterances(manifest, "train", variants=0, seed=0)
        middle = {}
        for (name, start, end), at in zip(phones, range(len(phones)), strict=True):
            middle[at, name] = bool(found.pause[PAUSE_FRAMES + int((start + end) / 2 * 25)])
        assert middle[2, "SIL"] and middle[0, "SIL"]
        assert not middle[6, "SIL"] and not middle[1, "AA"]
        assert middle[4, "P"] == stop  # where no phones are known, only the sound can tell
        outside = np.r_[:PAUSE_FRAMES, len(found) - PAUSE_FRAMES : len(found)]
        assert (np.flatnonzero(found.added) == outside).all()


def test_a_source_smiles_on_both_sides_on_the_left_and_on_the_right():
    rng, rest = np.random.default_rng(0), np.zeros(52, np.float32)
    drawn = np.array([_random_rest(rest, rng) for _ in range(4000)])
    for what in ("Smile", "Frown", "Dimple"):
        left, right = (drawn[:, UNIT[f"mouth{what}{side}"]] for side in ("Left", "Right"))
        made = (left > 0) | (right > 0)
        assert np.mean((left == right)[made]) == pytest.approx(0.5, abs=0.1)
        assert np.mean((right == 0)[made]) == pytest.approx(0.25, abs=0.1)
        assert np.mean((left == 0)[made]) == pytest.approx(0.25, abs=0.1)
    assert not ((drawn[:, UNIT["jawLeft"]] > 0) & (drawn[:, UNIT["jawRight"]] > 0)).any()


def test_pairs_of_readings_are_aligned_by_their_phones(utterances):
    """Reading A's mouth at reading B's time is reading B's mouth: all three make the same moves."""
    checked = 0
    for batch in islice(VoicePairs(utterances, BUDGET, seed=1), 6):
        moved = at_time(batch["mouth_1"], batch["position_1_at_2"])
        error = (moved - batch["mouth_2"]).abs().mean(dim=-1)
        assert error[batch["valid_1_at_2"]].mean() < 0.012
        back = at_time(batch["mouth_2"], batch["position_2_at_1"])
        error = (back - batch["mouth_1"]).abs().mean(dim=-1)
        assert error[batch["valid_2_at_1"]].mean() < 0.012
        checked += int((batch["speaker_1"] != batch["speaker_2"]).sum())
        assert batch["valid_1_at_2"].float().mean() > 0.5
    assert checked > 10


def test_visemes_stand_for_phones_that_a_corpus_does_not_have(manifest):
    clip = manifest.clips[0]
    truth = manifest.truth(clip)
    with_phones = _phones_of(clip, truth)
    assert with_phones[1][0] == "AA"
    bare = replace(clip, extra={"sentence": "one"})
    assert _phones_of(bare, truth) == ()
    visemes = np.zeros(len(truth.motion), np.int8)
    visemes[5:8] = VISEMES.index("PP")
    visemes[8:] = -1
    found = _phones_of(bare, replace(truth, visemes=visemes))
    shift = PAUSE_FRAMES / 25
    assert [name for name, _, _ in found] == ["sil", "PP"]
    assert found[1][1:] == pytest.approx((0.2 + shift, 0.32 + shift))


def test_visemes_of_frames_follow_the_phones(utterances, manifest):
    utterance = utterances[0]
    start = PAUSE_FRAMES / 25 + 0.24
    frame = int(np.ceil(start * 25)) + 1
    assert VISEMES[utterance.visemes[frame]] == "aa"
    assert (utterance.visemes[:PAUSE_FRAMES] == VISEMES.index("sil")).all()
    assert (replace(utterance, phones=()).visemes == -1).all()
    batch = next(iter(Mouths(utterances, BUDGET, seed=0)))
    assert 0 < batch["closure"].float().mean() < 0.5


def test_batches_follow_the_seed(utterances):
    first, again, other = (
        next(iter(VoicePairs(utterances, BUDGET, seed)))["mel_1"] for seed in (3, 3, 4)
    )
    torch.testing.assert_close(first, again)
    assert not torch.equal(first, other)


def test_mouths_are_changes_from_rest_at_the_time_of_the_sound(utterances):
    batch = next(iter(Mouths(utterances, BUDGET, seed=0)))
    energy = batch["energy"].unflatten(1, (-1, 4)).mean(dim=-1)
    jaw = batch["change"][..., list(MOUTH_UNITS).index(UNIT["jawOpen"])]
    known = batch["known"]
    assert np.corrcoef(energy[known], jaw[known])[0, 1] > 0.5
    assert batch["identity"].shape == (4, len(utterances[0].identity))
    assert batch["rest"].shape == (4, 52)
    assert batch["mel"].shape == (4, 80, 160)


def test_poses_are_another_clips_turned(utterances):
    moving = [
        replace(u, rotation=np.outer(np.arange(len(u)), [0.001, 0, 0]).astype(np.float32))
        for u in utterances
    ]
    pose = random_pose(moving, 20, np.random.default_rng(0))
    np.testing.assert_allclose(np.diff(pose[:, 0]), 0.001, atol=1e-5)
    assert np.ptp(pose[:, 1:], axis=0).max() < 1e-6
    assert np.abs(pose[0]).max() <= np.radians(35) + 0.1


def test_rare_voices_are_drawn_more_often_than_their_share(utterances):
    many = [utterances[0]] * 8 + [utterances[1]] * 2
    generator = np.random.default_rng(0)
    drawer = Drawer(many)
    rare = np.mean([drawer(generator) >= 8 for _ in range(3000)])
    assert rare == pytest.approx(1 / 3, abs=0.04)


def test_a_clip_from_the_cache_equals_one_that_was_read(manifest, utterances, tmp_path):
    for _ in range(2):
        kept = load_utterances(manifest, "train", variants=1, seed=0, cache=tmp_path)
        for one, other in zip(kept, utterances, strict=True):
            np.testing.assert_array_equal(one.views[1].mel, other.views[1].mel)
            np.testing.assert_array_equal(one.known, other.known)
            assert (one.phones, one.speakers, one.sentence) == (
                other.phones, other.speakers, other.sentence,
            )  # fmt: skip
    assert len(list(tmp_path.iterdir())) == len(utterances)
    load_utterances(manifest, "train", variants=0, seed=0, cache=tmp_path)
    assert len(list(tmp_path.iterdir())) == 2 * len(utterances)


def test_a_corpus_without_speech_is_refused(manifest):
    with pytest.raises(InputError, match="no clips with speech"):
        load_utterances(Manifest(manifest.root, ()), "train", variants=0, seed=0)
    with pytest.raises(InputError, match="val split"):
        load_utterances(manifest, "val", variants=0, seed=0)
