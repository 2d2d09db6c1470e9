"""The delivery chain: what happens to a clip between its making and its viewer, the same for authentic and forged.

    frames -> resized -> tint, grain -> JPEG by frame (sometimes) -> H.264 and back (sometimes) -> H.264, c23 or c40

c23 and c40 name the crf, as in FaceForensics++ (Rössler et al., 2019), and so the bytes: what the authentic clip takes
at that crf, give or take what 2 of crf are worth. To these bytes every version is encoded, the authentic one too, at
the crf that it needs, as a site does that delivers by bandwidth. At one crf for all, file size would tell the forged,
for their faces have less or more detail; without grain and tint, noise and mean colours would.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

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

_GIVE = 2
_TRIES = 6
_NEAR = 0.02
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
        share: Bytes that the clip may take, as a share of what the authentic one takes at ``crf``.
    """

    crf: int
    scale: float = 1.0
    jpeg: int | None = None
    first_crf: int | None = None
    grain: float = 0.0
    seed: int = 0
    tint: tuple[float, float, float] = (1.0, 1.0, 1.0)
    share: float = 1.0

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
        alone: Draws what each version has for itself, whatever its label: its share of the bytes, grain, tint.

    Raises:
        InputError: If there is no such quality.
    """
    if quality not in QUALITIES:
        raise InputError("unknown quality", found=quality, expected=" | ".join(QUALITIES))
    scale = float(together.choice(_SCALES))
    jpeg = int(together.integers(*_JPEG)) if together.random() < 0.5 else None
    first = int(together.integers(*_FIRST_CRF)) if together.random() < 0.5 else None
    share = float(2 ** (alone.uniform(-_GIVE, _GIVE) / _OCTAVE))
    grain, seed = float(alone.uniform(*_GRAIN)), int(alone.integers(1 << 31))
    red, green, blue = (float(factor) for factor in alone.uniform(*_TINT, 3))
    tint = (red, green, blue)
    return Delivery(QUALITIES[quality], scale, jpeg, first, grain, seed, tint, share)


@dataclass(frozen=True)
class Arrival:
    """What came out of the chain.

    Attributes:
        size: (width, height), px.
        crf: Of the last encoding.
    """

    size: tuple[int, int]
    crf: float


def deliver(
    path: str | Path,
    frames: Iterable[Image],
    size: tuple[int, int],
    fps: Fraction,
    delivery: Delivery,
    sound: NDArray[np.float32] | None = None,
    *,
    weight: float | None = None,
) -> Arrival:
    """Send frames through the chain and write the MP4 that arrives.

    Args:
        path: Of the MP4.
        frames: uint8 RGB ``(H, W, 3)``.
        size: (width, height) of the frames.
        fps: Frames a second.
        delivery: What happens on the way.
        sound: Mono at 16 kHz, or None.
        weight: Bytes of the pictures, :func:`weight_of` of the authentic clip, of which the delivery has its share;
            None encodes at the delivery's crf.
    """
    arrived = delivery.size_of(size)
    audio = None if sound is None or not len(sound) else (sound, RATE)
    with tempfile.TemporaryDirectory() as folder:
        last = _handed_on(Path(folder), frames, arrived, fps, delivery)

        def encoded(crf: float) -> Path:
            return _encode(Path(folder) / f"{crf:.2f}.mp4", last, arrived, fps, crf, audio)

        if weight is None:
            crf, file = float(delivery.crf), encoded(delivery.crf)
        else:
            crf, file = _at_weight(encoded, weight * delivery.share, delivery.crf)
        write_atomic(path, file.read_bytes())
    return Arrival(arrived, crf)


def weight_of(
    frames: Iterable[Image], size: tuple[int, int], fps: Fraction, delivery: Delivery
) -> int:
    """Return the bytes that pictures take at a delivery's crf with its shared steps, mean grain and no tint."""
    mean = replace(delivery, grain=sum(_GRAIN) / 2, seed=0, tint=(1.0, 1.0, 1.0))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.mp4"
        deliver(path, frames, size, fps, mean)
        return _weight(path)


def _at_weight(encoded: Callable[[float], Path], wanted: float, crf: float) -> tuple[float, Path]:
    """Return the crf at which the pictures come nearest to so many bytes, and the file.

    The logarithm of the bytes is nearly a line over crf: each try goes along the line through the last two.
    """
    tried: list[tuple[float, float, Path]] = []
    slope = -1.0 / _OCTAVE
    for _ in range(_TRIES):
        file = encoded(crf)
        over = float(np.log2(_weight(file) / wanted))
        if tried and abs(crf - tried[-1][1]) > 0.05:
            slope = min((over - tried[-1][0]) / (crf - tried[-1][1]), -0.03)
        tried.append((over, crf, file))
        following = float(np.clip(round(crf - over / slope, 2), *_CRFS))
        if abs(over) < _NEAR or following in [crf for _, crf, _ in tried]:
            break
        crf = following
    _, crf, file = min(tried, key=lambda one: abs(one[0]))
    return crf, file


def _weight(path: Path) -> int:
    """Return the bytes of a file's pictures."""
    with av.open(str(path)) as container:
        return sum(packet.size for packet in container.demux(video=0))


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
    first = _encode(folder / "first.mp4", made, arrived, fps, delivery.first_crf, None)
    return list(VideoReader(first))


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
    crf: float,
    audio: tuple[NDArray[np.float32], int] | None,
) -> Path:
    with VideoWriter(path, fps, size, crf=crf, audio=audio) as writer:
        for frame in frames:
            writer.write(frame)
    return path
