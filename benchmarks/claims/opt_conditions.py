"""OPT away from the studio: noise, low voices, and real people in five languages.

Recordings go through the driver as a user's would. Where the truth of the mouth is known, it is
compared; of real recordings in other languages nobody knows it, so that only what must hold for any
speech is asked: pauses close the mouth, the opening follows the loudness about as far as that of
the truth does, and a shifted voice moves the mouth alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmarks.claims.opt_driven import Array, ClaimRow, claim_row, correlation, opening_of
from shared.audio.prosody import log_energy, speech_level
from shared.data.clip import Clip
from shared.data.manifest import Manifest
from shared.data.marionette.recordings import is_real
from shared.media.audio import read_audio
from synthesis.opt.generator import OptDriver
from synthesis.opt.perturbation import VOICE_CHANGES, shift_voice

Samples = NDArray[np.float32]
Change = Callable[[Samples, np.random.Generator], Samples]
_QUIET_DB, _EDGE = 30.0, 3


def _noisy(under: float) -> Change:
    """Return what adds white noise so many dB under the recording's mean power."""

    def add(samples: Samples, generator: np.random.Generator) -> Samples:
        size = float(np.sqrt(np.mean(np.square(samples)))) * 10 ** (-under / 20)
        noise = generator.standard_normal(len(samples)) * size
        return (samples + noise).astype(np.float32)

    return add


def _softer(by: float) -> Change:
    """Return what lowers a recording by so many dB, over a floor of noise at -80 dB."""

    def lower(samples: Samples, generator: np.random.Generator) -> Samples:
        floor = 1e-4 * generator.standard_normal(len(samples))
        return (samples * 10 ** (-by / 20) + floor).astype(np.float32)

    return lower


CONDITIONS: dict[str, Change] = {
    "as recorded": _softer(0.0),
    "40 dB softer": _softer(40.0),
    "noise 20 dB under": _noisy(20.0),
    "noise 10 dB under": _noisy(10.0),
}
"""Name -> what happens to the recording."""


def conditions(
    driver: OptDriver, manifest: Manifest, *, split: str = "test", seed: int = 0, every: int = 3
) -> list[ClaimRow]:
    """Compare with the truth under noise and at a low level, on every so many-th test clip."""
    clips = [
        c
        for c in manifest.where(split=split)
        if c.kind == "voice" and c.truth and not is_real(c.voice)
    ]
    rows = []
    for name, change in CONDITIONS.items():
        generator = np.random.default_rng(seed)
        agreement, shut = [], []
        for clip in clips[::every]:
            truth = manifest.truth(clip)
            samples = read_audio(manifest.path(clip.audio))
            made = _opening(driver, change(samples, generator), truth.identity)
            true = opening_of(truth.identity, truth.motion.expression)
            count = min(len(made), len(true))
            agreement.append(correlation(made[:count], true[:count]))
            pause = _pauses(samples, count)
            if pause.any():
                shut.append([made[:count][pause].mean(), made[:count][~pause].mean()])
        protocol = f"{name}; unseen voices, sentences and people"
        rows += [
            claim_row(f"correlation of the opening with the truth, {name}", agreement, "clip", protocol, seed),
            claim_row(f"opening in pauses / opening in speech, {name}", shut, "clip", protocol, seed, _ratio),
        ]  # fmt: skip
    return rows


def real_voices(
    driver: OptDriver, manifest: Manifest, *, split: str = "test", seed: int = 0, every: int = 3
) -> list[ClaimRow]:
    """Ask of real recordings, language by language, what must hold whatever is said."""
    clips = [c for c in manifest.where(split=split) if c.audio and is_real(c.voice)]
    spoken = [c for c in clips if c.truth]
    rows = []
    for language in sorted({c.language for c in clips}):
        known = [c for c in clips if c.language == language][::every]
        rows += _language_rows(driver, manifest, known, f"real voice, {language}", seed)
    if spoken:
        truths = [manifest.truth(c) for c in spoken]
        sounds = [read_audio(manifest.path(c.audio)) for c in spoken]
        pairs = [
            (_opening(driver, s, t.identity), opening_of(t.identity, t.motion.expression))
            for s, t in zip(sounds, truths, strict=True)
        ]
        protocol = "real recordings with a text; the truth is ruled by phones that were aligned"
        values = [correlation(*_same_length(*pair)) for pair in pairs]
        rows.append(
            claim_row("correlation of the opening with the truth, real voice, en", values, "clip", protocol, seed)
        )  # fmt: skip
        loudness = [
            correlation(*_same_length(true, _loudness(s)))
            for s, (_, true) in zip(sounds, pairs, strict=True)
        ]
        title = "correlation of the opening with the loudness, truth, real voice, en"
        rows.append(claim_row(title, loudness, "clip", protocol, seed))
    return rows


def _language_rows(
    driver: OptDriver, manifest: Manifest, clips: Sequence[Clip], name: str, seed: int
) -> list[ClaimRow]:
    face = np.zeros(driver.config.identity_dim, np.float32)
    follows, shut, shifted = [], [], []
    for number, clip in enumerate(clips):
        samples = read_audio(manifest.path(clip.audio))
        made = _opening(driver, samples, face)
        follows.append(correlation(*_same_length(made, _loudness(samples))))
        pause = _pauses(samples, len(made))
        if pause.any():
            shut.append([made[pause].mean(), made[~pause].mean()])
        other = shift_voice(samples, VOICE_CHANGES[number % len(VOICE_CHANGES)])
        shifted.append(correlation(made, _opening(driver, other, face)))
    protocol = "recorded announcements of one speaker; the mouth's truth is not known"
    rows = [
        claim_row(f"correlation of the opening with the loudness, {name}", follows, "clip", protocol, seed),
        claim_row(f"correlation of the opening between a voice and its shift, {name}", shifted, "clip", protocol, seed),
    ]  # fmt: skip
    if shut:
        title = f"opening in pauses / opening in speech, {name}"
        rows.append(claim_row(title, shut, "clip", protocol, seed, _ratio))
    return rows


def _ratio(sums: Array) -> float:
    return float(sums[:, 0].sum() / sums[:, 1].sum())


def _opening(driver: OptDriver, samples: Samples, identity: Array) -> Array:
    rest = np.zeros(52, np.float32)
    return opening_of(identity, driver.expression(samples, identity, rest, blinks=False))


def _same_length(first: Array, second: Array) -> tuple[Array, Array]:
    count = min(len(first), len(second))
    return first[:count], second[:count]


def _loudness(samples: Samples) -> Array:
    """Return the level of each frame, dB, ``(T,)``, not under the pauses'."""
    energy = log_energy(samples)
    energy = np.maximum(energy, speech_level(energy) - 40)
    frames = len(energy) // 4
    return np.asarray(energy[: 4 * frames].reshape(frames, 4).mean(axis=1))


def _pauses(samples: Samples, frames: int) -> NDArray[np.bool_]:
    """Return the frames ``(T,)`` in the middle of pauses, told by the clean recording."""
    energy = log_energy(samples)
    loud = energy > speech_level(energy) - _QUIET_DB
    spoken = np.zeros(frames, bool)
    spoken[np.minimum(np.flatnonzero(loud) // 4, frames - 1)] = True
    near = np.convolve(spoken, np.ones(2 * _EDGE + 1), mode="same") > 0
    return ~near
