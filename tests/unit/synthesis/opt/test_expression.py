from __future__ import annotations

import torch

from shared.motion import FACE_UNITS, MOUTH_UNITS, UNIT
from synthesis.opt.expression import KEPT_MOUTH_UNITS, compose, kept_rest


def test_a_smile_stays_and_an_open_jaw_does_not():
    kept = kept_rest(torch.ones(1, 52))[0]
    assert kept[UNIT["mouthSmileLeft"]] == 1
    assert kept[UNIT["browInnerUp"]] == 1
    assert kept[UNIT["jawOpen"]] == 0
    assert kept[UNIT["mouthPucker"]] == 0


def test_the_mouth_is_added_to_what_is_kept_and_nothing_else_moves():
    rest, change = torch.rand(2, 52), torch.rand(2, 5, 29)
    found = compose(rest, change)
    slow = kept_rest(rest)[:, None].repeat(1, 5, 1)
    for place, unit in enumerate(MOUTH_UNITS):
        slow[..., unit] += change[..., place]
    torch.testing.assert_close(found, slow)


def test_kept_units_are_units_of_the_mouth():
    assert {FACE_UNITS.index(name) for name in KEPT_MOUTH_UNITS} < set(MOUTH_UNITS)
