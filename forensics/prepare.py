"""``forensics prepare``: the faces of a corpus, extracted once."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from shared.data.manifest import Manifest


def prepare_command(
    dataset: Annotated[
        str,
        typer.Argument(
            help="celeb-df-v2, dfd, dfdc, dfdc-preview, embedded, faceforensics, plain, wild-deepfake."
        ),
    ],
    root: Annotated[Path, typer.Argument(help="The corpus's folder.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the faces; it resumes.")],
    quality: Annotated[str, typer.Option(help="raw, c23 or c40, where there are several.")] = "c23",
    frames: Annotated[int, typer.Option(min=1, help="Pictures a video, evenly spaced.")] = 32,
    size: Annotated[int, typer.Option(min=16, help="Side of the pictures, px.")] = 224,
    margin: Annotated[float, typer.Option(help="Side of a crop over the face's extent.")] = 1.3,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 1,
) -> None:
    """Extract the faces of a corpus of authentic and forged videos.

    Splits are the owners', with nobody in two of them as far as they tell who is seen: DFDC does not, and without its
    folder `validation` the split `val` holds actors of `train`. Where the owners give no `val`, a tenth of `train`
    becomes it, of both labels, if people can be parted so. Celeb-DF is a test: its owners' list names nearly every
    celebrity, so that nearly all of their training videos show people of the test and are left out. What is not used
    stands in OUT/left_out.jsonl with its reason.

    A corpus of one's own: ROOT/real and ROOT/fake with a folder a person; folders train, val and test above them or
    directly below are splits. Or ROOT/labels.csv with the columns path, label and, if known, person (anna+bert for
    two), split, family, mask.

    Examples:
      forensics prepare faceforensics /data/FaceForensics++ -o faces/ff --workers 8
      forensics prepare plain my-videos -o faces/mine       with my-videos/real, my-videos/fake or labels.csv
    """
    from shared.data.corpora.extraction import LEFT_OUT_NAME, FaceSettings, prepare_faces

    settings = FaceSettings(frames, size, margin)
    with Progress(console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task("videos", total=None)
        manifest = prepare_faces(
            dataset, root, out, quality=quality, settings=settings, workers=workers,
            progress=lambda done, total: bars.update(bar, completed=done, total=total),
        )  # fmt: skip
    left_out = (out / LEFT_OUT_NAME).read_text("utf-8").split("\n")
    _print(manifest, [json.loads(line)["reason"] for line in left_out if line])


def _print(manifest: Manifest, reasons: list[str]) -> None:
    """Print how many videos came out, why the others did not, and what a training will miss."""
    from shared.data.corpora.held_out import lacking

    table = Table("split", "label", "videos", "faces", "frames without a face")
    for split, label in sorted({(clip.split, clip.extra["label"]) for clip in manifest}):
        own = [c for c in manifest if (c.split, c.extra["label"]) == (split, label)]
        facts = (len(own), sum(c.frames for c in own), sum(c.extra["missed"] for c in own))
        table.add_row(split, label, *map(str, facts))
    output = Console()
    output.print(table)
    for reason, count in Counter(reasons).most_common():
        output.print(f"left out: {count} x {reason}", markup=False)
    if bare := sum("mask_left_out" in clip.extra for clip in manifest):
        output.print(f"without their masks: {bare}, see mask_left_out in the manifest")
    for lack in lacking({(clip.split, clip.extra["label"]) for clip in manifest}):
        output.print(f"note: {lack}", markup=False)
