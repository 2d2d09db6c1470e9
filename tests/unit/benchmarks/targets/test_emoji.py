"""Emoji from a package that is made here."""

from __future__ import annotations

import io
import json
import shutil
import tarfile

import numpy as np
import pytest
from PIL import Image

from benchmarks.targets.emoji import read_emoji
from shared.errors import InputError


def entry(number: int, tones: bool = False) -> dict:
    one = {
        "name": f"THING {number}", "short_name": f"thing-{number}", "category": "Objects",
        "image": f"{number:x}.png", "has_img_google": True,
    }  # fmt: skip
    if tones:
        one["skin_variations"] = {
            "1F3FB": {"image": f"{number:x}-1f3fb.png", "has_img_google": True}
        }
    return one


@pytest.fixture
def package(tmp_path):
    """A packed package: 40 emoji, half of them with a light skin, all red with half transparency."""
    table = [entry(number, number % 2 == 0) for number in range(40)]
    names = [one["image"] for one in table]
    names += [v["image"] for one in table for v in one.get("skin_variations", {}).values()]
    png = io.BytesIO()
    Image.new("RGBA", (64, 64), (255, 0, 0, 128)).save(png, "PNG")
    path = tmp_path / "emoji.tgz"
    with tarfile.open(path, "w:gz") as archive:
        files = {f"img/google/64/{name}": png.getvalue() for name in names}
        for name, data in {**files, "emoji.json": json.dumps(table).encode()}.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_emoji_lie_on_white_with_their_names_and_tones_stay_together(package):
    pictures = read_emoji(package)
    assert len(pictures) == 60
    np.testing.assert_allclose(pictures.images[0, 0, 0], [255, 127, 127], atol=1)
    toned = [row for row, text in enumerate(pictures.captions) if text.endswith(", light skin")]
    assert len(toned) == 20
    home = dict(zip(pictures.identities, pictures.parts, strict=True))
    assert all(pictures.parts[row] == home[pictures.identities[row]] for row in toned)


def test_an_unpacked_package_gives_the_same(package, tmp_path):
    shutil.unpack_archive(package, tmp_path / "open")
    np.testing.assert_array_equal(read_emoji(tmp_path / "open").images, read_emoji(package).images)


def test_plain_emoji_come_before_tones(package):
    few = read_emoji(package, count=8)
    assert not any("skin" in text for text in few.captions)
    with pytest.raises(InputError, match="too few emoji"):
        read_emoji(package, count=50)


def test_something_else_is_refused(tmp_path):
    with pytest.raises(InputError, match="npm pack"):
        read_emoji(tmp_path / "missing.tgz")
    (tmp_path / "other.tgz").write_bytes(b"no archive")
    with pytest.raises(InputError, match="is not emoji-datasource-google"):
        read_emoji(tmp_path / "other.tgz")
