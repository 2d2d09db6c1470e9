"""What generated video says about itself: metadata, an invisible watermark, and the run record beside it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.custody import RunRecord, sha256_of_json
from shared.media.marks import embed_watermark, metadata_comment

Image = NDArray[np.uint8]


def record_path(out: Path) -> Path:
    """Return where the run record of a video lies: ``clip.mp4`` -> ``clip.json``."""
    return out.with_suffix(".json")


def is_record(path: Path) -> bool:
    """Tell whether a file is a run record."""
    try:
        held = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(held, dict) and "task" in held


def comment_of(record: RunRecord, method: str) -> str:
    """Return the metadata comment that ties a video to the inputs and settings of its record."""
    identity = {"inputs": record.inputs, "weights": record.weights, "settings": record.settings}
    return metadata_comment(method, sha256_of_json(identity))


def marked(frames: Iterable[Image]) -> Iterator[Image]:
    """Yield each frame with the invisible watermark in it."""
    for frame in frames:
        yield embed_watermark(frame)
