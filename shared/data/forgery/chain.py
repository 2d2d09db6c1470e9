"""The delivery chain: what happens to a clip between its making and its viewer, the same for authentic and forged.

    frames -> resized -> tint, grain -> JPEG by frame (sometimes) -> H.264 and back (sometimes) -> H.264, c23 or c40

c23 and c40 name the crf, as in FaceForensics++ (Rössler et al., 2019), and so the bytes: what the authentic clip takes
at that crf. To these bytes every version is encoded, the authentic one too, at the crf that it needs, as a site does
that delivers by bandwidth; the first picture, which is coded alone, has bytes and a crf of its own. At one crf for
all, file size would tell the forged, for their faces have less or more detail, and at one number of bytes for the
whole clip the first picture would, for they move more; without grain and tint, noise and mean colours would.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from shared.custody import write_atomic
from shared.errors import InputError
from shared.media.audio import RATE
from shared.media.video import VideoReader, VideoWriter

Image = NDArray[np.uint8]

QUALITIES: dict[str, int] = {"c23": 23, "c40": 40}
"""Name -> H.264 crf."""

_OCTAVE = 6
"""Steps of crf in which the bytes halve."""

_TRIES = 8
_NEAR = 0.01
_CRFS = (1.0, 51.0)
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


class Weight(NamedTuple):
    """Bytes of a clip's pictures.

    Attributes:
        first: Of the first picture.
        rest: Of the others together.
    """

    first: int
    rest: int


class Crf(NamedTuple):
    """At which crf a clip's pictures are encoded.

    Attributes:
        first: The first one.
        rest: The others.
    """

    first: float
    rest: float


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
            path = Path(folder) / f"{crf.first:.2f}-{crf.rest:.2f}.mp4"
            return _encode(path, last, arrived, fps, crf, audio)

        crf = Crf(delivery.crf, delivery.crf)
        crf, file = (crf, encoded(crf)) if weight is None else _at_weight(encoded, weight, crf)
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
        return _weight(path)


def _at_weight(encoded: Callable[[Crf], Path], wanted: Weight, crf: Crf) -> tuple[Crf, Path]:
    """Return the crf at which the pictures come nearest to so many bytes, and the file.

    The logarithm of the bytes is nearly a line over crf: each try goes along the line through the last two, for the
    first picture and for the others.
    """
    tried: list[tuple[NDArray[np.float64], Crf, Path]] = []
    slope = np.full(2, -1.0 / _OCTAVE)
    for _ in range(_TRIES):
        file = encoded(crf)
        over = np.log2(np.maximum(_weight(file), 1)) - np.log2(np.maximum(wanted, 1))
        if tried:
            ran = np.subtract(crf, tried[-1][1])
            far = np.abs(ran) > 0.05
            slope[far] = np.minimum((over - tried[-1][0])[far] / ran[far], -0.03)
        tried.append((over, crf, file))
        following = Crf(*np.clip(np.round(crf - over / slope, 2), *_CRFS).tolist())
        if np.abs(over).max() < _NEAR or following in [crf for _, crf, _ in tried]:
            break
        crf = following
    _, crf, file = min(tried, key=lambda one: float(np.abs(one[0]).max()))
    return crf, file


def _weight(path: Path) -> Weight:
    """Return the bytes of a file's pictures."""
    with av.open(str(path)) as container:
        first, *rest = (packet.size for packet in container.demux(video=0) if packet.size)
    return Weight(first, sum(rest))


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
        _as_jpeg(_developed(resized(frame, arrived), delivery, noise), delivery.jpeg)
        for frame in frames
    )
    if delivery.first_crf is None:
        return list(made)
    crf = Crf(delivery.first_crf, delivery.first_crf)
    return list(VideoReader(_encode(folder / "before.mp4", made, arrived, fps, crf, None)))


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
    frames: Iterable[Image],
    size: tuple[int, int],
    fps: Fraction,
    crf: Crf,
    audio: tuple[NDArray[np.float32], int] | None,
) -> Path:
    opening = 2 ** ((crf.rest - crf.first) / _OCTAVE)
    with VideoWriter(path, fps, size, crf=crf.rest, opening=opening, audio=audio) as writer:
        for frame in frames:
            writer.write(frame)
    return path
