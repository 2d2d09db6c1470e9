"""H.264 to given bytes: the first picture's, the others' together, and how unequal those are.

    crf of first picture, P-frames, B-frames --x264--> log2 of (first, rest, spread)
           ^                                                  |
           +------- Broyden's step towards what is wanted ----+

A forged face has less or more detail than the authentic one and moves otherwise. At one crf for all that shows in the
size of the file, at one size in the first picture's share of it, and when that is matched, too, in how the others
differ among themselves. So all three are matched, with the three quantisers that an encoder has. These differ then, and
x264 writes them into the stream (a text, and where the header has the quantiser begin); both are left out. Whoever
reads the quantiser of each slice still finds it.

Reference: Broyden, "A class of methods for solving nonlinear simultaneous equations" (Math. Comp. 1965).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from numpy.typing import NDArray

from shared.media.video_writer import VideoWriter

_TRIES = 10
_NEAR = np.array([0.01, 0.01, 0.03])
_FARTHEST = 6.0
_CRFS = (1.0, 51.0)
# By hand on five clips: what an octave of each is worth, per unit of crf of the first picture, P- and B-frames.
_SLOPES = np.array([[-0.12, 0.0, 0.0], [0.0, -0.1, -0.06], [0.0, -0.1, 0.1]])


class Weight(NamedTuple):
    """Bytes of a clip's pictures.

    Attributes:
        first: Of the first picture.
        rest: Of the others together.
        spread: Standard deviation of the others, as a share of their mean.
    """

    first: float
    rest: float
    spread: float

    @classmethod
    def of(cls, path: str | Path) -> Weight:
        """Return a file's."""
        with av.open(str(path)) as container:
            first, *rest = (packet.size for packet in container.demux(video=0) if packet.size)
        return cls(first, sum(rest), float(np.std(rest) / np.mean(rest)) if rest else 0.0)

    def octaves(self) -> NDArray[np.float64]:
        """Return the logarithms ``(3,)`` to base 2; nothing at all counts as a byte, or as a thousandth."""
        return np.log2(np.maximum(self, (1, 1, 1e-3)))


class Crf(NamedTuple):
    """At which crf a clip's pictures are encoded.

    Attributes:
        first: The first one.
        ahead: Those that are predicted from earlier ones (P-frames).
        between: Those that are predicted from both sides (B-frames).
    """

    first: float
    ahead: float
    between: float

    @classmethod
    def of(cls, crf: float) -> Crf:
        """Return what x264 makes of one crf: its ratios are 1.4 and 1.3."""
        return cls(crf - 6 * float(np.log2(1.4)), crf, crf + 6 * float(np.log2(1.3)))

    def x264(self) -> str:
        """Return the encoder's parameters: three B-frames between two others, whatever the pictures show."""
        first, between = (
            2 ** (step / 6) for step in (self.ahead - self.first, self.between - self.ahead)
        )
        fixed = "bframes=3:b-adapt=0:scenecut=0:mbtree=0"
        return f"{fixed}:ipratio={first:.4f}:pbratio={between:.4f}"


def encode(
    path: Path,
    frames: Iterable[NDArray[np.uint8]],
    size: tuple[int, int],
    fps: Fraction,
    crf: Crf,
    audio: tuple[NDArray[np.float32], int] | None = None,
) -> Path:
    """Write frames at these crf; return the file."""
    with VideoWriter(
        path, fps, size, crf=crf.ahead, x264=crf.x264(), bare=True, audio=audio
    ) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def encode_to_weight(encoded: Callable[[Crf], Path], wanted: Weight, crf: Crf) -> tuple[Crf, Path]:
    """Return the crf at which a file comes nearest to what is wanted, and the file.

    Args:
        encoded: Encodes at given crf.
        wanted: Bytes and spread.
        crf: Where to begin.
    """
    slopes, tried = _SLOPES.copy(), list[tuple[float, Crf, Path]]()
    at, before, step = np.array(crf), None, np.zeros(3)
    for _ in range(_TRIES):
        file = encoded(Crf(*at))
        over = Weight.of(file).octaves() - wanted.octaves()
        tried.append((float(np.abs(over / _NEAR).max()), Crf(*at), file))
        if tried[-1][0] < 1:
            break
        if before is not None and step @ step > 0:
            slopes += np.outer(over - before - slopes @ step, step) / (step @ step)
        before, away = over, np.linalg.lstsq(slopes, -over, rcond=None)[0]
        following = np.clip(at + np.clip(away, -_FARTHEST, _FARTHEST), *_CRFS)
        at, step = following, following - at
    _, crf, file = min(tried, key=lambda one: one[0])
    return crf, file
