"""(a) Face swap: another person's face, warped by landmarks, in the target's colours, under a soft mask.

    target frame t -- pose --> donor frame d(t) -- landmarks --> warped -- colours --> blended inside the face

The family of FaceSwap and Deepfakes (Rössler et al., "FaceForensics++", ICCV 2019, arXiv 1901.08971).
"""

from __future__ import annotations

import numpy as np

from shared.data.forgery.blending import (
    blend,
    face_hull,
    match_colour,
    mean_colour,
    polygon,
    softened,
)
from shared.data.forgery.shapes import (
    choose_frames,
    normalised,
    triangulate,
    warp_piecewise,
    with_forehead,
)
from shared.data.forgery.shot import Cast, Forged, Shot

CANDIDATES = 3
"""People from whom the donor is chosen."""


def swap(cast: Cast, generator: np.random.Generator) -> Forged:
    """Put the face of that other person on the target whose skin is the most alike.

    By the generator: how soft the edge is (0.08 to 0.35 of the eyes' distance) and whether the forehead is swapped.
    """
    target = cast.target
    donor = min(cast.others, key=lambda shot: _unlike(shot, target))
    feather = generator.uniform(0.08, 0.35) * target.span
    region = face_hull if generator.random() < 0.6 else polygon
    ours, theirs = with_forehead(target.landmarks), with_forehead(donor.landmarks)
    triangles = triangulate(ours[0])
    flat = (len(target), -1), (len(donor), -1)
    chosen = choose_frames(
        normalised(target.landmarks).reshape(flat[0]), normalised(donor.landmarks).reshape(flat[1])
    )
    frames, masks = [], []
    for time, place in enumerate(chosen):
        frame = target.frames[time]
        foreign = warp_piecewise(
            donor.frames[place], theirs[place], ours[time], triangles, target.size
        )
        mask = softened(region(target.landmarks[time], target.size), feather)
        frames.append(blend(frame, match_colour(foreign, frame, mask), mask))
        masks.append(mask)
    return Forged(np.stack(frames), np.stack(masks), target.sound, (donor.clip,))


def _unlike(one: Shot, other: Shot) -> float:
    """Return how far two people's skin is apart in CIELAB, in their first frames."""
    colours = [mean_colour(s.frames[0], polygon(s.landmarks[0], s.size)) for s in (one, other)]
    return float(np.linalg.norm(colours[0] - colours[1]))
