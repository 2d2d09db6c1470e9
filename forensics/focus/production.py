"""From the network's maps to what people and other detectors read: full size, regions, files."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forensics.detections import Detections, Maps
from forensics.focus.network import FocusNetwork, FocusOutput
from forensics.focus.views import moved
from shared.custody import write_atomic
from shared.errors import InputError

LEAST_PATCHES = 5
"""Smaller regions are not told. ours."""


@dataclass(frozen=True)
class FocusFindings(Detections):
    """Answers of FoCus about N faces.

    Attributes:
        streams: ``(N, V, g, g)`` map of each view, RGB first.
        delta: Share of the peak from which on a patch belongs to a region.
        features: ``(N, V D)`` mean patch of each view: what the face looks like to the network.
    """

    streams: Maps | None = None
    delta: float = 0.5
    features: NDArray[np.float32] | None = None


@dataclass(frozen=True)
class Region:
    """A connected region of a map.

    Attributes:
        box: XYXY in shares of the face crop's side.
        area: Share of the crop.
        mean: Mean patch posterior in it.
    """

    box: tuple[float, float, float, float]
    area: float
    mean: float


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


def regions(one: Maps, delta: float) -> list[Region]:
    """Return the connected regions of a map, largest first; those of fewer than five patches are left out.

    Args:
        one: ``(g, g)`` in [0, 1].
        delta: Share of the peak.
    """
    called = (one > delta * one.max()).astype(np.uint8)
    count, labels, facts, _ = cv2.connectedComponentsWithStats(called, connectivity=8)
    height, width = one.shape
    found = []
    for number in range(1, count):
        x, y, w, h, patches = (int(v) for v in facts[number])
        if patches >= LEAST_PATCHES:
            box = (x / width, y / height, (x + w) / width, (y + h) / height)
            found.append(Region(box, patches / one.size, float(one[labels == number].mean())))
    return sorted(found, key=lambda region: -region.area)


def save_map(folder: str | Path, name: str, findings: FocusFindings, row: int, size: int) -> Path:
    """Write a face's map as ``NAME.png`` (8 bit) and what it comes from as ``NAME.json``.

    Args:
        folder: Must exist.
        name: Without suffix.
        findings: Of :meth:`forensics.focus.detector.FocusDetector.detect`.
        row: Which face.
        size: Side of the picture, px.

    Returns:
        The path of the picture.

    Raises:
        InputError: If the findings hold no maps.
    """
    if findings.maps is None or findings.streams is None:
        raise InputError("there is no map to write", fix="use a detector that has one")
    full = produce(findings.maps[row : row + 1], size, np.array([True]))[0]
    _, code = cv2.imencode(".png", np.round(255 * full).astype(np.uint8))
    facts = {
        "score": float(findings.scores[row]),
        "delta": findings.delta,
        "peak": float(findings.maps[row].max()),
        "map": np.round(findings.maps[row], 4).tolist(),
        "views": np.round(findings.streams[row], 4).tolist(),
    }
    write_atomic(Path(folder) / f"{name}.json", json.dumps(facts) + "\n")
    return write_atomic(Path(folder) / f"{name}.png", code.tobytes())


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
