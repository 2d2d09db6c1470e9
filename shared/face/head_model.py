"""The linear head: mean + identity + expression, in metres in head space, with named landmarks.

    identity (..., I) ─┐
                       ├─ mean (V, 3) + identity · B_id (I, V, 3) + expression · B_exp (52, V, 3)
    expression (..., 52)┘          │
                                   ├─ vertices (..., V, 3)
                                   └─ points   (..., L, 3) at 478 or 68 landmarks

Identity is a principal component basis of rendered people (coefficients about N(0, 1)); expression
is MakeHuman's set of the 52 ARKit face units, which add up and are the same for every identity, so
that this model describes the rendered people exactly but for the cut identity components. The
shipped file is made by ``python -m shared.face.build_head_model``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from shared.custody import sha256_of, write_atomic
from shared.errors import InputError, WeightsError
from shared.face.camera import Camera, rotation_matrix
from shared.face.points import IBUG68
from shared.motion import FACE_UNITS

if TYPE_CHECKING:
    import torch

Array = NDArray[np.floating]
Landmarks = str | Sequence[int] | NDArray[np.integer]
"""``"478"``, ``"68"``, or indices into the 478."""

HEAD_MODEL_PATH = Path(__file__).with_name("head_model.safetensors")
HEAD_MODEL_SHA256 = "8c278561133be3ac4ad708ae79122e152569200373db51100ab5411263851023"

LANDMARKS_478 = 478
"""Points of MediaPipe's face mesh; 468-472 are the iris of the right eye, 473-477 of the left."""

REGIONS: tuple[str, ...] = (
    "skin", "left eye", "right eye", "nose", "lips", "inner mouth", "brows", "ears", "neck",
    "scalp", "eyeball",
)  # fmt: skip
"""Names of the labels in :attr:`HeadModel.regions`."""


class LinearPoints(NamedTuple):
    """Points that depend linearly on identity and expression.

    Attributes:
        mean: ``(L, 3)`` metres.
        identity: ``(I, L, 3)`` metres a unit.
        expression: ``(52, L, 3)`` metres a unit.
    """

    mean: Array
    identity: Array
    expression: Array

    def at(self, identity: Array, expression: Array) -> Array:
        """Return the points ``(..., L, 3)``; leading axes of the two arguments broadcast."""
        count = len(self.mean)
        own = _flat(identity, self.identity, "identity")
        moved = _flat(expression, self.expression, "expression")
        points = (own + moved).reshape(*np.broadcast_shapes(own.shape, moved.shape)[:-1], count, 3)
        return np.asarray(points + self.mean, np.float32)


def _flat(coefficients: Array, basis: Array, name: str) -> Array:
    """Multiply coefficients (..., K) with a basis (K, L, 3) to (..., 3 L)."""
    coefficients = np.asarray(coefficients, np.float32)
    if coefficients.ndim == 0 or coefficients.shape[-1] != len(basis):
        found = coefficients.shape
        raise InputError(
            f"wrong number of {name} values", found=found, expected=f"(..., {len(basis)})"
        )
    return np.asarray(coefficients @ basis.reshape(len(basis), -1), np.float32)


@dataclass(frozen=True, eq=False)
class HeadModel:
    """A head and neck whose every coefficient has a meaning.

    Attributes:
        mean: ``(V, 3)`` metres, the mean person at rest.
        identity_basis: ``(I, V, 3)`` metres a standard deviation, strongest first.
        expression_basis: ``(52, V, 3)`` metres, order :data:`shared.motion.FACE_UNITS`.
        triangles: ``(F, 3)`` vertices, counterclockwise from outside.
        base_index: ``(V,)`` vertex of MakeHuman's base mesh (see ``geometry.load_base_mesh``).
        regions: ``(V,)`` label, an index into :data:`REGIONS`.
        landmark_corners: ``(478, 3)`` the three vertices that carry each landmark.
        landmark_weight: ``(478, 3)`` barycentric weights of the three.
        landmark_spread: ``(478,)`` how far the detected landmark lies from this point on renders
            (median), as a share of the distance between the eyes' outer corners.
    """

    mean: Array
    identity_basis: Array
    expression_basis: Array
    triangles: NDArray[np.int32]
    base_index: NDArray[np.int32]
    regions: NDArray[np.int8]
    landmark_corners: NDArray[np.int32]
    landmark_weight: Array
    landmark_spread: Array

    def __post_init__(self) -> None:
        """Check that the arrays fit together."""
        count, identities = len(self.mean), len(self.identity_basis)
        wanted = {
            "mean": (count, 3),
            "identity_basis": (identities, count, 3),
            "expression_basis": (len(FACE_UNITS), count, 3),
            "base_index": (count,),
            "regions": (count,),
            "landmark_corners": (LANDMARKS_478, 3),
            "landmark_weight": (LANDMARKS_478, 3),
            "landmark_spread": (LANDMARKS_478,),
        }
        for name, shape in wanted.items():
            found = getattr(self, name).shape
            if found != shape:
                raise WeightsError(
                    f"HeadModel.{name} has a wrong shape", found=found, expected=shape
                )

    @property
    def identities(self) -> int:
        """Number of identity coefficients I."""
        return len(self.identity_basis)

    @classmethod
    def load(cls, path: str | Path | None = None) -> HeadModel:
        """Read a head model; without a path the shipped one, whose hash is checked.

        The shipped model is read once and shared: its arrays cannot be written to.

        Raises:
            WeightsError: If the file is missing, is no head model, or its hash differs.

        Example:
            >>> model = HeadModel.load()
            >>> model.vertices(np.zeros(model.identities), np.zeros(52)).shape == model.mean.shape
            True
        """
        return _shipped() if path is None else _read(Path(path))

    def save(self, path: str | Path) -> None:
        """Write the model as safetensors; bases as 16-bit integers with one scale per component."""
        tensors: dict[str, NDArray[Any]] = {
            "mean": self.mean,
            "triangles": self.triangles,
            "base_index": self.base_index,
            "regions": self.regions,
            "landmark_corners": self.landmark_corners,
            "landmark_weight": self.landmark_weight,
            "landmark_spread": self.landmark_spread,
        }
        for name in ("identity", "expression"):
            tensors[name], tensors[f"{name}_scale"] = _quantised(getattr(self, f"{name}_basis"))
        # safetensors takes the bytes as they lie, whatever the strides say.
        content = save({name: np.ascontiguousarray(array) for name, array in tensors.items()})
        write_atomic(path, content)

    def vertices(self, identity: Array, expression: Array) -> Array:
        """Return all vertices.

        Args:
            identity: ``(..., I)``.
            expression: ``(..., 52)``; leading axes broadcast.

        Returns:
            ``(..., V, 3)`` metres in head space.
        """
        return LinearPoints(self.mean, self.identity_basis, self.expression_basis).at(
            identity, expression
        )

    def points(self, which: Landmarks, identity: Array, expression: Array) -> Array:
        """Return landmarks only, ``(..., L, 3)`` metres: quick, the rest is not evaluated.

        Example:
            >>> model = HeadModel.load()
            >>> model.points("68", np.zeros(model.identities), np.zeros((7, 52))).shape
            (7, 68, 3)
        """
        return self.landmark_bases(which).at(identity, expression)

    def landmark_bases(self, which: Landmarks = "478") -> LinearPoints:
        """Return mean ``(L, 3)``, identity ``(I, L, 3)``, expression ``(52, L, 3)`` of landmarks.

        Raises:
            InputError: If ``which`` names no landmarks.
        """
        every = self._all_landmarks
        if isinstance(which, str):
            if which not in ("478", "68"):
                raise InputError("unknown landmark set", found=which, expected="478 | 68 | indices")
            if which == "478":
                return every
        index = IBUG68 if isinstance(which, str) else np.asarray(which, np.int64)
        if index.ndim != 1 or index.size == 0 or index.min() < 0 or index.max() >= LANDMARKS_478:
            raise InputError("landmark indices out of range", found=which, expected="0 to 477")
        return LinearPoints(every.mean[index], every.identity[:, index], every.expression[:, index])

    @cached_property
    def _all_landmarks(self) -> LinearPoints:
        corners = self.landmark_corners
        weight = self.landmark_weight[..., None]
        return LinearPoints(
            (self.mean[corners] * weight).sum(axis=-2),
            (self.identity_basis[:, corners] * weight).sum(axis=-2),
            (self.expression_basis[:, corners] * weight).sum(axis=-2),
        )

    def torch_points(
        self, which: Landmarks, identity: torch.Tensor, expression: torch.Tensor
    ) -> torch.Tensor:
        """Return landmarks ``(..., L, 3)`` as a differentiable function of tensors (for losses).

        Args:
            which: Landmark set.
            identity: ``(..., I)``.
            expression: ``(..., 52)``, same device and dtype.
        """
        bases = self.landmark_bases(which)
        mean, own, moved = (
            expression.new_tensor(part) for part in (bases.mean, bases.identity, bases.expression)
        )
        points = identity @ own.flatten(1) + expression @ moved.flatten(1)
        return points.reshape(*points.shape[:-1], *mean.shape) + mean

    def encode(self, vertices: Array) -> Array:
        """Return the identity ``(..., I)`` that comes nearest to ``(..., V, 3)`` metres at rest."""
        basis = self.identity_basis.reshape(self.identities, -1)
        offsets = (np.asarray(vertices, np.float32) - self.mean).reshape(
            *np.shape(vertices)[:-2], -1
        )
        return np.asarray(np.linalg.solve(basis @ basis.T, (offsets @ basis.T)[..., None])[..., 0])

    @staticmethod
    def project(points: Array, rotation: Array, translation: Array, camera: Camera) -> Array:
        """Project points of head space to pixels.

        Args:
            points: ``(..., L, 3)`` metres in head space.
            rotation: ``(..., 3)`` pitch, yaw, roll, radians.
            translation: ``(..., 3)`` the head origin in camera space, metres.
            camera: The camera.

        Returns:
            ``(..., L, 2)`` px.
        """
        turned = points @ np.swapaxes(rotation_matrix(np.asarray(rotation)), -1, -2)
        return np.asarray(camera.project(turned + np.asarray(translation)[..., None, :]))


def _quantised(basis: Array) -> tuple[NDArray[np.int16], Array]:
    scale = np.maximum(np.abs(basis).max(axis=(1, 2)), 1e-12) / np.iinfo(np.int16).max
    return np.round(basis / scale[:, None, None]).astype(np.int16), scale.astype(np.float32)


@cache
def _shipped() -> HeadModel:
    if HEAD_MODEL_PATH.is_file() and (found := sha256_of(HEAD_MODEL_PATH)) != HEAD_MODEL_SHA256:
        raise WeightsError(
            "the shipped head model was changed",
            found=found,
            expected=HEAD_MODEL_SHA256,
            fix="install the package again",
        )
    return _read(HEAD_MODEL_PATH)


def _read(path: Path) -> HeadModel:
    try:
        tensors = load_file(path)
        for name in ("identity", "expression"):
            scale = tensors.pop(f"{name}_scale")[:, None, None]
            tensors[f"{name}_basis"] = tensors.pop(name).astype(np.float32) * scale
        model = HeadModel(**tensors)
    except (OSError, SafetensorError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{path} is not a head model",
            found=error,
            fix="make one with `python -m shared.face.build_head_model`",
        ) from error
    for array in tensors.values():
        array.setflags(write=False)
    return model
