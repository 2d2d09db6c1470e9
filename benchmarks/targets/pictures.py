"""Captioned pictures in three disjoint parts: what a target learns, what it never sees, what its reference learns.

Stored as one ``.npz`` without a lossy step: a membership attack must query exactly the picture that was learnt.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from shared.custody import write_atomic
from shared.errors import InputError

Part = Literal["members", "nonmembers", "reference"]
PARTS: tuple[Part, ...] = ("members", "nonmembers", "reference")


@dataclass(frozen=True)
class Pictures:
    """Captioned pictures and the part that each belongs to.

    Attributes:
        images: ``(N, S, S, 3)`` uint8 RGB.
        captions: ``(N,)`` what each shows.
        identities: ``(N,)`` whom or what each shows; no identity is in two parts.
        parts: ``(N,)`` one of :data:`PARTS` each.
        source: Where they come from and under which licence.
    """

    images: NDArray[np.uint8]
    captions: tuple[str, ...]
    identities: tuple[str, ...]
    parts: tuple[str, ...]
    source: str

    def __len__(self) -> int:
        return len(self.images)

    def part(self, name: Part, count: int | None = None) -> Pictures:
        """Return the pictures of a part, or its first ``count``.

        Raises:
            InputError: If it holds fewer.
        """
        rows = [row for row, own in enumerate(self.parts) if own == name]
        if not rows or (count or 0) > len(rows):
            raise InputError(
                f"too few pictures in the part {name}", found=len(rows), expected=count or 1
            )
        return self.take(rows[:count])

    def take(self, rows: Iterable[int]) -> Pictures:
        """Return the pictures of these rows, in their order."""
        kept = list(rows)
        return Pictures(
            self.images[kept],
            tuple(self.captions[row] for row in kept),
            tuple(self.identities[row] for row in kept),
            tuple(self.parts[row] for row in kept),
            self.source,
        )

    def resized(self, size: int) -> Pictures:
        """Return the pictures with ``size`` px a side, averaged over areas."""
        if self.images.shape[1] == size:
            return self
        images = [
            cv2.resize(one, (size, size), interpolation=cv2.INTER_AREA) for one in self.images
        ]
        return Pictures(
            np.asarray(images, np.uint8), self.captions, self.identities, self.parts, self.source
        )

    def names(self) -> tuple[str, ...]:
        """Return a file name a picture: the identity, and a number where an identity has several."""
        seen: dict[str, int] = {}
        names = []
        for own in self.identities:
            number = seen.get(own, 0)
            seen[own] = number + 1
            names.append(f"{own}-{number}.png" if number else f"{own}.png")
        return tuple(names)

    def save(self, path: str | Path) -> Path:
        """Write everything to one ``.npz``."""
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer, images=self.images, captions=np.array(self.captions),
            identities=np.array(self.identities), parts=np.array(self.parts),
            source=np.array(self.source),
        )  # fmt: skip
        return write_atomic(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> Pictures:
        """Read what :meth:`save` wrote.

        Raises:
            InputError: If it is no such file, or an identity is in two parts.
        """
        try:
            with np.load(path, allow_pickle=False) as stored:
                captions, identities, parts = (
                    tuple(str(one) for one in stored[name])
                    for name in ("captions", "identities", "parts")
                )
                source = str(stored["source"])
                pictures = cls(stored["images"], captions, identities, parts, source)
        except (OSError, ValueError, KeyError) as error:
            raise InputError(
                f"{path} holds no captioned pictures", fix="make them: benchmarks targets data"
            ) from error
        return pictures.checked()

    def checked(self) -> Pictures:
        """Return itself if no identity is in two parts.

        Raises:
            InputError: If one is.
        """
        home: dict[str, str] = {}
        for own, part in zip(self.identities, self.parts, strict=True):
            if home.setdefault(own, part) != part:
                raise InputError("an identity is in two parts", found=f"{own}: {home[own]}, {part}")
        return self

    def write_images(self, folder: str | Path) -> Path:
        """Write the pictures as PNG files."""
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        for name, image in zip(self.names(), self.images, strict=True):
            picture = io.BytesIO()
            Image.fromarray(image).save(picture, "PNG", optimize=True)
            write_atomic(target / name, picture.getvalue())
        return target

    def write_captions(self, path: str | Path) -> Path:
        """Write a table of file names and captions: ``image,caption``."""
        table = io.StringIO()
        rows = csv.writer(table, lineterminator="\n")
        rows.writerow(["image", "caption"])
        rows.writerows(zip(self.names(), self.captions, strict=True))
        return write_atomic(path, table.getvalue())


def part_of(identity: str, seed: int = 0) -> Part:
    """Return the part that an identity belongs to, a third each, whatever else is in the set.

    Example:
        >>> part_of("p00001") == part_of("p00001"), part_of("p00001") in PARTS
        (True, True)
    """
    digest = hashlib.sha256(f"{seed}:{identity}".encode()).digest()
    return PARTS[int.from_bytes(digest[:8], "big") % len(PARTS)]


def joined(sets: Sequence[Pictures]) -> Pictures:
    """Return the pictures of several sets as one.

    Raises:
        InputError: If there is none.
    """
    if not sets:
        raise InputError("no pictures to join", found="0 sets")
    captions, identities, parts = (
        tuple(str(text) for one in sets for text in getattr(one, name))
        for name in ("captions", "identities", "parts")
    )
    images = np.concatenate([one.images for one in sets])
    return Pictures(images, captions, identities, parts, sets[0].source)
