"""Score any number of pictures: in batches, resumable, over several processes, in constant memory."""

from __future__ import annotations

import itertools
import math
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from forensics.membership.panels import ORIGINAL, as_picture
from forensics.membership.pictures import Picture, PictureFiles
from forensics.membership.protocol import Attack, Evidence, Scores, batch_generator
from forensics.membership.registry import settings_of
from forensics.membership.score_cache import Finished, ScoreCache
from forensics.membership.target import Target
from shared.custody import sha256_of_json
from shared.errors import FaceNotFound, InputError, LimitExceeded

_OF_ONE_PICTURE = (InputError, FaceNotFound, LimitExceeded)
"""What may be wrong with one picture; anything else is wrong with the whole audit."""


@dataclass(frozen=True)
class _Row:
    """What is known of one picture: its score, or why there is none."""

    index: int
    key: str
    value: float
    calls: float
    problem: str | None = None
    evidence: Evidence | None = None


def score_images(
    attack: Attack,
    target: Target,
    images: Iterable[Picture],
    captions: Sequence[str] | None,
    batch_size: int = 8,
    seed: int = 0,
    cache_path: str | Path | None = None,
    *,
    evidence: bool = False,
) -> Scores:
    """Score pictures with an attack.

    A picture that cannot be read or scored gets NaN and its reason in ``failures``; the others are scored all the
    same. A picture's noise depends on the seed and its index alone, so neither the batch size nor an interruption nor
    the number of processes changes a score. Under ``accelerate launch`` (or torchrun) every process scores a part and
    all return the whole.

    Args:
        attack: From :func:`forensics.membership.registry.attack`.
        target: The model under audit.
        images: From :func:`forensics.membership.pictures.read_images` or ``as_pictures``; indices rise.
        captions: By picture index, or None for ``""`` everywhere.
        batch_size: Pictures at a time; what fits into memory.
        seed: Of all noise.
        cache_path: A JSON-lines file of finished pictures. If it is there, the run continues from it; a second process
            writes beside it. Only numbers are kept, so a run with evidence scores every picture again.
        evidence: Collect evidence of every picture, which memory must hold; for single pictures see
            :func:`evidence_of`.

    Raises:
        InputError: If there is no picture, none can be scored, or the cache belongs to another run.
    """
    rank, world = _process(target)
    cache = None if cache_path is None else _cache(cache_path, attack, target, seed, rank)
    done = None if cache is None else {} if evidence else cache.read()
    rows: list[_Row] = []
    for batch in _batches(_own_part(images, batch_size, rank, world), batch_size):
        finished = _score_batch(attack, target, batch, captions, seed, evidence, done)
        if cache is not None:
            new = (row for row in finished if row.problem is None and row.key not in (done or ()))
            cache.append({row.key: (row.value, row.calls) for row in new})
        rows.extend(finished)
    return _gathered(attack, rows if world == 1 else _from_all(rows))


def evidence_of(
    attack: Attack, target: Target, picture: Picture, caption: str = "", seed: int = 0
) -> Evidence:
    """Return the evidence of one picture, with the noise that it had in :func:`score_images`.

    An attack that shows nothing leaves the picture itself.

    Raises:
        InputError: If the picture could not be read, or the attack gives no evidence.
    """
    if picture.image is None:
        raise picture.error or InputError(f"{picture.path} was not read")
    scores = attack.score(
        target,
        picture.image[None],
        [caption],
        generator=batch_generator(seed, picture.index),
        evidence=True,
    )
    if not scores.evidence:
        raise InputError(f"{attack.title} gives no evidence")
    found = scores.evidence[0]
    if found.pictures:
        return found
    return replace(found, pictures={ORIGINAL: as_picture(picture.image)})


def own_device(device: str) -> str:
    """Return where this process's model runs: under a launcher ``cuda`` means the GPU of the process's number.

    Example:
        >>> own_device("cpu"), own_device("cuda:1")
        ('cpu', 'cuda:1')
    """
    number = os.environ.get("LOCAL_RANK")
    return f"cuda:{number}" if device == "cuda" and number is not None else device


def _cache(path: str | Path, attack: Attack, target: Target, seed: int, rank: int) -> ScoreCache:
    run = {"attack": settings_of(attack), "model": target.fingerprint(), "seed": seed}
    return ScoreCache(Path(path), sha256_of_json(run), rank)


def _own_part(
    images: Iterable[Picture], batch_size: int, rank: int, world: int
) -> Iterable[Picture]:
    """Return this process's pictures: every ``world``-th batch."""
    if world == 1:
        return images
    if isinstance(images, PictureFiles):
        own = [i for i in range(len(images)) if i // batch_size % world == rank]
        return images.read(own)
    return (p for p in images if p.index // batch_size % world == rank)


def _batches(images: Iterable[Picture], size: int) -> Iterator[list[Picture]]:
    """Cut into batches of consecutive indices, as :func:`batch_generator` needs them; unread ones stand alone."""
    if size < 1:
        raise InputError("the batch size is too small", found=size, expected="1 or more")
    batch: list[Picture] = []
    for picture in images:
        fits = batch and picture.index == batch[-1].index + 1 and picture.image is not None
        if batch and (len(batch) == size or not fits or batch[-1].image is None):
            yield batch
            batch = []
        batch.append(picture)
    if batch:
        yield batch


def _score_batch(
    attack: Attack,
    target: Target,
    batch: list[Picture],
    captions: Sequence[str] | None,
    seed: int,
    evidence: bool,
    done: dict[str, Finished] | None,
) -> list[_Row]:
    """Score one batch; ``done`` is what an earlier run finished, or None where nothing is kept."""
    if batch[0].image is None:
        return [_failed(batch[0], str(batch[0].error))]
    texts = [_caption(captions, picture.index) for picture in batch]
    keys = [""] * len(batch)
    if done is not None:
        keys = [_key(picture, text) for picture, text in zip(batch, texts, strict=True)]
    if done and all(key in done for key in keys):
        pairs = zip(batch, keys, strict=True)
        return [_Row(picture.index, key, *done[key]) for picture, key in pairs]
    try:
        scores = attack.score(
            target,
            torch.stack([p.image for p in batch if p.image is not None]),
            texts,
            generator=batch_generator(seed, batch[0].index),
            evidence=evidence,
        )
    except _OF_ONE_PICTURE as error:
        if len(batch) == 1:
            return [_failed(batch[0], str(error))]
        alone = ([picture] for picture in batch)
        parts = [_score_batch(attack, target, p, captions, seed, evidence, done) for p in alone]
        return list(itertools.chain.from_iterable(parts))
    return [
        _row(picture, key, scores, place)
        for place, (picture, key) in enumerate(zip(batch, keys, strict=True))
    ]


def _row(picture: Picture, key: str, scores: Scores, place: int) -> _Row:
    value = float(scores.values[place])
    if not math.isfinite(value):
        return _failed(picture, f"the score is {value}", scores.calls)
    evidence = scores.evidence[place] if scores.evidence else None
    return _Row(picture.index, key, value, scores.calls, evidence=evidence)


def _failed(picture: Picture, problem: str, calls: float = 0.0) -> _Row:
    empty = Evidence({}, {}, f"This picture has no score: {problem}.")
    return _Row(picture.index, "", math.nan, calls, problem, empty)


def _caption(captions: Sequence[str] | None, index: int) -> str:
    if captions is None:
        return ""
    if index >= len(captions):
        raise InputError(
            "there are fewer captions than pictures", found=f"{len(captions)} captions"
        )
    return captions[index]


def _key(picture: Picture, caption: str) -> str:
    return sha256_of_json([picture.index, picture.digest(), caption])


def _process(target: Target) -> tuple[int, int]:
    """Return this process's number and how many there are, 0 and 1 unless a launcher started it."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2:
        return 0, 1
    from accelerate import PartialState

    state = PartialState(cpu=target.device.type == "cpu")
    return state.process_index, state.num_processes


def _from_all(rows: list[_Row]) -> list[_Row]:
    from accelerate.utils import gather_object

    found: list[_Row] = gather_object(rows)
    return found


def _gathered(attack: Attack, rows: list[_Row]) -> Scores:
    rows = sorted(rows, key=lambda row: row.index)
    if not rows:
        raise InputError("there is no picture to score", found="0 pictures")
    problems = {place: row.problem for place, row in enumerate(rows) if row.problem is not None}
    if len(problems) == len(rows):
        raise InputError("no picture could be scored", found=rows[0].problem)
    scored = [row for row in rows if row.problem is None]
    with_evidence = any(row.evidence is not None for row in scored)
    return Scores(
        values=np.array([row.value for row in rows], np.float64),
        higher_is_member=attack.higher_is_member,
        evidence=tuple(row.evidence for row in rows if row.evidence) if with_evidence else (),
        calls=sum(row.calls for row in scored) / len(scored),
        failures=problems,
    )
