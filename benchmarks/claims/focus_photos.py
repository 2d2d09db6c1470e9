"""A detector of forged faces outside its corpus: a real photograph, untouched and forged, through the delivery chain.

    scikit-image's astronaut, as a clip that moves a little -> family -> chain (c23) -> MP4 -> forensics.inspect

Foreign faces and voices come from the sample pack: one photograph has no second person.

    python -m benchmarks.claims.focus_photos -o benchmarks/records/focus_photos.json
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.tables import Rows, row, write_record
from forensics.inspection.batch import inspect_files
from forensics.inspection.result import Inspection
from shared.custody import RunRecord
from shared.data.clip import Clip
from shared.data.forgery.chain import deliver, draw_delivery, weight_of
from shared.data.forgery.families import forge_of
from shared.data.forgery.plan import generator_of
from shared.data.forgery.shot import Cast, Shot, read_shot
from shared.data.marionette.pack import sample_pack
from shared.errors import InputError
from shared.face.detector import CenterFace
from shared.face.landmarks import LandmarkNet
from shared.face.points import points68

Image = NDArray[np.uint8]

FAMILIES = ("untouched", "swap", "mouth_splice", "self_blend", "local_edits")
FRAMES = 32
SIDE = 320
"""Of the clip, px: the face is then about 150 px wide."""
QUALITY = "c23"


def photograph() -> Shot:
    """Return the astronaut's head as a clip through which the camera drifts."""
    import skimage.data

    photo = np.asarray(skimage.data.astronaut(), np.uint8)
    frames = np.stack([_drifted(photo, time) for time in range(FRAMES)])
    detector, landmarker = CenterFace(), LandmarkNet()
    points = []
    for frame in frames:
        faces = detector.detect(frame)
        if not faces:
            raise InputError("the face in the photograph was not found")
        points.append(points68(landmarker(frame, faces[0]).points))
    clip = Clip("astronaut", "photo", "test", "astronaut", video="none", size=(SIDE, SIDE))
    return Shot(clip, frames, np.stack(points).astype(np.float32), np.zeros(0, np.float32))


def _drifted(photo: Image, time: int) -> Image:
    """Return a square round the head, shifted and enlarged a little."""
    share = time / FRAMES
    side = 230 - 10 * share
    left, top = 110 + 6 * np.sin(2 * np.pi * share), 5 + 4 * share
    zoom = SIDE / side
    matrix = np.array([[zoom, 0, -left * zoom], [0, zoom, -top * zoom]])
    return np.asarray(cv2.warpAffine(photo, matrix, (SIDE, SIDE), flags=cv2.INTER_CUBIC), np.uint8)


def write_clips(folder: Path, draws: int, seed: int) -> dict[Path, str]:
    """Write each family's forgeries of the photograph and return path -> family."""
    target = photograph()
    pack = sample_pack()
    others = [read_shot(pack, clip, FRAMES) for clip in pack if clip.video and clip.audio]
    written = {}
    for family in FAMILIES:
        for draw in range(draws):
            generator = generator_of(seed, family, str(draw))
            frames = target.frames
            if family != "untouched":
                chosen = [others[n] for n in generator.permutation(len(others))[:3]]
                frames = forge_of(family)(Cast(target, (), chosen), generator).frames
            path = folder / f"{family}-{draw}.mp4"
            delivery = draw_delivery(QUALITY, generator_of(seed, "chain", str(draw)), generator)
            weight = weight_of(target.frames, target.size, Fraction(25), delivery)
            deliver(path, frames, target.size, Fraction(25), delivery, weight=weight)
            written[path] = family
    return written


def photo_rows(found: dict[str, list[Inspection]], seed: int) -> Rows:
    """Return a row a family: scores and answers."""
    rows: Rows = []
    for family, answers in found.items():
        scores = [a.verdict.score for a in answers if a.verdict.score is not None]
        told = Counter(
            f"{a.verdict.decision}" + (f" ({a.verdict.reason})" if a.verdict.reason else "")
            for a in answers
        )
        rows.append(
            row(
                f"mean score: astronaut, {family}", float(np.mean(scores)) if scores else None,
                status="tiny", n=len(answers), seed=seed, protocol=f"one photograph, {QUALITY}",
                lowest=min(scores, default=None), highest=max(scores, default=None),
                answers=", ".join(f"{count} x {name}" for name, count in told.most_common()),
            )
        )  # fmt: skip
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure from the command line and write the record; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.claims.focus_photos")
    parser.add_argument("-o", "--out", type=Path, required=True, help="record (JSON)")
    parser.add_argument("--detector", default="focus", help="shipped detector or checkpoint")
    parser.add_argument("--draws", type=int, default=4, help="clips of each family")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--report", type=Path, help="write reports, too")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        clips = write_clips(Path(folder), chosen.draws, chosen.seed)
        answers = inspect_files(clips, detector=chosen.detector, report=chosen.report)
    found: dict[str, list[Inspection]] = {}
    for family, answer in zip(clips.values(), answers, strict=True):
        found.setdefault(family, []).append(answer)
    record = RunRecord("benchmarks.focus_photos", settings={"draws": chosen.draws})
    record.weights = dict(answers[0].record.weights)
    write_record(chosen.out, record, photo_rows(found, chosen.seed))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
