"""DRC: its three steps, and the proof on a model that knows its members by heart."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.metrics import roc_auc_score
from torch.nn import functional

from forensics.membership.closed_form import ClosedFormTarget
from forensics.membership.drc import DRC
from forensics.membership.drc.compare import Comparator
from forensics.membership.drc.degrade import GREY, Degrader, averaged
from forensics.membership.drc.encoder import VisionEncoder
from forensics.membership.protocol import batch_generator, image_generators
from forensics.membership.target import open_target
from shared.errors import InputError, WeightsError

COUNT = 20
QUICK = {"steps": 10, "restorations": 2}


def smooth(count: int, seed: int, size: int = 16) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 5, 5, generator=generator)
    return functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)


def score(attack, target, images, first=0, evidence=False):
    captions = [""] * len(images)
    return attack.score(
        target, images, captions, generator=batch_generator(0, first), evidence=evidence
    )


def auc(attack, target, members, others):
    found = score(attack, target, torch.cat([members, others]))
    return roc_auc_score([1] * len(members) + [0] * len(others), found.oriented)


def restored(attack, target, images):
    """Return mask (B, 1, S, S) and restorations (B, K, 3, S, S)."""
    from forensics.membership.drc.restore import Draws
    from forensics.membership.inversion import Text

    own = image_generators(batch_generator(0, 0), len(images))
    degraded = attack.degrader(images, own)
    text = Text.of(target, [""] * len(images), 1.0)
    found, _ = attack.restoring(target, images, degraded, text, Draws(own, attack.restorations))
    return degraded.mask, found


@pytest.mark.parametrize(
    "settings",
    [
        {"degradation": "attention"},
        {"degradation": "center"},
        {"degradation": "random"},
        {"degradation": "half"},
        {"degradation": "noise"},
        {"degradation": "super-resolution", "factor": 4},
        {"degradation": "center", "restorer": "blend"},
        {"degradation": "center", "restorer": "repaint", "jump": 5, "resamples": 2},
        {"comparator": "ssim"},
        {"inversion": 0.6, "leak_free": False},
    ],
    ids=str,
)
def test_a_perfect_memory_is_found_out(settings):
    members, others = smooth(COUNT, 0), smooth(COUNT, 1)
    assert auc(DRC(**{**QUICK, **settings}), ClosedFormTarget(members), members, others) > 0.95


def test_a_masked_member_comes_back_whole():
    members = smooth(COUNT, 0)
    attack = DRC(steps=20, restorations=2)
    _, found = restored(attack, ClosedFormTarget(members), members)
    assert (found - members[:, None]).abs().max() < 0.02


def test_random_weights_know_nobody(model_folder):
    target = open_target(model_folder("ddpm"))
    count = 200
    pictures = smooth(2 * count, 2, 32)
    attack = DRC(steps=2, restorations=1)
    assert abs(auc(attack, target, pictures[:count], pictures[count:]) - 0.5) <= 0.05


@pytest.mark.parametrize("restorer", ["blend", "repaint", "ddnm"])
def test_what_is_known_stays(restorer):
    members, asked = smooth(8, 0), smooth(2, 1)
    attack = DRC(restorer=restorer, degradation="center", jump=2, resamples=2, **QUICK)
    mask, found = restored(attack, ClosedFormTarget(members), asked)
    known = (1 - mask)[:, None] * (found - asked[:, None])
    assert known.abs().max() < 1e-5


def test_super_resolution_keeps_the_mean_of_each_square():
    members, asked = smooth(8, 0), smooth(2, 1)
    attack = DRC(degradation="super-resolution", factor=4, **QUICK)
    _, found = restored(attack, ClosedFormTarget(members), asked)
    for k in range(2):
        torch.testing.assert_close(averaged(found[:, k], 4), averaged(asked, 4), atol=1e-5, rtol=0)


@pytest.mark.parametrize("leak_free", [True, False])
def test_the_hidden_part_reaches_the_model_only_through_a_leak(model_folder, leak_free):
    target = open_target(model_folder("sd"))
    images = smooth(1, 0, 32)
    other = images.clone()
    other[..., 12:20, 12:20] = 1 - other[..., 12:20, 12:20]  # well inside the centre mask
    attack = DRC(degradation="center", restorer="blend", leak_free=leak_free, **QUICK)
    one, two = (restored(attack, target, x)[1] for x in (images, other))
    assert torch.equal(one, two) == leak_free


def test_a_batch_is_a_loop_through_a_pipeline_from_disk(model_folder):
    target = open_target(model_folder("sd"))
    images = smooth(3, 0, 32)
    attack = DRC(degradation="random", restorer="repaint", jump=2, resamples=2, **QUICK)
    whole = score(attack, target, images)
    assert whole.calls == 2 * 10 * 2
    for row in range(3):
        alone = score(attack, target, images[row : row + 1], row).values
        np.testing.assert_allclose(alone, whole.values[row : row + 1], atol=1e-4)


def test_costs_are_k_times_steps_and_inversion_is_walked_once():
    target = ClosedFormTarget(smooth(4, 0))
    asked = smooth(2, 1)
    assert score(DRC(steps=10, restorations=3), target, asked).calls == 30
    # up to 50 % of the way: steps 0, 100, ..., 500 are restored, five moves inverted
    assert score(DRC(steps=10, restorations=3, inversion=0.5), target, asked).calls == 3 * 6 + 5


def test_restorations_differ_and_their_spread_is_told():
    target = ClosedFormTarget(smooth(8, 0))
    piece = score(DRC(**QUICK), target, smooth(2, 1), evidence=True).evidence[0]
    one, two = piece.numbers["similarities"]
    assert piece.numbers["spread"] == pytest.approx(abs(one - two) / 2)
    assert piece.numbers["masked_share"] == pytest.approx(0.5, abs=0.01)
    assert list(piece.pictures)[:3] == ["original", "mask (white: made anew)", "degraded"]
    assert list(piece.pictures)[3:] == ["restoration 1", "restoration 2", "mean difference"]
    assert "hidden 50% of the picture 2 times" in piece.sentence


@pytest.mark.parametrize(("noise", "low", "high"), [(0.1, 0.6, 0.95), (1.0, -0.2, 0.2)])
def test_after_noise_the_noised_picture_is_shown(noise, low, high):
    asked = smooth(1, 1)
    attack = DRC(degradation="noise", noise=noise, **QUICK)
    shown = score(attack, ClosedFormTarget(smooth(4, 0)), asked, evidence=True).evidence[0].pictures
    both = [shown[name].ravel().astype(float) for name in ("original", "degraded")]
    assert low < np.corrcoef(both)[0, 1] < high


@pytest.mark.parametrize("kind", ["attention", "center", "random"])
@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_masks_take_the_asked_share_and_leave_grey(kind, ratio):
    images = smooth(2, 0, 64)
    own = image_generators(batch_generator(0, 0), 2)
    found = Degrader(kind, ratio=ratio)(images, own)
    assert found.mask.mean((1, 2, 3)).tolist() == pytest.approx([ratio] * 2, abs=0.02)
    hidden = found.mask.expand_as(images) > 0
    assert (found.image[hidden] == GREY).all()
    assert torch.equal(found.image[~hidden], images[~hidden])


def test_without_a_network_the_mask_goes_where_something_is():
    image = torch.full((1, 3, 64, 64), 0.6)
    image[..., 8:24, 36:52] = smooth(1, 0)
    found = Degrader("attention", ratio=0.05)(image, image_generators(batch_generator(0, 0), 1))
    middle = torch.nonzero(found.mask[0, 0]).double().mean(0)
    assert 8 < middle[0] < 24 and 36 < middle[1] < 52


@pytest.mark.parametrize("kind", ["filters", "ssim"])
def test_likeness_falls_with_change_and_looks_under_the_mask(kind):
    a, b = smooth(1, 0, 64), smooth(1, 1, 64)
    mask = torch.zeros(1, 1, 64, 64)
    mask[..., 16:48, 16:48] = 1
    compare = Comparator(kind)
    noisy = (a + 0.05 * torch.randn(a.shape, generator=torch.Generator().manual_seed(0))).clamp(
        0, 1
    )
    same, near, far = (float(compare(a, x, mask)) for x in (a, noisy, b))
    assert same == pytest.approx(1.0)
    assert same > near > far
    outside = a.clone()
    outside[..., :4, :4] = 0
    assert float(compare(a, outside, mask)) == pytest.approx(1.0)
    assert float(Comparator(kind, region="whole")(a, outside, mask)) < 1 - 1e-4


def test_filters_forgive_a_pixel_of_shift_more_than_ssim():
    a, other = (
        torch.rand(8, 3, 64, 64, generator=torch.Generator().manual_seed(0)),
        smooth(8, 1, 64),
    )
    a = functional.avg_pool2d(functional.pad(a, (1,) * 4, mode="replicate"), 3, 1)
    everywhere = torch.ones(8, 1, 64, 64)
    loss = {
        kind: float((1 - Comparator(kind)(a, a.roll(1, -1), everywhere)).mean())
        / float((1 - Comparator(kind)(a, other, everywhere)).mean())
        for kind in ("filters", "ssim")
    }
    assert loss["filters"] < 0.5 * loss["ssim"]


@pytest.fixture(scope="module")
def encoders(tmp_path_factory):
    from transformers import CLIPConfig, CLIPModel, ViTConfig, ViTModel

    small = {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
        "intermediate_size": 16, "image_size": 32, "patch_size": 8,
    }  # fmt: skip
    text = {**small, "vocab_size": 50, "max_position_embeddings": 8, "eos_token_id": 1}
    clip = CLIPConfig(text_config=text, vision_config=small, projection_dim=12)
    folders = {}
    with torch.random.fork_rng():
        torch.manual_seed(0)
        for name, model in (("vit", ViTModel(ViTConfig(**small))), ("clip", CLIPModel(clip))):
            folders[name] = str(tmp_path_factory.mktemp(name))
            model.save_pretrained(folders[name])
    return folders


@pytest.mark.parametrize("name", ["vit", "clip"])
def test_an_encoder_by_path_masks_and_compares(encoders, name):
    members = smooth(3, 0)
    folder = encoders[name]
    attack = DRC(comparator="embedding", encoder=folder, attention_model=folder, **QUICK)
    found = score(attack, ClosedFormTarget(members), members, evidence=True)
    assert (found.values > 0.999).all()
    attention = VisionEncoder(folder, torch.device("cpu")).attention(members)
    assert attention.shape == (3, 1, 4, 4)
    assert (attention.sum((1, 2, 3)) < 1).all()  # the class token also looks at itself


def test_an_embedding_is_the_models_own(encoders):
    from transformers import ViTModel

    images = smooth(2, 0, 32)
    model = ViTModel.from_pretrained(encoders["vit"]).eval()
    expected = model(pixel_values=images * 2 - 1).last_hidden_state[:, 0]
    found = VisionEncoder(encoders["vit"], torch.device("cpu")).embed(images)
    torch.testing.assert_close(found, functional.normalize(expected, dim=1), atol=1e-5, rtol=1e-4)


def test_a_folder_without_an_encoder_is_refused(tmp_path):
    with pytest.raises(WeightsError, match=r"config\.json"):
        VisionEncoder(tmp_path, torch.device("cpu"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"degradation": "tear"}, "no such degradation"),
        ({"restorer": "magic"}, "no such restorer"),
        ({"comparator": "embedding"}, "needs an encoder"),
        ({"region": "left"}, "no such region"),
        ({"ratio": 1.0}, "no such strength"),
        ({"noise": 0.0}, "no such strength"),
        ({"inversion": 1.5}, "cannot work with these settings"),
        ({"restorations": 0}, "needs a restoration"),
        ({"degradation": "super-resolution", "restorer": "blend"}, "needs the restorer ddnm"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        DRC(**settings)


def test_a_side_that_cannot_be_cut_is_refused():
    target = ClosedFormTarget(smooth(2, 0))
    with pytest.raises(InputError, match="cut into squares"):
        score(DRC(degradation="super-resolution", factor=5), target, smooth(1, 1))
