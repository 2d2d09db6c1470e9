"""Picture metrics against independent references."""

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

from shared.metrics.psnr import CEILING, psnr
from shared.metrics.response import response_gain
from shared.metrics.ssim import ssim


@pytest.fixture(scope="module")
def pictures() -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(0)
    smooth = torch.nn.functional.interpolate(
        torch.rand(3, 3, 8, 8, generator=g), size=(40, 48), mode="bicubic"
    ).clamp(0, 1)
    return smooth, (smooth + 0.1 * torch.randn(smooth.shape, generator=g)).clamp(0, 1)


def as_numpy(picture: torch.Tensor) -> np.ndarray:
    return picture.permute(1, 2, 0).double().numpy()


def test_psnr_is_scikit_images(pictures):
    expected = [
        peak_signal_noise_ratio(as_numpy(b), as_numpy(a), data_range=1)
        for a, b in zip(*pictures, strict=True)
    ]
    assert psnr(*pictures).tolist() == pytest.approx(expected, abs=1e-3)


def test_psnr_within_a_mask_is_that_of_the_cut_out_part(pictures):
    image, target = pictures
    mask = torch.zeros(3, 1, 40, 48)
    mask[:, :, 5:20, 7:30] = 1
    cut = psnr(image[:, :, 5:20, 7:30], target[:, :, 5:20, 7:30])
    assert torch.allclose(psnr(image, target, mask), cut, atol=1e-4)


def test_psnr_of_equal_pictures_is_finite_and_of_an_empty_mask_is_not_a_number(pictures):
    image = pictures[0]
    assert psnr(image, image).tolist() == [CEILING] * 3
    assert torch.isnan(psnr(image, image, torch.zeros(3, 1, 40, 48))).all()


def test_ssim_is_scikit_images(pictures):
    expected = [
        structural_similarity(
            as_numpy(a), as_numpy(b), data_range=1, channel_axis=-1, gaussian_weights=True,
            sigma=1.5, use_sample_covariance=False,
        )
        for a, b in zip(*pictures, strict=True)
    ]  # fmt: skip
    assert ssim(*pictures).tolist() == pytest.approx(expected, abs=1e-4)


def test_gain_ignores_what_is_orthogonal_or_outside_the_mask():
    truth = torch.zeros(1, 1, 2, 2)
    truth[0, 0, 0] = torch.tensor([1.0, 1.0])
    orthogonal = torch.zeros(1, 1, 2, 2)
    orthogonal[0, 0, 0] = torch.tensor([1.0, -1.0])
    outside = torch.zeros(1, 1, 2, 2)
    outside[0, 0, 1] = 5.0
    mask = torch.tensor([[[[1.0, 1.0], [0.0, 0.0]]]])
    assert response_gain(0.7 * truth + orthogonal + outside, truth, mask).item() == pytest.approx(
        0.7
    )
    assert torch.isnan(response_gain(truth, truth * 0, mask)).all()
