"""What the forensic benchmark counts: datasets, figures, maps taken away step by step; that a training is kept."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from benchmarks.forensics.ablation_table import arms
from benchmarks.forensics.exploitability import Seen
from benchmarks.forensics.figures import (
    by_video,
    decisions,
    localisation,
    over_people,
    pixel_area,
)
from benchmarks.forensics.main_table import judged_rows
from benchmarks.forensics.maps_table import evidence, lent, steps, unseen_by_itself, without
from benchmarks.forensics.material import Material
from benchmarks.forensics.picture import map_sheet
from benchmarks.forensics.plan import ALL, PLANS, plan_named
from benchmarks.forensics.robustness import CHANGES, robust_rows, threshold
from benchmarks.forensics.run import answered
from benchmarks.forensics.workshop import Workshop
from forensics.calibration import calibrate
from forensics.face_batches import UNCHANGED, FaceBatches
from forensics.faces import FaceSet
from forensics.focus.config import PROFILES
from forensics.inspection.familiarity import Familiarity
from forensics.verdict import Decision
from shared.errors import InputError
from shared.media.image import read_image
from shared.metrics.roc import auc

SIDE = 48


def material() -> Material:
    """Two people a split, each with an authentic video, a swap and a whole; a forged face has a bright square."""
    rng = np.random.default_rng(0)
    rows = [
        (split, f"{split}{person}", family)
        for split in ("train", "val", "test")
        for person in range(2)
        for family in ("", "swap", "whole")
        for _ in range(3)
    ]
    frames = rng.integers(60, 120, (len(rows), SIDE, SIDE, 3), dtype=np.uint8)
    masks = np.zeros((len(rows), SIDE, SIDE), np.float32)
    labels = np.array([int(family != "") for _, _, family in rows])
    frames[labels == 1, 8:24, 8:24] = 250
    masks[labels == 1, 8:24, 8:24] = 1
    people = np.array([person for _, person, _ in rows])
    faces = FaceSet(frames, labels, people, np.arange(len(rows)) // 3, masks, frames)
    family, split = (np.array([row[at] for row in rows]) for at in (2, 0))
    return Material(faces, family, people, np.full(len(rows), "c23"), split, "0" * 64)


@pytest.fixture
def shop(tmp_path) -> Workshop:
    return Workshop(material(), PLANS["smoke"], tmp_path)


class Brightness:
    """A detector that finds bright squares."""

    sha256 = "bright"

    def detect(self, frames, **_):
        found = (frames > 240).mean(axis=(1, 2, 3))
        return type("Found", (), {"scores": found})()


def test_a_dataset_is_its_forgeries_and_their_authentic_clips():
    held = material()
    rows = held.rows("swap", "test")
    assert set(held.family[rows]) == {"", "swap"} and set(held.split[rows]) == {"test"}
    assert len(held.rows(ALL, "test", frames=2)) == 2 * 3 * 2
    with pytest.raises(InputError, match="lacks a dataset"):
        held.rows("reenactment", "test")


def test_figures_of_a_perfect_and_of_a_blind_detector():
    labels, people = np.array([1, 1, 0, 0] * 5), np.repeat(np.arange(5), 4)
    scores = np.stack([labels.astype(float), np.full(20, 0.5)])
    perfect = decisions(scores[:1], labels, people, seed=0, resamples=20)
    assert [perfect[name].value for name in ("AUC", "AP", "EER", "TPR at 1 % FPR")] == [1, 1, 0, 1]
    assert decisions(scores[1:], labels, people, seed=0, resamples=5)["AUC"].value == 0.5
    assert decisions(scores, labels, people, seed=0, resamples=5)["AUC"].value == 0.75


def test_intervals_draw_people_and_not_faces():
    people = np.repeat(["a", "b"], [1, 99])
    (found,) = over_people(
        lambda rows: np.array([(people[rows] == "a").mean()]), people, seed=0, resamples=200
    )
    assert found.n == 2 and (found.low, found.high) == (0.0, 1.0)


def test_videos_are_means():
    scores, labels, people = by_video(
        np.array([0.0, 1.0, 0.4]),
        np.array([1, 1, 0]),
        np.array([4, 4, 7]),
        np.array(["a", "a", "b"]),
    )
    assert (scores.tolist(), labels.tolist(), people.tolist()) == ([0.5, 0.4], [1, 0], ["a", "b"])


def test_a_map_that_is_the_mask_is_best_and_chance_is_not():
    faces = material().faces
    forged = faces.take(faces.labels == 1)
    best = localisation(forged.masks, forged.masks, forged.people, seed=0, resamples=5)
    assert (best["IoU at 0.5"].value, best["pointing"].value, best["pixel AUC"].value) == (1, 1, 1)
    rough = np.random.default_rng(0).random(forged.masks.shape, np.float32)
    poor = localisation(rough, forged.masks, forged.people, seed=0, resamples=5)
    assert poor["IoU at 0.5"].value < 0.3 and abs(poor["pixel AUC"].value - 0.5) < 0.05


def test_what_a_map_shows_goes_first_and_the_decision_with_it(shop):
    rows = shop.material.rows(ALL, "test")
    masks = lent(shop.material.faces.masks[rows], shop.material.faces.labels[rows], 0)
    assert masks.any((1, 2)).all()
    labels = shop.material.faces.labels[rows]

    def areas(maps):
        looks = steps(shop, Brightness(), rows, maps)
        return [
            np.mean([auc(one[labels == 1], one[labels == 0]) for one in look]) for look in looks
        ]

    (deleted, inserted), (deleted_last, inserted_last) = areas(masks), areas(1 - masks)
    assert deleted < deleted_last and inserted > inserted_last
    assert (shop.out / "arrays").is_dir()


def test_inside_and_outside_hide_the_two_parts():
    faces = material().faces
    for inside in (True, False):
        shown = Seen(None, inside)(faces).frames[faces.labels == 1]
        assert (shown.max(axis=(1, 2, 3)) == 250).all() == inside
    assert np.array_equal(without(faces.frames, faces.masks > 2), faces.frames)


@pytest.mark.parametrize("inside", [True, False])
def test_a_counterpart_is_hidden_where_its_forgery_is(inside):
    """Left sharp it would be the authentic half of every batch, told by its sharpness alone."""
    faces = material().faces
    grain = np.random.default_rng(1).integers(0, 255, faces.frames.shape, dtype=np.uint8)
    shown = Seen(None, inside)(replace(faces, counterparts=grain))
    rows = np.concatenate([np.flatnonzero(faces.labels == label)[:4] for label in (0, 1)])
    batch = FaceBatches(shown, 8, SIDE, 0, augmentation=UNCHANGED).gather(
        rows, np.random.default_rng(0)
    )
    hidden = slice(28, None) if inside else slice(10, 22)
    detail = batch["image"][:4, :, hidden, hidden].std((1, 2, 3))
    assert detail.max() < 0.05 < grain.std() / 255


def test_the_pixel_auc_is_that_of_all_pixels():
    rng = np.random.default_rng(0)
    maps = rng.random((6, 8, 8), np.float32)
    inside = rng.random((6, 8, 8)) + maps > 1.1
    found = pixel_area(maps, inside, np.array([*"aabbcc"]), seed=0, resamples=50)
    assert found.value == pytest.approx(roc_auc_score(inside.ravel(), maps.ravel()), abs=2e-3)
    assert found.low < found.value < found.high


def test_what_is_left_is_told_with_intervals_for_every_map(shop):
    rows = evidence(
        shop, Brightness(), {"mask": lambda rows: shop.material.faces.masks[rows]}, "smoke"
    )
    assert len(rows) == 4 * 3 and all(row["low"] <= row["value"] <= row["high"] for row in rows)
    found = {row["figure"]: row["value"] for row in rows}
    assert found["AUC left without the map: maps of mask"] < found["insertion: maps of mask"]


def test_a_focus_is_asked_again_without_its_own_proposals(shop):
    focus = shop.taught("focus", "swap", 0)
    row = unseen_by_itself(shop, "focus", focus, "smoke")
    assert 0 <= row["low"] <= row["value"] <= row["high"] <= 1


@pytest.mark.parametrize("name", CHANGES)
def test_changes_keep_pictures_pictures(name):
    frames = material().faces.frames[:2]
    changed = CHANGES[name](frames)
    assert changed.shape == frames.shape and changed.dtype == np.uint8
    assert not np.array_equal(changed, frames)


def test_right_and_wrong_are_by_a_threshold_of_validation_people(shop):
    """Brighter validation faces put it above every test score: by their own every forged test face were right."""
    held = shop.material
    for label, level in ((0, 24), (1, SIDE)):
        held.faces.frames[(held.split == "val") & (held.faces.labels == label), :level] = 250

    class Seeing(Brightness):
        def detect(self, frames, **_):
            found = super().detect(frames)
            found.maps = np.ones((len(frames), 6, 6), np.float32)
            return found

    assert threshold(shop, Seeing()) == 1
    delivered = robust_rows(shop, Seeing(), "focus", "smoke")[0]
    assert delivered["value"] == 1
    assert delivered["map cosine, right before"] == "there is none"
    assert delivered["map cosine, wrong before"] != "there is none"


def test_a_training_is_kept_and_judged_by_frame_and_video(shop):
    shop = replace(shop, plan=replace(shop.plan, steps=2, judged=2))
    first = shop.taught("xception", "swap", 0)
    said = []
    again = replace(shop, say=said.append).taught("xception", "swap", 0)
    assert not said and again.sha256 == first.sha256
    (row,) = judged_rows(shop, [first], "xception", "smoke", "swap", datasets=("swap",))
    assert row["protocol"] == "in-dataset" and 0 <= row["value"] <= 1 and "video AUC" in row


@pytest.mark.parametrize("name", PLANS)
def test_every_arm_of_a_plan_exists(name):
    plan = plan_named(name)
    assert set(plan.arms) <= set(arms(PROFILES[plan.scale]))


def test_answers_are_counted_by_truth(shop):
    """Bright squares make every forged clip score alike, above what authentic ones do."""
    bright = (SIDE // 3) ** 2 / SIDE**2
    known = calibrate(
        bright + np.linspace(-0.01, 0.01, 40), np.linspace(0, 0.02, 40),
        direction=Decision.MANIPULATED,
    )  # fmt: skip
    authentic, forged = answered(shop, Brightness(), known, "focus", "smoke")
    assert (authentic["value"], authentic["called authentic"], authentic["n"]) == (0, 1, 2)
    assert (forged["value"], forged["no answer"], forged["n"]) == (1, 0, 4)


def test_a_clip_is_judged_by_means_of_as_many_frames(shop):
    """Each clip has three frames, and means of eight would call the forged ones authentic."""
    two, eight = (
        calibrate(high + np.linspace(0, 0.01, 40), np.linspace(0, low, 40), Decision.MANIPULATED)
        for high, low in ((0.1, 0.02), (0.5, 0.2))
    )
    known = replace(eight, frames=8, shorter={2: replace(two, frames=2)})
    _, forged = answered(shop, Brightness(), known, "focus", "smoke")
    assert (forged["value"], forged["n"]) == (1, 4)
    _, wrong = answered(shop, Brightness(), eight, "focus", "smoke")
    assert wrong["value"] == 0


class Strange(Brightness):
    """Its features of bright squares are like nothing that it knows."""

    def detect(self, frames, **_):
        bright = (frames > 240).any(axis=(1, 2, 3))
        found = super().detect(frames)
        found.features = np.zeros((len(frames), 4)) + 99 * bright[:, None]
        return found


def test_clips_beyond_the_known_faces_are_no_answers(shop):
    known = calibrate(
        np.linspace(0.1, 0.2, 40), np.linspace(0, 0.02, 40), direction=Decision.MANIPULATED
    )
    familiar = Familiarity.of(np.random.default_rng(1).normal(size=(200, 4)))
    authentic, forged = answered(shop, Strange(), known, "focus", "smoke", familiar)
    assert (forged["no answer"], forged["of these beyond the known faces"]) == (1, 1)
    assert authentic["of these beyond the known faces"] == 0


class Square:
    """A FoCus that knows where the square is."""

    def detect(self, frames, **_):
        count = len(frames)
        maps = np.zeros((count, 6, 6), np.float32)
        maps[:, 1:3, 1:3] = 1
        return type("Found", (), {"scores": np.full(count, 0.75), "maps": maps})()


def test_the_sheet_shows_each_dataset_beside_mask_and_map(tmp_path):
    own = material()
    drawn = read_image(map_sheet(Square(), own, tmp_path / "sheet.png"))
    # two datasets of this material, two test people, four tiles each, a line above
    assert drawn.shape == (2 * (16 + SIDE), 8 * SIDE, 3)
    plain, mask, found = (
        drawn[16 : 16 + SIDE, k * SIDE : (k + 1) * SIDE].astype(int) for k in (1, 2, 3)
    )
    inside, outside = (slice(12, 20), slice(12, 20)), (slice(30, 42), slice(30, 42))
    for tile in (mask, found):
        assert tile[inside].std(axis=-1).mean() > 20 > 1 > tile[outside].std(axis=-1).mean()
    assert plain[inside].min() == 250
    with pytest.raises(InputError, match="masks"):
        map_sheet(Square(), replace(own, faces=replace(own.faces, masks=None)), tmp_path / "x.png")


def test_an_unknown_profile_is_refused():
    with pytest.raises(InputError, match="unknown profile"):
        plan_named("huge")
