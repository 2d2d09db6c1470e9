"""``forensics calibrate``: what a detector's scores mean, learnt from people whom it did not learn from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console

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
    """Write the mean scores of known validation videos beside a checkpoint, so that it may answer.

    Examples:
      forensics calibrate runs/focus/checkpoint --corpus faces/c23 --corpus faces/c40
    """
    from forensics.calibration_error import reliability
    from forensics.inspection.judge import read_calibration

    written = calibrate_checkpoint(checkpoint, corpus, error_rate=error_rate, device=device)
    found = read_calibration(checkpoint)
    if found is not None:
        Console().print(
            f"{written}: {len(found.positives)} manipulated and {len(found.negatives)} authentic videos, "
            f"{found.method}, expected calibration error {reliability(found).error:.3f}",
            markup=False, highlight=False, soft_wrap=True,
        )  # fmt: skip


def calibrate_checkpoint(
    checkpoint: Path, corpora: list[Path], *, error_rate: float = 0.05, device: str = "cpu"
) -> Path:
    """Judge the validation videos of extracted faces and write their mean scores beside the checkpoint.

    Args:
        checkpoint: Folder of a trained FoCus.
        corpora: Folders of ``forensics prepare``, one for each kind of footage.
        error_rate: Allowed share of wrong answers in either class of any kind.
        device: Where it runs.

    Returns:
        The file.

    Raises:
        InputError: If there are too few videos of a class in one of them.
        WeightsError: If the checkpoint cannot be used.
    """
    from forensics.detections import by_video
    from forensics.focus.detector import FocusDetector
    from forensics.inspection.familiarity import Familiarity
    from forensics.inspection.judge import write_calibration
    from forensics.prepared_faces import read_prepared
    from shared.data.manifest import read_manifest

    detector = FocusDetector.from_pretrained(checkpoint, device)
    manipulated: list[list[float]] = []
    authentic: list[list[float]] = []
    features = []
    for corpus in corpora:
        faces = read_prepared(read_manifest(corpus).where(split=SPLIT))
        found = detector.detect(faces.frames)
        labels = {int(v): int(y) for v, y in zip(faces.videos, faces.labels, strict=True)}
        means = by_video(found.scores, faces.videos)
        for label, known in ((1, manipulated), (0, authentic)):
            known.append([round(s, 6) for video, s in means.items() if labels[video] == label])
        if found.features is not None:
            features.append(found.features)
    familiar = Familiarity.of(np.concatenate(features)) if features else None
    return write_calibration(checkpoint, manipulated, authentic, error_rate, familiar)
