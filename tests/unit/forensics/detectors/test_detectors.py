"""Every detector: formulas, shapes, published sizes, training with any maps, saving, refusing."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from forensics.backbones.efficientnet import SIZES, EfficientNet
from forensics.detectors import losses
from forensics.detectors.classnseg import ClassNSeg, ClassNSegSize
from forensics.detectors.config import DETECTORS, SCALES, network_class, profile_of
from forensics.detectors.detector import KIND, MapDetector
from forensics.detectors.network import SpatialClassifier
from forensics.detectors.recipes import train_detector
from forensics.detectors.training import DetectorModule
from forensics.face_batches import FaceBatches
from forensics.faces import FaceSet
from forensics.focus.synthetic import synthetic_faces
from forensics.maps.known import KnownMasks
from shared.errors import InputError, NotTrained
from shared.zoo.checkpoints import save_checkpoint

PUBLISHED = {  # millions of parameters: Xception 20.8, B4 17.5, ViT-B/16 85.8 without their classifiers
    "classnseg": (0.2, 0.5), "ffd": (20.7, 20.9), "efficientnet-unet": (17.6, 21),
    "vit-map": (85.5, 86.5), "xception": (20.7, 20.9), "efficientnet": (17.5, 17.6),
}  # fmt: skip


@pytest.fixture(scope="module")
def faces() -> FaceSet:
    return synthetic_faces(12, 0, size=64).faces


def smoke(name: str):
    profile = profile_of(name, "smoke")
    return replace(profile, budget=replace(profile.budget, steps=2, batch_size=4, save_every=2))


@pytest.mark.parametrize("name", DETECTORS)
def test_a_trained_detector_answers_alike_when_it_is_loaded(name, faces, tmp_path):
    maps = KnownMasks() if network_class(name).has_map else None
    folder = train_detector(
        name, faces, tmp_path, maps=maps, profile=smoke(name), validation=faces, device="cpu"
    )
    first, again = (MapDetector.from_pretrained(folder) for _ in range(2))
    found, same = first.detect(faces.frames, batch_size=5), again.detect(faces.frames)
    np.testing.assert_allclose(found.scores, same.scores, atol=1e-4)
    assert ((found.scores >= 0) & (found.scores <= 1)).all() and len(found.scores) == 12
    assert (found.maps is None) == (maps is None)
    if found.maps is not None:
        assert found.maps.shape[0] == 12 and 0 <= found.maps.min() <= found.maps.max() <= 1
    facts = json.loads((folder / "config.json").read_text())["meta"]
    assert facts["maps"] == ("none" if maps is None else "known")
    assert "val/auc" in (tmp_path / "metrics.csv").read_text().splitlines()[0]


def test_the_seed_alone_decides_and_a_stopped_training_ends_as_one_that_was_not(
    faces, tmp_path, stopping
):
    """Of a network with drop-connect and batch normalisation, whose statistics are counted with it."""
    profile = smoke("efficientnet")
    profile = replace(profile, budget=replace(profile.budget, steps=6, save_every=6))
    told = {"profile": profile, "device": "cpu"}
    whole = train_detector("efficientnet", faces, tmp_path / "whole", **told)
    torch.rand(100)
    with stopping(DetectorModule, 3):
        train_detector("efficientnet", faces, tmp_path / "parts", **told)
    parts = train_detector("efficientnet", faces, tmp_path / "parts", **told)
    other = train_detector("efficientnet", faces, tmp_path / "other", seed=1, **told)
    weights = [(folder / "model.safetensors").read_bytes() for folder in (whole, parts, other)]
    assert weights[0] == weights[1] != weights[2]


@pytest.mark.parametrize("name", DETECTORS)
def test_published_sizes_have_the_published_number_of_parameters(name):
    with torch.device("meta"):
        network = network_class(name)(profile_of(name, "paper").sizes)
    millions = sum(p.numel() for p in network.parameters()) / 1e6
    low, high = PUBLISHED[name]
    assert low < millions < high


@pytest.mark.parametrize("name", DETECTORS)
def test_maps_reach_a_network_by_their_weight_alone(name, faces):
    kind = network_class(name)
    if not kind.has_map:
        with pytest.raises(InputError, match="no map"):
            train_detector(name, faces, "unused", maps=KnownMasks(), profile=smoke(name))
        return
    batch = FaceBatches(
        faces, 4, profile_of(name, "smoke").sizes.image, 0, maps=faces.masks
    ).gather(np.arange(4), np.random.default_rng(0))
    values = {}
    for weight in (0.0, 1.0, 10.0):
        torch.manual_seed(0)
        profile = smoke(name)
        profile = replace(profile, recipe=replace(profile.recipe, map_weight=weight))
        module = DetectorModule(kind(profile.sizes), profile).eval()
        module.log_dict = lambda *_, **__: None  # no trainer here
        values[weight] = float(module.training_step(batch, 0).detach())
    step = values[1.0] - values[0.0]
    assert step > 0 and values[10.0] - values[0.0] == pytest.approx(10 * step, rel=1e-3)
    without = {key: batch[key] for key in ("image", "label")}
    assert float(module.training_step(without, 0).detach()) == pytest.approx(values[0.0], rel=1e-4)


@pytest.mark.parametrize("name", ["ffd", "efficientnet-unet", "xception", "efficientnet"])
def test_the_decision_is_a_function_of_the_feature_map(name):
    network = network_class(name)(profile_of(name, "smoke").sizes).eval()
    assert isinstance(network, SpatialClassifier)
    pictures = torch.rand(2, 3, network.image, network.image)
    with torch.no_grad():
        assert torch.allclose(
            network.decide(network.features(pictures)), network(pictures).logits, atol=1e-5
        )


def test_ffd_multiplies_its_map_onto_the_features():
    network = network_class("ffd")(profile_of("ffd", "smoke").sizes).eval()
    with torch.no_grad():
        network.regress.weight.zero_()
        network.regress.bias.fill_(-100.0)  # a map of zeros leaves nothing of the picture
        first, second = (network(torch.rand(1, 3, 48, 48)) for _ in range(2))
    assert torch.allclose(first.logits, second.logits)


def test_classnseg_keeps_the_half_of_its_class():
    network = ClassNSeg(ClassNSegSize(32)).eval()
    pictures = torch.rand(3, 3, 32, 32)
    with torch.no_grad():
        halves = network.encoder((pictures - 0.5) / 0.5).unflatten(1, (2, 64))
        output = network(pictures)
        forged = network(pictures, torch.ones(3, dtype=torch.long))
        halves[:, 0] = 0
        mask = network.segment(network.shared(halves.flatten(1, 2)))
        size = network.encoder((pictures - 0.5) / 0.5).unflatten(1, (2, 64)).abs().mean((2, 3, 4))
    assert torch.allclose(forged.map_logits, mask, atol=1e-6)
    assert torch.allclose(output.logits.softmax(1), size / size.sum(1, keepdim=True), atol=1e-4)
    assert (
        output.map_logits.shape == (3, 1, 32, 32) and output.reconstruction.shape == pictures.shape
    )


def test_losses_are_their_formulas():
    rng = np.random.default_rng(0)
    logits, target = rng.standard_normal((2, 3, 1, 4, 4))
    target = 1 / (1 + np.exp(-target))
    p = 1 / (1 + np.exp(-logits))
    t_logits, t_target = torch.from_numpy(logits), torch.from_numpy(target)
    entropy = -(target * np.log(p) + (1 - target) * np.log(1 - p)).mean()
    assert losses.map_cross_entropy(t_logits, t_target).item() == pytest.approx(entropy)
    assert losses.map_l1(t_logits, t_target).item() == pytest.approx(np.abs(p - target).mean())
    slow = np.mean(
        [
            1 - (2 * (a * b).sum() + 1) / (a.sum() + b.sum() + 1)
            for a, b in zip(p, target, strict=True)
        ]
    )
    assert losses.dice(t_logits, t_target).item() == pytest.approx(slow)
    active, labels = rng.random((3, 2)), np.array([0, 1, 1])
    slow = np.mean([abs(active[i, y] - 1) + active[i, 1 - y] for i, y in enumerate(labels)])
    got = losses.activation_l1(torch.from_numpy(active), torch.from_numpy(labels))
    assert got.item() == pytest.approx(slow)
    assert losses.reconstruction_mse(t_logits, t_target).item() == pytest.approx(
        ((logits - target) ** 2).mean()
    )


def test_an_untrained_detector_never_answers(tmp_path):
    profile = profile_of("xception", "smoke")
    network = network_class("xception")(profile.sizes)
    config = {"detector": "xception", "sizes": profile.sizes}
    meta = {"kind": KIND, "trained": False}
    save_checkpoint(tmp_path, {"network": network}, config, "-", meta)
    with pytest.raises(NotTrained):
        MapDetector.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", ["xception", "efficientnet"])
def test_features_of_an_untrained_backbone_tell_pictures_apart(name):
    """A start that fades from block to block gives every picture the same score, and learns nothing."""
    torch.manual_seed(0)
    network = network_class(name)(profile_of(name, "cpu").sizes).train()
    features = network.features(torch.rand(6, 3, 64, 64))
    assert features.std(0).mean() > 0.05


def test_an_efficientnet_from_a_folder_brings_its_own_sizes(tmp_path):
    own = replace(SIZES["smoke"], padding=(1,))
    known = EfficientNet(own)
    known.model.save_pretrained(tmp_path)
    again = EfficientNet(SIZES["cpu"], tmp_path)
    assert again.size == own
    assert all(module.training for module in again.modules())
    rebuilt = EfficientNet(again.size)
    rebuilt.load_state_dict(again.state_dict())
    faces = torch.rand(1, 3, 64, 64)
    torch.testing.assert_close(rebuilt.eval()(faces), again.eval()(faces))
    strides = [64 / f.shape[-1] for f in again.eval().pyramid(torch.rand(1, 3, 64, 64))]
    assert strides == [2, 4, 8, 16, 32]
    assert [f.shape[1] for f in again.pyramid(torch.rand(1, 3, 64, 64))] == list(again.widths)


def test_names_and_scales_are_checked():
    with pytest.raises(InputError, match="no such detector"):
        profile_of("magic", "cpu")
    with pytest.raises(InputError, match="no such profile"):
        profile_of("ffd", "huge")
    with pytest.raises(InputError, match="begins from no weights"):
        train_detector(
            "ffd", synthetic_faces(4, 0).faces, "unused", weights="somewhere", profile="smoke"
        )
    assert {profile_of(name, scale).name for name in DETECTORS for scale in SCALES} == set(
        DETECTORS
    )
