"""What a provider of manipulation maps is.

A provider looks at face crops with labels and says where each forgery lies: ``(N, h, w)`` in [0, 1], all zero on
authentic faces. Paired providers need the authentic counterpart of each forgery, or its mask; the others need a
trained detector, and must never be asked about the test data of a comparison with a model that was trained on it.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from forensics.detections import Maps, batches_of
from forensics.faces import FaceSet, Images
from shared.errors import InputError


class MapProvider(Protocol):
    """A way to make maps.

    Attributes:
        name: Of :data:`forensics.maps.registry.PROVIDERS`.
        checkpoint: SHA-256 of the model's weights, "" for providers that have none.
        reads: Fields of :class:`FaceSet` that a map depends on, beside the label.
        settings: What else decides a map, for the cache.
    """

    @property
    def name(self) -> str:
        """See above."""

    @property
    def checkpoint(self) -> str:
        """See above."""

    @property
    def reads(self) -> tuple[str, ...]:
        """See above."""

    @property
    def settings(self) -> dict[str, float | int | str]:
        """See above."""

    def maps(self, faces: FaceSet) -> Maps:
        """Return ``(N, h, w)`` float32 in [0, 1], zero where the label says authentic."""


def needed(faces: FaceSet, field: str) -> Maps | Images:
    """Return the masks or counterparts of a set.

    Raises:
        InputError: If it has none.
    """
    value: Maps | Images | None = getattr(faces, field)
    if value is None:
        raise InputError(
            f"these faces have no {field}",
            found="unpaired faces",
            fix="use a provider that needs none, for example focus",
        )
    return value


def silenced(maps: Maps, faces: FaceSet) -> Maps:
    """Return the maps with those of authentic faces set to zero, as float32 in [0, 1]."""
    kept = np.clip(maps, 0, 1) * (faces.labels == 1)[:, None, None]
    return np.asarray(kept, np.float32)


def peak_to_one(maps: Tensor) -> Tensor:
    """Return maps ``(B, h, w)`` moved and scaled to run from 0 to 1; flat ones become zero."""
    low, high = maps.amin((1, 2), keepdim=True), maps.amax((1, 2), keepdim=True)
    return (maps - low) / (high - low).clamp(min=torch.finfo(maps.dtype).tiny)


def forged_batches(
    faces: FaceSet, size: int, batch_size: int = 16
) -> list[tuple[np.ndarray, Tensor]]:
    """Return (rows, pictures) of the forged faces alone: authentic ones have empty maps anyway."""
    rows = np.flatnonzero(faces.labels == 1)
    if len(rows) == 0:
        return []
    parts = batches_of(faces.frames[rows], size, batch_size, torch.device("cpu"))
    return [
        (rows[start * batch_size : (start + 1) * batch_size], part)
        for start, part in enumerate(parts)
    ]
