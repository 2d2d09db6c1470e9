"""(c) Mouth splice: the person's own mouths in a new order, so that they go with somebody else's speech.

    foreign speech -> the foreign speaker's lip shapes -> the nearest of the target's own mouths, never its own moment
      -> turned into place by the rigid landmarks -> blended round the mouth; the sound is the foreign one

The oldest lip-sync there is: Bregler et al., "Video Rewrite", SIGGRAPH 1997, with lips in the place of phones. Real
pixels of the right person, so that only the mouth's edge, its time and its sharpness tell.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from shared.data.forgery.blending import blend, grown, match_colour, polygon, softened
from shared.data.forgery.shapes import (
    RIGID,
    choose_frames,
    normalised,
    similarity,
    warp_affine,
)
from shared.data.forgery.shot import Cast, Forged
from shared.face.crop import apply_affine

NEAR = 4
"""Frames; a mouth from nearer than this in time would be the authentic one."""

_LIPS = slice(48, 68)


def mouth_splice(cast: Cast, generator: np.random.Generator) -> Forged:
    """Let the target say what the first other person says.

    By the generator: how far round the mouth (1.5 to 1.9 of its size) and how soft (0.12 to 0.3 of the eyes' distance).
    """
    target, driver = cast.target, cast.others[0]
    reach, feather = generator.uniform(1.5, 1.9), generator.uniform(0.12, 0.3) * target.span
    pool = [target, *cast.own]
    offered = np.concatenate([_lips(shot.landmarks) for shot in pool])
    places = [(shot, index) for shot in pool for index in range(len(shot))]
    own = np.arange(len(offered))
    times = np.arange(len(target))
    forbidden = (np.abs(own - times[:, None]) < NEAR) & (own < len(target))
    wanted = _lips(driver.landmarks)[np.minimum(times, len(driver) - 1)]
    wanted = wanted - wanted.mean(axis=0) + offered[: len(target)].mean(axis=0)
    frames, masks = [], []
    for time, place in enumerate(choose_frames(wanted, offered, jump=0.03, forbidden=forbidden)):
        shot, index = places[place]
        theirs, ours = shot.landmarks[index], target.landmarks[time]
        turn = similarity(theirs[list(RIGID)], ours[list(RIGID)])
        lips = np.concatenate([ours[_LIPS], apply_affine(turn, theirs[_LIPS])])
        around = np.concatenate([grown(lips, reach), _above_and_below(ours)])
        mask = softened(polygon(around, target.size), feather)
        foreign = warp_affine(shot.frames[index], turn, target.size)
        frame = target.frames[time]
        frames.append(blend(frame, match_colour(foreign, frame, mask), mask))
        masks.append(mask)
    sound = _as_long(driver.sound, target.sound)
    return Forged(np.stack(frames), np.stack(masks), sound, (driver.clip,))


def _lips(landmarks: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the lips' shape in the face's own frame, ``(T, 40)``."""
    return normalised(landmarks)[:, _LIPS].reshape(len(landmarks), -1)


def _above_and_below(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return points half way from the lips to nose and chin: closed lips alone are a thin line."""
    return np.asarray(
        [(points[51] + points[33]) / 2, *((points[[56, 57, 58]] + points[[9, 8, 7]]) / 2)],
        np.float32,
    )


def _as_long(sound: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return a sound cut or followed by silence to another's length."""
    return np.pad(sound[: len(other)], (0, max(0, len(other) - len(sound))))
