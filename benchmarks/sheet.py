"""What a sceptic would ask to see of a renderer, on any photo: rest, vowels, a blink, a smile, turns and nods.

Each tile is composed as the product composes it, pasted into the photo at the photo's own resolution, and judged by
networks that had no part in drawing it::

    photo -> SourceFace -> the whole photo, once for each take of the evaluation set -> a window wider than the crop
    likeness    cos(F(frame), F(photo)) by a face encoder
    landmarks   mean distance of the landmarks found in the frame from those asked for, share of the eyes' distance
    background  mean |frame - frame at rest| beside the head, and |frame - photo| there and outside the crop, 1/255
    seam        mean |frame - photo| in the band where the crop is feathered, and edges there that the photo has not
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.claims.meters import EncoderIdentity
from benchmarks.claims.renderer import hull_masks
from benchmarks.evaluation_set import Take, plan
from benchmarks.tables import Rows, row
from shared.face.landmarks import PRESENT, Landmarker, LandmarkNet
from shared.motion import Motion
from shared.statistics import Interval, bootstrap_interval
from synthesis.renderer.composition import edge_mask
from synthesis.renderer.generator import Renderer, SourceFace, project_head
from synthesis.renderer.points import EYE_LEFT, LIPS_OUTER
from synthesis.source import read_source
from synthesis.talking_head import at_rest

Image = NDArray[np.uint8]
Points = NDArray[np.floating]

NEAR = 15.1
"""Degrees up to which a face must stay itself."""
WIDER = 1.3
"""Side of the window over that of the crop, so that the seam is in sight."""
BESIDE = 0.06
"""How far from head and skull the background begins, as a share of the crop: hair stands off the skull."""
_EYES = (33, 263)
_FOREHEAD = 10

DETAILS = (
    ("mouth", "photo"), ("mouth", "jaw"), ("mouth", "vowel AA"), ("mouth", "smile"),
    ("eye", "photo"), ("eye", "blink"), ("hair", "photo"), ("hair", "yaw 30"), ("neck", "photo"), ("neck", "yaw 30"),
)  # fmt: skip
"""What is shown pixel by pixel: part of the face, take."""


def takes() -> list[Take]:
    """Return what everybody is asked for: the evaluation set's takes but for the free ones."""
    return [take for take in plan(np.random.default_rng(0)) if not take.name.startswith("free")]


class Change(NamedTuple):
    """How far a composed photo is from another picture, each a mean over pixels and channels, 1/255.

    Attributes:
        background: From the neutral take, beside the head, within the crop: what moves there. NaN for that take.
        lost: From the photo, at the same place: what the photo lost by being cut out and pasted back, too.
        outside: From the photo, outside the crop; 0 where nothing is touched.
        band: From the photo, where the crop is feathered into it.
        edge: 99th percentile of steps between neighbouring pixels in the band, less the photo's own: a seam is an
            edge that the photo has not.
    """

    background: float
    lost: float
    outside: float
    band: float
    edge: float


@dataclass(frozen=True)
class Sheet:
    """One face in every take.

    Attributes:
        names: Name of each take.
        frames: ``(N, H, W, 3)`` uint8 RGB, a window round the crop, at the photo's own pixels.
        photo: ``(H, W, 3)`` the same window of the photo.
        places: Part of the face -> its middle in the window, px; where ``photo`` shows it.
        likeness: ``(N,)`` cosine with the photo; NaN without an encoder or where no face is seen.
        landmarks: ``(N,)`` mean error over the distance of the outer corners of the eyes; NaN where no face is seen.
        turn: ``(N,)`` largest angle of the take from the front, degrees.
        still: ``(N,)`` True where the head's pose is the photo's.
        changes: Of each take.
    """

    names: tuple[str, ...]
    frames: Image
    photo: Image
    places: Mapping[str, tuple[int, int]]
    likeness: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    turn: NDArray[np.float64]
    still: NDArray[np.bool_]
    changes: tuple[Change, ...]


def _turns(take: Take) -> bool:
    return take.name.split()[0] in ("yaw", "pitch")


def asked_motion(source: SourceFace, asked: Sequence[Take]) -> Motion:
    """Return one frame for each take, about the photo's own place; turns are from the front.

    The rest of the face is the photo's own, but with its mouth shut and its eyes open.
    """
    rest = at_rest(source.motion.expression[0])
    expression = np.stack([np.clip(rest + take.expression, 0, 1) for take in asked])
    straight = [take.rotation if _turns(take) else source.motion.rotation[0] for take in asked]
    return Motion(
        rotation=np.stack(straight).astype(np.float32),
        translation=np.repeat(source.motion.translation, len(asked), axis=0),
        expression=expression.astype(np.float32),
        fps=source.motion.fps,
    )


class Window:
    """A part of the photo round the crop, and what of it is background, feather and untouched.

    Args:
        source: The face of the photo.
    """

    def __init__(self, source: SourceFace) -> None:
        self.source = source
        height, width = source.photo.shape[:2]
        reach, (x, y) = WIDER * source.crop.side / 2, source.crop.center
        self.left, self.top = max(0, round(x - reach)), max(0, round(y - reach))
        self.right, self.bottom = min(width, round(x + reach)), min(height, round(y + reach))
        weight = self._from_crop(edge_mask(self.side))
        inside = self._from_crop(np.ones((self.side, self.side), np.float32))
        self.inside, self.outside = inside > 0.999, inside == 0
        self.band = self.inside & (weight > 0.001) & (weight < 0.999)
        self.photo = self.cut(source.photo)

    @property
    def side(self) -> int:
        """Side of the crop, px of the photo."""
        return max(32, round(self.source.crop.side))

    def cut(self, frame: Image) -> Image:
        """Return the window of a whole frame, its own pixels."""
        return np.ascontiguousarray(frame[self.top : self.bottom, self.left : self.right])

    def place(self, points: Points) -> NDArray[np.float64]:
        """Map points ``(..., 2)`` from [-1, 1] of the crop to px of the window."""
        found = self.source.crop.to_image(np.asarray(points, np.float64) + 1, 2)
        return np.asarray(found - (self.left, self.top), np.float64)

    def change(self, frame: Image, rest: Image, heads: NDArray[np.bool_]) -> Change:
        """Compare a frame's window with that at rest and with the photo's; ``heads`` is where a head was or is."""
        beside = self.inside & ~heads
        moved = float("nan") if frame is rest else _away(frame, rest, beside)
        parts = (beside, self.outside, self.band)
        lost, outside, band = (_away(frame, self.photo, part) for part in parts)
        edge = self._edge(frame) - self._edge(self.photo)
        return Change(moved, lost, outside, band, edge)

    def _edge(self, picture: Image) -> float:
        """Return the 99th percentile of the steps between neighbouring pixels of the band, 1/255."""
        values = picture.astype(np.float32)
        down, across = (np.abs(np.diff(values, axis=axis)).mean(axis=-1) for axis in (0, 1))
        steps = np.concatenate([down[self.band[1:]], across[self.band[:, 1:]]])
        return float(np.percentile(steps, 99)) if steps.size else float("nan")

    def heads(self, points: Points) -> NDArray[np.bool_]:
        """Return where each head ``(N, P, 2)`` in [-1, 1] of the crop is, ``(N, H, W)``, with its hair."""
        masks = hull_masks(points, self.side, BESIDE)
        return np.stack([self._from_crop(mask) > 0 for mask in masks])

    def _from_crop(self, mask: NDArray[np.float32]) -> NDArray[np.float32]:
        """Lay a mask over the crop into the window."""
        back = self.source.crop.matrix(self.side)
        back[:, 2] += 0.5 * back[:, :2].sum(axis=1) - 0.5  # OpenCV counts from pixel centres
        back = cv2.invertAffineTransform(back) - np.array([[0, 0, self.left], [0, 0, self.top]])
        size = (self.right - self.left, self.bottom - self.top)
        return np.asarray(cv2.warpAffine(mask, back, size, flags=cv2.INTER_LINEAR))


def _away(one: Image, other: Image, where: NDArray[np.bool_]) -> float:
    """Return the mean difference of two pictures over a part of them, 1/255; NaN for none of it."""
    difference = one[where].astype(np.float32) - other[where]
    return float(np.abs(difference).mean()) if where.any() else float("nan")


def draw(
    renderer: Renderer,
    photo: str | Path | Image,
    *,
    identity: EncoderIdentity | None = None,
    landmarker: Landmarker | None = None,
) -> Sheet:
    """Draw a photo's face in every take and judge what was drawn.

    Raises:
        FaceNotFound: If the photo shows no face that can be used.
    """
    source, asked = read_source(photo), takes()
    window, motion = Window(source), asked_motion(source, asked)
    frames = np.stack([window.cut(frame) for frame in renderer.frames(source, motion)])
    found = source.crop.to_crop(source.points, 2) - 1
    own = project_head(source.identity, source.motion)
    heads = project_head(source.identity, motion)
    wanted = window.place(heads[:, : len(found)] + (found - own[0, : len(found)]))
    seen = window.place(found)
    likeness, errors = _judged(
        frames, window.photo, seen, wanted, identity, landmarker or LandmarkNet()
    )
    before, rest = window.heads(own)[0], list(frames)
    changes = tuple(
        window.change(frame, rest[0], before | now)
        for frame, now in zip(rest, window.heads(heads), strict=True)
    )
    turn = np.degrees(np.abs(motion.rotation).max(axis=1))
    still = np.array([not _turns(take) for take in asked])
    names = tuple(take.name for take in asked)
    return Sheet(
        names, frames, window.photo, _places(window, seen), likeness, errors, turn, still, changes
    )


def _judged(
    frames: Image,
    photo: Image,
    found: NDArray[np.float64],
    wanted: NDArray[np.float64],
    identity: EncoderIdentity | None,
    landmarker: Landmarker,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return likeness to the photo and landmark error of each frame, NaN where no face is seen."""
    reference = None if identity is None else identity(photo, found)
    likeness, errors = np.full(len(frames), np.nan), np.full(len(frames), np.nan)
    for at, (frame, points) in enumerate(zip(frames, wanted, strict=True)):
        seen = landmarker(frame, np.concatenate([points.min(axis=0), points.max(axis=0)]))
        if seen.presence < PRESENT:
            continue
        apart = np.linalg.norm(points[_EYES[0]] - points[_EYES[1]])
        errors[at] = np.linalg.norm(seen.points[:468] - points[:468], axis=-1).mean() / apart
        if identity is not None and reference is not None:
            likeness[at] = identity(frame, seen.points.astype(np.float64)) @ reference
    return likeness, errors


def _places(window: Window, points: Points) -> dict[str, tuple[int, int]]:
    """Return the middle of each part that is shown pixel by pixel: of the neck, where the crop is feathered."""
    neck = window.place(np.array([0.0, 0.9]))
    middles = {
        "mouth": points[list(LIPS_OUTER)].mean(axis=0), "eye": points[list(EYE_LEFT)].mean(axis=0),
        "hair": points[_FOREHEAD] + 0.3 * (points[_FOREHEAD] - points[list(LIPS_OUTER)].mean(axis=0)), "neck": neck,
    }  # fmt: skip
    return {name: (round(float(x)), round(float(y))) for name, (x, y) in middles.items()}


def named(photos: Sequence[Path] | None) -> list[tuple[str, Path | Image]]:
    """Return the photos by name; without any, scikit-image's portrait of an astronaut (NASA, public domain)."""
    if photos:
        return [(path.stem, path) for path in photos]
    import skimage.data

    return [("astronaut", skimage.data.astronaut())]


def rows_of(sheets: Mapping[str, Sheet], status: str, seed: int = 0) -> Rows:
    """Return likeness, landmark error and what changed of each photo; intervals are over takes."""
    rows: Rows = []
    for name, sheet in sheets.items():
        facts = {"table": name, "status": status, "seed": seed}
        rows += _face_rows(sheet, facts, seed) + _change_rows(sheet, facts, seed)
    return rows


def _face_rows(sheet: Sheet, facts: dict[str, Any], seed: int) -> Rows:
    """Return likeness and landmark error within 15 degrees and beyond."""
    rows: Rows = []
    near = sheet.turn <= NEAR
    for part, chosen in {"within 15 degrees": near, "beyond": ~near}.items():
        protocol = f"{int(chosen.sum())} takes of one photo, pasted into it"
        likeness, errors = sheet.likeness[chosen], 100 * sheet.landmarks[chosen]
        if np.isfinite(likeness).any():
            rows.append(
                row(f"likeness, {part}", _interval(likeness, seed), protocol=protocol, **facts,
                    lowest=float(np.nanmin(likeness)), target="at least 0.75 within 15")
            )  # fmt: skip
        rows.append(
            row(f"landmarks from those asked for, {part}", _interval(errors, seed), unit="%", **facts,
                protocol=protocol, highest=float(np.nanmax(errors)), target="under 4")
        )  # fmt: skip
    return rows


_CHANGES = {
    "background": ("background change", "from rest, beside the head; far hair counts", "under 2"),
    "lost": ("difference from the photo beside the head", "cut out and pasted back", ""),
    "outside": ("change outside the crop", "of the window round the crop", "0"),
    "band": ("difference from the photo in the feathered band", "a tenth of the crop wide", ""),
    "edge": ("edges in the band above the photo's own", "99th percentile of a pixel's step", ""),
}


def _change_rows(sheet: Sheet, facts: dict[str, Any], seed: int) -> Rows:
    """Return what the photo lost where nothing should move, with the head still and turned."""
    rows: Rows = []
    for part, chosen in {"expression alone": sheet.still, "head turned": ~sheet.still}.items():
        changes = [change for change, one in zip(sheet.changes, chosen, strict=True) if one]
        for key, (title, where, target) in _CHANGES.items():
            values = np.array([getattr(change, key) for change in changes])
            if np.isfinite(values).any():
                rows.append(
                    row(f"{title}, {part}", _interval(values, seed), unit="/255", **facts,
                        protocol=f"{len(values)} takes; {where}", highest=float(np.nanmax(values)),
                        target=target)
                )  # fmt: skip
    return rows


def _interval(values: NDArray[np.float64], seed: int) -> Interval:
    return bootstrap_interval(values[np.isfinite(values)], seed=seed)


def picture(sheets: Sequence[Sheet], tile: int = 192, *, across: int = 10) -> Image:
    """Lay sheets out under each other: photo and takes with their figures, made small; then details at their own size.

    A detail is ``tile`` pixels of the photo, no less and no more.
    """
    rows = []
    for sheet in sheets:
        tiles = [_labelled(_small(sheet.photo, tile), "photo")]
        for name, frame, like, error in zip(
            sheet.names, sheet.frames, sheet.likeness, sheet.landmarks, strict=True
        ):
            facts = [f"{like:.2f}" if np.isfinite(like) else "", f"{100 * error:.1f}%"]
            tiles.append(_labelled(_small(frame, tile), f"{name}  {' '.join(facts)}"))
        tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % across)
        tiles += [
            _labelled(_detail(sheet, part, take, tile), f"1:1 {part}, {take}")
            for part, take in DETAILS
        ]
        tiles += [np.full_like(tiles[0], 255)] * (-len(tiles) % across)
        rows += [np.hstack(tiles[at : at + across]) for at in range(0, len(tiles), across)]
    return np.vstack(rows)


def _detail(sheet: Sheet, part: str, take: str, tile: int) -> Image:
    """Return ``tile`` pixels round a part of the face, as they are; white where the window ends."""
    shown = sheet.photo if take == "photo" else sheet.frames[sheet.names.index(take)]
    x, y = (middle - tile // 2 for middle in sheet.places[part])
    seen = shown[max(0, y) : max(0, y + tile), max(0, x) : max(0, x + tile)]
    whole = np.full((tile, tile, 3), 255, np.uint8)
    whole[max(0, -y) : max(0, -y) + seen.shape[0], max(0, -x) : max(0, -x) + seen.shape[1]] = seen
    return whole


def _small(frame: Image, tile: int) -> Image:
    """Fit a window into a tile, white beside it."""
    share = tile / max(frame.shape[:2])
    height, width = (max(1, round(side * share)) for side in frame.shape[:2])
    kind = cv2.INTER_AREA if share < 1 else cv2.INTER_NEAREST
    whole = np.full((tile, tile, 3), 255, np.uint8)
    whole[:height, :width] = cv2.resize(frame, (width, height), interpolation=kind)
    return whole


def _labelled(small: Image, text: str) -> Image:
    strip = np.full((16, small.shape[1], 3), 255, np.uint8)
    cv2.putText(strip, text, (3, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.38, (0, 0, 0), 1, cv2.LINE_AA)
    return np.vstack([small, strip])
