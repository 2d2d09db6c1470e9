"""The sheet asks everybody for the same, composes it, and says how it was judged."""

import numpy as np
import pytest
import torch

from benchmarks.sheet import DETAILS, NEAR, Window, draw, named, picture, rows_of, takes
from shared.face.landmarks import Landmarks
from synthesis.renderer.config import PRESETS
from synthesis.renderer.generator import Renderer
from synthesis.renderer.network import RendererNetwork
from synthesis.source import read_source


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
    assert laid.shape == (3 * 56, 400, 3)
    assert laid.dtype == np.uint8 and laid.std() > 10
    rows = rows_of({"astronaut": sheet}, "smoke")
    figures = [line["figure"] for line in rows]
    assert figures[:2] == [
        "landmarks from those asked for, within 15 degrees", "landmarks from those asked for, beyond",
    ]  # fmt: skip
    assert {"background change, head turned", "change outside the crop, expression alone"} < {
        *figures
    }
    assert all(line["table"] == "astronaut" for line in rows)


def test_frames_are_pasted_into_the_photo_and_nothing_outside_the_crop_is_touched(sheet):
    (_, photo), *_ = named(None)
    window = Window(read_source(photo))
    assert sheet.frames.shape[1:] == window.photo.shape == sheet.photo.shape
    assert min(sheet.photo.shape[:2]) > window.side  # the whole seam is in sight
    assert (sheet.frames[:, window.outside] == sheet.photo[window.outside]).all()
    assert all(change.outside == 0 for change in sheet.changes)
    assert np.isnan(
        sheet.changes[0].background
    )  # the neutral take is what the others are compared with


def test_a_seam_and_a_background_that_moves_are_seen():
    (_, photo), *_ = named(None)
    window = Window(read_source(photo))
    rest, nobody = window.photo, np.zeros(window.photo.shape[:2], bool)
    moved = rest.copy()
    moved[window.inside] = np.clip(rest[window.inside].astype(int) + 20, 0, 255)
    same, seam = (window.change(frame, rest, nobody) for frame in (rest.copy(), moved))
    assert same == (0, 0, 0, 0, 0)
    assert seam.outside == 0 and seam.band > 15 and 15 < seam.background < 20.1
    assert not window.change(moved, rest, ~nobody).background > 0  # all of it is head
    line = rest.copy()
    line[window.band & (np.arange(rest.shape[1]) % 8 == 0)] = 255
    assert window.change(line, rest, nobody).edge > 10


def test_details_are_the_pixels_of_the_frame_as_they_are(sheet):
    side = 40
    laid = picture([sheet], side, across=10)
    at = DETAILS.index(("mouth", "jaw"))
    shown = laid[2 * 56 : 2 * 56 + side, at * side : (at + 1) * side]
    x, y = (middle - side // 2 for middle in sheet.places["mouth"])
    frame = sheet.frames[sheet.names.index("jaw")]
    assert (shown == frame[y : y + side, x : x + side]).all()
