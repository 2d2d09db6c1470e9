"""The structural attack: proofs that need no training (issue 3, section 6), and its settings."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from diffusers import DDIMInverseScheduler
from sklearn.metrics import roc_auc_score
from torch.nn import functional

from forensics.membership.closed_form import ClosedFormTarget
from forensics.membership.inversion import Text, invert
from forensics.membership.protocol import batch_generator
from forensics.membership.ssim import NATIVE, ssim
from forensics.membership.structural import Structural, noise_levels
from forensics.membership.structural_analysis import analyse_structure, structure_curves
from forensics.membership.target import open_target
from shared.errors import InputError

COUNT = 30


def smooth(count: int, seed: int, size: int = 16) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 5, 5, generator=generator)
    return functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)


def score(attack, target, images, first=0, evidence=False, captions=None):
    captions = captions or [""] * len(images)
    return attack.score(
        target, images, captions, generator=batch_generator(0, first), evidence=evidence
    )


class Silent(ClosedFormTarget):
    """Predicts no noise."""

    def eps(self, latents, t, condition=None):
        self.calls += len(latents)
        return torch.zeros_like(latents)


@pytest.mark.parametrize("preset", ["native", "official"])
@pytest.mark.parametrize("direction", ["forward", "backward"])
def test_a_perfect_memory_is_found_out(preset, direction):
    members, others = smooth(COUNT, 0), smooth(COUNT, 1)
    attack = Structural(preset=preset, direction=direction)
    found = score(attack, ClosedFormTarget(members), torch.cat([members, others]))
    assert roc_auc_score([1] * COUNT + [0] * COUNT, found.oriented) > 0.95
    assert found.calls == (2 if direction == "forward" else 4)


def test_random_weights_know_nobody(model_folder):
    target = open_target(model_folder("sd"))
    count = 300
    found = score(Structural(), target, smooth(2 * count, 2, 32))
    assert not target.trained
    assert abs(roc_auc_score([1] * count + [0] * count, found.oriented) - 0.5) <= 0.05


@pytest.mark.parametrize("preset", ["native", "official"])
def test_without_noise_inversion_only_scales(preset):
    images = smooth(4, 0)
    target = Silent(images)
    abar = noise_levels(target, preset, 100)
    z0 = target.encode(images)
    *_, z = invert(target, z0, [0, 50, 100], abar, Text.of(target, [""] * 4, 1.0))
    factor = float(abar[100] / abar[0]) ** 0.5
    torch.testing.assert_close(z, factor * z0)
    if preset == "native":
        expected = ssim(images, target.decode(factor * z0), NATIVE).numpy()
        np.testing.assert_allclose(score(Structural(), target, images).values, expected, atol=1e-6)


def test_the_interval_does_not_matter_to_a_linear_denoiser():
    # the posterior mean of one picture: the predicted noise is affine in z, its path a straight line
    target = ClosedFormTarget(smooth(1, 0))
    asked = smooth(4, 1)
    rows = [score(Structural(interval=k), target, asked).values for k in (1, 10, 50, 100)]
    for row in rows[1:]:
        np.testing.assert_allclose(row, rows[0], atol=1e-5)
    assert np.ptp(rows[0]) > 0.01


def test_inversion_is_diffusers_inverse_scheduler(model_folder):
    target = open_target(model_folder("sd"))
    reference = DDIMInverseScheduler(
        trained_betas=_betas(target), clip_sample=False, num_train_timesteps=1000
    )
    reference.set_timesteps(20)
    z = start = target.encode(smooth(2, 0, 32))
    text = Text.of(target, ["a cat", ""], 1.0)
    times = [0, 50, 100, 150]
    found = list(invert(target, start, times, target.alphas_cumprod, text))
    for t_c, t, latent in zip(times, times[1:], found, strict=False):
        z = reference.step(target.eps(z, t_c, text.wanted), t, z).prev_sample
        torch.testing.assert_close(latent, z, rtol=1e-4, atol=1e-4)


def _betas(target):
    abar = target.alphas_cumprod
    return (1 - abar / torch.cat([torch.ones(1).double(), abar[:-1]])).numpy()


def test_guidance_mixes_the_branches_and_skips_idle_ones(model_folder):
    target = open_target(model_folder("sd"))
    z = target.encode(smooth(2, 0, 32))
    captions = ["an old man", "a cat"]
    wanted, empty = (target.condition(c) for c in (captions, ["", ""]))
    e_c, e_u = target.eps(z, 50, wanted), target.eps(z, 50, empty)
    assert not torch.allclose(e_c, e_u)
    for scale, expected, cost in ((1.0, e_c, 2), (0.0, e_u, 2), (3.0, e_u + 3 * (e_c - e_u), 4)):
        calls = target.calls
        found = Text.of(target, captions, scale).eps(target, z, 50)
        torch.testing.assert_close(found, expected)
        assert target.calls - calls == cost


def test_t_zero_is_the_autoencoder_alone(model_folder):
    target = open_target(model_folder("sd"))
    images = smooth(3, 0, 32)
    found = score(Structural(total=0), target, images)
    expected = ssim(images, target.decode(target.encode(images)), NATIVE)
    np.testing.assert_allclose(found.values, expected.numpy(), atol=1e-6)
    assert found.calls == 0


@pytest.mark.parametrize("preset", ["native", "official"])
def test_a_batch_is_a_loop_through_a_pipeline_from_disk(model_folder, preset):
    target = open_target(model_folder("sd"))
    images, captions = smooth(3, 0, 32), ["a cat", "", "an old man"]
    attack = Structural(preset=preset)
    whole = score(attack, target, images, captions=captions).values
    for row in range(3):
        one = score(attack, target, images[row : row + 1], row, captions=captions[row : row + 1])
        np.testing.assert_allclose(one.values, whole[row : row + 1], atol=1e-5)


def test_evidence_shows_the_picture_its_map_and_its_curve(model_folder):
    target = open_target(model_folder("sd"))
    found = score(Structural(), target, smooth(2, 0, 32), evidence=True)
    piece = found.evidence[1]
    assert list(piece.pictures) == ["original", "noised to t = 100", "SSIM map (yellow: kept)"]
    assert {shown.shape for shown in piece.pictures.values()} == {(32, 32, 3)}
    assert piece.numbers["ssim_curve_t"] == [0, 50, 100, 150, 200, 250, 300]
    assert piece.numbers["ssim_curve"][2] == pytest.approx(found.values[1], abs=1e-6)
    assert f"{found.values[1]:.3f}" in piece.sentence


def test_structure_of_members_lasts_longer():
    members, others = smooth(COUNT, 0), smooth(COUNT, 1)
    target = ClosedFormTarget(members)
    times = list(range(0, 401, 50))
    curves = [
        structure_curves(target, side, [""] * COUNT, times, generator=batch_generator(0, 0))
        for side in (members, others)
    ]
    found = analyse_structure(times, *curves)
    assert found.gap[0] == pytest.approx(0, abs=1e-9)
    assert (found.gap[1:] > 0.1).all()
    assert found.other_rate[0] < found.member_rate[0] <= 0
    expected = score(Structural(), target, members).values.mean()
    assert found.members[2] == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"total": 75}, "multiple of the interval"),
        ({"interval": 0}, "multiple of the interval"),
        ({"preset": "clean"}, "no such preset"),
        ({"direction": "up"}, "no such direction"),
    ],
)
def test_impossible_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        Structural(**settings)


def test_a_model_with_too_few_levels_is_refused():
    images = smooth(1, 0)
    target = ClosedFormTarget(images, abar=torch.linspace(0.99, 0.1, 60))
    with pytest.raises(InputError, match="at most 59"):
        score(Structural(), target, images)
    with pytest.raises(InputError, match="increase from 0"):
        structure_curves(target, images, [""], [50, 0], generator=batch_generator(0, 0))
    with pytest.raises(InputError, match="members do not fit"):
        analyse_structure([0, 50], np.zeros((2, 3)), np.zeros((2, 2)))
