"""OPT's claims as experiments, on voices, sentences and people that were not trained on.

- "separates content features from audios, eliminating the influence of speaker-specific
  information": :func:`speaker_probe`, :func:`voice_share`, :func:`two_voices`.
- "the landmark loss ... enhance the accuracy of facial structure": :func:`mouth_accuracy`,
  :func:`closures`, :func:`pauses`, and the ablations of :mod:`benchmarks.claims.opt_ablations`.

Run ``python -m benchmarks.claims.opt CORPUS [--driver DIR]``; each row is one line of JSON.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.claims.opt_driven import (
    Array,
    ClaimRow,
    Driven,
    aligned_curves,
    claim_row,
    correlation,
    synthetic,
    variance_shares,
)
from benchmarks.claims.opt_faces import face_told
from shared.data.manifest import Manifest, read_manifest
from shared.motion import MOUTH_UNITS
from synthesis.opt.data import Utterance, load_utterances
from synthesis.opt.generator import OptDriver
from synthesis.opt.losses import landmark_weights

BILABIALS = ("P", "B", "M", "PP")
_CLOSED = 0.1
VARIANTS = 2
"""Shifted voices of each test clip."""


def speaker_probe(driven: Driven) -> list[ClaimRow]:
    """Ask a linear probe who speaks, from a frame and from a whole clip.

    Sentences that the probe learns from are not those that it is asked about; all voices are
    unknown to the driver.
    """
    voices = [u.clip.voice for u in driven.utterances]
    sentences = sorted({u.sentence for u in driven.utterances})
    asked = np.isin([u.sentence for u in driven.utterances], sentences[1::2])
    chance = 1 / len(set(voices))
    rows = []
    for name, features in (("content", driven.contents), ("raw mel", driven.raws)):
        frames = [f[driven.speech_frames(k)][::3] for k, f in enumerate(features)]
        pooled = [np.concatenate([f.mean(axis=0), f.std(axis=0)])[None] for f in frames]
        for scale, parts in (("frame", frames), ("clip", pooled)):
            right = _probe(parts, voices, asked)
            rows.append(
                claim_row(
                    f"speaker accuracy of a linear probe, {scale}, {name}", right, "clip",
                    f"{len(set(voices))} unseen voices, chance {chance:.3f}, other sentences asked",
                    driven.seed,
                )
            )  # fmt: skip
    return rows


def _probe(parts: Sequence[Array], labels: Sequence[str], asked: NDArray[np.bool_]) -> Array:
    """Return the share of right answers in each clip that is asked about."""
    known = [k for k in range(len(parts)) if not asked[k]]
    inputs = np.concatenate([parts[k] for k in known])
    answers = np.concatenate([[labels[k]] * len(parts[k]) for k in known])
    probe = make_pipeline(StandardScaler(), LogisticRegression(max_iter=300, C=0.1))
    probe.fit(inputs, answers)
    where = [k for k in range(len(parts)) if asked[k]]
    return np.array([np.mean(probe.predict(parts[k]) == labels[k]) for k in where])


def content_kept(driven: Driven) -> list[ClaimRow]:
    """Ask a linear probe how far the mouth is open, from windows of five frames: R squared."""
    sentences = sorted({u.sentence for u in driven.utterances})
    asked = np.isin([u.sentence for u in driven.utterances], sentences[1::2])
    zero = np.zeros(len(driven.utterances[0].identity), np.float32)
    truth = [driven.opening(zero, driven.true_change(k)) for k in range(len(asked))]
    rows = []
    for name, features in (("content", driven.contents), ("raw mel", driven.raws)):
        windows = [
            np.concatenate([np.roll(f, s, axis=0) for s in range(-2, 3)], 1) for f in features
        ]
        probe = make_pipeline(StandardScaler(), Ridge(100.0))
        known = np.flatnonzero(~asked)
        probe.fit(
            np.concatenate([windows[k] for k in known]), np.concatenate([truth[k] for k in known])
        )
        sums = []
        mean = np.concatenate([truth[k] for k in known]).mean()
        for k in np.flatnonzero(asked):
            error = probe.predict(windows[k]) - truth[k]
            sums.append([np.square(error).sum(), np.square(truth[k] - mean).sum()])
        rows.append(
            claim_row(
                f"R2 of a linear probe for the mouth's opening, {name}", sums, "clip",
                "unseen voices; other sentences asked", driven.seed,
                lambda s: float(1 - s[:, 0].sum() / s[:, 1].sum()),
            )
        )  # fmt: skip
    return rows


def _share_of(parts: Sequence[int], sums: Array) -> float:
    return float(sums[:, list(parts)].sum() / sums.sum())


def voice_share(driven: Driven) -> list[ClaimRow]:
    """One face, one sentence, several voices: how much of the movement the voice explains."""
    identity = driven.utterances[0].identity
    made = [driven.change_of(k, identity) for k in range(len(driven.utterances))]
    truth = [driven.true_change(k) for k in range(len(driven.utterances))]
    rows = []
    for name, curves in (("driven", made), ("truth, each speaker's own style", truth)):
        sums = [
            variance_shares(aligned_curves(driven, g, curves)[..., MOUTH_UNITS])
            for g in driven.readings()
        ]
        for share, part in (("voice (eta squared)", [0]), ("voice and voice x time", [0, 2])):
            rows.append(
                claim_row(
                    f"share of expression variance by {share}, {name}", sums, "sentence",
                    "the same face; unseen voices and sentences, aligned by phones", driven.seed,
                    partial(_share_of, part),
                )
            )  # fmt: skip
    return rows


def two_voices(driven: Driven) -> list[ClaimRow]:
    """Correlate the mouth's opening of one face driven by two voices of one sentence."""
    identity = driven.utterances[0].identity
    curves = [
        driven.opening(identity, driven.change_of(k, identity))[:, None]
        for k in range(len(driven.utterances))
    ]
    truth = [
        driven.opening(identity, driven.true_change(k))[:, None]
        for k in range(len(driven.utterances))
    ]
    rows = []
    for name, openings in (("driven", curves), ("truth", truth)):
        values = []
        for group in driven.readings():
            aligned = aligned_curves(driven, group, openings)[..., 0]
            pairs = combinations(range(len(group)), 2)
            values.append(np.mean([correlation(aligned[a], aligned[b]) for a, b in pairs]))
        rows.append(
            claim_row(
                f"correlation of the opening between two voices, {name}", values, "sentence",
                "the same face; unseen voices and sentences, aligned by phones", driven.seed,
            )
        )  # fmt: skip
    return rows


def shifted_voices(driven: Driven) -> list[ClaimRow]:
    """One recording, its voice shifted in pitch, tract and channel: exactly the same words."""
    identity = driven.utterances[0].identity
    sums, correlations = [], []
    for k, utterance in enumerate(driven.utterances):
        views = range(len(utterance.views))
        made = np.stack([driven.change_of(k, identity, view=v) for v in views])[:, utterance.known]
        sums.append(variance_shares(made[..., MOUTH_UNITS]))
        openings = [driven.opening(identity, curve) for curve in made]
        correlations.append(np.mean([correlation(openings[0], other) for other in openings[1:]]))
    protocol = "unseen voices and sentences; pitch +-4 or 5 semitones, tract 0.85 to 1.18, channel"
    rows = [
        claim_row(
            f"share of expression variance by {share}, shifted voice", sums, "clip", protocol,
            driven.seed, partial(_share_of, part),
        )
        for share, part in (("voice (eta squared)", [0]), ("voice and voice x time", [0, 2]))
    ]  # fmt: skip
    name = "correlation of the opening between a voice and its shift"
    return [*rows, claim_row(name, correlations, "clip", protocol, driven.seed)]


def mouth_accuracy(driven: Driven) -> list[ClaimRow]:
    """Compare the mouth with the truth: correlation and size of the opening, landmark distance."""
    weights = landmark_weights().numpy()
    mouth = weights >= 3
    correlations, sizes, distances = [], [], []
    for k, utterance in enumerate(driven.utterances):
        known = utterance.known
        both = [driven.changes[k][known], driven.true_change(k)[known]]
        openings = [driven.opening(utterance.identity, e) for e in both]
        correlations.append(correlation(*openings))
        sizes.append([np.ptp(np.percentile(o, [5, 95])) for o in openings])
        made, true = (driven.points(utterance.identity, e)[:, mouth] for e in both)
        distances.append(np.linalg.norm(made - true, axis=-1).mean())
    protocol = "unseen voices, sentences and people; the person's own geometry"
    return [
        claim_row("correlation of the opening with the truth", correlations, "clip", protocol, driven.seed),
        claim_row(
            "range of the opening, driven / true", sizes, "clip", protocol, driven.seed,
            lambda s: float(s[:, 0].sum() / s[:, 1].sum()),
        ),
        claim_row("mouth landmark distance / interocular", distances, "clip", protocol, driven.seed),
    ]  # fmt: skip


def pauses(driven: Driven) -> list[ClaimRow]:
    """Measure how far the mouth is open in the added pauses, against its opening while speaking."""
    rows = []
    for name, gate in (("as shipped", True), ("net alone", False)):
        sums = []
        for k, utterance in enumerate(driven.utterances):
            change = driven.change_of(k, utterance.identity, gate=gate)
            opening = np.abs(driven.opening(utterance.identity, change))
            speech = driven.speech_frames(k)
            sums.append([opening[utterance.added].mean(), opening[speech].mean()])
        rows.append(
            claim_row(
                f"opening in pauses / opening in speech, {name}", sums, "clip",
                "pauses of quiet noise around the clip, 70 to 90 dB under full scale", driven.seed,
                lambda s: float(s[:, 0].sum() / s[:, 1].sum()),
            )
        )  # fmt: skip
    return rows


def closures(driven: Driven) -> list[ClaimRow]:
    """Count the p, b and m in which the lips come to a tenth of the clip's opening."""
    rows = []
    for name in ("driven", "truth"):
        for kind, phones in (
            ("p, b, m", BILABIALS),
            ("vowels AA AE AO, control", ("AA", "AE", "AO", "aa")),
        ):
            values = []
            for k, utterance in enumerate(driven.utterances):
                change = driven.changes[k] if name == "driven" else driven.true_change(k)
                opening = driven.opening(utterance.identity, change)
                reached = _reached(utterance, opening, phones)
                if reached:
                    values.append(np.mean(reached))
            if values:
                rows.append(
                    claim_row(
                        f"share of closures, {kind}, {name}", values, "clip",
                        "smallest opening in the phone under 10 % of the clip's 95th percentile",
                        driven.seed,
                    )
                )  # fmt: skip
    return rows


def _reached(utterance: Utterance, opening: Array, names: Sequence[str]) -> list[bool]:
    limit = _CLOSED * np.percentile(opening[utterance.known], 95)
    reached = []
    for name, start, end in utterance.phones:
        if name in names:
            frames = slice(int(float(start) * 25), int(np.ceil(float(end) * 25)) + 1)
            reached.append(bool(opening[frames].min(initial=np.inf) <= limit))
    return reached


EXPERIMENTS: tuple[Callable[[Driven], list[ClaimRow]], ...] = (
    speaker_probe, content_kept, voice_share, two_voices, shifted_voices, mouth_accuracy, pauses, closures,
    face_told,
)  # fmt: skip


def measure(
    driver: OptDriver, manifest: Manifest, *, split: str = "test", seed: int = 0
) -> list[ClaimRow]:
    """Run every experiment on the synthetic voices of a split; real ones are measured apart."""
    known = synthetic(manifest)
    driven = Driven(driver, load_utterances(known, split, variants=VARIANTS, seed=seed), seed)
    return [row for experiment in EXPERIMENTS for row in experiment(driven)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure a driver on a corpus and write one line of JSON a figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.claims.opt", description=__doc__)
    parser.add_argument("corpus", help="folder with manifest.jsonl")
    parser.add_argument("--driver", default="opt", help="name or folder of a checkpoint")
    parser.add_argument("--split", default="test")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    rows = measure(
        OptDriver.from_pretrained(chosen.driver), read_manifest(chosen.corpus),
        split=chosen.split, seed=chosen.seed,
    )  # fmt: skip
    for row in rows:
        sys.stdout.write(json.dumps(asdict(row)) + "\n")


if __name__ == "__main__":
    main()
