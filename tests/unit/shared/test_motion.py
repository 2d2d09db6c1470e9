"""Motion files that people edit with numpy, and files that are none."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from shared.errors import InputError
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
