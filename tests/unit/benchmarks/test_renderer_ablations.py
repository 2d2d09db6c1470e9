"""Each variant really lacks its part, and the experiment runs and resumes."""

from typing import Any

import pytest
import torch

from benchmarks.claims.renderer_ablations import VARIANTS, ablate, build
from benchmarks.evaluation_set import read_subjects
from shared.data.manifest import Manifest
from shared.errors import InputError
from shared.face.head_model import LANDMARKS_478
from shared.layers.warp import identity_grid
from synthesis.renderer.config import CODE_SIZE, PRESETS
from synthesis.renderer.fissures import LOWER, UPPER
from synthesis.renderer.points import CANDIDATES, KEYPOINTS, MESH
from synthesis.renderer.surface import SKULL, Turn

SMOKE = PRESETS["smoke"]


POINTS = LANDMARKS_478 + SKULL


def inputs(seed: int = 0) -> list[Any]:
    g = torch.Generator().manual_seed(seed)
    return [
        torch.rand(2, 3, 64, 64, generator=g),
        torch.rand(2, POINTS, 2, generator=g) - 0.5,
        torch.rand(2, POINTS, 2, generator=g) - 0.5,
        Turn.flat(torch.eye(2).repeat(2, 1, 1), POINTS),
        torch.randn(2, CODE_SIZE, generator=g),
    ]


def network(name: str) -> torch.nn.Module:
    """Return a variant whose zero-initialised layers do something."""
    net = build(VARIANTS[name], SMOKE, 10, 0).network
    g = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter += 0.05 * torch.randn(parameter.shape, generator=g)
    return net.eval()


@torch.no_grad()
def effect(name: str, change, part: str) -> float:
    """Return how much a part of the output changes when an input does."""
    net, before, after = network(name), inputs(), inputs()
    change(after)
    return float((part(net(*before)) - part(net(*after))).abs().max())


def other_code(values):
    values[4] += 1


def other_mesh(values):
    contours = {point for contour in (*UPPER, *LOWER) for point in contour}
    alone = sorted(set(MESH) - set(KEYPOINTS) - set(CANDIDATES) - contours)
    values[1][:, alone] += 0.2


def other_skull(values):
    values[1][:, LANDMARKS_478:] += 0.2


def other_slopes(values):
    values[3] = values[3]._replace(slopes=values[3].slopes + 1, parallax=torch.ones(2, 2))


@pytest.mark.parametrize(
    ("name", "change", "part"),
    [
        ("no-surface", other_skull, lambda out: out.motion.flow),
        ("no-surface", other_slopes, lambda out: out.motion.flow),
        ("no-film", other_code, lambda out: out.image),
        ("no-mesh", other_mesh, lambda out: out.motion.flow),
        ("no-cut", other_mesh, lambda out: out.motion.flow[:, 0] - out.motion.flow[:, 1]),
    ],
)
def test_what_was_taken_away_no_longer_counts(name, change, part):
    assert effect("full", change, part) > 1e-3
    assert effect(name, change, part) == 0


@torch.no_grad()
def test_the_decoder_without_heat_maps_does_not_see_the_driven_points():
    source, known, driven, turn, _ = inputs()
    seen = {}
    for name in ("full", "no-heat-maps"):
        net = network(name)
        features, code = net.encoder(source), torch.zeros(2, SMOKE.code_width)
        motion = net.motion(source, known, driven, turn)
        pictures = [net.decoder(features, motion, p, code)[0] for p in (driven, -driven)]
        seen[name] = float((pictures[0] - pictures[1]).abs().max())
    assert seen["full"] > 1e-3
    assert seen["no-heat-maps"] == 0


@torch.no_grad()
def test_without_warping_the_flow_is_the_identity_and_without_alpha_the_picture_its_own():
    still = network("no-warping")(*inputs())
    flow = still.motion.flow
    assert torch.equal(flow, identity_grid(*flow.shape[2:4], like=flow).expand_as(flow))
    bare = network("no-alpha")(*inputs())
    assert torch.equal(bare.image, bare.rgb)


def test_the_mouth_weight_is_gone_from_every_loss():
    source, _, driven, *_ = inputs()
    batch = {"source": source, "target": source.flip(0), "points_driven": driven}
    losses = {}
    for name in ("full", "no-mouth-weight"):
        module = build(VARIANTS[name], SMOKE, 10, 0)
        with torch.no_grad():
            losses[name] = module.losses(module.network(*inputs()), batch)
    assert losses["full"]["mouth"] > 0.01
    assert losses["no-mouth-weight"]["mouth"] == 0
    assert losses["no-mouth-weight"]["own"] != losses["full"]["own"]
    assert losses["no-mouth-weight"]["pyramid"] == losses["full"]["pyramid"]


def test_only_the_perceptual_variant_pays_for_it_and_all_begin_alike():
    modules = {name: build(VARIANTS[name], SMOKE, 10, 0) for name in VARIANTS}
    assert [name for name, module in modules.items() if module.features] == ["perceptual"]
    first = modules["full"].network.encoder.state_dict()
    for module in modules.values():
        other = module.network.encoder.state_dict()
        assert all(torch.equal(first[key], other[key]) for key in first)


def test_the_experiment_trains_judges_and_reads_back_what_is_done(
    corpus, evaluation_folder, tmp_path, monkeypatch
):
    subjects = read_subjects(evaluation_folder, 32)
    begun = []
    settings = {
        "config": SMOKE, "size": 32, "batch_size": 2, "device": "cpu",
        "names": ("full", "no-film"), "progress": begun.append,
    }  # fmt: skip
    rows = ablate(corpus, 1e-4, tmp_path, subjects, **settings)
    assert begun == ["full", "no-film"]
    assert [fact["figure"] for fact in rows] == [
        "PSNR: full", "PSNR: no FiLM", "mouth PSNR: full", "mouth PSNR: no FiLM",
        "mouth gain: full", "mouth gain: no FiLM",
    ]  # fmt: skip
    assert all(fact["n"] == 2 and fact["ms/step"] > 0 for fact in rows)
    assert ablate(corpus, 1e-4, tmp_path, subjects, **settings) == rows
    assert len(begun) == 2
    with pytest.raises(InputError, match="another experiment"):
        ablate(corpus, 1e-4, tmp_path, subjects, **{**settings, "batch_size": 3})
    monkeypatch.setattr(Manifest, "sha256", lambda self: "other videos")
    with pytest.raises(InputError, match="another experiment"):
        ablate(corpus, 1e-4, tmp_path, subjects, **settings)
