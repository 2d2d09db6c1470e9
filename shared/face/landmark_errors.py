"""How the landmark network errs: what its 478 points do together, and what each does by itself.

    error of a face  =  sum_k b_k mode_k (478, 2)  +  own_l noise,      b_k ~ N(0, 1)

Its errors are not independent: it pulls every face towards the ones that it has seen, so a long nose
comes out short as a whole. A fit that knows the modes does not mistake them for identity or for a turn
of the head. They were measured on renders of known geometry (``python -m shared.face.build_landmark_errors``).

How far lips and lids are apart, and how broad the mouth is, are left out of the modes: rendered mouths
tell little about how far a real one stands open, and this is what a viewer sees first.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from shared.custody import sha256_of, write_atomic
from shared.errors import WeightsError
from shared.face.head_model import LANDMARKS_478

Array = NDArray[np.floating]

LANDMARK_ERRORS_PATH = Path(__file__).with_name("landmark_errors.safetensors")
LANDMARK_ERRORS_SHA256 = "6741faa189e70c273ccd81bf70d05be73ee09b9c1b92cd47eaf2fe0a9b3bc618"
MODES = 48
OPENINGS = (
    (13, 14), (82, 87), (312, 317), (81, 178), (311, 402), (80, 88), (310, 318), (191, 95),
    (415, 324), (159, 145), (158, 153), (160, 144), (161, 163), (157, 154), (386, 374), (385, 380),
    (387, 373), (388, 390), (384, 381), (61, 291), (78, 308), (62, 292), (76, 306), (185, 409),
    (146, 375),
)  # fmt: skip
"""Landmarks that face each other: upper and lower inner lips, upper and lower lids, corners of the mouth."""
_FARTHEST = 4.0
"""Errors beyond this many medians are pulled in before anything is learned from them."""


@dataclass(frozen=True, eq=False)
class LandmarkErrors:
    """Errors in metres at the head's depth, along the eye line and upwards across it.

    Attributes:
        modes: ``(2, 478, K)`` what one standard deviation of each mode does.
        own: ``(478,)`` standard deviation of what is left, each axis.
    """

    modes: NDArray[np.float32]
    own: NDArray[np.float32]

    def __post_init__(self) -> None:
        """Check that the arrays fit the landmarks."""
        if self.modes.shape[:2] != (2, LANDMARKS_478) or self.own.shape != (LANDMARKS_478,):
            raise WeightsError(
                "landmark errors have a wrong shape",
                found=(self.modes.shape, self.own.shape),
                expected=f"(2, {LANDMARKS_478}, K) and ({LANDMARKS_478},)",
            )

    @classmethod
    def load(cls, path: str | Path | None = None) -> LandmarkErrors:
        """Read a file; without a path the shipped one, whose hash is checked and which is read once.

        Raises:
            WeightsError: If the file is missing, is another one, or was changed.

        Example:
            >>> LandmarkErrors.load().modes.shape
            (2, 478, 48)
        """
        return _shipped() if path is None else _read(Path(path))

    def save(self, path: str | Path) -> None:
        """Write both as half precision, in millimetres."""
        # safetensors takes the bytes as they lie, whatever the strides say.
        parts = {
            name: np.ascontiguousarray(1000 * part, np.float16)
            for name, part in (("modes", self.modes), ("own", self.own))
        }
        write_atomic(path, save(parts))


def learn_errors(errors: Array, partner: NDArray[np.integer], count: int = MODES) -> LandmarkErrors:
    """Return the modes that explain errors best, equal for both sides of the face.

    Args:
        errors: ``(N, 478, 2)`` metres at the head's depth, along the eye line and upwards.
        partner: ``(478,)`` the landmark on the other side of each.
        count: Number of modes K.
    """
    both = np.concatenate([errors, errors[:, partner] * [-1, 1]]).astype(np.float64)
    size = np.linalg.norm(both, axis=-1)
    farthest = _FARTHEST * np.median(size, axis=0)
    both *= np.minimum(1.0, farthest / np.maximum(size, 1e-12))[..., None]
    flat = both.transpose(0, 2, 1).reshape(len(both), -1)
    _, strength, patterns = np.linalg.svd(flat / np.sqrt(len(flat)), full_matrices=False)
    patterns, strength = patterns[:count], strength[:count]
    left = flat - (flat @ patterns.T) @ patterns
    own = np.sqrt((left**2).mean(axis=0).reshape(2, LANDMARKS_478).mean(axis=0))
    modes = (patterns * strength[:, None]).T.reshape(2, LANDMARKS_478, -1)
    for edges in OPENINGS:
        modes[:, edges] = modes[:, edges].mean(axis=1, keepdims=True)
    return LandmarkErrors(modes.astype(np.float32), own.astype(np.float32))


def eye_axes(points: Array) -> Array:
    """Return the directions along the eye line and upwards across it, as columns, y up.

    Args:
        points: ``(T, 478, 2)`` px, y down.

    Returns:
        ``(T, 2, 2)``.
    """
    line = (points[:, 263] - points[:, 33]) * [1, -1]
    line = line / np.maximum(np.linalg.norm(line, axis=-1, keepdims=True), 1e-9)
    return np.stack([line, np.stack([-line[:, 1], line[:, 0]], axis=-1)], axis=-1)


@cache
def _shipped() -> LandmarkErrors:
    path = LANDMARK_ERRORS_PATH
    if path.is_file() and (found := sha256_of(path)) != LANDMARK_ERRORS_SHA256:
        raise WeightsError(
            "the shipped landmark errors were changed",
            found=found,
            expected=LANDMARK_ERRORS_SHA256,
            fix="install the package again",
        )
    return _read(path)


def _read(path: Path) -> LandmarkErrors:
    try:
        stored = load_file(path)
        parts = [stored[name].astype(np.float32) / 1000 for name in ("modes", "own")]
    except (OSError, SafetensorError, KeyError) as error:
        raise WeightsError(
            f"{path} holds no landmark errors",
            found=error,
            fix="make them with `python -m shared.face.build_landmark_errors`",
        ) from error
    for part in parts:
        part.setflags(write=False)
    return LandmarkErrors(*parts)
