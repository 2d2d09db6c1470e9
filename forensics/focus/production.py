"""From the network's maps to what people and other detectors read: averaged over copies, at full size."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forensics.detections import Detections, Maps
from forensics.focus.network import FocusNetwork, FocusOutput
from forensics.focus.views import moved
from shared.errors import InputError


@dataclass(frozen=True)
class FocusFindings(Detections):
    """Answers of FoCus about N faces.

    Attributes:
        streams: ``(N, V, g, g)`` map of each view, RGB first.
        features: ``(N, V D)`` mean patch of each view: what the face looks like to the network.
    """

    streams: Maps | None = None
    features: NDArray[np.float32] | None = None


def averaged(network: FocusNetwork, pictures: Tensor, views: int) -> tuple[Tensor, ...]:
    """Return scores ``(B,)``, maps ``(B, g, g)``, view maps ``(B, V, g, g)`` and features, averaged over moved copies.

    Two copies are the picture and its mirror, so that a mirrored face gives exactly the mirrored map. Four add both
    shifted down by half a patch, which lowers the grid's own pattern.

    Args:
        network: In evaluation mode.
        pictures: ``(B, 3, H, W)`` in [0, 1].
        views: 1, 2 or 4.

    Raises:
        InputError: If ``views`` is another number.
    """
    if views not in (1, 2, 4):
        raise InputError("maps are averaged over so many copies", found=views, expected="1 | 2 | 4")
    half = network.patch / pictures.shape[-2]  # half a patch, in shares of half the side
    shifts = (0.0,) if views < 4 else (0.0, half)
    mirrors = (False,) if views == 1 else (False, True)
    parts = [_seen(network, pictures, shift, mirror) for shift in shifts for mirror in mirrors]
    scores, maps, streams, features = (
        torch.stack(part).mean(0) for part in zip(*parts, strict=True)
    )
    return scores, maps[:, 0], streams, features


def produce(maps: Maps, size: int, forged: NDArray[np.bool_]) -> Maps:
    """Return maps as they teach and are shown: bilinear at ``size`` px, forged ones from 0 to 1, authentic ones zero.

    Args:
        maps: ``(N, g, g)`` in [0, 1].
        size: Side, px.
        forged: ``(N,)`` by label in training, by decision in an examination.

    Returns:
        ``(N, size, size)`` float32.
    """
    made = np.zeros((len(maps), size, size), np.float32)
    for row in np.flatnonzero(forged):
        fine = cv2.resize(maps[row], (size, size), interpolation=cv2.INTER_LINEAR)
        spread = float(fine.max() - fine.min())
        if spread > 1e-6:
            made[row] = (fine - fine.min()) / spread
        else:
            made[row] = 1.0  # forged and alike everywhere: the whole face
    return made


def _seen(
    network: FocusNetwork, pictures: Tensor, shift: float, mirror: bool
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return score, map and view maps of a moved copy, moved back, and the mean patch of each view."""
    copy = pictures.flip(-1) if mirror else pictures
    if shift:
        copy = moved(copy, _downwards(shift, copy))
    output: FocusOutput = network(copy)
    maps = torch.cat([output.maps, *(stream.maps for stream in output.streams)], dim=1)
    if shift:
        maps = moved(maps, _downwards(-shift, maps))
    maps = maps.flip(-1) if mirror else maps
    features = torch.cat([stream.features.mean((2, 3)) for stream in output.streams], dim=1)
    return output.logits.softmax(1)[:, 1], maps[:, :1], maps[:, 1:], features


def _downwards(shift: float, like: Tensor) -> Tensor:
    theta = torch.eye(2, 3).repeat(len(like), 1, 1)
    theta[:, 1, 2] = -shift
    return theta.to(like)
