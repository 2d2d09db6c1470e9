"""Every switch of the network: shapes, gradients, what is erased, what follows a mirror."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch

from forensics.backbones.vit import SIZES, PatchTransformer, rollout
from forensics.focus.carp import activation, pooled_logits
from forensics.focus.config import (
    PROFILES,
    FocusConfig,
    ablations,
    config_from_plain,
    config_to_plain,
)
from forensics.focus.network import FocusNetwork
from forensics.focus.production import averaged
from forensics.focus.training import FocusModule
from shared.errors import InputError, WeightsError

SMOKE = PROFILES["smoke"]
GRID = ablations(SMOKE)


def batch(count: int = 4) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "image": torch.rand(count, 3, 32, 32, generator=generator),
        "label": torch.arange(count) % 2,
    }


def module(profile=SMOKE) -> FocusModule:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return FocusModule(profile)


@pytest.mark.parametrize("name", GRID)
def test_every_arm_of_the_ablation_grid_learns_and_draws_a_map(name):
    arm = module(GRID[name])
    terms = arm.terms(batch())
    weights = vars(GRID[name].recipe.weights)
    assert all(torch.isfinite(value) for value in terms.values())
    assert {term for term in terms if term in weights} == {
        term for term in terms if weights.get(term)
    }
    torch.stack(list(terms.values())).sum().backward()
    for backbone in arm.network.backbones:
        assert sum(p.grad.abs().sum() for p in backbone.parameters() if p.grad is not None) > 0
    output = arm.network(batch()["image"])
    side = 8 * GRID[name].network.detail
    assert output.maps.shape == (4, 1, side, side)
    assert output.maps.min() >= 0 and output.maps.max() <= 1
    assert config_from_plain(config_to_plain(GRID[name].network)) == GRID[name].network


def test_the_grid_names_each_arm_once_and_no_two_are_alike():
    backbone = replace(SMOKE.network.backbone, placed=False)
    profile = replace(
        SMOKE,
        network=replace(SMOKE.network, backbone=backbone),
        recipe=replace(SMOKE.recipe, settle=0.25),
    )
    counts = []
    for one in (profile, SMOKE):  # the second has two of the switches set already
        arms = [(p.network, p.recipe) for p in ablations(one).values()]
        assert len(set(arms)) == len(arms) >= 20
        counts.append(len(arms))
    assert counts[0] == counts[1] + 2


@pytest.mark.parametrize("shared", [True, False])
def test_gradients_reach_both_streams(shared):
    profile = replace(SMOKE, network=replace(SMOKE.network, shared_backbone=shared))
    arm = module(profile)
    for term, stream in (("rgb", 0), ("edges", 1)):
        arm.zero_grad()
        arm.terms(batch())[term].backward()
        own, other = (
            arm.network.heads[number].separate.weight.grad for number in (stream, 1 - stream)
        )
        assert own.abs().sum() > 0
        assert other is None or other.abs().sum() == 0
        embedding = arm.network.backbones[0 if shared else stream].model.embeddings
        slope = embedding.patch_embeddings.projection.weight.grad
        if shared:  # each view has channels of its own in the embedding
            slope = slope[:, 3 * stream : 3 * stream + 3]
        assert slope.abs().sum() > 0


def test_what_is_erased_is_not_seen():
    network = module().network.eval()
    view, region = batch()["image"], torch.zeros(4, 8, 8, dtype=torch.bool)
    region[:, 2:5, 3:6] = True
    changed = view.clone()
    changed[:, :, 8:20, 12:24] = 1 - changed[:, :, 8:20, 12:24]
    for erase in ("token", "zero"):
        network.config = replace(network.config, erase=erase)
        with torch.no_grad():
            same = [network.stream(0, v, region).logits for v in (view, changed)]
            whole = [network.stream(0, v).logits for v in (view, changed)]
        assert torch.allclose(*same, atol=1e-5)
        assert not torch.allclose(*whole, atol=1e-3)


def test_the_detail_decoder_does_not_look_into_an_erased_region_either():
    profile = replace(SMOKE, network=replace(SMOKE.network, detail=2))
    network = module(profile).network.eval()
    view, region = batch()["image"], torch.zeros(4, 8, 8, dtype=torch.bool)
    region[:, :4] = True
    changed = view.clone()
    changed[:, :, :16] = 0
    with torch.no_grad():
        assert torch.allclose(
            *(network.stream(1, v, region).logits for v in (view, changed)), atol=1e-5
        )


def test_authentic_faces_are_erased_with_regions_of_forged_ones():
    seen = []
    arm = module()
    original = arm.network.stream

    def spy(number, view, erased=None):
        if erased is not None:
            seen.append(erased)
        return original(number, view, erased)

    arm.network.stream = spy
    given = batch()
    output = arm.network(given["image"])
    regions = {
        tuple(r.flatten().tolist())
        for s in output.streams
        for r in arm.network.proposals(s.maps)[1::2]
    }
    arm.erased(given["image"], given["label"], output)
    assert len(seen[0]) == 4
    assert {tuple(r.flatten().tolist()) for r in seen[0]} <= regions


@pytest.mark.parametrize(("erase_from", "pairs"), [("other", 2), ("either", 4)])
def test_a_view_loses_what_the_other_found_or_what_it_found_itself(erase_from, pairs):
    """Who learns without what whom found: the maps of the two views are told apart by their proposals."""
    arm = module(replace(SMOKE, network=replace(SMOKE.network, erase_from=erase_from)))
    given, seen = batch(), set()
    output = arm.network(given["image"])
    proposals = [arm.network.proposals(stream.maps) for stream in output.streams]
    original, lost = arm.network.stream, []

    def spy(number, view, erased=None):
        lost.append((number, erased))
        return original(number, view, erased)

    arm.network.stream = spy
    for draw in range(20):
        arm.generator.manual_seed(draw)
        arm.erased(given["image"], given["label"], output)
        number, erased = lost.pop()
        # forged faces lose their own region; authentic ones a lent one
        finder = [torch.equal(erased[1::2], one[1::2]) for one in proposals].index(True)
        seen.add((finder, number))
    assert len(seen) == pairs


def test_a_finer_map_leaves_a_patch_too():
    """The one cell that is left shares its patch with three others; without a patch there is nothing to judge by."""
    network = module(replace(SMOKE, network=replace(SMOKE.network, detail=2))).network
    maps = torch.full((1, 1, 16, 16), 0.9)
    maps[0, 0, 5, 9] = 0.89
    regions = network.proposals(maps)
    assert (~regions).nonzero().tolist() == [[0, 2, 4]]
    logits = network.stream(0, network.views(batch(1)["image"])[0], regions).logits
    assert torch.isfinite(logits).all()


@pytest.mark.parametrize("views", [2, 4])
def test_averaged_maps_follow_a_mirror(views):
    network, pictures = module().network.eval(), batch()["image"]
    with torch.no_grad():
        straight, mirrored = (averaged(network, x, views) for x in (pictures, pictures.flip(-1)))
    assert torch.allclose(straight[0], mirrored[0], atol=1e-5)
    assert torch.allclose(straight[1], mirrored[1].flip(-1), atol=1e-5)
    assert straight[1].std() > 1e-3


def test_twice_the_side_gives_twice_the_grid():
    network = FocusNetwork(FocusConfig()).eval()
    with torch.no_grad():
        sides = [network(torch.rand(1, 3, s, s)).maps.shape[-1] for s in (112, 224)]
    assert sides == [14, 28]
    with pytest.raises(InputError, match="multiples"):
        network(torch.rand(1, 3, 100, 100))


def test_weights_from_a_folder_bring_their_own_sizes(tmp_path):
    known = PatchTransformer(SIZES["smoke"])
    known.model.save_pretrained(tmp_path / "vit")
    network = FocusNetwork(FocusConfig(image=32), tmp_path / "vit")
    assert network.config.backbone == SIZES["smoke"]
    kernel = network.backbones[0].model.embeddings.patch_embeddings.projection.weight
    expected = known.model.embeddings.patch_embeddings.projection.weight
    assert torch.equal(kernel[:, :3], expected) and torch.equal(kernel[:, 3:], expected)
    with pytest.raises(WeightsError):
        PatchTransformer(SIZES["smoke"], tmp_path)


def test_rollout_is_the_product_of_attention_with_itself():
    rows = torch.rand(3, 1, 2, 5, 5, dtype=torch.float64).softmax(-1)
    mixed = (rows[:, 0].mean(1) + torch.eye(5)) / 2
    expected = (mixed[2] @ mixed[1] @ mixed[0])[0, 1:]
    assert torch.allclose(rollout(tuple(rows))[0], expected)


@pytest.mark.parametrize(
    "switches",
    [
        {"edges": "none"},
        {"detail": 2, "affinity_power": 2},
        {"backbone": ablations(SMOKE)["ConvNeXt"].network.backbone},
    ],
)
def test_switches_that_contradict_each_other_are_refused(switches):
    with pytest.raises(InputError):
        FocusConfig(**switches)


def test_evidence_must_stay_where_it_is_seen(monkeypatch):
    """A map of each patch alone costs nothing when others are hidden; one that spreads what a patch has seen does."""
    still = torch.eye(2, 3).repeat(4, 1, 1)
    monkeypatch.setattr("forensics.focus.training.random_moves", lambda *_, **__: still)

    class Drawn(torch.nn.Module):
        def __init__(self, spreads: bool) -> None:
            super().__init__()
            self.spreads, self.patch = spreads, 4

        def on_grid(self, erased):
            return erased

        def forward(self, pictures, erased=None):
            maps = torch.nn.functional.avg_pool2d(pictures[:, :1], 4)
            if erased is not None:
                maps = torch.where(erased[:, None], torch.rand_like(maps), maps)
            if self.spreads:
                maps = (maps + maps.amax((2, 3), keepdim=True)) / 2
            return SimpleNamespace(maps=maps)

    arm, costs = module(), []
    for spreads in (False, True):
        arm.network = Drawn(spreads)
        pictures = batch()["image"]
        costs.append(float(arm.equivariance(pictures, arm.network(pictures))))
    assert costs[0] < 1e-6 < 1e-3 < costs[1]


def test_patches_look_no_further_than_their_reach():
    """Two layers of reach 1 see two patches away; the class token sees everything."""
    backbone = PatchTransformer(SIZES["smoke"]).eval()
    pictures = batch(1)["image"]
    changed = pictures.clone()
    changed[:, :, :4, :4] = 1 - changed[:, :, :4, :4]
    with torch.no_grad():
        first, second = (backbone(x) for x in (pictures, changed))
        everywhere = PatchTransformer(replace(SIZES["smoke"], reach=0)).eval()
        apart = (everywhere(pictures).patches - everywhere(changed).patches).abs().amax(1)[0]
    local = (first.patches - second.patches).abs().amax(1)[0]
    assert local[:3, :3].min() > 1e-6 and local[3:].max() == local[:, 3:].max() == 0
    assert apart.min() > 0
    assert not torch.equal(first.summary, second.summary)


def test_patches_that_do_not_know_their_place_say_the_same_wherever_they_lie():
    """A network without position embeddings shifts its tokens with the picture, also after training steps."""
    size = replace(SIZES["smoke"], reach=1)
    apart = []
    for placed in (False, True):
        torch.manual_seed(0)
        backbone = PatchTransformer(replace(size, placed=placed))
        pictures = batch(1)["image"]
        optimizer = torch.optim.SGD(backbone.parameters(), lr=1.0)
        backbone(pictures).patches.square().mean().backward()
        optimizer.step()
        backbone.eval()
        with torch.no_grad():
            told = backbone(pictures).patches
            rolled = backbone(pictures.roll((8, 8), (2, 3))).patches
        # what lies further from the border than attention reaches in two layers
        apart.append(float((rolled[..., 4:-2, 4:-2] - told[..., 2:-4, 2:-4]).abs().max()))
    assert apart[0] < 1e-5 < 1e-2 < apart[1]


def test_a_class_activation_map_shows_nothing_that_no_decision_reads():
    """Where the decision is of the difference of two filters, what both have in common is never trained."""
    config = replace(SMOKE.network, pooling_real="none", map_source="cam")
    maps = torch.randn(2, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    common = torch.randn(2, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(pooled_logits(maps, config), pooled_logits(maps + common, config))
    torch.testing.assert_close(activation(maps, config), activation(maps + common, config))
