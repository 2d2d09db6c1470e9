"""Named emoji from the npm package ``emoji-datasource-google``: a domain without a face in it.

The pictures are Google's Noto emoji (Apache-2.0), the table around them is MIT. A user fetches the package once, with
``npm pack emoji-datasource-google``; nothing here opens a connection.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmarks.targets.pictures import PARTS, Pictures, part_of
from shared.errors import InputError

SIZE = 64
SOURCE = "Noto emoji by Google, npm emoji-datasource-google, Apache-2.0"

_TONES = {
    "1F3FB": "light skin", "1F3FC": "medium light skin", "1F3FD": "medium skin",
    "1F3FE": "medium dark skin", "1F3FF": "dark skin",
}  # fmt: skip

_TABLE, _FOLDER = "emoji.json", "img/google/64/"


def read_emoji(package: str | Path, *, count: int | None = None) -> Pictures:
    """Read the emoji on white, split by identity: an emoji's skin tones stay together.

    Plain emoji come first in each part, skin tones after them, both in an order drawn once.

    Args:
        package: The ``.tgz`` of ``npm pack``, or the folder it unpacks to.
        count: Pictures in each part; None for all.

    Raises:
        InputError: If it is no such package, or holds fewer.
    """
    try:
        files = _files(Path(package))
        chosen = _chosen(json.loads(files[_TABLE]), count)
        images = [_picture(files[f"{_FOLDER}{name}"]) for _, _, name in chosen]
    except (KeyError, OSError, ValueError, tarfile.TarError) as error:
        raise InputError(
            f"{package} is not emoji-datasource-google", found=error,
            fix="npm pack emoji-datasource-google",
        ) from error  # fmt: skip
    identities = tuple(own for own, _, _ in chosen)
    return Pictures(
        np.stack(images), tuple(words for _, words, _ in chosen), identities,
        tuple(part_of(own) for own in identities), SOURCE,
    ).checked()  # fmt: skip


def _files(package: Path) -> dict[str, bytes]:
    """Return the table and the 64 px pictures of the package, read in one pass: a packed archive has no way back."""
    if package.is_dir():
        root = package / "package" if (package / "package").is_dir() else package
        paths = [root / _TABLE, *(root / _FOLDER).glob("*.png")]
        return {path.relative_to(root).as_posix(): path.read_bytes() for path in paths}
    if not package.is_file():
        raise InputError(f"no package {package}", fix="npm pack emoji-datasource-google")
    files = {}
    with tarfile.open(package, "r|gz") as archive:
        for member in archive:
            name = member.name.removeprefix("package/")
            if name == _TABLE or name.startswith(_FOLDER):
                stream = archive.extractfile(member)
                if stream is not None:
                    files[name] = stream.read()
    return files


def _chosen(table: list[dict[str, Any]], count: int | None) -> list[tuple[str, str, str]]:
    """Return (identity, caption, file) of each picture, plain emoji of a part first."""
    plain, toned = [], []
    for entry in table:
        if not entry.get("has_img_google"):
            continue
        own, words = entry["short_name"], caption(entry)
        plain.append((own, words, entry["image"]))
        for tone, variation in entry.get("skin_variations", {}).items():
            names = [_TONES[part] for part in tone.split("-") if part in _TONES]
            if variation.get("has_img_google"):
                text = f"{words}, {' and '.join(names)}"
                toned.append((own, text, variation["image"]))
    ordered = sorted(plain, key=_shuffled) + sorted(toned, key=_shuffled)
    parts = [[one for one in ordered if part_of(one[0]) == part] for part in PARTS]
    if count is not None and min(map(len, parts)) < count:
        raise InputError("too few emoji in a part", found=min(map(len, parts)), expected=count)
    return [one for part in parts for one in part[:count]]


def _shuffled(one: tuple[str, str, str]) -> str:
    return hashlib.sha256(one[2].encode()).hexdigest()


def caption(entry: dict[str, Any]) -> str:
    """Return an emoji's name and group in words.

    Example:
        >>> caption({"name": "FRENCH FRIES", "category": "Food & Drink"})
        'an emoji of french fries, food and drink'
    """
    name = str(entry["name"] or entry["short_name"]).lower()
    return f"an emoji of {name}, {str(entry['category']).lower().replace('&', 'and')}"


def _picture(png: bytes) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(png)) as image:
        picture = image.convert("RGBA").resize((SIZE, SIZE))
    white = Image.new("RGBA", picture.size, "white")
    return np.asarray(Image.alpha_composite(white, picture).convert("RGB"), np.uint8)
