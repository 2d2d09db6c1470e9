"""FoCus learns, resumes, saves and answers the same when it is loaded again; untrained it does not answer."""

from __future__ import annotations

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from forensics.detections import by_video
from forensics.face_batches import UNCHANGED, Augmentation, FaceBatches
from forensics.faces import FaceSet, as_pictures, joined
from forensics.focus.config import PROFILES
from forensics.focus.detector import KIND, FocusDetector
from forensics.focus.network import FocusNetwork
from forensics.focus.production import produce
from forensics.focus.recipes import train_focus
from forensics.focus.synthetic import TEXTURE, TINT, synthetic_faces
from forensics.focus.training import FocusModule
from shared.errors import InputError, NotTrained, WeightsError
from shared.zoo.checkpoints import load_checkpoint, save_checkpoint

SMOKE = replace(PROFILES["smoke"], budget=replace(PROFILES["smoke"].budget, steps=4, save_every=2))


@pytest.fixture(scope="module")
def faces() -> FaceSet:
    return synthetic_faces(24, 0).faces


@pytest.fixture(scope="module")
def checkpoint(faces, tmp_path_factory):
    return train_focus(
        faces, tmp_path_factory.mktemp("run"), profile=SMOKE, validation=faces, device="cpu"
    )


def test_a_checkpoint_answers_alike_each_time(checkpoint, faces):
    first, again = (FocusDetector.from_pretrained(checkpoint) for _ in range(2))
    found, same = first.detect(faces.frames, batch_size=5), again.detect(faces.frames)
    np.testing.assert_allclose(found.scores, same.scores, atol=1e-5)
    np.testing.assert_allclose(found.maps, same.maps, atol=1e-5)
    assert found.maps.shape == (24, 8, 8) and found.streams.shape == (24, 2, 8, 8)
    assert len(first.sha256) == 64 and first.sha256 == again.sha256


def test_the_log_tells_every_term_and_the_validation(checkpoint):
    header = (checkpoint.parent / "metrics.csv").read_text().splitlines()[0]
    assert "val/auc" in header


def test_the_same_command_goes_on_and_ends_alike(checkpoint, faces):
    before = (checkpoint / "model.safetensors").read_bytes()
    again = train_focus(faces, checkpoint.parent, profile=SMOKE, validation=faces, device="cpu")
    assert (again / "model.safetensors").read_bytes() == before


def test_a_training_that_was_stopped_ends_as_one_that_was_not(faces, tmp_path, stopping):
    """Faces, their variation, what is erased and what is moved are those of the step; hints count from the first."""
    weights, recipe = SMOKE.recipe.weights, SMOKE.recipe
    assert weights.erased and weights.equivariance
    profile = replace(
        SMOKE,
        budget=replace(SMOKE.budget, steps=6, save_every=6),
        recipe=replace(recipe, again_every=2, settle=0.0),
    )
    whole = train_focus(faces, tmp_path / "whole", profile=profile, device="cpu")
    with stopping(FocusModule, 3):
        train_focus(faces, tmp_path / "parts", profile=profile, device="cpu")
    parts = train_focus(faces, tmp_path / "parts", profile=profile, device="cpu")
    files = [folder / "model.safetensors" for folder in (whole, parts)]
    assert files[0].read_bytes() == files[1].read_bytes()


def test_another_training_does_not_go_on_in_the_same_folder(checkpoint, faces):
    longer = replace(SMOKE, budget=replace(SMOKE.budget, steps=5))
    fewer = faces.take(slice(2, None))
    for told, of, changes in (
        ("seed 1", faces, {"seed": 1}),
        ("budget.steps 5", faces, {"profile": longer}),
        ("faces_sha256", fewer, {}),
        ("augmentation.jpeg 0.0", faces, {"augmentation": UNCHANGED}),
    ):
        with pytest.raises(InputError, match=told):
            train_focus(of, checkpoint.parent, **{"profile": SMOKE, "device": "cpu", **changes})


def test_an_untrained_or_foreign_checkpoint_never_answers(checkpoint, tmp_path):
    facts = json.loads((checkpoint / "config.json").read_text())
    network = FocusNetwork(SMOKE.network)
    for folder, kind, trained, error in (
        ("untrained", KIND, False, NotTrained),
        ("foreign", "opt", True, WeightsError),
    ):
        meta = {"kind": kind, "trained": trained}
        save_checkpoint(tmp_path / folder, {"network": network}, facts["config"], "-", meta)
        with pytest.raises(error):
            FocusDetector.from_pretrained(tmp_path / folder)


def test_what_is_no_face_crop_is_refused(checkpoint):
    detector = FocusDetector.from_pretrained(checkpoint)
    for wrong in (np.zeros((2, 32, 32), np.uint8), np.zeros((0, 32, 32, 3), np.uint8)):
        with pytest.raises(InputError, match="face crops"):
            detector.detect(wrong)


def test_the_loss_falls_on_one_batch(faces):
    torch.manual_seed(0)
    module = FocusModule(SMOKE)
    module.log_dict = lambda *_, **__: None  # no trainer here
    optimizer = torch.optim.AdamW(module.parameters(), 2e-3)
    stream = FaceBatches(faces, 8, 32, 0, augmentation=UNCHANGED)
    batch = stream.gather(np.arange(8), np.random.default_rng(0))
    values = []
    for _ in range(25):
        optimizer.zero_grad()
        loss = module.training_step(batch, 0)
        loss.backward()
        optimizer.step()
        values.append(float(loss.detach()))
    assert np.mean(values[-3:]) < 0.9 * np.mean(values[:3])


def test_classification_alone_is_learnt_first():
    """Then the other terms rise to their weights, for as long again."""
    recipe = replace(SMOKE.recipe, settle=0.25)
    module = FocusModule(replace(SMOKE, recipe=recipe, budget=replace(SMOKE.budget, steps=100)))
    shares = []
    for step in (0, 25, 30, 50, 99):
        module.trainer = SimpleNamespace(global_step=step)
        shares.append(module.share())
    assert shares == pytest.approx([0, 0, 0.2, 1, 1])
    assert FocusModule(SMOKE).share() == 1


def test_masks_are_not_read(checkpoint, faces):
    """Labels alone supervise: other masks, the same weights."""
    lied = replace(faces, masks=1 - faces.masks)
    other = train_focus(
        lied, checkpoint.parent.parent / "lied", profile=SMOKE, validation=faces, device="cpu"
    )
    assert (other / "model.safetensors").read_bytes() == (
        checkpoint / "model.safetensors"
    ).read_bytes()


def test_maps_are_produced_by_label_and_run_from_zero_to_one():
    maps = np.random.default_rng(0).uniform(0.2, 0.6, (3, 4, 4)).astype(np.float32)
    maps[2] = 0.7
    made = produce(maps, 16, np.array([True, False, True]))
    assert made[0].min() == 0 and made[0].max() == 1
    assert not made[1].any()
    assert (made[2] == 1).all()  # a forgery that is alike everywhere is the whole face
    assert np.unravel_index(made[0].argmax(), (16, 16)) == pytest.approx(
        4 * np.array(np.unravel_index(maps[0].argmax(), (4, 4))) + 1.5, abs=2
    )


def test_batches_are_balanced_repeat_with_the_seed_and_mirror_the_map_with_the_face(faces):
    uneven = faces.take(np.flatnonzero((faces.labels == 0) | (np.arange(24) < 6)))
    maps = uneven.masks
    mirrored = Augmentation(1.0, 0, 0, 0, 0)
    first, again = (
        next(iter(FaceBatches(uneven, 6, 32, 3, maps=maps, augmentation=mirrored)))
        for _ in range(2)
    )
    assert first["label"].tolist() == [0, 0, 0, 1, 1, 1]
    assert all(torch.equal(first[name], again[name]) for name in first)
    pictures = as_pictures(uneven.frames, 32)
    for image, one in zip(first["image"], first["map"], strict=True):
        row = int((pictures.flip(-1) == image).all(3).all(2).all(1).nonzero()[0])
        assert torch.equal(one[0], torch.from_numpy(maps[row]).flip(-1))
    with pytest.raises(InputError, match="both authentic and forged"):
        FaceBatches(faces.take(faces.labels == 0), 4, 32, 0)


def test_augmentation_keeps_the_picture_recognisable(faces):
    rng, every = np.random.default_rng(0), Augmentation(0, 1, 1, 1, 1)
    varied = every.vary(faces.frames[0], rng)
    assert varied.shape == (32, 32, 3) and varied.dtype == np.uint8
    apart = np.abs(varied.astype(int) - faces.frames[0]).mean()
    assert 0.5 < apart < 45
    assert np.array_equal(UNCHANGED.vary(faces.frames[0], rng), faces.frames[0])


def test_sets_are_checked_joined_and_resized(faces):
    with pytest.raises(InputError, match="labels do not fit"):
        replace(faces, labels=faces.labels[:3])
    both = joined([faces, replace(faces, masks=None)])
    assert len(both) == 48 and both.masks is None
    assert len(set(both.videos.tolist())) == 48
    small = faces.resized(16)
    assert small.frames.shape == (24, 16, 16, 3) and small.masks.shape == (24, 16, 16)
    assert small.masks.mean() == pytest.approx(faces.masks.mean(), abs=0.01)
    assert by_video(np.array([0.0, 1.0, 0.5]), np.array([1, 1, 2])) == {1: 0.5, 2: 0.5}


def test_each_synthetic_cue_lies_where_it_is_said_to():
    both, clean = synthetic_faces(40, 3), synthetic_faces(40, 3, cues=())
    forged = both.faces.labels == 1
    assert not both.faces.masks[~forged].any() and not clean.faces.masks.any()
    for cue in (TEXTURE, TINT):
        assert both.cues[forged][:, cue].any((1, 2)).all()
    assert not (both.cues[:, TEXTURE] & both.cues[:, TINT]).any()
    one = synthetic_faces(40, 3, cues=(TINT,))
    assert not one.cues[:, TEXTURE].any()


def test_a_training_begins_from_an_earlier_one_and_says_so(checkpoint, faces, tmp_path):
    still = replace(SMOKE.recipe, backbone_rate=0.0, head_rate=0.0)
    profile = replace(SMOKE, recipe=still)
    ended = train_focus(faces, tmp_path / "on", profile=profile, start=checkpoint, device="cpu")
    (first, facts), (last, told) = (load_checkpoint(one, "focus") for one in (checkpoint, ended))
    for name, value in first["network"].items():
        torch.testing.assert_close(last["network"][name], value)
    assert told["meta"]["start"] == facts["sha256"]
    other = replace(SMOKE, network=replace(SMOKE.network, delta=0.3))
    with pytest.raises(WeightsError, match="another network"):
        train_focus(faces, tmp_path / "other", profile=other, start=checkpoint, device="cpu")
