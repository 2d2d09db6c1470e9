"""Where one voice is when another says the same: time maps between readings of one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

import numpy as np
from numpy.typing import NDArray

TimedPhone = Sequence[str | float]
"""``[name, start, end]``, seconds."""


@dataclass(frozen=True)
class TimeMap:
    """For each frame of reading B, the place in reading A.

    Attributes:
        positions: ``(T_b,)`` frames of A, fractional.
        valid: ``(T_b,)`` whether both are inside a phone that they share.
    """

    positions: NDArray[np.float32]
    valid: NDArray[np.bool_]


def same_time(frames: int) -> TimeMap:
    """Return the map of two readings that are aligned already."""
    return TimeMap(np.arange(frames, dtype=np.float32), np.ones(frames, np.bool_))


def align_phones(
    phones_a: Sequence[TimedPhone], phones_b: Sequence[TimedPhone], frames_b: int, fps: float = 25.0
) -> TimeMap:
    """Map reading B's frames to reading A by their phones' times, linearly inside each phone.

    Args:
        phones_a: ``[name, start, end]`` of each phone of reading A, in order.
        phones_b: The same of reading B.
        frames_b: Frames of reading B.
        fps: Frames a second of both.

    Example:
        >>> a, b = [["M", 0.0, 0.2], ["AA", 0.2, 0.4]], [["M", 0.0, 0.4], ["AA", 0.4, 0.6]]
        >>> align_phones(a, b, 5, fps=10).positions.tolist()
        [0.0, 0.5, 1.0, 1.5, 2.0]
    """
    names_a, names_b = ([str(p[0]) for p in phones] for phones in (phones_a, phones_b))
    matcher = SequenceMatcher(None, names_a, names_b, autojunk=False)
    pairs = [
        (phones_a[block.a + k], phones_b[block.b + k])
        for block in matcher.get_matching_blocks()
        for k in range(block.size)
    ]
    if not pairs:
        return TimeMap(np.zeros(frames_b, np.float32), np.zeros(frames_b, np.bool_))
    times = np.arange(frames_b) / fps
    edges_b = np.array([float(p[k]) for _, p in pairs for k in (1, 2)])
    edges_a = np.array([float(p[k]) for p, _ in pairs for k in (1, 2)])
    positions = np.interp(times, edges_b, edges_a) * fps
    starts, ends = edges_b[::2], edges_b[1::2]
    owner = np.clip(np.searchsorted(starts, times, side="right") - 1, 0, len(starts) - 1)
    valid = (times >= starts[owner]) & (times < ends[owner])
    return TimeMap(np.maximum(positions, 0).astype(np.float32), valid)
