"""Motion files that people edit with numpy, and files that are none."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from shared import motion
from shared.errors import InputError, LimitExceeded
from shared.motion import FACE_UNITS, Motion

PARTS = {
    "rotation": np.zeros((3, 3)), "translation": np.ones((3, 3)),
    "expression": np.zeros((3, len(FACE_UNITS))),
}  # fmt: skip


@pytest.mark.parametrize(
    ("told", "meant"),
    [
        (25, 25),
        (29.97003, Fraction(30000, 1001)),
        ([30000, 1001], Fraction(30000, 1001)),
        ([25], 25),
    ],
)
def test_the_rate_may_be_a_number_or_a_fraction(tmp_path, told, meant):
    np.savez(tmp_path / "a.npz", fps=told, **PARTS)
    assert Motion.load(tmp_path / "a.npz").fps == meant


def array_alone(path):
    with path.open("wb") as stream:
        np.save(stream, np.zeros(3))


def damaged(path):
    Motion(**PARTS, fps=Fraction(25)).save(path)
    content = bytearray(path.read_bytes())
    content[60:80] = bytes(20)
    path.write_bytes(content)


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"PK"),
        array_alone,
        lambda path: np.savez(path, fps=25),
        lambda path: np.savez(path, fps="fast", **PARTS),
        lambda path: np.savez(path, fps=0, **PARTS),
        lambda path: np.savez(path, fps=[1, 500], **PARTS),
        lambda path: np.savez(path, fps=1001, **PARTS),
        lambda path: np.savez(path, fps=float("nan"), **PARTS),
        lambda path: np.savez(path, fps=np.zeros((2, 2)), **PARTS),
        lambda path: path.mkdir(),
        damaged,
    ],
)  # fmt: skip
def test_what_is_no_motion_is_said(tmp_path, make):
    make(tmp_path / "a.npz")
    with pytest.raises(InputError, match="Motion"):
        Motion.load(tmp_path / "a.npz")


def test_a_file_that_unpacks_to_too_much_is_refused(tmp_path, monkeypatch):
    path = Motion(**PARTS, fps=Fraction(25)).save(tmp_path / "a.npz")
    monkeypatch.setattr(motion, "MOST_BYTES", 100)
    with pytest.raises(LimitExceeded, match=r"a\.npz"):
        Motion.load(path)


@pytest.mark.parametrize("fps", [25, 40])
def test_no_more_frames_are_made_than_are_asked_for(fps):
    whole = Motion(
        np.arange(30.0).reshape(10, 3), np.ones((10, 3)), np.zeros((10, 52)), Fraction(25)
    )
    part = whole.resampled(fps, most=4)
    assert len(part) == 4
    np.testing.assert_array_equal(part.rotation, whole.resampled(fps).rotation[:4])
