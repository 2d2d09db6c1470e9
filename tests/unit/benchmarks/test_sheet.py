"""The sheet asks everybody for the same, composes it, and says how it was judged."""

import numpy as np
import pytest
import torch

from benchmarks.sheet import NEAR, draw, named, picture, rows_of, takes
from shared.face.landmarks import Landmarks
from synthesis.renderer.config import PRESETS
from synthesis.renderer.generator import Renderer
from synthesis.renderer.network import RendererNetwork


@pytest.fixture(scope="module")
def sheet():
    torch.manual_seed(0)
    renderer = Renderer(RendererNetwork(PRESETS["smoke"]))
    (_, photo), *_ = named(None)

    def blind(image, where):
        """Finds a face in the middle of its box, and none in every second picture."""
        blind.calls += 1
        centre = (np.asarray(where)[:2] + np.asarray(where)[2:]) / 2
        points = np.repeat(centre[None], 478, axis=0).astype(np.float32)
        return Landmarks(
            points=points, depth=None, presence=float(blind.calls % 2), blendshapes=None
        )

    blind.calls = 0
    return draw(renderer, photo, landmarker=blind)


def test_every_take_is_drawn_and_what_is_not_seen_is_not_judged(sheet):
    assert sheet.names[0] == "neutral" and "yaw -30" in sheet.names and "vowel AA" in sheet.names
    assert len(sheet.frames) == len(takes()) == len(sheet.landmarks)
    assert np.isnan(sheet.landmarks[1::2]).all() and np.isfinite(sheet.landmarks[::2]).all()
    assert np.isnan(sheet.likeness).all()
    turned = dict(zip(sheet.names, sheet.turn, strict=True))
    assert turned["yaw 20"] == pytest.approx(20) and turned["blink"] < NEAR


def test_the_picture_holds_all_tiles_and_the_rows_say_near_and_far(sheet):
    laid = picture([sheet], 40, across=10)
    assert laid.shape == (2 * 56, 400, 3)
    assert laid.dtype == np.uint8 and laid.std() > 10
    rows = rows_of({"astronaut": sheet}, "smoke")
    assert [line["figure"] for line in rows] == [
        "landmarks from those asked for, within 15 degrees", "landmarks from those asked for, beyond",
    ]  # fmt: skip
    assert all(line["table"] == "astronaut" for line in rows)
