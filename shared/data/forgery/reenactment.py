"""(b) Reenactment: the target's own face, drawn with another person's expression and pasted back.

The family of Face2Face (Thies et al., CVPR 2016) and NeuralTextures (Thies et al., SIGGRAPH 2019). Who draws is given:
this package knows no renderer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from shared.data.forgery.blending import blend, match_colour, polygon, softened
from shared.data.forgery.shot import Cast, Forged, Shot
from shared.errors import InputError

Image = NDArray[np.uint8]

Reenact = Callable[[Shot, Shot], Sequence[Image]]
"""(target, driver) -> the target's frames, drawn in their pose and place with the driver's expression.

One with a method ``fingerprint()`` that returns the hash of its weights is asked to draw anew when these change.
"""


def reenactment(cast: Cast, generator: np.random.Generator, reenact: Reenact) -> Forged:
    """Paste the face that ``reenact`` draws back into the target.

    By the generator: how soft the edge is (0.1 to 0.4 of the eyes' distance).

    Raises:
        InputError: If the drawn frames are not as many or not as large as the target's.
    """
    target = cast.target
    feather = generator.uniform(0.1, 0.4) * target.span
    drawn = reenact(target, cast.others[0])
    if np.shape(drawn) != target.frames.shape:
        raise InputError(
            "the reenacted frames do not fit the target",
            found=np.shape(drawn),
            expected=target.frames.shape,
        )
    frames, masks = [], []
    for frame, foreign, points in zip(target.frames, drawn, target.landmarks, strict=True):
        mask = softened(polygon(_with_room_for_the_jaw(points), target.size), feather)
        frames.append(blend(frame, match_colour(foreign, frame, mask), mask))
        masks.append(mask)
    return Forged(np.stack(frames), np.stack(masks), target.sound, (cast.others[0].clip,))


def _with_room_for_the_jaw(points: NDArray[np.float32]) -> NDArray[np.float32]:
    """Add points below the chin: an opened jaw is longer than the target's."""
    down = points[8] - points[27]
    return np.concatenate([points, points[5:12] + 0.12 * down]).astype(np.float32)
