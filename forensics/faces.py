"""Face crops and what is known of them: what every detector learns from and every map provider reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shared.errors import InputError

Images = NDArray[np.uint8]


@dataclass(frozen=True)
class FaceSet:
    """N face crops.

    Attributes:
        frames: ``(N, S, S, 3)`` uint8 RGB.
        labels: ``(N,)`` 1 for forged, 0 for authentic.
        people: ``(N,)`` identity of the person seen.
        videos: ``(N,)`` number of the video; scores of one video are averaged.
        masks: ``(N, S, S)`` float32 in [0, 1], where the forgery truly is, zero on authentic faces; None if unknown.
        counterparts: ``(N, S, S, 3)`` uint8, the authentic frame that each forgery was made of; None if unpaired.

    Raises:
        InputError: If the arrays do not go together.
    """

    frames: Images
    labels: NDArray[np.int64]
    people: NDArray[Any]
    videos: NDArray[np.int64]
    masks: NDArray[np.float32] | None = None
    counterparts: Images | None = None

    def __post_init__(self) -> None:
        """Refuse arrays of different lengths or shapes."""
        found = self.frames.shape
        if self.frames.dtype != np.uint8 or len(found) != 4 or found[3] != 3:
            raise InputError(
                "frames are no RGB pictures",
                found=f"{self.frames.dtype} {found}",
                expected="uint8 (N, S, S, 3)",
            )
        wanted = {
            "labels": found[:1], "people": found[:1], "videos": found[:1], "masks": found[:3],
            "counterparts": found,
        }  # fmt: skip
        for name, shape in wanted.items():
            value = getattr(self, name)
            if value is not None and value.shape != shape:
                raise InputError(f"{name} do not fit", found=value.shape, expected=shape)

    def __len__(self) -> int:
        """Return N."""
        return len(self.frames)

    @property
    def size(self) -> int:
        """Side of the pictures, px."""
        return int(self.frames.shape[1])

    def take(self, rows: Any) -> FaceSet:
        """Return some of the faces, by their numbers or a mask."""
        parts: dict[str, Any] = {item.name: getattr(self, item.name) for item in fields(self)}
        kept: dict[str, Any] = {
            name: None if part is None else part[rows] for name, part in parts.items()
        }
        return FaceSet(**kept)

    def resized(self, size: int) -> FaceSet:
        """Return the faces with sides of ``size`` px."""
        if size == self.size:
            return self
        masks, others = self.masks, self.counterparts
        return replace(
            self,
            frames=_resized(self.frames, size),
            masks=None if masks is None else _resized(masks, size),
            counterparts=None if others is None else _resized(others, size),
        )


def joined(parts: Sequence[FaceSet]) -> FaceSet:
    """Return several sets as one; the numbers of their videos are kept apart.

    Masks and counterparts are kept where every part has them.
    """
    optional = {
        name: np.concatenate([getattr(part, name) for part in parts])
        if all(getattr(part, name) is not None for part in parts)
        else None
        for name in ("masks", "counterparts")
    }
    first = np.cumsum([0, *(int(part.videos.max(initial=-1)) + 1 for part in parts)])
    return FaceSet(
        np.concatenate([part.frames for part in parts]),
        np.concatenate([part.labels for part in parts]),
        np.concatenate([part.people for part in parts]),
        np.concatenate([part.videos + at for part, at in zip(parts, first, strict=False)]),
        **optional,
    )


def as_pictures(frames: Images, size: int, device: str | torch.device = "cpu") -> Tensor:
    """Return frames as a network takes them, ``(N, 3, size, size)`` float32 in [0, 1]."""
    scaled = frames if frames.shape[1:3] == (size, size) else _resized(frames, size)
    moved = torch.from_numpy(np.ascontiguousarray(scaled)).to(device)
    return moved.permute(0, 3, 1, 2).float() / 255


def _resized(pictures: NDArray[Any], size: int) -> NDArray[Any]:
    smaller = size < pictures.shape[1]
    how = cv2.INTER_AREA if smaller else cv2.INTER_LINEAR
    rows = [cv2.resize(picture, (size, size), interpolation=how) for picture in pictures]
    return (
        np.stack(rows) if rows else np.zeros((0, size, size, *pictures.shape[3:]), pictures.dtype)
    )
