"""The shortcut test: can anything but the forgery tell the labels apart?

For each embedded dataset, classifiers that see no face are asked for the label: the file's size and packets, its
duration and codec fields, its first frames as a whole, colours of whole frames. People are in training or test, never
in both; every clip is there authentic and forged. At chance, AUC is 0.5; above :data:`BOUND` the corpus can be solved
without looking.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.tables import Rows, row
from shared.data.forgery.known import dataset_of, is_forged
from shared.data.manifest import Manifest
from shared.errors import InputError
from shared.media.video import VideoReader
from shared.statistics import Interval, percentile_interval

Features = dict[str, float]
Progress = Callable[[int, int], None]

BOUND = 0.55
"""AUC that no classifier may exceed."""

_FIRST_FRAMES = 3
_COLOUR_FRAMES = 8
_HEADER = 16
_SETTINGS = 1 << 16
_FOLDS = 5


@dataclass(frozen=True)
class Shortcut:
    """What one group of cues gives away.

    Attributes:
        cues: Name of the group, or ``all``.
        classifier: ``linear`` or ``forest``.
        auc: Over held-out people, with an interval over people.
        clips: Number of clips.
    """

    cues: str
    classifier: str
    auc: Interval
    clips: int


def container_cues(path: str | Path) -> dict[str, Features]:
    """Return what the file tells without decoding: sizes, duration, codec fields."""
    file = Path(path)
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        context = stream.codec_context
        fields = {
            "width": float(stream.width),
            "height": float(stream.height),
            "rate": float(stream.average_rate or 0),
            "profile_name": float(len(context.profile or "")),
            "bit_rate": float(stream.bit_rate or 0),
            "time_base": float(stream.time_base or 0),
            "sound": float(bool(container.streams.audio)),
            "tags": float(sum(map(len, container.metadata.values()))),
            **_header(bytes(context.extradata or b"")),
            **_settings(file),
        }
        duration = float((stream.duration or 0) * (stream.time_base or 0))
        packets = [packet for packet in container.demux(stream) if packet.size]
    sizes = np.array([packet.size for packet in packets], float)
    keys = sum(packet.is_keyframe for packet in packets)
    size = {
        "file": float(file.stat().st_size),
        "a_frame": float(sizes.mean()),
        "first": float(sizes[0]),
        "spread": float(sizes.std()),
        "first_share": float(sizes[0] / sizes.sum()),
    }
    time = {"duration": duration, "frames": float(len(packets)), "key_frames": float(keys)}
    return {"file size": size, "duration": time, "codec fields": fields}


def _header(extradata: bytes) -> Features:
    """Return the last bytes of the decoder's parameters, among them where quantisers begin."""
    tail = extradata[-_HEADER:].rjust(_HEADER, b"\0")
    return {f"header{place}": float(byte) for place, byte in enumerate(tail)}


def _settings(file: Path) -> Features:
    """Return what the encoder tells of itself in a comment of the stream; 0 where it is silent."""
    with file.open("rb") as opened:
        begin = opened.read(_SETTINGS)
    found = {
        name: re.search(rf"{name}=([0-9.]+)".encode(), begin)
        for name in ("crf", "ip_ratio", "pb_ratio", "qcomp")
    }
    return {name: float(match[1].rstrip(b".")) if match else 0.0 for name, match in found.items()}


def picture_cues(path: str | Path) -> dict[str, Features]:
    """Return what whole frames tell: how the clip begins, and its colours."""
    with VideoReader(path) as reader:
        frames = np.stack(list(islice(reader, _COLOUR_FRAMES))).astype(np.float32)
    first: Features = {}
    for number, frame in enumerate(frames[:_FIRST_FRAMES]):
        first[f"mean{number}"] = float(frame.mean())
        first[f"spread{number}"] = float(frame.std())
        if number:
            first[f"change{number}"] = float(np.abs(frame - frames[number - 1]).mean())
    channels = frames.reshape(-1, 3)
    colour = {
        f"{name}_{channel}": float(value)
        for channel, values in zip("rgb", channels.T, strict=True)
        for name, value in (("mean", values.mean()), ("spread", values.std()))
    }
    colour["saturation"] = float(np.ptp(channels, axis=1).mean())
    return {"first frames": first, "colours": colour}


def cues_of(manifest: Manifest, progress: Progress | None = None) -> dict[str, NDArray[np.float64]]:
    """Return each group of cues ``(clips, features)``, and all together, of the manifest's clips in order."""
    rows = []
    for done, clip in enumerate(manifest, 1):
        path = manifest.path(clip.video)
        rows.append({**container_cues(path), **picture_cues(path)})
        if progress:
            progress(done, len(manifest))
    groups = {
        name: np.array([list(row[name].values()) for row in rows], np.float64) for name in rows[0]
    }
    return {**groups, "all": np.concatenate(list(groups.values()), axis=1)}


def shortcut_rows(
    manifest: Manifest, qualities: Sequence[str], *, seed: int = 0, progress: Progress | None = None
) -> Rows:
    """Run the test on every family of a forgery corpus at these qualities; return rows for the tables.

    Raises:
        InputError: If the corpus holds none of these, or too few people.
    """
    families = sorted({c.extra["family"] for c in manifest if is_forged(c)})
    rows: Rows = []
    for quality in qualities:
        for family in families:
            found = shortcuts_of(manifest, [family], quality, seed=seed, progress=progress)
            rows += [
                row(
                    f"AUC from {one.cues}, {one.classifier}", one.auc, status="tiny", seed=seed,
                    protocol=f"{family} {quality}: {one.clips} clips, people held out",
                    target=f"<= {BOUND}",
                )
                for one in found
            ]  # fmt: skip
    return rows


def shortcuts_of(
    manifest: Manifest,
    families: Sequence[str],
    quality: str,
    *,
    seed: int = 0,
    progress: Progress | None = None,
) -> list[Shortcut]:
    """Run the test on one embedded dataset.

    Raises:
        InputError: If there are fewer than five people.
    """
    data = dataset_of(manifest, families, quality)
    people = np.array([clip.person for clip in data])
    if len(set(people)) < _FOLDS:
        raise InputError(
            "too few people for the shortcut test", found=len(set(people)), expected=f">= {_FOLDS}"
        )
    labels = np.array([is_forged(clip) for clip in data])
    return shortcuts(cues_of(data, progress), labels, people, seed=seed)


def shortcuts(
    cues: Mapping[str, NDArray[np.float64]],
    labels: NDArray[np.bool_],
    people: NDArray[np.str_],
    *,
    seed: int = 0,
) -> list[Shortcut]:
    """Ask every classifier with every group of cues.

    Args:
        cues: Name -> ``(clips, features)``.
        labels: ``(clips,)``, True for forged.
        people: ``(clips,)``: each person's clips are held out together.
        seed: Of the forest and of the intervals.
    """
    found = []
    for name, features in cues.items():
        for classifier, model in (
            ("linear", make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))),
            ("forest", RandomForestClassifier(50, min_samples_leaf=3, random_state=seed)),
        ):
            scores = np.zeros(len(labels))
            for train, test in GroupKFold(_FOLDS).split(features, labels, people):
                model.fit(features[train], labels[train])
                scores[test] = model.predict_proba(features[test])[:, 1]
            auc = _auc(labels, scores, people, seed)
            found.append(Shortcut(name, classifier, auc, len(labels)))
    return found


def _auc(
    labels: NDArray[np.bool_], scores: NDArray[np.float64], people: NDArray[np.str_], seed: int
) -> Interval:
    """Return the area under the ROC curve; people are drawn for the interval."""
    rows = [np.flatnonzero(people == person) for person in sorted(set(people))]
    generator = np.random.default_rng(seed)
    spread = []
    for _ in range(500):
        drawn = np.concatenate([rows[n] for n in generator.integers(len(rows), size=len(rows))])
        spread.append(_area(labels[drawn], scores[drawn]))
    return percentile_interval(_area(labels, scores), spread, len(rows))


def _area(labels: NDArray[np.bool_], scores: NDArray[np.float64]) -> float:
    """Return the chance that a forged clip scores above an authentic one, ties counting half."""
    forged = int(labels.sum())
    authentic = len(labels) - forged
    above = rankdata(scores)[labels].sum() - forged * (forged + 1) / 2
    return float(above / (forged * authentic))
