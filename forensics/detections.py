"""What every detector of forged faces answers, and the tests that it may answer at all."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from forensics.faces import Images, as_pictures
from shared.errors import InputError

Maps = NDArray[np.float32]


@dataclass(frozen=True)
class Detections:
    """Answers about N faces.

    Attributes:
        scores: ``(N,)`` in [0, 1], larger = forged; not calibrated.
        maps: ``(N, h, w)`` in [0, 1], larger = forged here; None from a detector that has no map.
    """

    scores: NDArray[np.float64]
    maps: Maps | None = None


class FaceDetector(Protocol):
    """A trained detector."""

    sha256: str
    """Of its weights."""

    def detect(self, frames: Images, *, batch_size: int = 16) -> Detections:
        """Answer about face crops ``(N, S, S, 3)`` uint8 RGB of any size."""


def batches_of(frames: Images, size: int, batch_size: int, device: object) -> Iterator[Tensor]:
    """Yield frames as a network takes them, a few at a time.

    Raises:
        InputError: If they are no RGB pictures, or there is none.
    """
    if frames.ndim != 4 or frames.shape[-1] != 3 or frames.dtype != np.uint8 or not len(frames):
        raise InputError(
            "these are no face crops",
            found=f"{frames.dtype} {frames.shape}",
            expected="uint8 (N, S, S, 3), N at least 1",
        )
    for start in range(0, len(frames), batch_size):
        yield as_pictures(frames[start : start + batch_size], size, str(device))


def by_video(scores: NDArray[np.float64], videos: NDArray[np.int64]) -> dict[int, float]:
    """Return video -> mean score of its frames.

    Example:
        >>> by_video(np.array([0.2, 0.4, 0.9]), np.array([3, 3, 5]))
        {3: 0.30000000000000004, 5: 0.9}
    """
    return {int(video): float(scores[videos == video].mean()) for video in np.unique(videos)}
