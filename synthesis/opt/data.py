"""Clips of a manifest as training batches: pairs of voices for stage 1, mouths for stage 2."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import IterableDataset

from shared.data.clip import Clip, Truth
from shared.data.manifest import Manifest
from shared.data.marionette.lips import VISEMES, viseme_of
from shared.errors import InputError
from shared.media.audio import read_audio
from shared.motion import FACE_UNITS, MOUTH_UNITS, UNIT
from synthesis.opt.alignment import TimedPhone, TimeMap, align_phones, same_time
from synthesis.opt.config import StageBudget
from synthesis.opt.disturbance import disturbed
from synthesis.opt.expression import KEPT_MOUTH_UNITS
from synthesis.opt.features import (
    SAMPLES_PER_FRAME,
    SpeechFeatures,
    recording_level,
    speech_features,
)
from synthesis.opt.perturbation import VOICE_CHANGES, change_channel, shift_voice

Batch = dict[str, Tensor]
KINDS = ("voice", "speaking")
PAUSE_FRAMES = 15
"""Quiet frames put before and after each clip, so that silence is learned, too."""
_PAUSE_ENERGY = 0.1
_SILENT, _SHUT = VISEMES.index("sil"), VISEMES.index("PP")


@dataclass(frozen=True)
class Utterance:
    """A clip in memory: what is heard, in several voices, and what the mouth does.

    Attributes:
        clip: Where it comes from.
        views: The recording, then perturbed copies of it, all at the same time.
        speakers: Label of each view's voice.
        expression: ``(T, 52)`` truth.
        rest: ``(52,)`` the expression in its pauses.
        identity: ``(I,)`` of the person.
        known: ``(T,)`` bool, frames whose truth is known.
        pause: ``(T,)`` bool, frames in which nobody speaks.
        phones: ``[name, start, end]``, seconds; visemes where the corpus has no phones; or none.
    """

    clip: Clip
    views: tuple[SpeechFeatures, ...]
    speakers: tuple[int, ...]
    expression: NDArray[np.float32]
    rest: NDArray[np.float32]
    identity: NDArray[np.float32]
    known: NDArray[np.bool_]
    pause: NDArray[np.bool_]
    phones: tuple[TimedPhone, ...] = ()

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.known)

    @cached_property
    def visemes(self) -> NDArray[np.int64]:
        """``(T,)`` index into :data:`VISEMES`, silence between phones; -1 if no phones are known."""
        labels = np.full(len(self), _SILENT if self.phones else -1, np.int64)
        for name, start, end in self.phones:
            shape = VISEMES.index(str(name)) if name in VISEMES else viseme_of(str(name))
            labels[int(np.ceil(float(start) * 25)) : int(np.ceil(float(end) * 25))] = shape
        return labels

    @property
    def sentence(self) -> str:
        """Label of what is said, or ""."""
        return str(self.clip.extra.get("sentence", ""))


def load_utterances(manifest: Manifest, split: str, *, variants: int, seed: int) -> list[Utterance]:
    """Read the speaking clips of a split and make their perturbed voices.

    Args:
        manifest: Any corpus; clips of kind ``voice`` and ``speaking`` are used.
        split: ``train``, ``val`` or ``test``.
        variants: Perturbed copies of each clip.
        seed: Of the perturbations.

    Raises:
        InputError: If the split has no such clips.
    """
    clips = [c for c in manifest.where(split=split) if c.kind in KINDS and c.truth]
    if not clips:
        raise InputError(
            f"the {split} split has no clips with speech and truth", found=f"{len(manifest)} clips",
            expected=" | ".join(KINDS), fix="build a corpus with voices",
        )  # fmt: skip
    voices = {voice: index for index, voice in enumerate(sorted({c.voice for c in clips}))}
    generator = np.random.default_rng(seed)
    return [_load(manifest, clip, voices[clip.voice], variants, generator) for clip in clips]


def speaker_count(utterances: Sequence[Utterance]) -> int:
    """Return the number of speaker labels, perturbed voices counted as voices of their own."""
    return 1 + max(label for u in utterances for label in u.speakers)


def _load(
    manifest: Manifest, clip: Clip, voice: int, variants: int, generator: np.random.Generator
) -> Utterance:
    samples = read_audio(manifest.path(clip.audio or clip.video))
    truth = manifest.truth(clip)
    motion = truth.motion.resampled(25)
    frames = min(len(motion), -(-len(samples) // SAMPLES_PER_FRAME))
    quiet = PAUSE_FRAMES * SAMPLES_PER_FRAME
    spoken = np.pad(samples[: frames * SAMPLES_PER_FRAME], quiet)
    spoken += (10 ** generator.uniform(-4.5, -3.5) * generator.standard_normal(len(spoken))).astype(
        np.float32
    )
    changes = generator.permutation(len(VOICE_CHANGES))[:variants]
    versions = [spoken] + [
        change_channel(shift_voice(spoken, VOICE_CHANGES[k]), generator) for k in changes
    ]
    total = frames + 2 * PAUSE_FRAMES
    views = tuple(speech_features(v, recording_level(v), 0, total) for v in versions)
    inside = np.zeros(total, np.bool_)
    inside[PAUSE_FRAMES : PAUSE_FRAMES + frames] = True
    pause = views[0].energy.reshape(total, -1).mean(axis=1) < _PAUSE_ENERGY
    rest = _rest_of(motion.expression[:frames], pause[inside])
    expression = np.repeat(rest[None], total, axis=0)
    expression[inside] = motion.expression[:frames]
    label = voice * (len(VOICE_CHANGES) + 1)
    return Utterance(
        clip, views, (label, *(int(label + 1 + k) for k in changes)), expression, rest,
        truth.identity, _away_from_the_seams(inside), pause & ~_widened(inside, -2),
        _phones_of(clip, truth),
    )  # fmt: skip


def _phones_of(clip: Clip, truth: Truth) -> tuple[TimedPhone, ...]:
    """Return a clip's phones, or runs of its visemes, in the time of the padded utterance."""
    shift = PAUSE_FRAMES / 25
    if clip.extra.get("phones"):
        return tuple(
            (str(name), float(start) + shift, float(end) + shift)
            for name, start, end, *_ in clip.extra["phones"]
        )
    if truth.visemes is None or len(truth.visemes) == 0:
        return ()
    changes = np.flatnonzero(np.diff(truth.visemes)) + 1
    edges = [0, *(int(change) for change in changes), len(truth.visemes)]
    rate = float(truth.motion.fps)
    return tuple(
        (VISEMES[truth.visemes[start]], start / rate + shift, stop / rate + shift)
        for start, stop in pairwise(edges)
        if truth.visemes[start] >= 0
    )


def _rest_of(expression: NDArray[np.float32], pause: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the expression in pauses, or a face at rest when there are too few of them."""
    if pause.sum() < 3:
        return np.zeros(len(FACE_UNITS), np.float32)
    return np.asarray(np.median(expression[pause], axis=0), np.float32)


def _widened(mask: NDArray[np.bool_], frames: int) -> NDArray[np.bool_]:
    """Return the mask with each true run longer (or shorter, if negative) by frames at both ends."""
    if frames < 0:
        return ~_widened(~mask, -frames)
    kernel = np.ones(2 * frames + 1)
    return np.convolve(mask.astype(float), kernel, mode="same") > 0.5


def _away_from_the_seams(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Leave out the frames in which the mouth would jump from the truth to the added pause."""
    return inside | ~_widened(inside, 5)


def pad_rows(array: NDArray, start: int, length: int) -> NDArray:
    """Return rows ``[start, start + length)``, the last repeated beyond the end."""
    return array[np.clip(np.arange(start, start + length), 0, len(array) - 1)]


def _in_crop(
    time_map: TimeMap, start: int, other_start: int, frames: int, other_end: int
) -> TimeMap:
    """Return a map between two utterances as one between their crops."""
    positions = pad_rows(time_map.positions, start, frames) - other_start
    beyond = np.arange(start, start + frames) >= len(time_map.positions)
    limit = min(frames, other_end - other_start) - 1
    valid = pad_rows(time_map.valid, start, frames) & ~beyond
    return TimeMap(positions, valid & (positions >= 0) & (positions <= limit))


class VoicePairs(IterableDataset):
    """Endless batches of one content in two voices, for stage 1.

    A pair is either a clip and a perturbed copy (exactly aligned), or two readings of one sentence,
    aligned by the times of their phones.

    Args:
        utterances: Of the training split.
        budget: Clips and frames of a batch.
        seed: Of the draws.
    """

    def __init__(self, utterances: Sequence[Utterance], budget: StageBudget, seed: int) -> None:
        self._utterances = list(utterances)
        self._budget = budget
        self._seed = seed
        self._readings: dict[str, list[int]] = {}
        for index, utterance in enumerate(self._utterances):
            if utterance.sentence and utterance.phones:
                self._readings.setdefault(utterance.sentence, []).append(index)

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches without end."""
        generator = np.random.default_rng(self._seed)
        while True:
            pairs = [self._pair(generator) for _ in range(self._budget.batch_size)]
            yield {key: torch.stack([pair[key] for pair in pairs]) for key in pairs[0]}

    def _pair(self, generator: np.random.Generator) -> Batch:
        frames = self._budget.frames
        first = self._utterances[generator.integers(len(self._utterances))]
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
        item: Batch = {}
        _put(item, "1", first, int(view_1), start_1, frames, generator)
        _put(item, "2", second, int(view_2), start_2, frames, generator)
        _put_map(item, "1_at_2", _in_crop(forward, start_2, start_1, frames, len(first)))
        _put_map(item, "2_at_1", _in_crop(back, start_1, start_2, frames, len(second)))
        return item


def _put(
    item: Batch,
    name: str,
    utterance: Utterance,
    view: int,
    start: int,
    frames: int,
    generator: np.random.Generator,
) -> None:
    heard = disturbed(utterance.views[view].frames(start, start + frames), generator)
    visemes = utterance.visemes[start : start + frames]
    known = np.pad(utterance.known[start : start + frames], (0, frames))[:frames]
    item[f"mel_{name}"] = torch.from_numpy(heard.mel)
    item[f"energy_{name}"] = torch.from_numpy(heard.energy)
    item[f"voiced_{name}"] = torch.from_numpy(heard.voiced)
    item[f"inside_{name}"] = torch.arange(start, start + frames) < len(utterance)
    item[f"known_{name}"] = torch.from_numpy(known)
    item[f"viseme_{name}"] = torch.from_numpy(
        np.pad(visemes, (0, frames - len(visemes)), constant_values=-1)
    )
    item[f"speaker_{name}"] = torch.tensor(utterance.speakers[view])
    mouth = pad_rows(utterance.expression, start, frames)[:, list(MOUTH_UNITS)]
    item[f"mouth_{name}"] = torch.from_numpy(mouth)


def _put_map(item: Batch, name: str, time_map: TimeMap) -> None:
    item[f"position_{name}"] = torch.from_numpy(time_map.positions)
    item[f"valid_{name}"] = torch.from_numpy(time_map.valid)


class Mouths(IterableDataset):
    """Endless batches of content and what a source's mouth does with it, for stage 2.

    The source is the person of the clip, whose face decides how it speaks, with a smile or an open
    mouth of its own now and then.

    Args:
        utterances: Of the training split.
        contents: For each utterance the content of its views, ``(T, C)`` each.
        budget: Clips and frames of a batch.
        seed: Of the draws.
    """

    def __init__(
        self,
        utterances: Sequence[Utterance],
        contents: Sequence[Sequence[Tensor]],
        budget: StageBudget,
        seed: int,
    ) -> None:
        self._utterances = list(utterances)
        self._contents = contents
        self._budget = budget
        self._seed = seed

    def __iter__(self) -> Iterator[Batch]:
        """Yield batches without end."""
        generator = np.random.default_rng(self._seed)
        while True:
            items = [self._item(generator) for _ in range(self._budget.batch_size)]
            yield {key: torch.stack([item[key] for item in items]) for key in items[0]}

    def _item(self, generator: np.random.Generator) -> Batch:
        frames = self._budget.frames
        index = int(generator.integers(len(self._utterances)))
        utterance, views = self._utterances[index], self._contents[index]
        start = int(generator.integers(max(1, len(utterance) - frames + 1)))
        content = views[int(generator.integers(len(views)))]
        rows = torch.arange(start, start + frames).clamp(max=len(utterance) - 1)
        change = pad_rows(utterance.expression - utterance.rest, start, frames)
        turn = generator.uniform(-1, 1, 3) * np.radians([20, 35, 10])
        return {
            "content": content[rows],
            "identity": torch.from_numpy(utterance.identity),
            "rest": torch.from_numpy(_random_rest(utterance.rest, generator)),
            "change": torch.from_numpy(change[:, list(MOUTH_UNITS)]),
            "rotation": torch.from_numpy(turn.astype(np.float32)),
            "known": torch.from_numpy(pad_rows(utterance.known, start, frames))
            & (torch.arange(start, start + frames) < len(utterance)),
            "pause": torch.from_numpy(pad_rows(utterance.pause, start, frames)),
            "closure": torch.from_numpy(pad_rows(utterance.visemes, start, frames) == _SHUT),
        }


def _random_rest(rest: NDArray[np.float32], generator: np.random.Generator) -> NDArray[np.float32]:
    """Return a source's expression: the clip's own, or with a smile, a frown or an open mouth."""
    drawn = rest.copy()
    if generator.random() < 0.5:
        name = str(generator.choice(KEPT_MOUTH_UNITS))
        drawn[UNIT[name]] += generator.uniform(0, 0.5)
        if name.endswith("Left") and not name.startswith("jaw") and name != "mouthLeft":
            drawn[UNIT[name.replace("Left", "Right")]] = drawn[UNIT[name]]
        drawn[UNIT["jawOpen"]] += generator.uniform(0, 0.3)
    return drawn
