"""Captioned pictures: nothing is lost, nobody is in two parts."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from PIL import Image

from benchmarks.targets.pictures import PARTS, Pictures, part_of
from shared.errors import InputError


def some(count: int = 6, size: int = 8) -> Pictures:
    images = np.random.default_rng(0).integers(0, 256, (count, size, size, 3), dtype=np.uint8)
    names = tuple(f"p{number}" for number in range(count))
    parts = tuple(PARTS[number % 3] for number in range(count))
    return Pictures(images, tuple(f"picture {name}" for name in names), names, parts, "made up")


def test_pictures_survive_the_file_bit_by_bit(tmp_path):
    pictures = some()
    read = Pictures.load(pictures.save(tmp_path / "new" / "set.npz"))
    np.testing.assert_array_equal(read.images, pictures.images)
    assert (read.captions, read.identities, read.parts) == (
        pictures.captions, pictures.identities, pictures.parts,
    )  # fmt: skip


def test_a_folder_holds_the_same_pixels_and_captions(tmp_path):
    members = some().part("members")
    folder = members.write_images(tmp_path / "members")
    rows = list(csv.DictReader(members.write_captions(tmp_path / "captions.csv").open()))
    assert [row["caption"] for row in rows] == list(members.captions)
    for row, image in zip(rows, members.images, strict=True):
        np.testing.assert_array_equal(np.asarray(Image.open(folder / row["image"])), image)


def test_pictures_of_one_identity_get_different_names():
    pictures = some(2)
    twins = Pictures(pictures.images, pictures.captions, ("a", "a"), ("members",) * 2, "")
    assert twins.names() == ("a.png", "a-1.png")


def test_an_identity_in_two_parts_is_refused(tmp_path):
    pictures = some(2)
    torn = Pictures(pictures.images, pictures.captions, ("a", "a"), ("members", "reference"), "")
    with pytest.raises(InputError, match="two parts"):
        Pictures.load(torn.save(tmp_path / "torn.npz"))


def test_a_part_that_is_too_small_is_told():
    with pytest.raises(InputError, match="found 2, expected 3"):
        some().part("members", 3)


def test_parts_are_thirds_that_hang_on_the_name_alone():
    parts = [part_of(f"p{number}") for number in range(3000)]
    assert all(900 < parts.count(part) < 1100 for part in PARTS)


def test_a_file_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", frames=np.zeros(3))
    with pytest.raises(InputError, match="no captioned pictures"):
        Pictures.load(tmp_path / "other.npz")
