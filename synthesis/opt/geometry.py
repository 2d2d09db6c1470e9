"""The source person's own landmarks under an expression: where the landmark loss is measured."""

from __future__ import annotations

import numpy as np
import torch
from einops import einsum
from torch import Tensor, nn

from shared.face.camera import CROP_FOCAL
from shared.face.head_model import HeadModel

DISTANCE = 1.0
"""Metres from the camera to the head, the portrait that conventions.md assumes."""
_OUTER_EYES = (36, 45)


class FaceGeometry(nn.Module):
    """Linear landmarks, S = mean + identity basis alpha + expression basis beta, and a camera.

    Args:
        mean: ``(68, 3)`` metres.
        identity: ``(I, 68, 3)``.
        expression: ``(52, 68, 3)``.
    """

    mean: Tensor
    identity: Tensor
    expression: Tensor

    def __init__(self, mean: Tensor, identity: Tensor, expression: Tensor) -> None:
        super().__init__()
        for name, value in (("mean", mean), ("identity", identity), ("expression", expression)):
            self.register_buffer(name, value.to(torch.float32), persistent=False)

    @classmethod
    def of_head_model(cls, model: HeadModel) -> FaceGeometry:
        """Return the 68 landmarks of a head model."""
        bases = model.landmark_bases("68")
        parts = (bases.mean, bases.identity, bases.expression)
        return cls(*(torch.from_numpy(np.ascontiguousarray(part)) for part in parts))

    def forward(self, identity: Tensor, expression: Tensor) -> Tensor:
        """Return landmarks ``(B, T, 68, 3)`` of identity ``(B, I)``, expression ``(B, T, 52)``."""
        shape = self.mean + einsum(identity, self.identity, "b i, i l d -> b l d")
        moved = einsum(expression, self.expression, "b t e, e l d -> b t l d")
        return shape[:, None] + moved

    def interocular(self, identity: Tensor) -> Tensor:
        """Return the distance of the outer corners of the eyes as projected from in front, ``(B,)``."""
        neutral = torch.zeros(len(identity), 1, len(self.expression), device=identity.device)
        points = project(self(identity, neutral), None)[:, 0]
        left, right = (points[:, corner] for corner in _OUTER_EYES)
        distance: Tensor = (left - right).norm(dim=-1)
        return distance


def rotation_matrices(angles: Tensor) -> Tensor:
    """Return R_y(yaw) R_x(pitch) R_z(roll) ``(..., 3, 3)`` of (pitch, yaw, roll) rad ``(..., 3)``.

    The torch twin of :func:`shared.face.camera.rotation_matrix`.
    """
    (cp, cy, cr), (sp, sy, sr) = (f(angles).unbind(-1) for f in (torch.cos, torch.sin))
    rows = [
        [cy * cr + sy * sp * sr, -cy * sr + sy * sp * cr, sy * cp],
        [cp * sr, cp * cr, -sp],
        [-sy * cr + cy * sp * sr, sy * sr + cy * sp * cr, cy * cp],
    ]
    return torch.stack([torch.stack(row, dim=-1) for row in rows], dim=-2)


def project(points: Tensor, rotation: Tensor | None) -> Tensor:
    """Project head-space points ``(..., L, 3)`` to crop widths from the centre ``(..., L, 2)``.

    Args:
        points: Metres.
        rotation: ``(..., 3)`` pitch, yaw, roll in radians, or None for the face seen from in front.
    """
    if rotation is not None:
        points = einsum(rotation_matrices(rotation), points, "... i j, ... l j -> ... l i")
    depth = DISTANCE - points[..., 2]
    return CROP_FOCAL * torch.stack([points[..., 0], -points[..., 1]], dim=-1) / depth[..., None]
