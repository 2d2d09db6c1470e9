"""The three fissures of a face, mouth and eyes, along which a picture must be cut before it is warped.

Lips that meet come from two places of the source that a smile holds apart; so do lids. A flow that is one smooth
field drags the teeth, or the iris, between them. Here each fissure tells for every place how far it lies below the
upper contour and above the lower one; from this follow the side that a place belongs to, and what is open.

Data flow (B pictures, F = 3 fissures, n points a contour, S = grid's side)::

    points (B,478,2) -> frame of each fissure: along its corners (u), down across them (v)
                     -> contours f_up(u), f_low(u), piecewise linear through the points
                     -> distances v - f_up, f_low - v                       (B,F,2,S,S), normalised units
    side  = blend over fissures of v - f_cut                                (B,S,S)  > 0 below the cut
    f_cut = 0.1 f_up + 0.9 f_low (mouth), (f_up + f_low) / 2 (eyes)
    openings = min of the two, where positive                               (B,2,S,S) mouth, eyes
    shut eyes = how much less the driven lids are apart than the source's   (B,1,S,S)
"""

from __future__ import annotations

import torch
from torch import Tensor

from shared.layers.warp import identity_grid

UPPER = (
    (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    (33, 246, 161, 160, 159, 158, 157, 173, 133),
    (362, 398, 384, 385, 386, 387, 388, 466, 263),
)
"""Upper contour of the mouth, of the person's right eye and of the left, from the picture's left to its right."""

LOWER = (
    (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
    (33, 7, 163, 144, 145, 153, 154, 155, 133),
    (362, 382, 381, 380, 374, 373, 390, 249, 263),
)

_UPPER_LIP = (185, 40, 39, 37, 0, 267, 269, 270, 409, *UPPER[0][1:-1])
_LOWER_LIP = (146, 91, 181, 84, 17, 314, 405, 321, 375, *LOWER[0][1:-1])
_LIDS = tuple(contour[eye][1:-1] for contour in (UPPER, LOWER) for eye in (1, 2))
ABOVE = frozenset(_UPPER_LIP + _LIDS[0] + _LIDS[1])
"""Points that never move what lies below a fissure."""
BELOW = frozenset(_LOWER_LIP + _LIDS[2] + _LIDS[3])
"""Points that never move what lies above a fissure."""

_REACH = 0.12
"""How far a fissure's say reaches beyond its own half width, normalised units."""


def _piecewise_linear(knots: Tensor, values: Tensor, at: Tensor) -> Tensor:
    """Interpolate ``values`` (B, n) over rising ``knots`` (B, n) at ``at`` (B, P); constant outside."""
    result = values[:, :1].expand_as(at).clone()
    for k in range(knots.shape[1] - 1):
        width = (knots[:, k + 1] - knots[:, k])[:, None]
        rise = (values[:, k + 1] - values[:, k])[:, None] / width.clamp(min=1e-4)
        step = torch.minimum((at - knots[:, k, None]).clamp(min=0), width)
        result += rise * step
    return result


def fissure_distances(points: Tensor, size: int) -> Tensor:
    """Return how far each place lies below the upper and above the lower contour of each fissure.

    Args:
        points: ``(B, 478, 2)`` face points, [-1, 1].
        size: Side of the grid.

    Returns:
        ``(B, 3, 2, size, size)``, normalised units; both positive inside an opening.

    Example:
        >>> points = torch.zeros(1, 478, 2)
        >>> line = torch.linspace(-0.5, 0.5, 11)
        >>> for contour, height in ((UPPER[0], -0.25), (LOWER[0], 0.25)):
        ...     points[0, list(contour)] = torch.stack([line, torch.full((11,), height)], dim=-1)
        >>> fissure_distances(points, 4)[0, 0, :, 1, 2].tolist()  # the place (0.25, -0.25)
        [0.0, 0.5]
    """
    grid = identity_grid(size, size, like=points).reshape(1, -1, 2)
    found = []
    for upper, lower in zip(UPPER, LOWER, strict=True):
        first, last = points[:, upper[0]], points[:, upper[-1]]
        along = last - first
        along = along / along.norm(dim=-1, keepdim=True).clamp(min=1e-4)
        across = torch.stack([-along[:, 1], along[:, 0]], dim=-1)

        def coordinates(
            of: Tensor, origin: Tensor = first, along: Tensor = along, across: Tensor = across
        ) -> tuple[Tensor, Tensor]:
            moved = of - origin[:, None]
            return (moved * along[:, None]).sum(-1), (moved * across[:, None]).sum(-1)

        u, v = coordinates(grid)
        contours = []
        for contour in (upper, lower):
            knots, values = coordinates(points[:, list(contour)])
            contours.append(_piecewise_linear(knots.cummax(dim=1).values, values, u))
        beyond = (-u).clamp(min=0) + (u - (last - first).norm(dim=-1)[:, None]).clamp(min=0)
        found.append(torch.stack([v - contours[0] - beyond, contours[1] - v - beyond], dim=1))
    return torch.stack(found, dim=1).reshape(len(points), 3, 2, size, size)


def side_of(points: Tensor, distances: Tensor) -> Tensor:
    """Return the signed distance of each place to the cut of the nearest fissure, below > 0.

    An eye is cut along its middle line, a mouth just above the lower lip: what is seen in a mouth are mostly the upper
    teeth, and these stay with the head. Between the fissures it is blended, where no contour is near enough to care.

    Args:
        points: ``(B, 478, 2)``.
        distances: Of :func:`fissure_distances`, ``(B, 3, 2, S, S)``.

    Returns:
        ``(B, S, S)``, normalised units.
    """
    size = distances.shape[-1]
    grid = identity_grid(size, size, like=points)
    corners = [points[:, [upper[0], upper[-1]]] for upper in UPPER]
    pull = []
    for ends in corners:
        middle = ends.mean(1)
        reach = (ends[:, 1] - ends[:, 0]).norm(dim=-1) / 2 + _REACH
        far = ((grid - middle[:, None, None]) ** 2).sum(-1)
        pull.append(-far / (2 * (reach[:, None, None] / 2) ** 2))
    weight = torch.softmax(torch.stack(pull, dim=1), dim=1)
    cut = (distances[:, :, 0] - distances[:, :, 1]) / 2
    height = distances[:, :1].sum(2).clamp(min=0)
    cut = torch.cat([cut[:, :1] - 0.4 * height, cut[:, 1:]], dim=1)
    return (weight * cut).sum(1)


def openings(distances: Tensor, size: int) -> Tensor:
    """Return where the mouth (channel 0) and the eyes (channel 1) are open, ``(B, 2, size, size)`` in [0, 1].

    The edge is one pixel wide; what is shut is 0 everywhere.
    """
    count = len(distances)
    resized = torch.nn.functional.interpolate(
        distances.flatten(1, 2), size=(size, size), mode="bilinear"
    ).reshape(count, 3, 2, size, size)
    inside = (resized.amin(2) * size / 2).clamp(0, 1)
    return torch.stack([inside[:, 0], inside[:, 1:].amax(1)], dim=1)


def shut_eyes(source: Tensor, driven: Tensor, size: int) -> Tensor:
    """Return how far the lids have come down, round each eye, ``(B, 1, size, size)`` in [0, 1].

    1 on an eye whose lids are at most half as far apart, in widths of the eye, as in the source; a Gaussian of a third
    of the eye's width round it.

    Args:
        source: ``(B, 478 + S, 2)`` points of the source, [-1, 1].
        driven: ``(B, 478 + S, 2)`` driven points, [-1, 1].
        size: Side of the map, px.
    """
    grid = identity_grid(size, size, like=driven)
    maps = []
    for upper, lower in zip(UPPER[1:], LOWER[1:], strict=True):
        ends = [(points[:, upper[0]], points[:, upper[-1]]) for points in (source, driven)]
        known, now = (
            (points[:, upper[4]] - points[:, lower[4]]).norm(dim=-1)
            / (first - last).norm(dim=-1).clamp(min=1e-4)
            for points, (first, last) in zip((source, driven), ends, strict=True)
        )
        shut = (2 * (1 - now / known.clamp(min=0.05))).clamp(0, 1)
        first, last = ends[1]
        width = (first - last).norm(dim=-1)[:, None, None]
        far = ((grid - (first + last)[:, None, None] / 2) ** 2).sum(-1)
        maps.append(shut[:, None, None] * torch.exp(-far / (2 * (width / 3) ** 2)))
    return torch.stack(maps, dim=1).amax(1, keepdim=True)
