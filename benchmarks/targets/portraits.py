"""Captioned portraits of Marionette's people: one a person, each in a pose, an expression and a light of its own.

    seed -> Person, Scene, Pose -> 64 px picture, "an old man with dark skin, short grey hair, smiling, turned left"

The caption is written from what was rendered, so that it is true. Painting a skin is what takes time, and it is
painted on a canvas of half the usual side: at 64 px nothing of it is seen.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.targets.pictures import PARTS, Pictures, joined, part_of
from shared.errors import InputError
from shared.motion import FACE_UNITS, UNIT

FIRST_SEED = 20_000_000
"""Seed of the first person; corpora count from 0 and the renderer's evaluation set from 9,000,000."""

SIZE = 64
SOURCE = "Marionette portraits, rendered, CC0-1.0"

_PIECE = 60
"""Portraits that are rendered before they are written down."""

_TEXELS = 512
"""Side of the canvas that skins are painted on."""

_EXPRESSIONS: dict[str, dict[str, float]] = {
    "": {},
    "smiling": {"mouthSmile": 0.9, "cheekSquint": 0.4},
    "surprised": {"jawOpen": 0.5, "browInnerUp": 0.9, "browOuterUp": 0.8, "eyeWide": 0.7},
    "frowning": {"browDown": 0.9, "mouthFrown": 0.8},
    "eyes closed": {"eyeBlink": 1.0},
    "mouth open": {"jawOpen": 0.7},
    "lips pursed": {"mouthPucker": 0.9},
}
"""Words -> face units (both sides where there are two)."""


@dataclass(frozen=True)
class Pose:
    """How a person is shown.

    Attributes:
        rotation: ``(3,)`` pitch, yaw, roll, rad.
        shift: ``(3,)`` metres from the resting place.
        expression: A key of the named expressions; empty for none.
        strength: How strong the expression is, 0 to 1.
    """

    rotation: NDArray[np.float32]
    shift: NDArray[np.float32]
    expression: str
    strength: float

    def units(self) -> NDArray[np.float32]:
        """Return the expression as face units ``(52,)``."""
        values = np.zeros(len(FACE_UNITS), np.float32)
        for name, value in _EXPRESSIONS[self.expression].items():
            for unit in (name,) if name in UNIT else (f"{name}Left", f"{name}Right"):
                values[UNIT[unit]] = value * self.strength
        return values

    def words(self) -> str:
        """Return the pose in words, as a viewer has it; empty for a plain front view.

        Example:
            >>> turned = np.radians([0.0, -20.0, 0.0]).astype(np.float32)
            >>> Pose(turned, np.zeros(3, np.float32), "smiling", 1.0).words()
            'smiling, turned left'
        """
        pitch, yaw, _ = np.degrees(self.rotation)
        turn = "" if abs(yaw) < 10 else "turned right" if yaw > 0 else "turned left"
        nod = "" if abs(pitch) < 8 else "looking down" if pitch > 0 else "looking up"
        return ", ".join(word for word in (self.expression, turn, nod) if word)


def sample_pose(seed: int) -> Pose:
    """Draw a pose; the same seed gives the same pose."""
    rng = np.random.default_rng([0x905E, seed])
    angles = [rng.uniform(-14, 14), rng.uniform(-30, 30), rng.normal(0, 4)]
    return Pose(
        np.radians(np.array(angles, np.float32)),
        rng.normal(0, [0.008, 0.006, 0.02]).astype(np.float32),
        str(rng.choice(list(_EXPRESSIONS))),
        float(rng.uniform(0.7, 1.0)),
    )


def portrait(seed: int, size: int = SIZE, looks: Path | None = None) -> tuple[NDArray, str, str]:
    """Render one person once.

    Returns:
        The picture ``(size, size, 3)`` uint8, its caption, and the person's name.

    Raises:
        MissingExtra: If what ``make corpus-deps`` installs is missing.
    """
    from shared.data.marionette.people import sample_person
    from shared.data.marionette.scene import sample_scene
    from shared.data.marionette.stage import Stage

    person, pose = sample_person(seed, looks), sample_pose(seed)
    with Stage(person, sample_scene(seed), size=size, looks=looks) as stage:
        place = np.asarray(stage.rest_translation + pose.shift, np.float32)
        image = stage.render(pose.rotation, place, pose.units()).image
    words = pose.words()
    return image, f"{person.caption}, {words}" if words else person.caption, person.id


def plan(count: int, first: int = FIRST_SEED) -> list[int]:
    """Return the seeds of ``count`` people a part, in order: a person's part hangs on the name alone.

    Example:
        >>> len(plan(2))
        6
    """
    left = dict.fromkeys(PARTS, count)
    seeds, seed = [], first
    while any(left.values()):
        part = part_of(f"p{seed:05d}")
        if left[part]:
            left[part] -= 1
            seeds.append(seed)
        seed += 1
    return seeds


def render_portraits(
    out: str | Path,
    *,
    count: int = 1000,
    size: int = SIZE,
    looks: Path | None = None,
    processes: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Render ``count`` portraits a part into one file, going on where an earlier run stopped.

    Args:
        out: The ``.npz`` to write; pieces lie in a folder beside it until all are made.
        count: Portraits in each of the three parts.
        size: Side, px.
        looks: Folder of MakeHuman's looks, or None: all painted.
        processes: Processes that render.
        progress: Called with (portraits done, portraits).

    Raises:
        InputError: If ``out`` holds portraits of another number or size; with which looks they were made is not told.
    """
    target = Path(out)
    if target.is_file():
        return _require(target, count, size)
    seeds = plan(count)
    pieces = target.with_suffix("") / f"{size}px-{'painted' if looks is None else 'looks'}"
    pieces.mkdir(parents=True, exist_ok=True)
    tasks = [
        (seeds[at : at + _PIECE], size, looks, pieces / f"{seeds[at]}-{len(seeds[at:at + _PIECE])}.npz")
        for at in range(0, len(seeds), _PIECE)
    ]  # fmt: skip
    missing = [task for task in tasks if not task[3].is_file()]
    context = multiprocessing.get_context("spawn")
    with context.Pool(max(processes, 1), initializer=_shrink_canvas) as pool:
        for done, _ in enumerate(pool.imap_unordered(_render_piece, missing), 1):
            if progress:
                progress(len(tasks) - len(missing) + done, len(tasks))
    joined([Pictures.load(task[3]) for task in tasks]).checked().save(target)
    return target


def _require(target: Path, count: int, size: int) -> Path:
    """Return a file that was made before, if it holds what is asked for."""
    held = Pictures.load(target)
    found = ([held.parts.count(part) for part in PARTS], held.images.shape[1])
    if found != ([count] * len(PARTS), size):
        raise InputError(
            f"{target} holds other portraits", found=f"{found[0]} a part of {found[1]} px",
            expected=f"{count} a part of {size} px", fix="choose another file, or remove this one",
        )  # fmt: skip
    return target


def _shrink_canvas() -> None:
    """Set the canvas's side before a module of the painter reads it; each process does so once."""
    from shared.data.marionette import canvas

    canvas.TEXELS = _TEXELS


def _render_piece(task: tuple[list[int], int, Path | None, Path]) -> None:
    seeds, size, looks, path = task
    images, captions, names = zip(*(portrait(seed, size, looks) for seed in seeds), strict=True)
    parts = tuple(part_of(name) for name in names)
    Pictures(np.stack(images), captions, names, parts, SOURCE).save(path)
