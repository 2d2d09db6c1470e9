"""Faces extracted once: a corpus's videos -> face pictures, in parallel, resumable, no video lost silently.

video -> evenly spaced frames -> the face of the frame before, else the detector -> 68 landmarks
      -> square crop, so many times the landmarks' extent -> PNG; known masks are cut alike

OUT/manifest.jsonl    one video a line        OUT/faces/<id>/   see .faces
OUT/left_out.jsonl    one unused video a line, with its reason
OUT/state/            what is done; delete a file to do its video again
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.custody import sha256_of_json, write_atomic
from shared.data.clip import Clip
from shared.data.corpora.faces import POINTS_NAME, Faces
from shared.data.corpora.registry import folder_of_corpus, read_corpus
from shared.data.corpora.video import FORGED, LabelledVideo, is_there
from shared.data.forgery.known import Known
from shared.data.manifest import Manifest, write_manifest
from shared.data.resumable import Outcome, Piece, Progress, run_pieces
from shared.errors import FaceNotFound, InputError, ToolkitError
from shared.face.crop import CropBox
from shared.face.detector import CenterFace
from shared.face.landmarks import PRESENT, LandmarkNet, Landmarks
from shared.face.points import points68
from shared.face.tracks import SAME, overlap
from shared.media.container import count_packets
from shared.media.image import read_image
from shared.media.video import VideoReader

Image = NDArray[np.uint8]

LEFT_OUT_NAME = "left_out.jsonl"
_PICTURES = (".png", ".jpg", ".jpeg")
_ROOM = 0.25
"""Border put round pictures that are face crops already, as a share of their side: detectors expect some."""
_CROOKED = 0.03
"""Difference of proportions between a mask and its video that even sizes explain."""


@dataclass(frozen=True)
class FaceSettings:
    """What decides which pictures come out.

    Attributes:
        count: Pictures a video, at most; evenly spaced.
        size: Their side, px.
        margin: Side of a crop over the larger side of the landmarks' extent.
        smallest: Least side of a face's box, px.
    """

    count: int = 32
    size: int = 224
    margin: float = 1.3
    smallest: float = 32.0

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, least, most in (
            ("count", 1, math.inf), ("size", 16, math.inf), ("smallest", 1, math.inf), ("margin", 1, 3),
        ):  # fmt: skip
            if not least <= (value := getattr(self, name)) <= most:
                raise InputError(
                    f"the setting {name} of the extraction is out of range", found=value,
                    expected=f"{least} to {most}" if most < math.inf else f"{least} or more",
                )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Extracted:
    """What came out of one video.

    Attributes:
        faces: The faces; without masks where there are none, or none that can be used.
        missed: Frames in which none was found.
        mask_left_out: Why the masks that its owners give could not be used, or "".
    """

    faces: Faces
    missed: int
    mask_left_out: str = ""


def prepare_faces(
    corpus: str,
    root: str | Path,
    out: str | Path,
    *,
    quality: str = "c23",
    settings: FaceSettings | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Manifest:
    """Extract the faces of a corpus, or finish an extraction that was begun.

    Args:
        corpus: A name of :data:`shared.data.corpora.registry.CORPORA`.
        root: Its folder, or the list in it of one that has such a list.
        out: Folder of the faces; made if missing; not below ``root``.
        quality: Of corpora that lie there in several.
        settings: What decides which pictures come out.
        workers: Processes.
        progress: Called with (videos done, videos in all).

    Returns:
        One row a video of kind ``faces``; ``extra`` holds ``label``, ``family``, ``persons`` (everybody; ``person``
        is the first, who is seen), ``quality``, ``faces`` (a folder), ``missed`` (frames without a face) and, where
        masks could not be used, ``mask_left_out`` (why).

    Raises:
        InputError: If the corpus cannot be read, ``out`` lies inside it, or no video shows a face.
        OutputError: If ``out`` cannot be written.
    """
    chosen, place = settings or FaceSettings(), folder_of_corpus(corpus, root)
    if Path(out).resolve().is_relative_to(place):
        raise InputError(
            "the output lies inside the corpus", found=out, fix="choose another folder"
        )
    reading = read_corpus(corpus, place, quality)
    sources = [_source_of(video.path, place) for video in reading.videos]
    names = [_name_of(source) for source in sources]
    pieces = [
        Piece(name, _key(video, chosen), (name, video))
        for name, video in zip(names, reading.videos, strict=True)
    ]
    work = partial(_extract, Path(out), chosen)
    outcomes = run_pieces(
        pieces, work, Path(out) / "state", workers=workers, whole=partial(_is_whole, Path(out)),
        progress=progress,
    )  # fmt: skip
    rows, left_out = [], list(reading.left_out)
    for name, video, source, outcome in zip(names, reading.videos, sources, outcomes, strict=True):
        if "failed" in outcome:
            left_out.append({"path": str(source), "reason": str(outcome["failed"])})
        else:
            rows.append(_row(name, video, str(source), corpus, chosen, outcome))
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in left_out)
    write_atomic(Path(out) / LEFT_OUT_NAME, lines)
    if not rows:
        raise InputError(
            f"no face came out of {len(pieces)} videos", fix=f"see {Path(out) / LEFT_OUT_NAME}"
        )
    return write_manifest(out, rows)


def _source_of(path: Path, root: Path) -> Path:
    """Return a video's path below the corpus, or the whole of it where a list names it elsewhere."""
    return path.relative_to(root) if path.is_relative_to(root) else path


def _name_of(source: Path) -> str:
    """Return a file name for what is made of a video: its path, made harmless, short and unique by a hash."""
    readable = re.sub(r"[^\w.-]+", "_", "-".join(source.with_suffix("").parts)).strip("._")
    digest = hashlib.sha256(os.fsencode(source)).hexdigest()[:8]
    return f"{readable.encode()[-80:].decode(errors='ignore')}-{digest}"


def _is_whole(out: Path, outcome: Outcome) -> bool:
    """Tell whether the faces of a video are still there."""
    return "failed" in outcome or (out / "faces" / outcome.get("name", "") / POINTS_NAME).is_file()


def _key(video: LabelledVideo, settings: FaceSettings) -> str:
    """Return what the pictures depend on, hashed."""
    facts = [
        (path.stat().st_size, path.stat().st_mtime_ns)
        for path in (video.path, video.mask)
        if path is not None and is_there(path)
    ]
    return sha256_of_json([settings, video.label, video.path, video.mask, facts])


def _row(
    name: str,
    video: LabelledVideo,
    source: str,
    corpus: str,
    settings: FaceSettings,
    outcome: Outcome,
) -> Clip:
    return Clip(
        id=name,
        kind="faces",
        split=video.split,
        person=next(iter(video.persons), ""),
        frames=int(outcome["faces"]),
        size=(settings.size, settings.size),
        source=f"{corpus}: {source}",
        extra={
            "label": video.label,
            "family": video.family,
            "persons": list(video.persons),
            "quality": video.quality,
            "faces": f"faces/{name}",
            "missed": int(outcome["missed"]),
            **{key: outcome[key] for key in ("mask_left_out",) if outcome.get(key)},
        },
    )


def _extract(out: Path, settings: FaceSettings, task: tuple[str, LabelledVideo]) -> Outcome:
    """Extract one video's faces into its folder."""
    name, video = task
    found = extract_faces(video, settings)
    found.faces.save(out / "faces" / name)
    return {
        "name": name, "faces": len(found.faces.frames), "missed": found.missed,
        "mask_left_out": found.mask_left_out,
    }  # fmt: skip


def extract_faces(video: LabelledVideo, settings: FaceSettings) -> Extracted:
    """Cut one person's face out of evenly spaced frames: of several people the largest at first, then that one.

    Masks that do not fit cost no face: its label is as good without them.

    Raises:
        FaceNotFound: If no frame shows a face.
        InputError: If the video cannot be read.
    """
    detector, landmarker = finders()
    images, frames, boxes, landmarks = [], [], [], []
    last: Landmarks | None = None
    missed, shape, room = 0, (0, 0), 0
    for number, frame, border in _spread(video.path, settings.count):
        shape, room = (frame.shape[0], frame.shape[1]), border
        found = find_face(frame, last, detector, landmarker, settings.smallest)
        if found is None:
            missed += 1
            continue
        last, crop = found, CropBox.of_extent(found.points, settings.margin)
        images.append(crop.cut(frame, settings.size))
        frames.append(number)
        half = crop.side / 2
        boxes.append([*(v - half for v in crop.center), *(v + half for v in crop.center)])
        landmarks.append(points68(crop.to_crop(found.points.astype(np.float64), settings.size)))
    if not frames:
        raise FaceNotFound("no face in the video", found=f"{missed} frames looked at")
    numbers, squares = np.array(frames), np.array(boxes, np.float32)
    masks, why = None, ""
    try:
        masks = _masks(video, numbers, squares, settings.size, shape, room)
    except ToolkitError as error:
        why = str(error)
    faces = Faces(np.stack(images), masks, numbers, squares - room, np.stack(landmarks))
    return Extracted(faces, missed, why)


@cache
def finders() -> tuple[CenterFace, LandmarkNet]:
    """Load the networks once a process."""
    return CenterFace(), LandmarkNet()


def find_face(
    frame: Image,
    last: Landmarks | None,
    detector: CenterFace,
    landmarker: LandmarkNet,
    smallest: float,
) -> Landmarks | None:
    """Return the landmarks of the person who was followed so far, or of the largest face.

    Args:
        frame: Where it is looked for.
        last: What was found last, however long ago; None: nobody yet.
        detector: Asked where the face is lost.
        landmarker: Finds it from its last place.
        smallest: Least side of a face's box that the detector gives, px.
    """
    if last is not None:
        found = landmarker(frame, last.points)
        if found.presence >= PRESENT and overlap(found.as_face().box, last.as_face().box) >= SAME:
            return found
    faces = [face for face in detector.detect(frame) if face.size >= smallest]
    if not faces:
        return None
    box = None if last is None else last.as_face().box
    nearest = faces[0] if box is None else max(faces, key=lambda face: overlap(face.box, box))
    found = landmarker(frame, nearest)
    return found if found.presence >= PRESENT else None


def _spread(path: Path, count: int) -> Iterator[tuple[int, Image, int]]:
    """Give at most ``count`` evenly spaced frames of a video or folder of pictures, their numbers and their borders."""
    if path.is_dir():
        pictures = [p for p in path.iterdir() if p.suffix.lower() in _PICTURES]
        pictures.sort(key=lambda p: (len(p.stem), p.stem))
        for number in _even(len(pictures), count):
            yield number, *_bordered(read_image(pictures[number]))
        return
    # Counted, for declared numbers are guesses in many containers and wrong in files that were cut off.
    wanted = set(_even(count_packets(path), count))
    with VideoReader(path) as reader:
        for number, frame in enumerate(reader):
            if number in wanted:
                yield number, frame, 0
            if number >= max(wanted):
                return


def _even(total: int, count: int) -> list[int]:
    """Return at most ``count`` evenly spaced numbers below ``total``.

    Example:
        >>> _even(100, 4)
        [0, 33, 66, 99]
    """
    return np.unique(np.linspace(0, max(total - 1, 0), count).round().astype(int)).tolist()


def _bordered(image: Image) -> tuple[Image, int]:
    room = round(_ROOM * max(image.shape[:2]))
    bordered = cv2.copyMakeBorder(image, room, room, room, room, cv2.BORDER_REPLICATE)
    return np.asarray(bordered), room


def _masks(
    video: LabelledVideo,
    frames: NDArray[np.int64],
    boxes: NDArray[np.float32],
    size: int,
    shape: tuple[int, int],
    room: int,
) -> NDArray[np.uint8] | None:
    """Cut the known masks like the faces; authentic videos have empty ones, others without a file None.

    Args:
        video: The video.
        frames: Numbers of the frames.
        boxes: Of the faces, px of the frames with their borders.
        size: Side of the pictures, px.
        shape: (height, width) of the frames with their borders.
        room: Width of the border, px.

    Raises:
        InputError: If the file cannot be read, ends before the video, or has other proportions.
    """
    if video.label != FORGED:
        return np.zeros((len(frames), size, size), np.uint8)
    if video.mask is None:
        return None
    if video.mask.suffix == ".npz":
        whole = Known.load(video.mask).masks
        pictures = {int(n): whole[n] for n in frames if n < len(whole)}
    else:
        wanted = {int(number) for number in frames}
        with VideoReader(video.mask) as reader:
            pictures = {n: f.max(axis=-1) for n, f in enumerate(reader) if n in wanted}
    if len(pictures) < len(frames):
        raise InputError(
            f"{video.mask.name} is shorter than its video",
            found=f"masks of {len(pictures)} of {len(frames)} frames",
        )
    cut = []
    for number, (left, top, right, bottom) in zip(frames, boxes, strict=True):
        crop = CropBox((float(left + right) / 2, float(top + bottom) / 2), float(right - left))
        grey = np.repeat(_fitted(pictures[int(number)], shape, room)[..., None], 3, axis=-1)
        cut.append(crop.cut(grey, size)[..., 0])
    return np.stack(cut)


def _fitted(mask: NDArray[np.uint8], shape: tuple[int, int], room: int) -> NDArray[np.uint8]:
    """Return a mask at the size of its frame, with the frame's border; nothing is forged there.

    Raises:
        InputError: If its sides are in another proportion.
    """
    height, width = shape[0] - 2 * room, shape[1] - 2 * room
    if abs(mask.shape[0] * width - mask.shape[1] * height) > _CROOKED * mask.shape[0] * width:
        raise InputError(
            "a mask has other proportions than its video",
            found=mask.shape,
            expected=(height, width),
        )
    if mask.shape != (height, width):
        mask = np.asarray(
            cv2.resize(mask, (width, height), interpolation=cv2.INTER_LINEAR), np.uint8
        )
    return np.pad(mask, room)
