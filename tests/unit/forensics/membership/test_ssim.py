"""SSIM against scikit-image, the library that the authors' script calls."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import structural_similarity

from forensics.membership.ssim import NATIVE, OFFICIAL, ssim, ssim_map
from shared.errors import InputError


@pytest.fixture
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    image = torch.rand(2, 3, 24, 30, generator=generator)
    image[0, :, :12] = 0.3  # a flat part, where float32 moments would cancel
    return image, image + 0.2 * torch.randn(image.shape, generator=generator)


def test_official_equals_the_call_of_the_script(pictures) -> None:
    image, other = pictures
    for row, found in enumerate(ssim(image, other, OFFICIAL).tolist()):
        a, b = (2 * x[row].permute(1, 2, 0).double().numpy() - 1 for x in (image, other))
        wanted = structural_similarity(a, b, channel_axis=-1, data_range=1.0)
        assert abs(found - wanted) < 1e-6


def test_native_equals_wang_et_al(pictures) -> None:
    image, other = pictures
    for row, found in enumerate(ssim(image, other, NATIVE).tolist()):
        a, b = (x[row].clamp(0, 1).permute(1, 2, 0).double().numpy() for x in (image, other))
        wanted = structural_similarity(
            a,
            b,
            channel_axis=-1,
            data_range=1.0,
            gaussian_weights=True,
            sigma=1.5,
            use_sample_covariance=False,
        )
        assert abs(found - wanted) < 1e-6


@pytest.mark.parametrize("settings", [OFFICIAL, NATIVE])
def test_a_picture_equals_itself(pictures, settings) -> None:
    image, _ = pictures
    assert np.allclose(ssim_map(image, image, settings), 1.0, atol=1e-12)


def test_wrong_sizes_are_refused(pictures) -> None:
    image, other = pictures
    with pytest.raises(InputError, match="one size"):
        ssim(image, other[..., :-1])
    with pytest.raises(InputError, match="at least 11 px"):
        ssim(image[..., :8], other[..., :8])
