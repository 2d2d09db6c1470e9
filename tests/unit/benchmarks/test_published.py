"""The published networks cost what their public definitions do."""

import pytest
import torch
from torch import nn

from benchmarks.published import PUBLISHED, SIDE, counted, giga_macs


@pytest.mark.parametrize("name", PUBLISHED)
def test_a_picture_costs_what_was_published(name):
    assert counted(name) == pytest.approx(PUBLISHED[name].giga_macs, rel=0.02)


@pytest.mark.parametrize(
    ("name", "millions"), [("FOMM", 45.5), ("PIRenderer", 22.5), ("face-vid2vid", 53.1)]
)
def test_the_networks_have_the_published_number_of_parameters_and_draw_a_picture(name, millions):
    with torch.device("meta"), torch.no_grad():
        network = PUBLISHED[name].build().eval()
        picture = network(*network.inputs())
    assert picture.shape == (1, 3, SIDE, SIDE)
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, rel=0.03)


def test_counting_a_known_convolution():
    with torch.device("meta"):
        conv = nn.Conv2d(3, 8, 5, padding=2, bias=False)
        assert giga_macs(conv, (torch.rand(2, 3, 10, 10),)) == 2 * 100 * 8 * 3 * 25 / 1e9
