"""Read ``.npz`` files of unknown origin: what they claim to hold is bounded before anything is unpacked."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import LimitExceeded

MOST_BYTES = 2**31
"""Unpacked: the masks of 1,000 frames of 1080 lines."""


@contextmanager
def stored_arrays(path: str | Path, *, most: int | None = None) -> Iterator[Mapping[str, NDArray]]:
    """Open the arrays of a ``.npz``; zeros pack a thousand to one, so a small file may hold far too much.

    Args:
        path: The file.
        most: Bytes that all its arrays may take, unpacked; :data:`MOST_BYTES` if none is given.

    Raises:
        LimitExceeded: If they take more, judged by the file's directory, before unpacking.
        OSError, ValueError, zipfile.BadZipFile: If it is missing or no such file.
    """
    limit = MOST_BYTES if most is None else most
    with zipfile.ZipFile(path) as packed:
        size = sum(member.file_size for member in packed.infolist())
    if size > limit:
        raise LimitExceeded(
            f"the arrays of {path} take too much memory",
            found=f"{size:,} bytes unpacked",
            expected=f"at most {limit:,}",
            fix="cut it into shorter pieces",
        )
    with np.load(path, allow_pickle=False) as data:
        yield data
