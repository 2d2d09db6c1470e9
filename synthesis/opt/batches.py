"""Utterances as training batches: pairs of voices for stages 1 and 4, mouths for stages 2 and 3."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shared.data.marionette.lips import VISEMES
from shared.motion import MOUTH_UNITS, UNIT
from shared.training.steps import StepBatches
from synthesis.opt.alignment import TimeMap, align_phones, same_time
from synthesis.opt.config import StageBudget
from synthesis.opt.data import Utterance
from synthesis.opt.disturbance import disturbed
from synthesis.opt.expression import KEPT_MOUTH_UNITS

Batch = dict[str, Tensor]
_SHUT = VISEMES.index("PP")
_TURN_DEGREES = (20, 35, 10)
_TWINS = {
    f"mouth{what}{side}": f"mouth{what}{other}"
    for what in ("Dimple", "Frown", "Smile")
    for side, other in (("Left", "Right"), ("Right", "Left"))
}
"""Unit -> the same on the other side of the face."""


class Drawer:
    """Draws utterances: each voice by the root of its clips, so that rare voices are heard.

    Args:
        utterances: Of the training split.
    """

    def __init__(self, utterances: Sequence[Utterance]) -> None:
        counts = Counter(u.clip.voice for u in utterances)
        weights = np.array([counts[u.clip.voice] ** -0.5 for u in utterances])
        self._edges = np.cumsum(weights / weights.sum())

    def __call__(self, generator: np.random.Generator) -> int:
        """Return the place of an utterance."""
        place = int(np.searchsorted(self._edges, generator.random(), side="right"))
        return min(place, len(self._edges) - 1)


def pad_rows(array: NDArray, start: int, length: int) -> NDArray:
    """Return rows ``[start, start + length)``, the last repeated beyond the end."""
    return array[np.clip(np.arange(start, start + length), 0, len(array) - 1)]


def random_pose(
    utterances: Sequence[Utterance], frames: int, generator: np.random.Generator
) -> NDArray[np.float32]:
    """Return the pose ``(T, 3)`` of another person's clip, turned by up to 20, 35 and 10 degrees."""
    other = utterances[int(generator.integers(len(utterances)))]
    start = int(generator.integers(max(1, len(other) - frames + 1)))
    turn = generator.uniform(-1, 1, 3) * np.radians(_TURN_DEGREES)
    return (pad_rows(other.rotation, start, frames) + turn).astype(np.float32)


def crop(
    utterance: Utterance,
    view: int,
    start: int,
    frames: int,
    pose: NDArray[np.float32],
    generator: np.random.Generator,
) -> Batch:
    """Return ``frames`` frames of an utterance in one of its voices, disturbed, and its face.

    Keys: ``mel, energy, voiced`` as heard; ``inside`` frames of the utterance, ``known`` those with
    truth, ``pause``, ``closure`` those of p, b and m; ``viseme``, ``speaker``; ``mouth`` (T, 29)
    and ``change`` from rest; ``identity``, ``rest`` of the source; ``rotation`` (T, 3).
    """
    heard = disturbed(utterance.views[view].frames(start, start + frames), generator)
    inside = np.arange(start, start + frames) < len(utterance)
    visemes = np.where(inside, pad_rows(utterance.visemes, start, frames), -1)
    units = list(MOUTH_UNITS)
    moved = pad_rows(utterance.expression, start, frames)
    arrays = {
        "mel": heard.mel,
        "energy": heard.energy,
        "voiced": heard.voiced,
        "inside": inside,
        "known": pad_rows(utterance.known, start, frames) & inside,
        "pause": pad_rows(utterance.pause, start, frames),
        "closure": visemes == _SHUT,
        "viseme": visemes,
        "mouth": moved[:, units],
        "change": (moved - utterance.rest)[:, units],
        "identity": utterance.identity,
        "rest": _random_rest(utterance.rest, generator),
        "rotation": pose,
    }
    item = {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in arrays.items()}
    return {**item, "speaker": torch.tensor(utterance.speakers[view])}


def _random_rest(rest: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    """Return a source's expression: the clip's own, or with a smile, a frown or an open mouth.

    A smile, a frown or a dimple is on both sides half of the time, on the left or on the right alone otherwise.
    """
    drawn = rest.copy()
    if generator.random() < 0.5:
        name = str(generator.choice(KEPT_MOUTH_UNITS))
        drawn[UNIT[name]] += generator.uniform(0, 0.5)
        twin = _TWINS.get(name)
        if twin is not None and generator.random() < 0.5:
            drawn[UNIT[twin]] = drawn[UNIT[name]]
        drawn[UNIT["jawOpen"]] += generator.uniform(0, 0.3)
    return drawn


def _stacked(items: Sequence[Batch]) -> Batch:
    return {key: torch.stack([item[key] for item in items]) for key in items[0]}


class Mouths(StepBatches):
    """Endless batches of what is heard and what the source's mouth does with it.

    The source is the person of the clip, whose face decides how it speaks, with a smile or an open
    mouth of its own now and then, in the pose of somebody else's video.

    Args:
        utterances: Of the training split.
        budget: Clips and frames of a batch.
        seed: Of the draws.
    """

    def __init__(self, utterances: Sequence[Utterance], budget: StageBudget, seed: int) -> None:
        super().__init__(seed)
        self._utterances = list(utterances)
        self._budget = budget
        self._drawer = Drawer(self._utterances)

    def draw(self, rng: np.random.Generator) -> Batch:
        """Return a batch of :func:`crop`."""
        return _stacked([self._item(rng) for _ in range(self._budget.batch_size)])

    def _item(self, generator: np.random.Generator) -> Batch:
        frames = self._budget.frames
        utterance = self._utterances[self._drawer(generator)]
        start = int(generator.integers(max(1, len(utterance) - frames + 1)))
        view = int(generator.integers(len(utterance.views)))
        pose = random_pose(self._utterances, frames, generator)
        return crop(utterance, view, start, frames, pose, generator)


class VoicePairs(StepBatches):
    """Endless batches of one content in two voices.

    A pair is either a clip and a perturbed copy (exactly aligned), or two readings of one sentence,
    aligned by the times of their phones. Keys are those of :func:`crop` with ``_1`` and ``_2``, and
    the time maps between both: ``position_1_at_2`` and ``valid_1_at_2``, and the other way.

    Args:
        utterances: Of the training split.
        budget: Clips and frames of a batch.
        seed: Of the draws.
    """

    def __init__(self, utterances: Sequence[Utterance], budget: StageBudget, seed: int) -> None:
        super().__init__(seed)
        self._utterances = list(utterances)
        self._budget = budget
        self._drawer = Drawer(self._utterances)
        self._readings: dict[str, list[int]] = {}
        for index, utterance in enumerate(self._utterances):
            if utterance.sentence and utterance.phones:
                self._readings.setdefault(utterance.sentence, []).append(index)

    def draw(self, rng: np.random.Generator) -> Batch:
        """Return a batch of pairs."""
        return _stacked([self._pair(rng) for _ in range(self._budget.batch_size)])

    def _pair(self, generator: np.random.Generator) -> Batch:
        frames = self._budget.frames
        first = self._utterances[self._drawer(generator)]
        readings = self._readings.get(first.sentence, []) if first.phones else []
        if len(readings) > 1 and generator.random() < 0.5:
            second = self._utterances[generator.choice(readings)]
            view_1, view_2 = (int(generator.integers(len(u.views))) for u in (first, second))
            forward = align_phones(first.phones, second.phones, len(second))
            back = align_phones(second.phones, first.phones, len(first))
        else:
            second = first
            view_1, view_2 = generator.choice(len(first.views), 2, replace=len(first.views) < 2)
            forward = back = same_time(len(first))
        start_2 = int(generator.integers(max(1, len(second) - frames + 1)))
        start_1 = int(
            np.clip(round(float(forward.positions[start_2])), 0, max(0, len(first) - frames))
        )
        pose = random_pose(self._utterances, frames, generator)
        sides = {
            "1": crop(first, int(view_1), start_1, frames, pose, generator),
            "2": crop(second, int(view_2), start_2, frames, pose, generator),
        }
        item = {f"{key}_{k}": value for k, side in sides.items() for key, value in side.items()}
        _put_map(item, "1_at_2", _in_crop(forward, start_2, start_1, frames, len(first)))
        _put_map(item, "2_at_1", _in_crop(back, start_1, start_2, frames, len(second)))
        return item


def _in_crop(
    time_map: TimeMap, start: int, other_start: int, frames: int, other_end: int
) -> TimeMap:
    """Return a map between two utterances as one between their crops."""
    positions = pad_rows(time_map.positions, start, frames) - other_start
    beyond = np.arange(start, start + frames) >= len(time_map.positions)
    limit = min(frames, other_end - other_start) - 1
    valid = pad_rows(time_map.valid, start, frames) & ~beyond
    return TimeMap(positions, valid & (positions >= 0) & (positions <= limit))


def _put_map(item: Batch, name: str, time_map: TimeMap) -> None:
    item[f"position_{name}"] = torch.from_numpy(time_map.positions)
    item[f"valid_{name}"] = torch.from_numpy(time_map.valid)
