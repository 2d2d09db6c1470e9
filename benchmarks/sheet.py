"""What a sceptic would ask to see of a renderer, on any photo: rest, vowels, a blink, a smile, turns and nods.

Each tile is composed as the product composes it, at the photo's own resolution, and judged by networks that had no
part in drawing it::

    photo -> SourceFace -> one frame for each take of the evaluation set -> (N,S,S,3)
    likeness   cos(F(frame), F(photo)) by a face encoder
    landmarks  mean distance of the landmarks found in the frame from those asked for, share of the eyes' distance
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.claims.meters import EncoderIdentity
from benchmarks.evaluation_set import Take, plan
from benchmarks.tables import Rows, row
from shared.face.landmarks import PRESENT, Landmarker, LandmarkNet
from shared.motion import Motion
from shared.statistics import Interval, bootstrap_interval
from synthesis.renderer.generator import Renderer, SourceFace, project_head
from synthesis.source import read_source
from synthesis.talking_head import at_rest

LARGEST = 512
"""Side of the tiles, px, where the photo has as many."""
NEAR = 15.1
"""Degrees up to which a face must stay itself."""
_EYES = (33, 263)


def takes() -> list[Take]:
    """Return what everybody is asked for: the evaluation set's takes but for the free ones."""
    return [take for take in plan(np.random.default_rng(0)) if not take.name.startswith("free")]


@dataclass(frozen=True)
class Sheet:
    """One face in every take.

    Attributes:
        names: Name of each take.
        frames: ``(N, S, S, 3)`` uint8 RGB, the square round the face.
        photo: ``(S, S, 3)`` the same square of the photo.
        likeness: ``(N,)`` cosine with the photo; NaN without an encoder or where no face is seen.
        landmarks: ``(N,)`` mean error over the distance of the outer corners of the eyes; NaN where no face is seen.
        turn: ``(N,)`` largest angle of the take from the front, degrees.
    """

    names: tuple[str, ...]
    frames: NDArray[np.uint8]
    photo: NDArray[np.uint8]
    likeness: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    turn: NDArray[np.float64]


def asked_motion(source: SourceFace, asked: Sequence[Take]) -> Motion:
    """Return one frame for each take, about the photo's own place; turns are from the front.

    The rest of the face is the photo's own, but with its mouth shut and its eyes open.
    """
    rest = at_rest(source.motion.expression[0])
    expression = np.stack([np.clip(rest + take.expression, 0, 1) for take in asked])
    straight = [
        source.motion.rotation[0] if take.name.split()[0] not in ("yaw", "pitch") else take.rotation
        for take in asked
    ]
    return Motion(
        rotation=np.stack(straight).astype(np.float32),
        translation=np.repeat(source.motion.translation, len(asked), axis=0),
        expression=expression.astype(np.float32),
        fps=source.motion.fps,
    )


def draw(
    renderer: Renderer,
    photo: str | Path | NDArray[np.uint8],
    *,
    identity: EncoderIdentity | None = None,
    landmarker: Landmarker | None = None,
) -> Sheet:
    """Draw a photo's face in every take and judge what was drawn.

    Raises:
        FaceNotFound: If the photo shows no face that can be used.
    """
    source, asked = read_source(photo), takes()
    size = min(LARGEST, round(source.crop.side))
    motion = asked_motion(source, asked)
    frames = np.stack(list(renderer.frames(source, motion, size=size)))
    found = source.crop.to_crop(source.points, 2) - 1
    own = project_head(source.identity, source.motion)[0, : len(found)]
    wanted = (project_head(source.identity, motion)[:, : len(found)] + (found - own) + 1) * size / 2
    photo_square = source.crop.cut(source.photo, size)
    landmarker = landmarker or LandmarkNet()
    reference = None if identity is None else identity(photo_square, (found + 1) * size / 2)
    likeness, errors = np.full(len(asked), np.nan), np.full(len(asked), np.nan)
    for at, (frame, points) in enumerate(zip(frames, wanted, strict=True)):
        seen = landmarker(frame, np.concatenate([points.min(axis=0), points.max(axis=0)]))
        if seen.presence < PRESENT:
            continue
        apart = np.linalg.norm(points[_EYES[0]] - points[_EYES[1]])
        errors[at] = np.linalg.norm(seen.points[:468] - points[:468], axis=-1).mean() / apart
        if identity is not None and reference is not None:
            likeness[at] = identity(frame, seen.points.astype(np.float64)) @ reference
    turn = np.degrees(np.abs(motion.rotation).max(axis=1))
    return Sheet(tuple(t.name for t in asked), frames, photo_square, likeness, errors, turn)


def named(photos: Sequence[Path] | None) -> list[tuple[str, Path | NDArray[np.uint8]]]:
    """Return the photos by name; without any, scikit-image's portrait of an astronaut (NASA, public domain)."""
    if photos:
        return [(path.stem, path) for path in photos]
    import skimage.data

    return [("astronaut", skimage.data.astronaut())]


def rows_of(sheets: Mapping[str, Sheet], status: str, seed: int = 0) -> Rows:
    """Return likeness and landmark error of each photo, within 15 degrees and beyond; intervals are over takes."""
    rows: Rows = []
    for name, sheet in sheets.items():
        for part, chosen in {
            "within 15 degrees": sheet.turn <= NEAR,
            "beyond": sheet.turn > NEAR,
        }.items():
            protocol = f"{int(chosen.sum())} takes of one photo, square of {len(sheet.photo)} px"
            facts: dict[str, Any] = {
                "table": name, "status": status, "protocol": protocol, "seed": seed,
            }  # fmt: skip
            likeness, errors = sheet.likeness[chosen], 100 * sheet.landmarks[chosen]
            if np.isfinite(likeness).any():
                rows.append(
                    row(f"likeness, {part}", _interval(likeness, seed), **facts,
                        lowest=float(np.nanmin(likeness)), target="at least 0.75 within 15")
                )  # fmt: skip
            rows.append(
                row(f"landmarks from those asked for, {part}", _interval(errors, seed), unit="%",
                    **facts, highest=float(np.nanmax(errors)), target="under 4")
            )  # fmt: skip
    return rows


def _interval(values: NDArray[np.float64], seed: int) -> Interval:
    return bootstrap_interval(values[np.isfinite(values)], seed=seed)


def picture(sheets: Sequence[Sheet], tile: int = 192, *, across: int = 10) -> NDArray[np.uint8]:
    """Lay sheets out under each other, the photo first, each tile with its name and figures."""
    rows = []
    for sheet in sheets:
        tiles = [_labelled(sheet.photo, "photo", tile)]
        for name, frame, like, error in zip(
            sheet.names, sheet.frames, sheet.likeness, sheet.landmarks, strict=True
        ):
            facts = [f"{like:.2f}" if np.isfinite(like) else "", f"{100 * error:.1f}%"]
            tiles.append(_labelled(frame, f"{name}  {' '.join(facts)}", tile))
        tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % across)
        rows += [np.hstack(tiles[at : at + across]) for at in range(0, len(tiles), across)]
    return np.vstack(rows)


def _labelled(frame: NDArray[np.uint8], text: str, tile: int) -> NDArray[np.uint8]:
    small = cv2.resize(frame, (tile, tile), interpolation=cv2.INTER_AREA)
    strip = np.full((16, tile, 3), 255, np.uint8)
    cv2.putText(strip, text, (3, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([small, strip])
