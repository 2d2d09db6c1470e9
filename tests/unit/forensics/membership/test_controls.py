"""Controls must not tell members apart, and each is what it says."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional

from forensics.membership.closed_form import ClosedFormTarget
from forensics.membership.controls import (
    Calibrated,
    CopyPaste,
    GaussianNoise,
    GenericInpainter,
    RandomWeights,
    ReferenceModel,
    VAEOnly,
    controls_of,
)
from forensics.membership.controls.difficulty import without_difficulty
from forensics.membership.controls.image_statistics import STATISTICS, image_statistics, texture
from forensics.membership.drc import DRC
from forensics.membership.protocol import batch_generator
from forensics.membership.registry import attack, attacks, settings_of
from forensics.membership.structural import Structural
from forensics.membership.target import open_target
from shared.errors import InputError

CONTROLS = sorted(name for name, kind in attacks().items() if kind.control)


def smooth(count: int, seed: int, size: int = 16) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 5, 5, generator=generator)
    return functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)


def score(control, target, images, first=0, evidence=False):
    captions = [""] * len(images)
    return control.score(
        target, images, captions, generator=batch_generator(0, first), evidence=evidence
    )


def made(name, reference):
    settings = {"reference": reference} if attacks()[name].needs_reference else {}
    return attack(name, **settings)


def test_all_controls_of_both_papers_are_known():
    assert CONTROLS == [
        "copy-paste", "gaussian-noise", "generic-inpainter", "image-statistics",
        "random-weights", "reference-model", "vae-only",
    ]  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(CONTROLS) - {"random-weights"}))
def test_a_control_is_blind_where_the_attack_sees(name):
    count = 100
    members, others = smooth(count, 0), smooth(count, 1)
    target, reference = (ClosedFormTarget(x) for x in (members, smooth(count, 2)))
    found = score(made(name, reference), target, torch.cat([members, others]))
    # the standard error of an AUC of 0.5 is 0.041 here
    assert abs(roc_auc_score([1] * count + [0] * count, found.oriented) - 0.5) < 0.1


@pytest.mark.parametrize("name", CONTROLS)
def test_a_batch_is_a_loop_through_a_pipeline_from_disk(model_folder, name):
    target = open_target(model_folder("sd"))
    images = smooth(2, 0, 32)
    control = made(name, target)
    whole = score(control, target, images)
    alone = score(control, target, images[1:], 1)
    assert np.isfinite(whole.values).all()
    np.testing.assert_allclose(alone.values, whole.values[1:], atol=1e-5)
    json.dumps(settings_of(control))


def test_an_attack_less_its_reference_finds_members_and_says_so():
    count = 20
    members, others = smooth(count, 0), smooth(count, 1)
    target, reference = ClosedFormTarget(members), ClosedFormTarget(smooth(count, 2))
    asked = torch.cat([members, others])
    found = score(Calibrated(Structural(), reference), target, asked, evidence=True)
    own, other = (score(Structural(), model, asked).values for model in (target, reference))
    np.testing.assert_allclose(found.values, own - other)
    assert roc_auc_score([1] * count + [0] * count, found.oriented) > 0.95
    assert found.evidence[0].numbers["calibrated"] == pytest.approx(found.values[0])
    assert "reference model: noised to t = 100" in found.evidence[0].pictures
    assert "reference model: original" not in found.evidence[0].pictures


def test_the_autoencoder_alone_is_the_attack_at_t_zero(model_folder):
    target = open_target(model_folder("sd"))
    images = smooth(2, 0, 32)
    found = score(VAEOnly("official"), target, images)
    expected = score(Structural(preset="official", total=0), target, images)
    np.testing.assert_allclose(found.values, expected.values, atol=1e-6)
    assert found.calls == 0


def test_drawn_noise_has_the_strength_of_the_attacks():
    images = smooth(64, 0)
    target = ClosedFormTarget(images)
    mild, strong = (score(GaussianNoise(total=t), target, images).values for t in (10, 300))
    assert mild.mean() > strong.mean() + 0.2
    assert score(GaussianNoise(), target, images).calls == 0


def test_copy_paste_and_inpainter_fill_without_the_model():
    images = smooth(4, 0, 32)
    target = ClosedFormTarget(images)
    attack_ = DRC(degradation="center", ratio=0.25)
    grey = score(CopyPaste(attack_), target, images, evidence=True)
    filled = score(GenericInpainter(attack_), target, images, evidence=True)
    assert target.calls == 0
    assert (grey.evidence[0].pictures["restoration 1"][16, 16] == 128).all()
    assert filled.values.mean() > grey.values.mean() + 0.05
    small = DRC(degradation="super-resolution", restorer="ddnm", factor=4)
    squares, bicubic = (
        score(kind(small), target, images) for kind in (CopyPaste, GenericInpainter)
    )
    assert bicubic.values.mean() > squares.values.mean()


def test_random_weights_are_not_the_models(model_folder):
    target = open_target(model_folder("sd"))
    images = smooth(2, 0, 32)
    attack_ = DRC(steps=2, restorations=1)
    one, again, other = (
        score(RandomWeights(attack_, seed=seed), target, images).values for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one, again)
    assert not np.allclose(one, other)
    with pytest.raises(InputError, match="no weights to replace"):
        score(RandomWeights(), ClosedFormTarget(images), images)


def test_a_reference_model_must_be_there_and_fit():
    images = smooth(2, 0)
    target = ClosedFormTarget(images)
    with pytest.raises(InputError, match="no reference model"):
        score(ReferenceModel(), target, images)
    with pytest.raises(InputError, match="different sizes"):
        score(ReferenceModel(Structural(), ClosedFormTarget(smooth(2, 0, 32))), target, images)


@pytest.mark.parametrize("kind", [CopyPaste, GenericInpainter])
def test_noise_hides_nothing_from_a_copy(kind):
    with pytest.raises(InputError, match="taken away"):
        kind(DRC(degradation="noise"))


def test_controls_carry_the_settings_of_their_attack():
    target = ClosedFormTarget(smooth(2, 0))
    drc = DRC(ratio=0.3)
    found = {control.name: control for control in controls_of(drc, target)}
    assert found["copy-paste"].attack == found["reference-model"].attack == drc
    structural = Structural(preset="official", total=200)
    found = {control.name: control for control in controls_of(structural)}
    assert (found["gaussian-noise"].preset, found["gaussian-noise"].total) == ("official", 200)
    assert "reference-model" not in found


def test_statistics_see_what_they_are_named_for():
    flat = torch.full((1, 3, 32, 32), 0.5)
    red = flat.clone()
    red[:, 0] = 0.9
    noisy = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    rows = {name: image_statistics(x)[0] for name, x in (("flat", flat), ("red", red))}
    changed = [STATISTICS[i] for i in np.flatnonzero(~np.isclose(rows["flat"], rows["red"]))]
    assert set(changed) - {"JPEG bytes a pixel"} == {"mean red", "saturation"}
    slope = [image_statistics(x)[0, 1] for x in (noisy, smooth(1, 0, 32))]
    assert abs(slope[0]) < 0.5
    assert slope[1] < -2
    assert texture(noisy) > texture(smooth(1, 0, 32)) > texture(flat)


def test_what_difficulty_explains_is_taken_out():
    random = np.random.default_rng(0)
    labels = np.repeat([1, 0], 200)
    hard = random.normal(size=400) + 2 * labels
    memory = random.normal(size=400)
    assert roc_auc_score(labels, hard + 0.1 * memory) > 0.9
    left = without_difficulty(hard + 0.1 * memory, hard[:, None])
    assert abs(roc_auc_score(labels, left) - 0.5) < 0.1
    with pytest.raises(InputError, match="do not fit"):
        without_difficulty(hard[:2], hard[:2, None])
