"""The delivery chain: what happens to a clip between its making and its viewer, the same for authentic and forged.

    frames -> resized -> tint, grain -> JPEG by frame (sometimes) -> H.264 and back (sometimes) -> H.264, c23 or c40

c23 and c40 name the crf, as in FaceForensics++ (Rössler et al., 2019), and so the bytes: what the authentic clip takes
at that crf. To these bytes every version is encoded, the authentic one too, at the crf that it needs, as a site does
that delivers by bandwidth (:mod:`.encoding`); else packets would tell the forged. Without grain and tint, noise and
mean colours would.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.custody import write_atomic
from shared.data.forgery.encoding import Crf, Weight, encode, encode_to_weight
from shared.errors import InputError
from shared.media.audio import RATE
from shared.media.image import through_jpeg
from shared.media.video import VideoReader

Image = NDArray[np.uint8]

QUALITIES: dict[str, int] = {"c23": 23, "c40": 40}
"""Name -> H.264 crf."""

_GRAIN = (0.0, 4.0)
_TINT = (0.95, 1.05)
_SCALES = (1.0, 1.0, 0.9, 0.8, 0.7)
_FIRST_CRF = (18, 28)
_JPEG = (60, 96)


@dataclass(frozen=True)
class Delivery:
    """One draw of the chain.

    Attributes:
        crf: Of the last encoding of a clip that is not bound to a number of bytes.
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
        alone: Draws what each version has for itself, whatever its label: grain and tint.

    Raises:
        InputError: If there is no such quality.
    """
    if quality not in QUALITIES:
        raise InputError("unknown quality", found=quality, expected=" | ".join(QUALITIES))
    scale = float(together.choice(_SCALES))
    jpeg = int(together.integers(*_JPEG)) if together.random() < 0.5 else None
    first = int(together.integers(*_FIRST_CRF)) if together.random() < 0.5 else None
    grain, seed = float(alone.uniform(*_GRAIN)), int(alone.integers(1 << 31))
    red, green, blue = (float(factor) for factor in alone.uniform(*_TINT, 3))
    tint = (red, green, blue)
    return Delivery(QUALITIES[quality], scale, jpeg, first, grain, seed, tint)


@dataclass(frozen=True)
class Arrival:
    """What came out of the chain.

    Attributes:
        size: (width, height), px.
        crf: Of the last encoding.
    """

    size: tuple[int, int]
    crf: Crf


def deliver(
    path: str | Path,
    frames: Iterable[Image],
    size: tuple[int, int],
    fps: Fraction,
    delivery: Delivery,
    sound: NDArray[np.float32] | None = None,
    *,
    weight: Weight | None = None,
) -> Arrival:
    """Send frames through the chain and write the MP4 that arrives.

    Args:
        path: Of the MP4.
        frames: uint8 RGB ``(H, W, 3)``.
        size: (width, height) of the frames.
        fps: Frames a second.
        delivery: What happens on the way.
        sound: Mono at 16 kHz, or None.
        weight: What the pictures are to take, :func:`weight_of` the authentic clip; None encodes at the delivery's crf.
    """
    arrived = delivery.size_of(size)
    audio = None if sound is None or not len(sound) else (sound, RATE)
    with tempfile.TemporaryDirectory() as folder:
        last = _handed_on(Path(folder), frames, arrived, fps, delivery)

        def encoded(crf: Crf) -> Path:
            path = Path(folder) / f"{'-'.join(f'{one:.3f}' for one in crf)}.mp4"
            return encode(path, last, arrived, fps, crf, audio)

        crf = Crf.of(delivery.crf)
        crf, file = (
            (crf, encoded(crf)) if weight is None else encode_to_weight(encoded, weight, crf)
        )
        write_atomic(path, file.read_bytes())
    return Arrival(arrived, crf)


def weight_of(
    frames: Iterable[Image], size: tuple[int, int], fps: Fraction, delivery: Delivery
) -> Weight:
    """Return the bytes that pictures take at a delivery's crf with its shared steps, mean grain and no tint."""
    mean = replace(delivery, grain=sum(_GRAIN) / 2, seed=0, tint=(1.0, 1.0, 1.0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        deliver(path, frames, size, fps, mean)
        return Weight.of(path)


def _handed_on(
    folder: Path,
    frames: Iterable[Image],
    arrived: tuple[int, int],
    fps: Fraction,
    delivery: Delivery,
) -> list[Image]:
    """Return the frames that the last encoding gets."""
    noise = np.random.default_rng(delivery.seed)
    made = (
        _sent(_developed(resized(frame, arrived), delivery, noise), delivery.jpeg)
        for frame in frames
    )
    if delivery.first_crf is None:
        return list(made)
    crf = Crf.of(delivery.first_crf)
    return list(VideoReader(encode(folder / "before.mp4", made, arrived, fps, crf)))


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


def _sent(frame: Image, quality: int | None) -> Image:
    """Return what a JPEG of this quality, or none, leaves of a frame."""
    return frame if quality is None else through_jpeg(frame, quality)
