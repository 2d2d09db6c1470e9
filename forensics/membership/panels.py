"""Pictures that a report shows: tensors as uint8, similarity maps in colour."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Picture = NDArray[np.uint8]

ORIGINAL = "original"
"""Name of the picture in question among the pictures of its evidence."""


def as_picture(image: Tensor) -> Picture:
    """Return ``(3, H, W)`` or ``(1, H, W)`` around [0, 1] as uint8 RGB ``(H, W, 3)``.

    Example:
        >>> import torch
        >>> as_picture(torch.full((1, 1, 2), 0.5)).tolist()
        [[[128, 128, 128], [128, 128, 128]]]
    """
    rows = image.detach().float().clamp(0, 1).cpu().expand(3, -1, -1).permute(1, 2, 0)
    return np.round(rows.numpy() * 255).astype(np.uint8)


def heat_picture(values: Tensor) -> Picture:
    """Return a map ``(H, W)`` in colour, blue for 0 and yellow for 1.

    The colours (cividis) read the same for colour-blind readers, and grow lighter in print.

    Example:
        >>> import torch
        >>> heat_picture(torch.tensor([[0.0, 1.0]])).tolist()
        [[[0, 34, 78], [254, 232, 56]]]
    """
    grey = np.round(values.detach().float().clamp(0, 1).cpu().numpy() * 255).astype(np.uint8)
    coloured = cv2.applyColorMap(grey, cv2.COLORMAP_CIVIDIS)
    return np.asarray(cv2.cvtColor(coloured, cv2.COLOR_BGR2RGB), np.uint8)
