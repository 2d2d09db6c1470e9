"""Contact sheets: a corpus at a glance, and vowels that a viewer can lip-read.

``python -m shared.data.marionette.contact_sheet corpus ROOT SHEET.png`` draws clips of a corpus,
``... vowels SHEET.png [--looks DIR]`` renders some people who hold one sound each.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.data.manifest import Manifest, read_manifest
from shared.data.marionette.lips import LipStyle, mouth_curves
from shared.data.marionette.phones import Phone
from shared.errors import InputError
from shared.media.image import write_image
from shared.media.video import VideoReader

Picture = NDArray[np.uint8]

SOUNDS: tuple[str, ...] = ("SIL", "AA", "AE", "EH", "IY", "AO", "UW", "ER", "P", "F", "TH", "SH")
"""The sounds of the vowel sheet, left to right."""


def corpus_sheet(manifest: Manifest, rows: int = 12, frames: int = 10) -> Picture:
    """Return one row a clip, ``frames`` pictures of it in order of time.

    Args:
        manifest: Its filmed clips are taken evenly.
        rows: Clips.
        frames: Pictures of each, evenly in time.

    Raises:
        InputError: If no clip has a video.
    """
    filmed = [clip for clip in manifest if clip.video]
    if not filmed:
        raise InputError("no clip of this corpus has a video", found=manifest.root)
    places = np.unique(np.linspace(0, len(filmed) - 1, min(rows, len(filmed))).astype(int))
    strips = []
    for place in places:
        pictures = [frame.copy() for frame in VideoReader(manifest.path(filmed[place].video))]
        chosen = np.linspace(0, len(pictures) - 1, frames).astype(int)
        strips.append(np.hstack([pictures[index] for index in chosen]))
    return np.vstack(strips)


def held_sound(phone: str) -> NDArray[np.float32]:
    """Return the face units ``(52,)`` of a sound that is held for a second.

    Example:
        >>> held_sound("AA").shape
        (52,)
    """
    tone = np.full(16_000, 0.1, np.float32)
    return np.asarray(mouth_curves([Phone(phone, 0.0, 1.0, 1.0)], tone, LipStyle(), 25)[10])


def vowel_sheet(people: int = 6, size: int = 192, looks: Path | None = None) -> Picture:
    """Return one row a person who holds each of :data:`SOUNDS`, named above.

    Raises:
        MissingExtra: If what ``make corpus-deps`` installs is missing.
    """
    from shared.data.marionette.people import sample_person
    from shared.data.marionette.scene import sample_scene
    from shared.data.marionette.stage import Stage

    title = np.full((24, size * len(SOUNDS), 3), 255, np.uint8)
    for column, sound in enumerate(SOUNDS):
        place = (column * size + 6, 17)
        cv2.putText(title, sound, place, cv2.FONT_HERSHEY_SIMPLEX, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
    strips = [title]
    for seed in range(people):
        with Stage(sample_person(seed, looks), sample_scene(seed), size=size, looks=looks) as stage:
            shots = [
                stage.render(np.zeros(3, np.float32), stage.rest_translation, held_sound(sound))
                for sound in SOUNDS
            ]
        strips.append(np.hstack([shot.image for shot in shots]))
    return np.vstack(strips)


def main(arguments: Sequence[str] | None = None) -> int:
    """Draw a sheet from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m shared.data.marionette.contact_sheet")
    kinds = parser.add_subparsers(dest="kind", required=True)
    corpus = kinds.add_parser("corpus", help="clips of a corpus")
    corpus.add_argument("root", type=Path)
    corpus.add_argument("sheet", type=Path)
    vowels = kinds.add_parser("vowels", help="people who hold one sound each")
    vowels.add_argument("sheet", type=Path)
    vowels.add_argument("--looks", type=Path, help="folder of MakeHuman's CC0 looks")
    options = parser.parse_args(arguments)
    if options.kind == "corpus":
        write_image(options.sheet, corpus_sheet(read_manifest(options.root)))
    else:
        write_image(options.sheet, vowel_sheet(looks=options.looks))
    return 0


if __name__ == "__main__":
    sys.exit(main())
