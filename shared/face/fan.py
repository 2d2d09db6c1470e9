"""The networks of the package ``face-alignment``, from weights files that the user already has.

``FaceAlignmentDetector`` is S3FD (Zhang et al., 2017, arXiv 1708.05237), ``FaceAlignmentLandmarks`` is the
2D FAN of four stacks (Bulat and Tzimiropoulos, "How far are we from solving the 2D & 3D Face Alignment
problem?", ICCV 2017, arXiv 1703.07332). Nothing is ever downloaded: the package's own loader would.
"""

from __future__ import annotations

from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from numpy.typing import NDArray

from shared.errors import WeightsError
from shared.face.backends import checked_file
from shared.face.crop import CropBox, Image
from shared.face.detector import Face, check_image
from shared.face.landmarks import Landmarks
from shared.face.points import points68

FAN_FILE = "2DFAN4-11f355bf06.pth.tar"
_CROP = 256
_UNREADABLE = (RuntimeError, ValueError, TypeError, AttributeError, EOFError, UnpicklingError)
"""What ``torch.load(weights_only=True)`` and ``load_state_dict`` raise on a wrong file."""


class FaceAlignmentDetector:
    """The S3FD face detector.

    Args:
        weights: Path of ``s3fd-619a316812.pth``.
        threshold: Lowest score of a face.

    Raises:
        WeightsError: If there is no such file, or it does not fit the network.
    """

    def __init__(self, weights: str | Path, *, threshold: float = 0.5) -> None:
        from face_alignment.detection.sfd import FaceDetector

        path = checked_file(weights)
        try:
            self._net = FaceDetector(
                device="cpu", path_to_detector=str(path), filter_threshold=threshold
            )
        except _UNREADABLE as error:
            raise WeightsError(
                f"{path} does not hold S3FD weights", found=type(error).__name__
            ) from error

    def detect(self, image: Image) -> list[Face]:
        """Return the faces of a uint8 RGB picture ``(H, W, 3)``, largest first."""
        check_image(image)
        rows = self._net.detect_from_image(image)
        faces = [Face(np.asarray(row[:4], np.float32), float(row[4])) for row in rows]
        return sorted(faces, key=lambda face: face.area, reverse=True)


class FaceAlignmentLandmarks:
    """The 68 landmarks of the 2D FAN; no depth, no face units.

    Args:
        weights: Path of ``2DFAN4-11f355bf06.pth.tar``; by default that file in torch hub's checkpoint folder.

    Raises:
        WeightsError: If the file is not there, or does not fit the network.
    """

    def __init__(self, weights: str | Path | None = None) -> None:
        from face_alignment.models import FAN

        path = (
            Path(torch.hub.get_dir()) / "checkpoints" / FAN_FILE
            if weights is None
            else Path(weights)
        )
        if not path.is_file():
            raise WeightsError(
                f"the landmark weights {path} are missing",
                fix=f"download {FAN_FILE} yourself, or use the default landmarks",
            )
        self._net = FAN(4)
        try:
            self._net.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
        except _UNREADABLE as error:
            raise WeightsError(
                f"{path} does not hold 2DFAN-4 weights", found=type(error).__name__
            ) from error
        self._net.eval()

    def __call__(self, image: Image, where: Face | NDArray[np.floating]) -> Landmarks:
        """Find the 68 landmarks of one face; ``where`` is a Face, a box ``(4,)`` or earlier landmarks."""
        check_image(image)
        crop = _fan_crop(np.asarray(where.box if isinstance(where, Face) else where, np.float64))
        pixels = torch.from_numpy(crop.cut(image, _CROP)).permute(2, 0, 1)[None].float() / 255.0
        with torch.inference_mode():
            heat = self._net(pixels)[-1].numpy()
        peaks = _peaks(heat[0])
        points = crop.to_image(peaks, heat.shape[-1])
        presence = float(np.clip(heat[0].max(axis=(1, 2)).mean(), 0.0, 1.0))
        return Landmarks(points.astype(np.float32), None, presence, None)


def _fan_crop(where: NDArray[np.float64]) -> CropBox:
    """Return the square that FAN was trained on, from a face box or from landmarks.

    The side is 200/195 of the box's half perimeter, the centre 12 % of its height above the middle: the
    constants of the package.
    """
    if where.ndim == 2:
        points = points68(where)
        where = np.concatenate([points.min(axis=0), points.max(axis=0)]).astype(np.float64)
    width, height = where[2:] - where[:2]
    center = (where[:2] + where[2:]) / 2
    return CropBox(
        (float(center[0]), float(center[1] - 0.12 * height)), float(width + height) * 200 / 195
    )


def _peaks(heat: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the highest place of each map ``(L, h, w)`` as (x, y), a quarter cell towards the higher side."""
    count, _, width = heat.shape
    row, column = np.divmod(heat.reshape(count, -1).argmax(axis=1), width)
    padded = np.pad(heat, ((0, 0), (1, 1), (1, 1)), mode="edge")
    each = np.arange(count)
    right_left = padded[each, row + 1, column + 2] - padded[each, row + 1, column]
    down_up = padded[each, row + 2, column + 1] - padded[each, row, column + 1]
    return (
        np.stack([column, row], axis=1)
        + 0.5
        + 0.25 * np.sign(np.stack([right_left, down_up], axis=1))
    )
