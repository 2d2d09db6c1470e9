"""The robustness suite does to a picture what it says."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from forensics.membership.distortions import DISTORTIONS


def smooth(count: int, size: int = 64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand(count, 3, 8, 8, generator=generator) * 0.6 + 0.2
    return functional.interpolate(coarse, size=size, mode="bicubic").clamp(0, 1)


def distorted(name, images, seed=0):
    return DISTORTIONS[name](images, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("name", DISTORTIONS)
def test_every_distortion_changes_the_picture_within_its_range(name):
    images = smooth(3)
    found = distorted(name, images)
    assert found.shape == images.shape and found.dtype == torch.float32
    assert found.min() >= 0 and found.max() <= 1
    change = (found - images).abs().mean()
    assert 1e-4 < change < 0.5
    assert torch.equal(found, distorted(name, images))


def test_salt_and_pepper_takes_a_tenth_of_the_pixels():
    images = smooth(8)
    changed = (distorted("salt_pepper", images) != images).any(1).float().mean()
    assert changed == pytest.approx(0.1, abs=0.01)


def test_rotation_is_anticlockwise_about_the_centre():
    image = torch.zeros(1, 3, 65, 65)
    image[..., 32, 60] = 1  # to the right of the centre
    row, column = divmod(int(distorted("rotation", image)[0, 0].argmax()), 65)
    assert (row, column) == (32 - 5, 60)  # 28 px out: up by 28 sin 10 = 4.9, in by 0.4
    image = torch.zeros(1, 3, 65, 65)
    image[..., 32, 32] = 1
    assert distorted("rotation", image)[0, 0, 32, 32] == pytest.approx(1, abs=0.05)


def test_saturation_keeps_the_light_and_goes_both_ways():
    images = smooth(32) * 0.4 + 0.3
    luma = torch.tensor([0.299, 0.587, 0.114]).reshape(1, 3, 1, 1)
    found = distorted("saturation", images)
    torch.testing.assert_close((found * luma).sum(1), (images * luma).sum(1), atol=1e-5, rtol=0)
    ratio = (found.amax(1) - found.amin(1)).mean((1, 2)) / (images.amax(1) - images.amin(1)).mean(
        (1, 2)
    )
    assert sorted(set(ratio.mul(100).round().tolist())) == [50, 150]


def test_brightness_goes_both_ways():
    images = smooth(32) * 0.6
    ratio = distorted("brightness", images).mean((1, 2, 3)) / images.mean((1, 2, 3))
    assert sorted(set(ratio.mul(100).round().tolist())) == [50, 150]


@pytest.mark.parametrize(
    "family",
    [
        ["jpeg_90", "jpeg_70", "jpeg_50", "jpeg_30"],
        ["blur_1", "blur_2", "blur_3"],
        ["resize_50", "resize_25"],
        ["crop_90", "crop_75"],
    ],
)
def test_stronger_changes_more(family):
    images = smooth(8)
    change = [float((distorted(name, images) - images).abs().mean()) for name in family]
    assert change == sorted(change)


def test_mirroring_twice_is_nothing():
    images = smooth(2)
    torch.testing.assert_close(distorted("flip", distorted("flip", images)), images)
    assert torch.equal(distorted("flip", images)[..., 0], images[..., -1])
