"""``forensics calibrate``: what a detector's scores mean, learnt from people whom it did not learn from."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import numpy as np
import typer
from rich.console import Console

from shared.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from forensics.folds import Persons
    from forensics.known_tracks import KnownTrack
    from shared.data.clip import Clip
    from shared.data.manifest import Manifest

Item = TypeVar("Item")

SPLIT = "val"
"""Whose faces calibrate: neither those that it learnt from nor those that it is judged by."""


def calibrate_command(
    checkpoint: Annotated[Path, typer.Argument(help="Folder of a trained FoCus.")],
    corpus: Annotated[
        list[Path],
        typer.Option(
            help="Folder of `forensics prepare`; once for each kind of footage (quality, source)."
        ),
    ],
    error_rate: Annotated[
        float,
        typer.Option(help="Share of wrong answers allowed in either class of any kind of footage."),
    ] = 0.05,
    device: Annotated[str, typer.Option(help="cpu, cuda, cuda:1.")] = "cpu",
) -> None:
    """Write the scores of known validation videos beside a checkpoint, so that it may answer.

    Examples:
      forensics calibrate runs/focus/checkpoint --corpus faces/c23 --corpus faces/c40
    """
    from forensics.calibration_error import reliability
    from forensics.inspection.judge import read_calibration

    written = calibrate_checkpoint(checkpoint, corpus, error_rate=error_rate, device=device)
    found = read_calibration(checkpoint)
    if found is not None:
        reliable = reliability(found)
        Console().print(
            f"{written}: {len(found.positives)} manipulated and {len(found.negatives)} authentic videos, "
            f"{found.method}, expected calibration error {reliable.error:.3f} "
            f"(held out together: {reliable.held_out})",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip


def calibrate_checkpoint(
    checkpoint: Path, corpora: list[Path], *, error_rate: float = 0.05, device: str = "cpu"
) -> Path:
    """Judge the validation videos of extracted faces and write their frames' scores beside the checkpoint.

    Each family of forgeries is a kind of its own, if it has videos enough: who examines a file does not know the
    family, and one that the detector does not see must not be called authentic because it sees the others.

    What tells how good the fit is holds out everybody whom a video links with another. Where donors link nearly all
    people of the split, only the person seen is held out; ``held_out`` in the file and :mod:`forensics.folds` tell.

    Args:
        checkpoint: Folder of a trained FoCus.
        corpora: Folders of ``forensics prepare``, one for each kind of footage.
        error_rate: Allowed share of wrong answers in either class of any kind.
        device: Where it runs.

    Returns:
        The file.

    Raises:
        InputError: If one of them is no such folder, or has too few videos of a class, or the rate is out of range.
        WeightsError: If the checkpoint cannot be used.
    """
    from forensics.calibration import needed
    from forensics.focus.detector import FocusDetector
    from forensics.inspection.familiarity import Familiarity
    from forensics.inspection.judge import write_calibration
    from forensics.known_tracks import KnownTrack
    from forensics.prepared_faces import read_prepared
    from shared.data.forgery.known import AUTHENTIC, is_forged

    detector = FocusDetector.from_pretrained(checkpoint, device)
    least = needed(error_rate)
    known = [validation_of(corpus) for corpus in corpora]
    manipulated: list[list[KnownTrack]] = []
    authentic: list[list[KnownTrack]] = []
    features: list[NDArray[np.float32]] = []
    shown: list[Persons] = []
    for clips in known:
        faces = read_prepared(clips)
        found = detector.detect(faces.frames)
        tracks: dict[str, list[KnownTrack]] = defaultdict(list)
        for number in np.unique(faces.videos):
            clip = clips.clips[number]
            scores = tuple(found.scores[faces.videos == number].tolist())
            family = clip.extra["family"] if is_forged(clip) else AUTHENTIC
            tracks[family].append(KnownTrack(persons_of(clip), scores))
        authentic.append(tracks.pop(AUTHENTIC, []))
        manipulated += large_enough(list(tracks.values()), least)
        if found.features is not None:
            features.append(found.features)
            shown += [persons_of(clips.clips[number]) for number in faces.videos]
    familiar = Familiarity.of(np.concatenate(features), shown) if features else None
    return write_calibration(checkpoint, manipulated, authentic, error_rate, familiar)


def validation_of(corpus: Path) -> Manifest:
    """Return the validation videos of a folder of extracted faces.

    Raises:
        InputError: If it is no such folder, or has none.
    """
    from forensics.prepared_faces import KIND
    from shared.data.manifest import read_manifest

    command = "`forensics prepare DATASET ROOT -o FOLDER`"
    clips = read_manifest(corpus, command)
    if kinds := sorted({clip.kind for clip in clips} - {KIND}):
        raise InputError(
            f"{corpus} holds no extracted faces", found=f"clips of the kind {', '.join(kinds)}",
            fix=f"extract them with {command}, and give that folder",
        )  # fmt: skip
    if not len(known := clips.where(split=SPLIT)):
        raise InputError(
            f"{corpus} has no faces in the split {SPLIT}",
            found=f"only {', '.join(sorted({clip.split for clip in clips}))}",
            fix="give the faces of a corpus that has validation videos",
        )
    return known


def persons_of(clip: Clip) -> Persons:
    """Return everybody whom a clip of extracted faces shows, first the one who is seen."""
    return tuple(clip.extra.get("persons") or (clip.person,))


def large_enough(kinds: list[list[Item]], least: int) -> list[list[Item]]:
    """Put kinds of fewer than ``least`` tracks together with each other and, if need be, with the next larger one.

    Example:
        >>> large_enough([[1.0], [2.0, 2.0], [3.0, 3.0, 3.0], [4.0, 4.0, 4.0]], 3)
        [[1.0, 2.0, 2.0], [3.0, 3.0, 3.0], [4.0, 4.0, 4.0]]
        >>> large_enough([[1.0], [3.0, 3.0, 3.0]], 3)
        [[1.0, 3.0, 3.0, 3.0]]
        >>> large_enough([[1.0, 1.0], [2.0, 2.0], [3.0, 3.0]], 3)
        [[1.0, 1.0, 2.0, 2.0, 3.0, 3.0]]
    """
    found: list[list[Item]] = [[]]
    for kind in sorted(kinds, key=len):
        if len(found[-1]) < least:
            found[-1] = found[-1] + kind
        else:
            found.append(kind)
    if len(found) > 1 and len(found[-1]) < least:
        last = found.pop()
        found[-1] = found[-1] + last
    return found
