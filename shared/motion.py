"""Motion: what a head does, frame by frame. The currency between drivers and renderers."""

from __future__ import annotations

import io
import zipfile
import zlib
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.arrays import stored_arrays
from shared.custody import write_atomic
from shared.errors import InputError

FACE_UNITS: tuple[str, ...] = (
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight",
    "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight", "eyeLookInLeft",
    "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight",
    "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight",
    "mouthFunnel", "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft",
    "mouthPressRight", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper",
    "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft", "mouthSmileRight", "mouthStretchLeft",
    "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight", "tongueOut",
)  # fmt: skip
"""The 52 ARKit face units, in the order of every expression vector."""

UNIT: dict[str, int] = {name: index for index, name in enumerate(FACE_UNITS)}
"""Face unit name -> its place in an expression vector."""

MOUTH_UNITS: tuple[int, ...] = tuple(
    UNIT[name] for name in FACE_UNITS if name.startswith(("jaw", "mouth", "tongue", "cheekPuff"))
)
"""The units that speech drives; the rest belongs to eyes, brows and nose."""

SLOWEST, FASTEST = 1, 1000
"""Frames a second of a motion. Below, a small file becomes millions of frames on another rate."""

MOST_BYTES = 2**28
"""Of a Motion file, unpacked: an hour at 120 frames a second in double precision takes 200 MB."""


@dataclass(frozen=True)
class Motion:
    """A head's motion on a regular time grid, relative to the crop camera (see docs/conventions.md).

    Attributes:
        rotation: ``(T, 3)`` pitch, yaw, roll, radians.
        translation: ``(T, 3)`` the head origin in camera space, metres (z < 0).
        expression: ``(T, 52)`` face units, 0 at rest, 1 fully on; order :data:`FACE_UNITS`.
        fps: Frames a second, exact.
    """

    rotation: NDArray[np.float32]
    translation: NDArray[np.float32]
    expression: NDArray[np.float32]
    fps: Fraction

    def __post_init__(self) -> None:
        """Check shapes and finiteness."""
        frames = len(self.rotation)
        wanted = {
            "rotation": (frames, 3),
            "translation": (frames, 3),
            "expression": (frames, len(FACE_UNITS)),
        }
        for name, shape in wanted.items():
            array = np.asarray(getattr(self, name), np.float32)
            object.__setattr__(self, name, array)
            if array.shape != shape:
                raise InputError(
                    f"Motion.{name} has the wrong shape", found=array.shape, expected=shape
                )
            if not np.isfinite(array).all():
                raise InputError(
                    f"Motion.{name} holds values that are not finite", fix="repair those frames"
                )
        object.__setattr__(self, "fps", Fraction(self.fps))
        if not SLOWEST <= self.fps <= FASTEST:
            raise InputError(
                "Motion.fps is out of range", found=self.fps, expected=f"{SLOWEST} to {FASTEST}"
            )

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.rotation)

    def __getitem__(self, frames: slice) -> Motion:
        """Return a slice in time as a Motion of the same fps."""
        return Motion(
            self.rotation[frames], self.translation[frames], self.expression[frames], self.fps
        )

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return float(len(self) / self.fps)

    def save(self, path: str | Path) -> Path:
        """Write one ``.npz`` that a person can open and edit with numpy."""
        buffer = io.BytesIO()
        np.savez_compressed(
            buffer,
            rotation=self.rotation,
            translation=self.translation,
            expression=self.expression,
            fps=np.array([self.fps.numerator, self.fps.denominator]),
            units=np.array(FACE_UNITS),
        )
        return write_atomic(path, buffer.getvalue())

    @classmethod
    def load(cls, path: str | Path) -> Motion:
        """Read a Motion file.

        Raises:
            InputError: If the file is no Motion file or holds wrong shapes.
            LimitExceeded: If it takes more than :data:`MOST_BYTES` unpacked.
        """
        try:
            with stored_arrays(path, most=MOST_BYTES) as data:
                fps = [Fraction(float(value)) for value in np.atleast_1d(data["fps"])]
                rate = fps[0] if len(fps) == 1 else fps[0] / fps[1]
                return cls(
                    data["rotation"],
                    data["translation"],
                    data["expression"],
                    rate.limit_denominator(1001),
                )
        # numpy and zipfile have no error of their own for a damaged file.
        except (
            OSError, EOFError, LookupError, TypeError, AttributeError, ValueError, ArithmeticError,
            RuntimeError, zlib.error, zipfile.BadZipFile,
        ) as error:  # fmt: skip
            raise InputError(
                f"{path} is not a Motion file",
                found=error,
                fix="make one with Motion.save or `synthesis prepare`",
            ) from error

    def resampled(self, fps: Fraction | int, *, most: int | None = None) -> Motion:
        """Return the same motion on another frame rate, by linear interpolation.

        Args:
            fps: Frames a second of the result.
            most: Make so many frames at most.
        """
        target = Fraction(fps)
        if target == self.fps or len(self) < 2:
            return Motion(self.rotation, self.translation, self.expression, target)[:most]
        frames = max(1, round(len(self) / self.fps * target))
        frames = frames if most is None else min(frames, most)
        times = np.arange(frames) / float(target)
        own = np.arange(len(self)) / float(self.fps)
        rotation, translation, expression = (
            np.stack([np.interp(times, own, column) for column in array.T], axis=-1)
            for array in (self.rotation, self.translation, self.expression)
        )
        return Motion(rotation, translation, expression, target)
