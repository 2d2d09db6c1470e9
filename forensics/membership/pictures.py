"""Pictures on their way into an attack: centre crop, bicubic resize, one error a bad file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from shared.errors import InputError, ToolkitError
from shared.media.image import read_image

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff", ".avif", ".jp2", ".ppm")


@dataclass(frozen=True)
class Picture:
    """One picture of an audit, or the reason why there is none.

    Attributes:
        index: Its place in the audit; with the seed it decides the picture's noise.
        path: Its file, or a name for a picture that was never one.
        image: ``(3, S, S)`` RGB float32 in [0, 1], or None.
        error: Why it could not be read, or None.
    """

    index: int
    path: Path
    image: Tensor | None
    error: ToolkitError | None = None

    def digest(self) -> str:
        """Return the SHA-256 of the pixels that the attack sees."""
        pixels = b"" if self.image is None else self.image.cpu().numpy().tobytes()
        return hashlib.sha256(pixels).hexdigest()


@dataclass(frozen=True)
class PictureFiles:
    """Files that become pictures one by one, as often as one iterates.

    Attributes:
        paths: The files, in the order of the audit.
        size: Side of the pictures, px.
    """

    paths: tuple[Path, ...]
    size: int

    def __len__(self) -> int:
        """Return the number of files."""
        return len(self.paths)

    def __iter__(self) -> Iterator[Picture]:
        """Read all."""
        return self.read(range(len(self.paths)))

    def __getitem__(self, index: int) -> Picture:
        """Read one."""
        return self._read(range(len(self.paths))[index])

    def read(self, indices: Sequence[int]) -> Iterator[Picture]:
        """Read some, in the given order; the others are not opened."""
        for index in indices:
            yield self._read(index)

    def _read(self, index: int) -> Picture:
        path = self.paths[index]
        try:
            return Picture(index, path, to_tensor(read_image(path), self.size))
        except ToolkitError as error:
            return Picture(index, path, None, error)


def read_images(paths: Sequence[str | Path], size: int) -> PictureFiles:
    """Return pictures to iterate over, read lazily; a file that cannot be read gives a Picture with its error.

    Args:
        paths: Any files that :func:`shared.media.image.read_image` takes.
        size: Side in pixels that the model works at.
    """
    return PictureFiles(tuple(Path(path) for path in paths), size)


def find_images(folder: str | Path) -> list[Path]:
    """Return the pictures in a folder and below, sorted by path.

    Raises:
        InputError: If there is no such folder, or no picture in it.
    """
    root = Path(folder)
    if not root.is_dir():
        raise InputError(f"no folder at {root}", fix="check the path")
    found = sorted(p for p in root.rglob("*") if p.suffix.lower() in EXTENSIONS and p.is_file())
    if not found:
        raise InputError(f"no pictures in {root}", expected=" ".join(EXTENSIONS))
    return found


def as_pictures(images: Tensor, first: int = 0) -> Iterator[Picture]:
    """Return pictures that are in memory already, ``(N, 3, S, S)`` in [0, 1], counted from ``first``."""
    for index, image in enumerate(images, first):
        yield Picture(index, Path(f"picture-{index}"), image)


def to_tensor(rgb: NDArray[np.uint8], size: int) -> Tensor:
    """Crop a picture's central square and resize it bicubically, as the authors of structural MIA do.

    Args:
        rgb: ``(H, W, 3)`` uint8.
        size: Side of the result, px.

    Returns:
        ``(3, size, size)`` float32 in [0, 1].

    Example:
        >>> to_tensor(np.full((20, 30, 3), 255, np.uint8), 8).shape
        torch.Size([3, 8, 8])
    """
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = np.ascontiguousarray(rgb[top : top + side, left : left + side])
    if side != size:
        square = np.asarray(Image.fromarray(square).resize((size, size), Image.Resampling.BICUBIC))
    return torch.from_numpy(square.astype(np.float32) / 255.0).permute(2, 0, 1).contiguous()
