"""The delivery chain: what happens to a clip between its making and its viewer, the same for authentic and forged.

    frames -> resized -> tint, grain -> JPEG by frame (sometimes) -> H.264 and back (sometimes) -> H.264, c23 or c40

c23 and c40 name the crf, as in FaceForensics++ (Rössler et al., 2019), here give or take 4: a forged face has less or
more detail than the authentic one, and with one crf for all and neither grain nor tint, file
size and mean colours tell.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.errors import InputError
from shared.media.audio import RATE
from shared.media.video import VideoReader, VideoWriter

Image = NDArray[np.uint8]

QUALITIES: dict[str, int] = {"c23": 23, "c40": 40}
"""Name -> H.264 crf."""

_GIVE = 4
_GRAIN = (0.0, 4.0)
_TINT = (0.95, 1.05)
_SCALES = (1.0, 1.0, 0.9, 0.8, 0.7)
_FIRST_CRF = (18, 28)
_JPEG = (60, 96)


@dataclass(frozen=True)
class Delivery:
    """One draw of the chain.

    Attributes:
        crf: Of the last encoding.
        scale: Of width and height.
        jpeg: Quality of the JPEG step, or None for none.
        first_crf: Of an encoding before the last one, or None for none.
        grain: Standard deviation of the noise, grey levels of 255; the same in all colours.
        seed: Of the noise.
        tint: Factors of red, green and blue.
    """

    crf: int
    scale: float = 1.0
    jpeg: int | None = None
    first_crf: int | None = None
    grain: float = 0.0
    seed: int = 0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)

    def size_of(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the delivered (width, height), even as H.264 wants it.

        Example:
            >>> Delivery(23, scale=0.7).size_of((160, 90))
            (112, 62)
        """
        width, height = (max(16, 2 * round(side * self.scale / 2)) for side in size)
        return width, height


def draw_delivery(
    quality: str, together: np.random.Generator, alone: np.random.Generator
) -> Delivery:
    """Draw what is left to chance.

    Args:
        quality: Name of the quality.
        together: Draws what a clip's authentic and forged versions share: the size (70 % to all of it), a JPEG step
            (half), a first encoding (half).
        alone: Draws what each version has for itself, whatever its label: the crf around the nominal one, grain, tint.

    Raises:
        InputError: If there is no such quality.
    """
    if quality not in QUALITIES:
        raise InputError("unknown quality", found=quality, expected=" | ".join(QUALITIES))
    scale = float(together.choice(_SCALES))
    jpeg = int(together.integers(*_JPEG)) if together.random() < 0.5 else None
    first = int(together.integers(*_FIRST_CRF)) if together.random() < 0.5 else None
    crf = QUALITIES[quality] + int(alone.integers(-_GIVE, _GIVE + 1))
    grain, seed = float(alone.uniform(*_GRAIN)), int(alone.integers(1 << 31))
    red, green, blue = (float(factor) for factor in alone.uniform(*_TINT, 3))
    return Delivery(crf, scale, jpeg, first, grain, seed, (red, green, blue))


def deliver(
    path: str | Path,
    frames: Iterable[Image],
    size: tuple[int, int],
    fps: Fraction,
    delivery: Delivery,
    sound: NDArray[np.float32] | None = None,
) -> tuple[int, int]:
    """Send frames through the chain and write the MP4 that arrives.

    Args:
        path: Of the MP4.
        frames: uint8 RGB ``(H, W, 3)``.
        size: (width, height) of the frames.
        fps: Frames a second.
        delivery: What happens on the way.
        sound: Mono at 16 kHz, or None.

    Returns:
        The delivered (width, height).
    """
    arrived = delivery.size_of(size)
    noise = np.random.default_rng(delivery.seed)
    steps = (
        _as_jpeg(_developed(resized(frame, arrived), delivery, noise), delivery.jpeg)
        for frame in frames
    )
    audio = None if sound is None or not len(sound) else (sound, RATE)
    with tempfile.TemporaryDirectory() as folder:
        if delivery.first_crf is not None:
            first = Path(folder) / "first.mp4"
            _encode(first, steps, arrived, fps, delivery.first_crf, None)
            steps = (frame for frame in VideoReader(first))
        _encode(Path(path), steps, arrived, fps, delivery.crf, audio)
    return arrived


def resized(picture: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Return a picture or mask ``(H, W[, 3])`` at (width, height), averaged over areas."""
    if picture.shape[1::-1] == size:
        return picture
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def _developed(frame: Image, delivery: Delivery, generator: np.random.Generator) -> Image:
    """Tint a frame and add noise to its luminance."""
    noise = delivery.grain * generator.normal(size=frame.shape[:2])[..., None]
    tinted = frame * np.array(delivery.tint) + noise
    return np.asarray(np.round(np.clip(tinted, 0, 255)), np.uint8)


def _as_jpeg(frame: Image, quality: int | None) -> Image:
    """Return what a JPEG of this quality leaves of a frame."""
    if quality is None:
        return frame
    _, packed = cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    unpacked = np.asarray(cv2.imdecode(packed, cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(unpacked[..., ::-1])


def _encode(
    path: Path,
    frames: Iterator[Image],
    size: tuple[int, int],
    fps: Fraction,
    crf: int,
    audio: tuple[NDArray[np.float32], int] | None,
) -> None:
    with VideoWriter(path, fps, size, crf=crf, audio=audio) as writer:
        for frame in frames:
            writer.write(frame)
