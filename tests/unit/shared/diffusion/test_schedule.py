from __future__ import annotations

import pytest
import torch
from diffusers import DDIMScheduler

from shared.diffusion.schedule import alphas_cumprod, betas_from, linear_betas, scaled_linear_betas
from shared.errors import InputError


@pytest.mark.parametrize(
    ("own", "name"), [(linear_betas, "linear"), (scaled_linear_betas, "scaled_linear")]
)
def test_schedules_are_those_of_diffusers(own, name):
    reference = DDIMScheduler(500, 0.0009, 0.015, beta_schedule=name)
    abar = alphas_cumprod(own(500, 0.0009, 0.015))
    assert abar.dtype == torch.float64
    torch.testing.assert_close(abar.float(), reference.alphas_cumprod, rtol=2e-5, atol=0)


def test_the_papers_levels_of_stable_diffusion():
    # structural MIA's released schedule mismatch: native 0.9516 and 0.8942, linear between the same ends less
    native = scaled_linear_betas()
    assert alphas_cumprod(native)[[50, 100]].tolist() == pytest.approx([0.9516, 0.8942], abs=1e-4)
    mismatched = linear_betas(1000, float(native[0]), float(native[-1]))
    assert alphas_cumprod(mismatched)[[50, 100]].tolist() == pytest.approx(
        [0.9440, 0.8673], abs=1e-4
    )


def test_betas_come_back_from_their_product():
    betas = scaled_linear_betas(200)
    torch.testing.assert_close(betas_from(alphas_cumprod(betas)), betas, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("numbers", [(1, 0.1, 0.2), (10, 0.0, 0.2), (10, 0.3, 0.2), (10, 0.1, 1.0)])
def test_impossible_schedules_are_refused(numbers):
    with pytest.raises(InputError, match="no noise schedule"):
        linear_betas(*numbers)
