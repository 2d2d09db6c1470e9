from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from forensics.membership.pictures import as_pictures, find_images, read_images, to_tensor
from shared.errors import InputError
from shared.media.image import write_image


def test_the_centre_is_kept_and_resized_bicubically():
    rgb = np.random.default_rng(0).integers(0, 255, (20, 33, 3), dtype=np.uint8)
    centre = Image.fromarray(rgb[:, 6:26]).resize((8, 8), Image.Resampling.BICUBIC)
    expected = torch.from_numpy(np.asarray(centre) / 255.0).permute(2, 0, 1).float()
    torch.testing.assert_close(to_tensor(rgb, 8), expected)


def test_a_square_of_the_right_size_is_not_touched():
    rgb = np.random.default_rng(0).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    back = (to_tensor(rgb, 8).permute(1, 2, 0) * 255).round().byte().numpy()
    np.testing.assert_array_equal(back, rgb)


def test_bad_files_are_told_one_by_one(tmp_path):
    good = write_image(tmp_path / "ä b.png", np.zeros((9, 9, 3), np.uint8))
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff nothing more")
    pictures = read_images([good, broken, tmp_path / "missing.png", good], 8)
    for _ in range(2):  # as often as one likes
        found = list(pictures)
        assert [picture.index for picture in found] == [0, 1, 2, 3]
        assert [picture.image is None for picture in found] == [False, True, True, False]
        assert "broken.jpg" in str(found[1].error)
        assert "no file" in str(found[2].error)
    assert len(pictures) == 4
    assert pictures[-1].index == 3


def test_only_the_wanted_files_are_opened(tmp_path):
    good = write_image(tmp_path / "a.png", np.zeros((9, 9, 3), np.uint8))
    found = list(read_images([tmp_path / "missing.png", good], 8).read([1]))
    assert [picture.index for picture in found] == [1]


def test_the_digest_is_of_what_the_attack_sees(tmp_path):
    one, other = as_pictures(torch.rand(2, 3, 8, 8))
    assert one.digest() != other.digest()
    assert one.digest() == next(as_pictures(one.image[None], first=5)).digest()


def test_pictures_are_found_below_a_folder_in_order(tmp_path):
    for name in ("b.PNG", "sub/a.jpg", "notes.txt", "a.webp"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b"")
    found = [path.relative_to(tmp_path).as_posix() for path in find_images(tmp_path)]
    assert found == ["a.webp", "b.PNG", "sub/a.jpg"]
    with pytest.raises(InputError, match="no pictures"):
        (tmp_path / "empty").mkdir()
        find_images(tmp_path / "empty")
    with pytest.raises(InputError, match="no folder"):
        find_images(tmp_path / "nowhere")
