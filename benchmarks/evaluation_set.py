"""Who the renderer is judged on: people it never saw, in poses and expressions whose true pictures are known.

Two sources give the same :class:`Subject`:

* **Rendered**: :func:`evaluation_set` renders people of Marionette whose seeds lie far from any corpus's, each in
  the same takes (jaw, lids, smile, vowels, turns, nods, free movement), once, and keeps them as one ``.npz`` a person.
* **Footage**: :func:`subjects_of_corpus` takes the test clips of any manifest. Only what happened to be filmed can be
  measured there.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.beside import replacing, writing
from shared.custody import write_atomic
from shared.data.manifest import Manifest
from shared.errors import InputError
from shared.face.camera import Camera
from shared.face.crop import CropBox
from shared.face.head_model import HEAD_MODEL_SHA256, LANDMARKS_478
from shared.motion import FACE_UNITS, UNIT, Motion
from synthesis.renderer.dataset import FrameBank, head_points, load_bank

FIRST_SEED = 9_000_000
"""Seed of the first rendered person; corpora count from 0, so that nobody is in both."""

SIZE = 256
"""Side of the pictures that are kept, px."""

YAWS = (-30, -20, -10, 10, 20, 30)
PITCHES = (-15, 15)
"""Degrees; the neutral take is the sweep's zero."""

VOWELS = ("AA", "AE", "EH", "IY", "AO", "UW")
FREE_TAKES = 8
NEUTRAL = "neutral"
FACTS_NAME = "set.json"

_ARRAYS = ("rotation", "translation", "expression")


@dataclass(frozen=True)
class Take:
    """One pose and expression that everybody is shown in.

    Attributes:
        name: ``neutral``, ``jaw``, ``blink``, ``smile``, ``vowel AA``, ``yaw -30``, ``pitch 15``, ``free 0``, ...
        rotation: ``(3,)`` rad.
        shift: ``(3,)`` metres from the rest place.
        expression: ``(52,)``.
    """

    name: str
    rotation: NDArray[np.float32]
    shift: NDArray[np.float32]
    expression: NDArray[np.float32]


@dataclass(frozen=True)
class Subject:
    """A held-out person.

    Attributes:
        name: Identity label.
        bank: The frames, cut as the product cuts a photo, at the network's size, with what drives them.
        takes: Name of each frame; the one called ``neutral`` is the source picture.
        still: ``(N, S, S)`` True where only background is seen, or None where that is not known.
        camera: The camera of the frames at that size.
    """

    name: str
    bank: FrameBank
    takes: tuple[str, ...]
    still: NDArray[np.bool_] | None
    camera: Camera

    @property
    def source(self) -> int:
        """Number of the source frame."""
        return self.takes.index(NEUTRAL)


def units(**values: float) -> NDArray[np.float32]:
    """Return an expression ``(52,)``; a name without a side sets both.

    Example:
        >>> int((units(jawOpen=1, eyeBlink=1) > 0).sum())
        3
    """
    expression = np.zeros(len(FACE_UNITS), np.float32)
    for name, value in values.items():
        for full in (name,) if name in UNIT else (f"{name}Left", f"{name}Right"):
            expression[UNIT[full]] = value
    return expression


def vowel(phone: str) -> NDArray[np.float32]:
    """Return the expression ``(52,)`` of a held vowel, by an even speaker."""
    from shared.data.marionette.lips import LipStyle, mouth_curves
    from shared.data.marionette.phones import Phone

    loud = np.full(8_000, 0.1, np.float32)
    held = mouth_curves([Phone(phone, 0.0, 0.5)], loud, LipStyle(), 12)
    return np.asarray(held[6])


def plan(rng: np.random.Generator) -> list[Take]:
    """Return what a person is shown in: the same for everybody but for the free takes."""
    still, rest = np.zeros(3, np.float32), np.zeros(len(FACE_UNITS), np.float32)
    faces = {NEUTRAL: rest, "jaw": units(jawOpen=1), "blink": units(eyeBlink=1),
             "smile": units(mouthSmile=0.9, cheekSquint=0.4)}  # fmt: skip
    faces |= {f"vowel {phone}": vowel(phone) for phone in VOWELS}
    takes = [Take(name, still, still, expression) for name, expression in faces.items()]
    turns = {f"yaw {angle}": (0, angle, 0) for angle in YAWS}
    turns |= {f"pitch {angle}": (angle, 0, 0) for angle in PITCHES}
    takes += [
        Take(name, np.radians(np.array(angles, np.float32)), still, rest)
        for name, angles in turns.items()
    ]
    return takes + [_free(number, rng) for number in range(FREE_TAKES)]


def _free(number: int, rng: np.random.Generator) -> Take:
    """Draw a take as it occurs in talk: a turn, a small move, a vowel, perhaps a blink, a smile or raised brows."""
    angles = [np.clip(rng.normal(0, 8), -15, 15), rng.uniform(-25, 25), rng.normal(0, 5)]
    expression = rng.uniform(0.4, 1.2) * vowel(str(rng.choice(VOWELS)))
    expression += units(eyeBlink=rng.random() < 0.25, mouthSmile=0.6 * (rng.random() < 0.4))
    expression += units(browInnerUp=rng.random() * 0.8, browOuterUp=rng.random() * 0.5)
    return Take(
        f"free {number}",
        np.radians(np.array(angles, np.float32)),
        rng.normal(0, [0.01, 0.006, 0.02]).astype(np.float32),
        np.clip(expression, 0, 1).astype(np.float32),
    )


def evaluation_set(
    out: str | Path,
    *,
    people: int = 24,
    seed: int = FIRST_SEED,
    size: int = SIZE,
    looks: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Render the people that are still missing from a folder; a whole set needs no graphics.

    Args:
        out: The folder; made if missing, gone on with if begun.
        people: Number of people.
        seed: Of the first one.
        size: Side of the pictures, px.
        looks: Folder of MakeHuman's looks, or None: all painted.
        progress: Called with (people done, people).

    Returns:
        The folder.

    Raises:
        MissingExtra: If what ``make corpus-deps`` installs is missing.
        InputError: If the folder holds another set.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{seed + number}.npz" for number in range(people)]
    names = [take.name for take in plan(np.random.default_rng(0))]
    facts = {"seed": seed, "size": size, "looks": looks is not None, "takes": names}
    path, whole = folder / FACTS_NAME, all(path.is_file() for path in paths)
    held = json.loads(path.read_text("utf-8")) if path.is_file() else facts
    # Who only reads a whole set need not have the looks that it was made with.
    if held != facts and not (whole and looks is None and held == {**facts, "looks": True}):
        raise InputError(
            f"{folder} holds another evaluation set", fix="choose another folder, or the same looks"
        )
    if whole:
        return folder
    write_atomic(path, json.dumps(facts, indent=1))
    for number, target in enumerate(paths):
        if not target.is_file():
            _render(seed + number, size, looks, target)
        if progress:
            progress(number + 1, people)
    return folder


def _render(seed: int, size: int, looks: Path | None, target: Path) -> None:
    from shared.data.marionette.people import sample_person
    from shared.data.marionette.scene import sample_scene
    from shared.data.marionette.stage import Stage

    takes = plan(np.random.default_rng([0xE7A1, seed]))
    with Stage(sample_person(seed, looks), sample_scene(seed), size=size, looks=looks) as stage:
        places = [np.asarray(stage.rest_translation + take.shift, np.float32) for take in takes]
        shots = [
            stage.render(take.rotation, place, take.expression)
            for take, place in zip(takes, places, strict=True)
        ]
        camera = np.array([stage.camera.focal, *stage.camera.center], np.float32)
        identity = np.asarray(stage.identity, np.float32)
    with replacing(target) as temporary, writing(target):
        np.savez_compressed(
            temporary,
            frames=np.stack([shot.image for shot in shots]),
            regions=np.stack([shot.regions for shot in shots]),
            rotation=np.stack([take.rotation for take in takes]),
            translation=np.stack(places),
            expression=np.stack([take.expression for take in takes]),
            takes=np.array([take.name for take in takes]),
            camera=camera,
            identity=identity,
            head_model=np.array(HEAD_MODEL_SHA256),
        )


def read_subjects(folder: str | Path, size: int, people: int | None = None) -> list[Subject]:
    """Read a rendered set at the network's size.

    Args:
        folder: Of :func:`evaluation_set`.
        size: Side, px.
        people: The first so many; None for all.

    Raises:
        InputError: If the folder holds no evaluation set, or one for another head model.
    """
    paths = sorted(Path(folder).glob("[0-9]*.npz"))[:people]
    if not paths:
        raise InputError(f"{folder} holds no evaluation set", fix="give --looks, or --corpus")
    return [_read(path, size) for path in paths]


def _read(path: Path, size: int) -> Subject:
    with np.load(path, allow_pickle=False) as stored:
        data = {name: stored[name] for name in stored.files}
    if str(data["head_model"]) != HEAD_MODEL_SHA256:
        raise InputError(
            f"{path} was rendered for another head model", fix=f"delete {path.parent}, render again"
        )
    rotation, translation, expression = (data[name] for name in _ARRAYS)
    side = data["frames"].shape[1]
    motion = Motion(rotation, translation, expression, Fraction(25))
    points = head_points(motion, data["identity"], data["camera"], (side, side))
    bank = FrameBank(
        data["frames"], points, expression, rotation, -translation[:, 2],
        np.zeros(len(points), np.int32), ("exercise",),
    )  # fmt: skip
    takes = tuple(str(name) for name in data["takes"])
    focal, x, y = (float(value) for value in data["camera"])
    background = (data["regions"] == 0).astype(np.uint8) * 255
    return _framed(path.stem, bank, takes, Camera(focal, (x, y)), size, background)


def _framed(
    name: str,
    bank: FrameBank,
    takes: tuple[str, ...],
    camera: Camera,
    size: int,
    background: NDArray[np.uint8] | None,
) -> Subject:
    """Cut all frames by one square, the one that :func:`synthesis.source.read_source` would cut the source by."""
    side = bank.frames.shape[1]
    pixels = (np.asarray(bank.points, np.float64) + 1) * (side / 2)
    box = CropBox.from_landmarks(pixels[takes.index(NEUTRAL), :LANDMARKS_478])
    still = None
    if background is not None:
        zoomed = [cv2.resize(mask, (side, side)) for mask in background]
        # a pixel is still where nothing but background falls on it
        still = np.stack([box.cut(mask, size) for mask in zoomed]) > 254
    x, y = box.to_crop(np.array(camera.center), size)
    framed = replace(
        bank,
        frames=np.stack([box.cut(frame, size) for frame in bank.frames]),
        points=(box.to_crop(pixels, 2) - 1).astype(np.float16),
    )
    lens = Camera(camera.focal * size / box.side, (float(x), float(y)))
    return Subject(name, framed, takes, still, lens)


def subjects_of_corpus(
    manifest: Manifest, size: int, cache: Path, *, frames: int | None = 16
) -> list[Subject]:
    """Make a subject of each person in the test split: of the first clip, evenly spaced frames or all.

    The source is the frame that looks most to the front with the mouth most closed.

    Args:
        manifest: A corpus.
        size: Side, px.
        cache: Where decoded frames are kept.
        frames: Frames a person; None: all of the clip, one after another.
    """
    clips, seen = [], set()
    for clip in manifest.where(split="test"):
        if clip.video and clip.truth and clip.person not in seen:
            seen.add(clip.person)
            clips.append(clip)
    if not clips:
        raise InputError("the corpus has no test clip with video and truth", fix="build it again")
    bank = load_bank(Manifest(manifest.root, tuple(clips)), SIZE, cache)
    subjects = []
    for number, clip in enumerate(clips):
        rows = np.flatnonzero(bank.clip == number)
        if frames is not None:
            rows = rows[np.unique(np.linspace(0, len(rows) - 1, frames).astype(int))]
        focal, x, y = manifest.truth(clip).camera
        across, down = SIZE / np.array(clip.size)
        camera = Camera(float(focal * across), (float(x * across), float(y * down)))
        part = _part(bank, rows)
        away = np.abs(part.angles).sum(axis=1) + part.expression[:, UNIT["jawOpen"]]
        takes = [f"frame {frame}" for frame in range(len(rows))]
        takes[int(away.argmin())] = NEUTRAL
        subjects.append(_framed(clip.person, part, tuple(takes), camera, size, None))
    return subjects


def _part(bank: FrameBank, rows: NDArray[np.int64]) -> FrameBank:
    return FrameBank(
        np.array(bank.frames[rows]), bank.points[rows], bank.expression[rows], bank.angles[rows],
        bank.depth[rows], np.zeros(len(rows), np.int32), ("speaking",),
    )  # fmt: skip
