"""What one would want to see: test faces, where they were forged, and where FoCus says so.

a row a dataset:  [authentic | forged | known mask | map before scaling, with the score]  x EXAMPLES
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.forensics.material import Material
from forensics.faces import Images
from forensics.focus.detector import FocusDetector
from forensics.report.face_figures import overlay
from shared.data.forgery.families import DATASETS
from shared.errors import InputError
from shared.media.image import write_image

EXAMPLES = 3
_LINE = 16
"""Height of what is written above a row, px."""


def map_sheet(detector: FocusDetector, material: Material, path: str | Path) -> Path:
    """Draw forgeries of each dataset at c23, of test people spread evenly: not chosen by how well they come out.

    Args:
        detector: Trained.
        material: Faces with masks and counterparts.
        path: Picture to write.

    Raises:
        InputError: If masks or counterparts are not known.
    """
    faces = material.faces
    if faces.masks is None or faces.counterparts is None:
        raise InputError("the sheet needs masks and counterparts", fix="give the forgery corpus")
    rows = []
    for dataset in DATASETS:
        chosen = _spread(material, dataset)
        if not len(chosen):
            continue
        found = detector.detect(faces.frames[chosen])
        tiles: list[Images] = []
        maps = np.asarray(found.maps, np.float32)
        for row, score, one in zip(chosen, found.scores, maps, strict=True):
            frame = faces.frames[row]
            tiles += [faces.counterparts[row], frame, overlay(frame, faces.masks[row])]
            tiles.append(_named(overlay(frame, np.clip(one, 0, 1)), f"{score:.2f}"))
        strip = np.concatenate(tiles, axis=1)
        head = np.full((_LINE, strip.shape[1], 3), 255, np.uint8)
        rows += [_named(head, dataset, (0, 0, 0)), strip]
    return write_image(path, np.concatenate(rows))


def _spread(material: Material, dataset: str) -> NDArray[np.int64]:
    """Return one face each of people spread over the test split."""
    here = (material.split == "test") & (material.quality == "c23") & (material.family == dataset)
    people = material.faces.people
    names = np.unique(people[here])
    wanted = names[np.linspace(0, len(names) - 1, min(EXAMPLES, len(names))).round().astype(int)]
    firsts = [np.flatnonzero(here & (people == name)) for name in wanted]
    return np.array([rows[len(rows) // 2] for rows in firsts], np.int64)


def _named(picture: Images, text: str, colour: tuple[int, int, int] = (255, 255, 255)) -> Images:
    """Write into the lower left corner."""
    place = (3, picture.shape[0] - 4)
    drawn = cv2.putText(
        np.ascontiguousarray(picture), text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.42, colour, 1,
        cv2.LINE_AA,
    )  # fmt: skip
    return np.asarray(drawn, np.uint8)
