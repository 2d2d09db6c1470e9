"""Every provider against a slow version, behind the same interface, and the cache."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import ndimage

from forensics.detectors.config import network_class, profile_of
from forensics.detectors.detector import MapDetector
from forensics.faces import FaceSet
from forensics.focus.config import PROFILES
from forensics.focus.detector import FocusDetector
from forensics.focus.network import FocusNetwork
from forensics.focus.synthetic import synthetic_faces
from forensics.maps.cache import CachedMaps
from forensics.maps.carp import CarpMaps
from forensics.maps.focus import FocusMaps
from forensics.maps.gradcam import GradCam
from forensics.maps.known import KnownMasks
from forensics.maps.paired_pixel import PairedPixel
from forensics.maps.paired_ssim import PairedSsim
from forensics.maps.provider import peak_to_one
from forensics.maps.registry import PROVIDERS, provider_named
from forensics.maps.rfm import ForgeryAttention
from forensics.maps.rollout import AttentionRollout
from forensics.maps.xray import FaceXray
from shared.errors import InputError
from shared.metrics.roc import auc


@pytest.fixture(scope="module")
def faces() -> FaceSet:
    """Faces whose forgery is a patch that was shifted in brightness, with the frame it was made of."""
    clean = synthetic_faces(8, 0, size=64, cues=()).faces
    masks = np.zeros((8, 64, 64), np.float32)
    masks[1::2, 20:40, 10:44] = 1
    rng = np.random.default_rng(1)
    patch = masks[..., None] * rng.integers(40, 60, clean.frames.shape)
    frames = np.clip(clean.frames + patch, 0, 255).astype(np.uint8)
    return replace(clean, frames=frames, masks=masks, counterparts=clean.frames)


def detector(name: str) -> MapDetector:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = network_class(name)(profile_of(name, "smoke").sizes)
    return MapDetector(network, name, sha256=f"hash of {name}")


def focus(**switches) -> FocusDetector:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = FocusNetwork(replace(PROFILES["smoke"].network, **switches))
    return FocusDetector(network, sha256="hash of focus")


@pytest.fixture(scope="module")
def providers() -> dict[str, object]:
    made = [
        PairedPixel(), PairedSsim(), FaceXray(), KnownMasks(), AttentionRollout(detector("vit-map")),
        GradCam(detector("xception")), ForgeryAttention(detector("ffd")),
        CarpMaps(focus(edges="none", learning="none")), FocusMaps(focus(), views=2),
    ]  # fmt: skip
    return {provider.name: provider for provider in made}


@pytest.mark.parametrize("name", PROVIDERS)
def test_every_provider_keeps_the_contract(providers, faces, name):
    maps = providers[name].maps(faces)
    assert maps.dtype == np.float32 and maps.shape[0] == 8 and maps.ndim == 3
    assert maps.min() >= 0 and maps.max() <= 1
    assert not maps[faces.labels == 0].any()
    if name != "gradcam":  # which may find nothing that speaks for "forged"
        assert maps[faces.labels == 1].any((1, 2)).all()
    again = providers[name].maps(faces.take(np.array([3, 0])))
    np.testing.assert_allclose(again[0], maps[3], atol=1e-5)


def test_pixel_difference(faces):
    soft = PairedPixel(threshold=None).maps(faces)
    slow = (
        np.abs(faces.frames[1].astype(float) - faces.counterparts[1]) @ [0.299, 0.587, 0.114] / 255
    )
    np.testing.assert_allclose(soft[1], slow, atol=1e-6)
    assert np.array_equal(PairedPixel().maps(faces)[1], (slow > 0.1).astype(np.float32))


def test_structural_difference_lies_in_the_mask(faces):
    maps = PairedSsim().maps(faces)
    forged = faces.labels == 1
    inside = faces.masks[forged] > 0.5
    assert auc(maps[forged][inside], maps[forged][~inside]) > 0.9
    same = replace(faces, frames=faces.counterparts)
    assert np.abs(PairedSsim().maps(same)).max() < 1e-6


def test_the_xray_is_highest_on_the_border(faces):
    one = FaceXray(blur=0.03).maps(faces)[1]
    soft = ndimage.gaussian_filter(faces.masks[1], 0.03 * 64, truncate=4)
    np.testing.assert_allclose(one, 4 * soft * (1 - soft), atol=0.02)
    assert one[30, 27] < 0.05 < 0.8 < one[30, 10]


def test_gradcam_against_the_formula_for_a_pooled_linear_head(providers, faces):
    network = providers["gradcam"].detector.network
    pictures = torch.from_numpy(faces.resized(network.image).frames[1:2]).permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        features = network.features(pictures)[0]
    weight = network.head.linear.weight[1].detach() / features[0].numel()
    slow = peak_to_one(torch.relu((weight[:, None, None] * features).sum(0))[None])[0]
    np.testing.assert_allclose(providers["gradcam"].maps(faces)[1], slow.numpy(), atol=1e-4)


def test_rfm_is_the_slope_of_the_scores_difference(faces):
    provider = ForgeryAttention(detector("ffd"))
    network = provider.detector.network.double()
    x = (
        torch.from_numpy(faces.resized(network.image).frames[1:2]).permute(0, 3, 1, 2).double()
        / 255
    )
    y, far = (20, 17), 1e-5

    def apart(picture):
        with torch.no_grad():
            logits = network(picture).logits[0]
        return abs(float(logits[1] - logits[0]))

    slopes = []
    for c in range(3):
        up, down = x.clone(), x.clone()
        up[0, c, *y] += far
        down[0, c, *y] -= far
        slopes.append(abs(apart(up) - apart(down)) / (2 * far))
    given = x.requires_grad_()
    logits = network(given).logits
    (slope,) = torch.autograd.grad((logits[:, 1] - logits[:, 0]).abs().sum(), given)
    assert max(slopes) == pytest.approx(float(slope.abs().amax(1)[0, *y]), rel=1e-3)
    network.float()
    expected = peak_to_one(slope.abs().amax(1))[0].float().numpy()
    np.testing.assert_allclose(provider.maps(faces)[1], expected, atol=1e-2)


def test_providers_refuse_what_they_cannot_use(faces):
    with pytest.raises(InputError, match="counterparts"):
        PairedPixel().maps(replace(faces, counterparts=None))
    with pytest.raises(InputError, match="transformer"):
        AttentionRollout(detector("xception"))
    with pytest.raises(InputError, match="feature map"):
        GradCam(detector("vit-map"))
    with pytest.raises(InputError, match="complementary"):
        CarpMaps(focus())
    with pytest.raises(InputError, match="teacher"):
        provider_named("focus")
    with pytest.raises(InputError, match="no such map provider"):
        provider_named("nothing")
    assert provider_named("known").name == "known"


class Counting:
    """A provider that counts what it is asked."""

    name, reads, settings = "counting", ("frames", "masks"), {}

    def __init__(self, checkpoint="a"):
        self.checkpoint, self.asked = checkpoint, 0

    def maps(self, faces):
        self.asked += len(faces)
        return faces.masks * 0.3


def test_the_cache_makes_each_map_once_for_an_image_a_provider_and_a_checkpoint(faces, tmp_path):
    provider = Counting()
    cached = CachedMaps(provider, tmp_path)
    first = cached.maps(faces)
    np.testing.assert_allclose(first, 0.3 * faces.masks, atol=0.5 / 255 + 1e-6)
    assert np.array_equal(CachedMaps(provider, tmp_path).maps(faces), first)
    assert provider.asked == 8
    changed = faces.frames.copy()
    changed[2, 0, 0] += 1
    cached.maps(replace(faces, frames=changed))
    assert provider.asked == 9
    cached.maps(replace(faces, masks=1 - faces.masks))
    assert provider.asked == 17
    other = Counting("b")
    CachedMaps(other, tmp_path).maps(faces)
    assert other.asked == 8


def test_the_cache_keeps_one_grid_whoever_was_asked_first(providers, faces, tmp_path):
    cached = CachedMaps(providers["gradcam"], tmp_path)
    cached.maps(faces.take(np.array([0, 1])))
    assert len(cached.maps(faces.take(np.array([0, 1, 2])))) == 3
