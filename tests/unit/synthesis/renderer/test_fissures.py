"""The cut along mouth and eyes: contours, sides, openings."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from shared.face.head_model import HeadModel
from shared.motion import UNIT, Motion
from synthesis.renderer.config import PRESETS
from synthesis.renderer.fissures import (
    ABOVE,
    BELOW,
    LOWER,
    UPPER,
    fissure_distances,
    openings,
    shut_eyes,
    side_of,
)
from synthesis.renderer.generator import project_head
from synthesis.renderer.network import RendererNetwork
from synthesis.renderer.surface import Turn


def face(roll: float = 0.0, **units: float) -> torch.Tensor:
    """Points of the mean head at rest but for ``units``, (1, 478 + S, 2)."""
    expression = np.zeros((1, 52), np.float32)
    for name, value in units.items():
        expression[0, UNIT[name]] = value
    model = HeadModel.load()
    motion = Motion(
        np.array([[0, 0, roll]], np.float32), np.array([[0, 0, -0.75]], np.float32),
        expression, Fraction(25),
    )  # fmt: skip
    return torch.from_numpy(project_head(np.zeros(len(model.identity_basis), np.float32), motion))


SMILE = {"jawOpen": 0.35, "mouthSmileLeft": 0.6, "mouthSmileRight": 0.6}


def look_up(field: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """Values of ``field`` (1, C, S, S) at ``points`` (1, P, 2), as (P, C)."""
    return F.grid_sample(field, points[:, None], align_corners=False)[0, :, 0].T


def test_both_contours_have_distance_zero_and_the_opening_lies_between():
    points = face(roll=0.3, **SMILE)
    distances = fissure_distances(points, 256)
    for fissure in range(3):
        for which, contour in enumerate((UPPER[fissure], LOWER[fissure])):
            inner = points[:, list(contour[2:-2])]
            found = look_up(distances[:, fissure, [which]], inner)
            assert found.abs().max() < 0.012
        half = len(UPPER[fissure]) // 2
        middle = points[:, [UPPER[fissure][half], LOWER[fissure][half]]].mean(1)
        assert (look_up(distances[:, fissure], middle[:, None]) > 0).all()


@pytest.mark.parametrize("roll", [0.0, 0.4, -0.4])
def test_lips_and_lids_lie_on_their_own_sides(roll):
    points = face(roll, **SMILE)
    side = side_of(points, fissure_distances(points, 128))[:, None]
    assert (look_up(side, points[:, sorted(ABOVE)]) < 0).all()
    assert (look_up(side, points[:, sorted(BELOW)]) > 0).all()


def test_what_is_shut_is_not_open_and_what_is_open_has_its_area():
    closed = face(eyeBlinkLeft=1.0, eyeBlinkRight=1.0)
    gaping = face(jawOpen=0.8)
    opened = [openings(fissure_distances(points, 64), 128) for points in (closed, gaping)]
    assert opened[0].mean() < 0.1 * opened[1][:, 1].mean()
    polygon = gaping[0, [*UPPER[0], *LOWER[0][-2:0:-1]]].numpy()
    x, y = polygon[:, 0], polygon[:, 1]
    area = abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2
    assert float(opened[1][0, 0].mean()) * 4 == pytest.approx(area, rel=0.15)


@torch.no_grad()
def test_lips_meet_although_the_source_holds_them_apart():
    """Where the driven lips touch, nothing of the source's open mouth is shown."""
    torch.manual_seed(0)
    network = RendererNetwork(PRESETS["cpu"])
    network.motion.head.bias[1] = 20.0  # the mesh flow alone
    smiling, shut = face(**SMILE), face()
    mouth = openings(fissure_distances(smiling, 64), 128)[:, :1]
    assert mouth.sum() > 50
    turn = Turn.flat(torch.eye(2)[None], smiling.shape[1])
    motion = network.motion(mouth.expand(-1, 3, -1, -1), smiling, shut, turn)
    cut = motion.warp(mouth)
    smooth = replace(motion, flow=motion.flow.mean(1, keepdim=True).expand_as(motion.flow))
    assert cut.sum() < 0.25 * smooth.warp(mouth).sum()


@torch.no_grad()
def test_the_upper_teeth_stay_when_the_jaw_falls():
    """What a smile shows between the lips moves with the upper lip, not with the lower one."""
    torch.manual_seed(0)
    network = RendererNetwork(PRESETS["cpu"])
    network.motion.head.bias[1] = 20.0  # the mesh flow alone
    smiling, gaping = face(**SMILE), face(**{**SMILE, "jawOpen": 1.0})
    teeth = openings(fissure_distances(smiling, 64), 128)[:, :1]
    turn = Turn.flat(torch.eye(2)[None], smiling.shape[1])
    motion = network.motion(teeth.expand(-1, 3, -1, -1), smiling, gaping, turn)
    shown = motion.warp(teeth)[0, 0]
    rows = torch.arange(128.0)
    height, before = ((w.sum(1) * rows).sum() / w.sum() for w in (shown, teeth[0, 0]))
    fall = (gaping[0, 14, 1] - smiling[0, 14, 1]) * 64
    assert fall > 8
    assert abs(height - before) < 0.25 * fall


def test_only_lids_that_come_down_count_as_shut():
    still, wink = face(roll=0.2), face(roll=0.2, eyeBlinkLeft=1.0)
    assert shut_eyes(still, still, 64).max() < 0.01
    assert shut_eyes(wink, still, 64).max() < 0.01  # opening is not closing
    found = shut_eyes(still, wink, 64)
    left, right = (wink[:, [upper[0], upper[-1]]].mean(1) for upper in (UPPER[2], UPPER[1]))
    assert look_up(found, left[:, None]).item() > 0.95
    assert look_up(found, right[:, None]).item() < 0.05
    assert look_up(found, wink[:, [13]]).item() < 0.01
