"""How the mouth's change and the source's expression become one face."""

from __future__ import annotations

import torch
from torch import Tensor

from shared.motion import FACE_UNITS, MOUTH_UNITS

KEPT_MOUTH_UNITS: tuple[str, ...] = (
    "jawForward", "jawLeft", "jawRight", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft",
    "mouthFrownRight", "mouthLeft", "mouthRight", "mouthSmileLeft", "mouthSmileRight",
)  # fmt: skip
"""Units of the mouth that speech adds to: a smile stays a smile. The others (an open jaw, pursed
lips) are what the mouth says, so the source's own are dropped, and silence closes the mouth."""


def kept_rest(rest: Tensor) -> Tensor:
    """Return the source's expression ``(..., 52)`` without what its mouth was just saying."""
    keep = [name in KEPT_MOUTH_UNITS or i not in MOUTH_UNITS for i, name in enumerate(FACE_UNITS)]
    return rest * torch.tensor(keep, dtype=rest.dtype, device=rest.device)


def compose(rest: Tensor, change: Tensor) -> Tensor:
    """Return the expression of a source that speaks.

    Args:
        rest: ``(B, 52)`` the source's expression.
        change: ``(B, T, 29)`` the mouth's units, as change from rest.

    Returns:
        ``(B, T, 52)``, not clamped.
    """
    kept = kept_rest(rest)[:, None].expand(-1, change.shape[1], -1)
    return kept.index_add(2, torch.tensor(MOUTH_UNITS, device=rest.device), change)
