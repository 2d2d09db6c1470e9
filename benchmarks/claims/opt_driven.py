"""A driver's answers to test clips, and how a figure is written down."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from shared.data.manifest import Manifest
from shared.data.marionette.recordings import is_real
from shared.face.head_model import HeadModel
from shared.motion import MOUTH_UNITS
from shared.statistics import bootstrap_interval
from synthesis.opt.alignment import align_phones
from synthesis.opt.data import Utterance
from synthesis.opt.generator import OptDriver, speech_batch, speech_gate
from synthesis.opt.network import raw_content

Array = NDArray[np.floating]
_UPPER, _LOWER, _EYES = 62, 66, (36, 45)


@dataclass(frozen=True)
class ClaimRow:
    """One figure.

    Attributes:
        measure: What was measured.
        value: The figure.
        low: Lower end of its 95 % bootstrap interval.
        high: Upper end.
        n: Units that were drawn from.
        unit: What a unit is.
        protocol: How it was measured, in a sentence.
        seed: Of every draw.
    """

    measure: str
    value: float
    low: float
    high: float
    n: int
    unit: str
    protocol: str
    seed: int


def claim_row(
    measure: str,
    values: Any,
    unit: str,
    protocol: str,
    seed: int,
    statistic: Callable[[Array], float] | None = None,
) -> ClaimRow:
    """Return a figure with its interval.

    Args:
        measure: What was measured.
        values: ``(n, ...)`` one row a unit.
        unit: What a unit is.
        protocol: How it was measured.
        seed: Of the draws.
        statistic: Of the rows; by default their mean.
    """
    found = bootstrap_interval(values, statistic or (lambda rows: float(np.mean(rows))), seed)
    return ClaimRow(measure, found.value, found.low, found.high, found.n, unit, protocol, seed)


def synthetic(manifest: Manifest) -> Manifest:
    """Return a corpus without the recordings of real people."""
    return Manifest(manifest.root, tuple(c for c in manifest if not is_real(c.voice)))


def points_of(identity: Array, expression: Array) -> Array:
    """Return the landmarks ``(T, 68, 3)`` of a face, in interocular distances."""
    landmarks = HeadModel.load().landmark_bases("68")
    points = landmarks.at(identity, expression)
    rest = landmarks.at(identity, np.zeros(52, np.float32))
    return np.asarray(points / np.linalg.norm(rest[_EYES[0]] - rest[_EYES[1]]))


def opening_of(identity: Array, expression: Array) -> Array:
    """Return how far the inner lips are apart beyond rest, ``(T,)``, interocular distances."""
    points = points_of(identity, np.concatenate([np.zeros((1, 52)), expression]))
    gap = np.linalg.norm(points[:, _UPPER] - points[:, _LOWER], axis=-1)
    return np.asarray(gap[1:] - gap[0])


def correlation(first: Array, second: Array) -> float:
    """Return the correlation of two curves, 0 where one is constant."""
    first, second = (np.asarray(curve, np.float64) for curve in (first, second))
    if min(first.std(), second.std()) < 1e-9:
        return 0.0
    return float(np.corrcoef(first, second)[0, 1])


class Driven:
    """Test clips and what a driver makes of them.

    Args:
        driver: Under test.
        utterances: Clips that it was not trained on.
        seed: Of every draw.
    """

    def __init__(self, driver: OptDriver, utterances: Sequence[Utterance], seed: int = 0) -> None:
        self.driver = driver
        self.utterances = list(utterances)
        self.seed = seed

    @cached_property
    def view_contents(self) -> list[list[Array]]:
        """``(T, C)`` content of each clip in each of its voices, the recorded one first."""
        with torch.inference_mode():
            return [
                [self.driver.content_of(view)[0].numpy() for view in u.views]
                for u in self.utterances
            ]

    @property
    def contents(self) -> list[Array]:
        """``(T, C)`` content of each clip."""
        return [views[0] for views in self.view_contents]

    @cached_property
    def raws(self) -> list[Array]:
        """``(T, 322)`` raw mel of each clip."""
        return [raw_content(speech_batch(u.views[0]))[0].numpy() for u in self.utterances]

    @cached_property
    def changes(self) -> list[Array]:
        """``(T, 52)`` change of each clip's own person, gated."""
        return [self.change_of(k, u.identity) for k, u in enumerate(self.utterances)]

    @torch.inference_mode()
    def change_of(self, index: int, identity: Array, *, view: int = 0, gate: bool = True) -> Array:
        """Return the change ``(T, 52)`` of a face at rest when a clip plays."""
        person = torch.from_numpy(np.asarray(identity, np.float32))[None]
        content = torch.from_numpy(self.view_contents[index][view])[None]
        net = self.driver.net
        change = net.decode(net(content, person, torch.zeros(1, 52)))[0].numpy()
        if gate:
            change = change * speech_gate(self.utterances[index].views[view])[:, None]
        full = np.zeros((len(change), 52))
        full[:, MOUTH_UNITS] = np.clip(change, 0, 1)
        return full

    def true_change(self, index: int) -> Array:
        """Return the truth ``(T, 52)`` less the clip's rest, mouth units only."""
        utterance = self.utterances[index]
        full = np.zeros_like(utterance.expression)
        units = list(MOUTH_UNITS)
        full[:, units] = (utterance.expression - utterance.rest)[:, units]
        return full

    def points(self, identity: Array, expression: Array) -> Array:
        """Return landmarks ``(T, 68, 3)`` in interocular distances."""
        return points_of(identity, expression)

    def opening(self, identity: Array, expression: Array) -> Array:
        """Return how far the inner lips are apart beyond rest, ``(T,)``, interocular distances."""
        return opening_of(identity, expression)

    def speech_frames(self, index: int) -> NDArray[np.bool_]:
        """Return the frames ``(T,)`` in which the clip speaks."""
        energy = self.utterances[index].views[0].energy.reshape(len(self.utterances[index]), -1)
        return np.asarray(self.utterances[index].known & (energy.mean(axis=1) > 0.3))

    def readings(self) -> list[list[int]]:
        """Return, for each sentence that several voices read, their clips, one a voice."""
        groups: dict[str, dict[str, int]] = {}
        for index, utterance in enumerate(self.utterances):
            if utterance.sentence and utterance.phones:
                groups.setdefault(utterance.sentence, {})[utterance.clip.voice] = index
        return [list(group.values()) for group in groups.values() if len(group) > 1]


def aligned_curves(driven: Driven, group: Sequence[int], curves: Sequence[Array]) -> Array:
    """Return the curves of readings of one sentence at the first one's time, ``(V, T, D)``."""
    first = driven.utterances[group[0]]
    valid, aligned = np.ones(len(first), bool), []
    for index in group:
        other = driven.utterances[index]
        found = align_phones(other.phones, first.phones, len(first))
        valid &= found.valid & (found.positions <= len(other) - 1)
        times = np.arange(len(curves[index]))
        aligned.append(
            np.stack([np.interp(found.positions, times, c) for c in curves[index].T], axis=-1)
        )
    return np.stack(aligned)[:, valid]


def variance_shares(curves: Array) -> Array:
    """Return the sums of squares of ``(V, T, D)`` curves: voice, time, and what is left.

    Example:
        >>> same = np.tile(np.array([[0.0], [1.0]]), (3, 1, 1))
        >>> variance_shares(same).tolist()
        [0.0, 1.5, 0.0]
    """
    voices, times, _ = curves.shape
    grand = curves.mean(axis=(0, 1))
    voice = times * np.square(curves.mean(axis=1) - grand).sum()
    time = voices * np.square(curves.mean(axis=0) - grand).sum()
    total = np.square(curves - grand).sum()
    return np.array([voice, time, max(0.0, total - voice - time)])
