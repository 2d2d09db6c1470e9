"""(e) Whole-face synthesis: a face that nobody has, drawn as a mixture of several people, at a generator's resolution.

    K other people, each in the target's pose -> weighted mean -> made small and enlarged, sharpened -> face

Morphing in the sense of face averages; enlarging leaves the trace that generators' up-sampling leaves (Odena et al.,
"Deconvolution and Checkerboard Artifacts", Distill 2016).
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from shared.data.forgery.blending import blend, grown, match_colour, polygon, softened
from shared.data.forgery.shapes import (
    choose_frames,
    normalised,
    triangulate,
    warp_piecewise,
    with_forehead,
)
from shared.data.forgery.shot import Cast, Forged

PEOPLE = 3
"""How many people a face is mixed from, at most."""


def whole(cast: Cast, generator: np.random.Generator) -> Forged:
    """Give the target a face mixed from the other people.

    By the generator: the people's shares, the resolution (20 to 32 px between the eyes' corners), the edge.
    """
    target = cast.target
    shares = generator.dirichlet(np.full(len(cast.others), 3.0))
    shrink = min(1.0, generator.uniform(20, 32) / target.span)
    feather = generator.uniform(0.15, 0.35) * target.span
    ours = with_forehead(target.landmarks)
    triangles = triangulate(ours[0])
    shapes = normalised(target.landmarks).reshape(len(target), -1)
    chosen = [
        choose_frames(shapes, normalised(shot.landmarks).reshape(len(shot), -1))
        for shot in cast.others
    ]
    frames, masks = [], []
    for time, frame in enumerate(target.frames):
        mask = softened(polygon(grown(ours[time], 1.12), target.size), feather)
        mixed = np.zeros(frame.shape, np.float32)
        for share, shot, places in zip(shares, cast.others, chosen, strict=True):
            theirs = with_forehead(shot.landmarks[places[time]])
            picture = shot.frames[places[time]]
            foreign = warp_piecewise(picture, theirs, ours[time], triangles, target.size)
            mixed += share * match_colour(foreign, frame, mask)
        frames.append(blend(frame, _as_sharp(_generated(mixed, shrink), frame, mask), mask))
        masks.append(mask)
    people = tuple(shot.clip for shot in cast.others)
    return Forged(np.stack(frames), np.stack(masks), target.sound, people)


def _as_sharp(
    picture: NDArray[np.uint8], frame: NDArray[np.uint8], mask: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """Sharpen a mean of faces, at most threefold, until it has as much fine detail as the frame."""
    inside = mask > 127
    smooth, ground = (cv2.GaussianBlur(p, (0, 0), 1.5).astype(np.float32) for p in (picture, frame))
    own, wanted = (np.std((p - s)[inside]) for p, s in ((picture, smooth), (frame, ground)))
    gain = float(np.clip(wanted / (own + 1e-3), 1.0, 3.0))
    return np.asarray(np.round(np.clip(smooth + gain * (picture - smooth), 0, 255)), np.uint8)


def _generated(picture: NDArray[np.float32], shrink: float) -> NDArray[np.uint8]:
    """Return a picture as a network of low resolution would give it."""
    small = cv2.resize(picture, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA)
    large = cv2.resize(small, picture.shape[1::-1], interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.round(np.clip(large, 0, 255)), np.uint8)
