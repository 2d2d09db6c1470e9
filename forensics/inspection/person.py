"""What is kept of one person while a file is read: sums, one score a frame, and the few frames that count most."""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from forensics.inspection.settings import Settings
from forensics.inspection.watching import Sight

Map = NDArray[np.float32]

_SMALL, _ALIKE = 32, 1.0
"""Side of the crops that are compared, px, and mean difference, of 255, up to which two show one picture. Measured: a
photograph that stands still in H.264 (CRF 18 to 40) differs by up to 0.3 five times a second but for its first second
(2.2), people who talk by 2.6 or more."""


@dataclass(frozen=True, eq=False)
class Kept:
    """A frame whose picture is kept.

    Attributes:
        sight: The face.
        score: The judge's; larger = manipulated. 0 if no judge was asked.
        map: ``(h, w)`` in [0, 1], or None.
    """

    sight: Sight
    score: float
    map: Map | None


@dataclass
class Person:
    """One track.

    Attributes:
        number: Of the track.
        times: Seconds, of each frame in which it was seen.
        scores: Of the same frames; NaN where the judge gave no finite one. Empty if no judge was asked.
        fresh: Of the same frames: whether it shows another picture than the last that did. A photograph in a video
            is one picture, however long it is shown.
        unlike: Of the same frames: how unlike the known faces, above 1 beyond them. Empty if the judge does not tell.
        area: Sum of the boxes' areas, px²: how visible the person is.
        kept: Frames that score highest, apart from each other; highest first.
    """

    number: int
    times: list[float] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    fresh: list[bool] = field(default_factory=list)
    unlike: list[float] = field(default_factory=list)
    area: float = 0.0
    kept: list[Kept] = field(default_factory=list)
    _sum: NDArray[np.float64] | None = None
    _maps: int = 0
    _last: NDArray[np.float32] | None = None

    def add(
        self, sight: Sight, score: float | None, one_map: Map | None, settings: Settings
    ) -> None:
        """Take in one frame, with the judge's answer where one was asked."""
        width, height = sight.box[2:] - sight.box[:2]
        self.area += float(width * height)
        self.times.append(sight.time)
        if score is not None:
            self.scores.append(score if np.isfinite(score) else float("nan"))
            self.fresh.append(np.isfinite(score) and self._moved(sight))
        if one_map is not None:
            self._sum = one_map.astype(np.float64) + (0 if self._sum is None else self._sum)
            self._maps += 1
        if score is None or np.isfinite(score):
            self._keep(Kept(sight, score or 0.0, one_map), settings)

    def mean_map(self) -> Map | None:
        """Return the mean of all maps ``(h, w)``, or None."""
        return None if self._sum is None else (self._sum / self._maps).astype(np.float32)

    def drop_pictures(self) -> None:
        """Forget what takes memory; times and scores stay."""
        self.kept, self._sum, self._maps = [], None, 0

    def _moved(self, sight: Sight) -> bool:
        """Tell whether the face looks otherwise than when this was last so."""
        small = cv2.resize(sight.crop, (_SMALL, _SMALL), interpolation=cv2.INTER_AREA)
        seen = np.asarray(small, np.float32)
        if self._last is not None and np.abs(seen - self._last).mean() <= _ALIKE:
            return False
        self._last = seen
        return True

    def _keep(self, new: Kept, settings: Settings) -> None:
        """Keep the frame if it scores higher than what is kept near it in time, and than the least."""
        near = [k for k in self.kept if abs(k.sight.time - new.sight.time) < settings.apart]
        if any(one.score >= new.score for one in near):
            return
        # a new frame may stand between two kept ones that it both outdoes
        rest = [one for one in self.kept if one not in near]
        ordered = sorted([*rest, new], key=lambda one: (-one.score, one.sight.time))
        self.kept = ordered[: settings.kept_frames]
