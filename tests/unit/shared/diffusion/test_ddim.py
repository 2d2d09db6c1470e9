from __future__ import annotations

import pytest
import torch
from diffusers import DDIMInverseScheduler, DDIMScheduler

from shared.diffusion.ddim import (
    add_noise,
    ddim_move,
    predict_original,
    timesteps,
)
from shared.errors import InputError

OPTIONS = {"beta_schedule": "scaled_linear", "clip_sample": False, "set_alpha_to_one": False}


def drawn(seed: int) -> torch.Tensor:
    return torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(seed))


def test_denoising_is_that_of_diffusers():
    reference = DDIMScheduler(**OPTIONS)
    reference.set_timesteps(20)
    z, eps = drawn(0), drawn(1)
    abar = reference.alphas_cumprod
    expected = reference.step(eps, 500, z)
    own = ddim_move(z, eps, float(abar[500]), float(abar[450]))
    torch.testing.assert_close(own, expected.prev_sample, rtol=1e-5, atol=1e-5)
    original = predict_original(z, eps, abar[500])
    torch.testing.assert_close(original, expected.pred_original_sample, rtol=1e-5, atol=1e-5)


def test_the_clean_latent_is_clamped_as_by_diffusers():
    reference = DDIMScheduler(**OPTIONS | {"clip_sample": True, "clip_sample_range": 0.8})
    reference.set_timesteps(20)
    z, eps = drawn(0), drawn(1)
    abar = reference.alphas_cumprod
    expected = reference.step(eps, 500, z).prev_sample
    own = ddim_move(z, eps, float(abar[500]), float(abar[450]), 0.8)
    torch.testing.assert_close(own, expected, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(own, ddim_move(z, eps, float(abar[500]), float(abar[450])))


def test_inversion_is_that_of_diffusers():
    reference = DDIMInverseScheduler(**OPTIONS)
    reference.set_timesteps(20)
    z, eps = drawn(0), drawn(1)
    # asked for step t, the inverse scheduler moves from t - 50 to t
    expected = reference.step(eps, 500, z).prev_sample
    abar = reference.alphas_cumprod
    torch.testing.assert_close(
        ddim_move(z, eps, float(abar[450]), float(abar[500])), expected, rtol=1e-5, atol=1e-5
    )


def test_noise_is_added_as_by_diffusers_with_a_level_for_each_picture():
    reference = DDIMScheduler(**OPTIONS)
    z0, eps, t = drawn(0), drawn(1), torch.tensor([10, 900])
    own = add_noise(z0, eps, reference.alphas_cumprod[t][:, None, None, None])
    torch.testing.assert_close(own, reference.add_noise(z0, eps, t))


def test_float64_levels_keep_float32_latents():
    level = torch.tensor(0.5, dtype=torch.float64)
    assert ddim_move(drawn(0), drawn(1), level, level).dtype == torch.float32


@pytest.mark.parametrize("steps", [1, 7, 50, 1000])
def test_timesteps_are_those_of_diffusers(steps):
    reference = DDIMScheduler(**OPTIONS)
    reference.set_timesteps(steps)
    assert timesteps(steps, 1000) == reference.timesteps.tolist()


def test_impossible_numbers_are_refused():
    with pytest.raises(InputError, match="number of steps"):
        timesteps(0, 10)
    with pytest.raises(InputError, match="number of steps"):
        timesteps(11, 10)
