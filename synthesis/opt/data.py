"""Clips of a manifest in memory: what is heard, in several voices, and what the mouth does."""

from __future__ import annotations

import io
import json
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.custody import sha256_of_json, write_atomic
from shared.data.clip import Clip, Truth
from shared.data.manifest import Manifest
from shared.data.marionette.lips import VISEMES, viseme_of
from shared.errors import InputError
from shared.media.audio import read_audio
from shared.motion import FACE_UNITS
from synthesis.opt.alignment import TimedPhone
from synthesis.opt.features import (
    SAMPLES_PER_FRAME,
    SpeechFeatures,
    recording_level,
    speech_features,
)
from synthesis.opt.perturbation import VOICE_CHANGES, change_channel, shift_voice

Arrays = dict[str, NDArray]
KINDS = ("voice", "speaking")
PAUSE_FRAMES = 15
"""Quiet frames put before and after each clip, so that silence is learned, too."""
_PAUSE_ENERGY = 0.1
_PAUSE_LEAST = 5
"""Frames, 0.2 s: what is quiet for less is the closure of a stop, or a breath's edge."""
_CACHE_VERSION = 2
_SILENT = VISEMES.index("sil")


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
        added: ``(T,)`` bool, frames of the silence put before and after the clip.
        pause: ``(T,)`` bool, frames of at least 0.2 s in which nobody speaks, within the clip or added.
        rotation: ``(T, 3)`` of the head, radians.
        phones: ``[name, start, end]``, seconds; visemes where the corpus has no phones; or none.
    """

    clip: Clip
    views: tuple[SpeechFeatures, ...]
    speakers: tuple[int, ...]
    expression: NDArray[np.float32]
    rest: NDArray[np.float32]
    identity: NDArray[np.float32]
    known: NDArray[np.bool_]
    added: NDArray[np.bool_]
    pause: NDArray[np.bool_]
    rotation: NDArray[np.float32]
    phones: tuple[TimedPhone, ...] = ()

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.known)

    @cached_property
    def visemes(self) -> NDArray[np.int64]:
        """``(T,)`` index into :data:`VISEMES`, silence between phones; -1 if no phones are known."""
        return _visemes_of(self.phones, len(self))

    @property
    def sentence(self) -> str:
        """Label of what is said, or ""."""
        return str(self.clip.extra.get("sentence", ""))


def load_utterances(
    manifest: Manifest, split: str, *, variants: int, seed: int, cache: Path | None = None
) -> list[Utterance]:
    """Read the speaking clips of a split and make their perturbed voices.

    Args:
        manifest: Any corpus; clips of kind ``voice`` and ``speaking`` are used.
        split: ``train``, ``val`` or ``test``.
        variants: Perturbed copies of each clip.
        seed: Of the perturbations; each clip draws its own.
        cache: Folder in which clips are kept once they were read, or None.

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
    found = []
    for clip in clips:
        arrays = _kept(manifest, clip, variants, seed, cache)
        found.append(_utterance(clip, voices[clip.voice] * (len(VOICE_CHANGES) + 1), arrays))
    return found


def speaker_count(utterances: Sequence[Utterance]) -> int:
    """Return the number of speaker labels, perturbed voices counted as voices of their own."""
    return 1 + max(label for u in utterances for label in u.speakers)


def _utterance(clip: Clip, label: int, arrays: Arrays) -> Utterance:
    views = tuple(
        SpeechFeatures(*(arrays[f"{name}_{k}"] for name in ("mel", "energy", "voiced")))
        for k in range(1 + len(arrays["changes"]))
    )
    others = (label + 1 + int(change) for change in arrays["changes"])
    names = ("expression", "rest", "identity", "known", "added", "pause", "rotation")
    phones = tuple(
        (str(name), start, end) for name, start, end in json.loads(str(arrays["phones"]))
    )
    return Utterance(
        clip, views, (label, *others), **{name: arrays[name] for name in names}, phones=phones
    )  # fmt: skip


def _kept(manifest: Manifest, clip: Clip, variants: int, seed: int, cache: Path | None) -> Arrays:
    """Return what :func:`_read` does, from the cache if it is there."""
    if cache is None:
        return _read(manifest, clip, variants, np.random.default_rng(_seeds(clip, seed)))
    sizes = [manifest.path(name).stat().st_size for name in (clip.audio or clip.video, clip.truth)]
    key = sha256_of_json([_CACHE_VERSION, clip.to_json(), sizes, variants, seed])[:24]
    path = cache / f"{key}.npz"
    if not path.is_file():
        made = _read(manifest, clip, variants, np.random.default_rng(_seeds(clip, seed)))
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **made)
        cache.mkdir(parents=True, exist_ok=True)
        write_atomic(path, buffer.getvalue())
        return made
    with np.load(path, allow_pickle=False) as kept:
        return {name: kept[name] for name in kept.files}


def _seeds(clip: Clip, seed: int) -> list[int]:
    return [seed, zlib.crc32(clip.id.encode())]


def _read(manifest: Manifest, clip: Clip, variants: int, generator: np.random.Generator) -> Arrays:
    """Read a clip between added pauses and make its perturbed voices, as arrays by name."""
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
    views = [speech_features(v, recording_level(v), 0, total) for v in versions]
    inside = np.zeros(total, np.bool_)
    inside[PAUSE_FRAMES : PAUSE_FRAMES + frames] = True
    quiet_frames = views[0].energy.reshape(total, -1).mean(axis=1) < _PAUSE_ENERGY
    rest = _rest_of(motion.expression[:frames], quiet_frames[inside])
    expression = np.repeat(rest[None], total, axis=0)
    expression[inside] = motion.expression[:frames]
    phones = _phones_of(clip, truth)
    silent = np.isin(_visemes_of(phones, total), (_SILENT, -1))
    heard = {f"{name}_{k}": part for k, v in enumerate(views) for name, part in vars(v).items()}
    return {
        **heard,
        "changes": changes,
        "expression": expression,
        "rest": rest,
        "identity": truth.identity,
        "known": _away_from_the_seams(inside),
        "added": ~inside,
        "pause": _runs(quiet_frames & silent, _PAUSE_LEAST),
        "rotation": np.pad(motion.rotation[:frames], ((PAUSE_FRAMES,) * 2, (0, 0)), mode="edge"),
        "phones": np.array(json.dumps(phones)),
    }


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


def _visemes_of(phones: Sequence[TimedPhone], frames: int) -> NDArray[np.int64]:
    labels = np.full(frames, _SILENT if phones else -1, np.int64)
    for name, start, end in phones:
        shape = VISEMES.index(str(name)) if name in VISEMES else viseme_of(str(name))
        labels[int(np.ceil(float(start) * 25)) : int(np.ceil(float(end) * 25))] = shape
    return labels


def _rest_of(expression: NDArray[np.float32], pause: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Return the expression in pauses, or a face at rest when there are too few of them."""
    if pause.sum() < 3:
        return np.zeros(len(FACE_UNITS), np.float32)
    return np.asarray(np.median(expression[pause], axis=0), np.float32)


def _runs(mask: NDArray[np.bool_], least: int) -> NDArray[np.bool_]:
    """Return the true runs of a mask that are no shorter than ``least``."""
    edges = np.flatnonzero(np.diff(mask.astype(int), prepend=0, append=0)).reshape(-1, 2)
    kept = np.zeros_like(mask)
    for start, end in edges[edges[:, 1] - edges[:, 0] >= least]:
        kept[start:end] = True
    return kept


def _widened(mask: NDArray[np.bool_], frames: int) -> NDArray[np.bool_]:
    """Return the mask with each true run longer by frames at both ends."""
    kernel = np.ones(2 * frames + 1)
    return np.convolve(mask.astype(float), kernel, mode="same") > 0.5


def _away_from_the_seams(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Leave out the frames in which the mouth would jump from the truth to the added pause."""
    return inside | ~_widened(inside, 5)
