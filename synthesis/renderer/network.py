"""The renderer's network: a source picture, where its face points are, and where they shall be.

Data flow (H = config.size, h = config.motion_size, N = 478 face points + S of the skull, K keypoints,
C candidate flows)::

    I_s (B,3,H,H)  p_s, p_d (B,N,2)  turn (see :mod:`.surface`)  z (B,110)
    fissures     side s (B,2h,2h): below a mouth's or an eye's middle line; openings o_s, o_d (B,2,2h,2h)
    candidates   T_0 identity | T_mesh^+- interpolated p_d -> p_s, for above and below | T_k affine round keypoint k
    dense motion hourglass([I_s warped by each T (3C), heat-map differences (K), driven maps (K), o_d, o_s (4),
                            where a head is, and what of it the source shows (2)])
                 -> mask over candidates (C), one occlusion per level (L+1), small residual flow (2)
    T^+, T^-     sum_c mask_c T_c + residual, with the mesh flow of either side                (B,2,2h,2h,2)
    encoder      I_s -> features at H, H/2, ... H/2^L              (computed once for a source picture)
    bottleneck   features warped by T, times occlusion -> residual blocks with FiLM(z)
    decoder      up | warped skip x occlusion | driven heat maps, openings -> Conv, GroupNorm, FiLM(z), SiLU, per level
    out          rgb (B,3,H,H), alpha (B,1,H,H), 0 where lids come down (:func:`.fissures.shut_eyes`)
                 I = alpha rgb + (1 - alpha) warp(I_s, T^+ above, T^- below)

| here | symbol | shape | unit |
|---|---|---|---|
| source | I_s | (B, 3, H, H) | RGB in [0, 1] |
| points_source, points_driven | p^s, p^d | (B, 478 + S, 2) | [-1, 1] over the crop |
| turn | A, b, g_i, kappa_i, nu_i | | what the two poses do to each point, see :mod:`.surface` |
| code | z | (B, 110) | see ``config.CODE_SIZE`` |
| flow | T^+, T^- | (B, 2, h', w', 2) | backward: where in I_s a driven pixel comes from; above, below a fissure |
| side | s | (B, h', w') | signed distance to the nearest fissure's middle line, [-1, 1] units, below > 0 |

References: Siarohin et al., "First Order Motion Model for Image Animation", NeurIPS 2019 (candidate flows, masks,
occlusion); Ren et al., "PIRenderer", ICCV 2021 (explicit conditioning); Wang et al., "One-Shot Free-View Neural
Talking-Head Synthesis", CVPR 2021.

Differences from the papers:
    * Keypoints come from the head model and not from a learned detector: exact, named, and none on the background.
    * FOMM's Jacobian is the analytic ``A`` of the two poses; nothing has to be inverted.
    * One more candidate, the mesh flow, interpolates the displacement of all face points and of the skull round them,
      each with the slope of the head's surface, and leaves out those that a turn hides (:mod:`.surface`): expression
      and pose move the picture before anything is learned. It is cut along the mouth and the eyes
      (:mod:`.fissures`): lips close over a smile's teeth, lids over the iris.
    * Driven heat maps enter every decoder level, and FiLM the decoder. In the reference the mouth stayed shut without
      them at 10 k steps; not reproduced here: after 116 steps its gain is .295 and .298 without, .297 with them, and
      .04 and .05 without mesh flow and without warping (``benchmarks ablations``).
    * ``alpha`` lets the warped source through, so that texture stays sharp at any resolution. Where lids come down it
      is taken away: the photo's own lids and lashes, warped, are better than lids learnt from rendered people.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.layers.precision import full_precision
from shared.layers.warp import gaussian_maps, identity_grid, resize_flow, warp
from synthesis.renderer.config import CODE_SIZE, RendererConfig
from synthesis.renderer.fissures import (
    ABOVE,
    BELOW,
    fissure_distances,
    openings,
    shut_eyes,
    side_of,
)
from synthesis.renderer.points import CANDIDATES, KEYPOINTS
from synthesis.renderer.surface import CARRIERS, Turn

_SIDES = torch.tensor([(i in BELOW) * 1 - (i in ABOVE) * 1 for i in CARRIERS])
"""-1 for points above a fissure, 1 below, 0 for those that move both."""
_FADE = 0.12
"""How far beyond the last point its slope is followed, normalised units."""


def low_share(side: Tensor, size: int) -> Tensor:
    """Return the share of the lower side, ``(B, size, size)`` in [0, 1], of a signed distance ``(B, h, h)``.

    The edge is one pixel wide.
    """
    side = F.interpolate(side[:, None], size=(size, size), mode="bilinear")[:, 0]
    return (side * size / 2 + 0.5).clamp(0, 1)


def join_flows(flow: Tensor, side: Tensor, size: int) -> Tensor:
    """Join the flows ``(B, 2, h, h, 2)`` above and below the fissures along ``side``, ``(B, size, size, 2)``."""
    above, below = (resize_flow(flow[:, k], size) for k in range(2))
    return above + low_share(side, size)[..., None] * (below - above)


@dataclass(frozen=True)
class Motion2D:
    """What the dense motion makes of two sets of points.

    Attributes:
        flow: ``(B, 2, 2h, 2h, 2)`` backward flow above and below the fissures, positions in the source.
        side: ``(B, 2h, 2h)`` signed distance to the nearest fissure, below > 0.
        occlusion: ``(B, L + 1, h, h)`` 1 where the source shows what is needed; finest level first.
        opened: ``(B, 2, H, H)`` openings of the driven mouth and eyes.
        known: ``(B, 2, H, H)`` openings of the source's.
    """

    flow: Tensor
    side: Tensor
    occlusion: Tensor
    opened: Tensor
    known: Tensor

    def one_flow(self, size: int) -> Tensor:
        """Return the flow with its cut, ``(B, size, size, 2)``, for features."""
        return join_flows(self.flow, self.side, size)

    def warp(self, picture: Tensor) -> Tensor:
        """Warp a picture ``(B, 3, H, H)`` on either side and join the two."""
        size = picture.shape[-1]
        above, below = (warp(picture, resize_flow(self.flow[:, k], size)) for k in range(2))
        return above + low_share(self.side, size)[:, None] * (below - above)


@dataclass
class Rendering:
    """What the network makes of a batch.

    Attributes:
        image: ``(B, 3, H, H)`` the composed picture, [0, 1].
        rgb: ``(B, 3, H, H)`` the network's own pixels.
        alpha: ``(B, 1, H, H)`` where its own pixels are used.
        warped: ``(B, 3, H, H)`` the source along the flow.
        motion: Where everything comes from.
    """

    image: Tensor
    rgb: Tensor
    alpha: Tensor
    warped: Tensor
    motion: Motion2D


def beside(*parts: Tensor) -> Tensor:
    """Join features ``(B, C_i, h, w)`` along their channels, each turned to the layout that convolutions run in.

    Joined as they come, the whole is turned afterwards, which on a processor takes longer than the convolution.
    """
    laid = [part.contiguous(memory_format=torch.channels_last) for part in parts]
    return torch.cat(laid, dim=1)


def conv_block(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    """Convolution, group normalisation, SiLU; the size stays."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2),
        nn.GroupNorm(min(8, outputs), outputs),
        nn.SiLU(),
    )


class FilmBlock(nn.Module):
    """Convolution, normalisation, then scale and shift by the code (FiLM), then SiLU."""

    def __init__(self, inputs: int, outputs: int, code: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.norm = nn.GroupNorm(min(8, outputs), outputs)
        self.film = nn.Linear(code, 2 * outputs)
        nn.init.zeros_(self.film.weight)
        nn.init.zeros_(self.film.bias)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        """``(B, inputs, h, w)``, ``(B, code)`` -> ``(B, outputs, h, w)``."""
        scale, shift = self.film(code)[:, :, None, None].chunk(2, dim=1)
        return F.silu(self.norm(self.conv(x)) * (1 + scale) + shift)


class Hourglass(nn.Module):
    """A U-net of average pooling down and nearest neighbours up; output ``(B, width, h, w)``."""

    def __init__(self, inputs: int, width: int, maximum: int, levels: int) -> None:
        super().__init__()
        widths = [min(width * 2**level, maximum) for level in range(levels + 1)]
        self.first = conv_block(inputs, width)
        self.down = nn.ModuleList(conv_block(a, b) for a, b in pairwise(widths))
        self.up = nn.ModuleList(
            conv_block(widths[i + 1] + widths[i], widths[i]) for i in reversed(range(levels))
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(B, inputs, h, w)`` -> ``(B, width, h, w)``."""
        skips = [self.first(x)]
        for block in self.down:
            skips.append(block(F.avg_pool2d(skips[-1], 2)))
        x = skips.pop()
        for block in self.up:
            x = block(beside(F.interpolate(x, scale_factor=2.0), skips.pop()))
        return x


@full_precision
def mesh_flow(
    points_source: Tensor,
    points_driven: Tensor,
    turn: Turn,
    size: int,
    spread: float,
    sides: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    """Interpolate the motion of scattered points, each with its neighbourhood's, to a grid (kernel regression).

    ``T(x) = sum_i w_i(x) (p^s_i + (A + gamma(x) b g_i^T) (x - p^d_i))``,
    ``w = softmax_i(-(|x - p^d_i|^2 + kappa_i) / 2 sigma(x)^2)`` with ``sigma(x)^2 = spread^2 + (d(x) / 2)^2`` and d the
    distance to the nearest point that is seen: sharp on a contour, smooth between contours. ``gamma`` fades slopes
    out where no point is near; beside the head the nearest points' motion goes on outwards.

    Args:
        points_source: ``(B, M, 2)`` in [-1, 1].
        points_driven: ``(B, M, 2)``.
        turn: Of these points.
        size: Side of the grid.
        spread: Standard deviation of the kernel on a point, normalised units.
        sides: ``(M,)`` -1 for points that only move what is above, 1 below, 0 both; None: all both.

    Returns:
        The flows ``(B, 2, size, size, 2)`` for places above, and below; and ``(B, 2, size, size)``: how much of a head
        is at a place (gamma), and how well the source shows what is there (the interpolated nu).
    """
    points_source, points_driven, turn, kept = _by_side(points_source, points_driven, turn, sides)
    batch = len(points_driven)
    grid = identity_grid(size, size, like=points_driven).reshape(1, -1, 2).expand(batch, -1, 2)
    affine, parallax = turn.affine.transpose(1, 2), turn.parallax[:, None]
    base = grid @ affine
    columns = torch.cat(
        [points_source - points_driven @ affine, turn.slopes,
         (turn.slopes * points_driven).sum(-1, keepdim=True), turn.shown[..., None]], dim=-1,
    )  # fmt: skip
    # |x - p|^2 + kappa, exact, by rows and columns; the largest arrays by far, so each pass over them counts
    line = grid[0, :size, 0][:, None]
    across, down = ((line - points_driven[:, None, :, axis]) ** 2 for axis in (0, 1))
    squared = ((down + turn.cost[:, None])[:, :, None] + across[:, None]).flatten(1, 2)
    near = torch.exp(-squared.amin(-1, keepdim=True) / (2 * _FADE**2))
    flows, shown = [], near
    for those in kept:
        far = squared[..., those]
        variance = spread**2 + far.amin(-1, keepdim=True).clamp(min=0) / 4
        mixed = torch.softmax(far * (-0.5 / variance), dim=-1) @ columns[:, those]
        depth = (mixed[..., 2:4] * grid).sum(-1, keepdim=True) - mixed[..., 4:5]
        flows.append(base + mixed[..., :2] + near * depth * parallax)
        shown = mixed[..., 5:]
    facts = torch.cat([near, shown], dim=-1).transpose(1, 2).reshape(-1, 2, size, size)
    return torch.stack(flows, dim=1).reshape(-1, 2, size, size, 2), facts


def _by_side(
    points_source: Tensor, points_driven: Tensor, turn: Turn, sides: Tensor | None
) -> tuple[Tensor, Tensor, Turn, tuple[slice, slice]]:
    """Order points from above to below, so that each side's are neighbours; return them and the two slices."""
    if sides is None:
        return points_source, points_driven, turn, (slice(None), slice(None))
    order = sides.argsort(stable=True)
    above, below = int((sides < 0).sum()), int((sides > 0).sum())
    ordered = turn._replace(
        slopes=turn.slopes[:, order], cost=turn.cost[:, order], shown=turn.shown[:, order]
    )
    slices = slice(0, len(sides) - below), slice(above, len(sides))
    return points_source[:, order], points_driven[:, order], ordered, slices


@full_precision
def keypoint_flows(
    points_source: Tensor, points_driven: Tensor, affine: Tensor, size: int
) -> Tensor:
    """Return ``T_k(x) = p^s_k + A (x - p^d_k)`` for each keypoint, ``(B, K, size, size, 2)`` (FOMM, Eq. 4)."""
    grid = identity_grid(size, size, like=points_driven).reshape(1, -1, 2)
    turned = grid @ affine.transpose(1, 2)
    offsets = points_source - points_driven @ affine.transpose(1, 2)
    return (turned[:, None] + offsets[:, :, None]).reshape(len(offsets), -1, size, size, 2)


class DenseMotion(nn.Module):
    """Choose, for each place, which candidate flow is right, and where the source shows nothing of use."""

    def __init__(self, config: RendererConfig) -> None:
        super().__init__()
        self.config = config
        candidates = len(CANDIDATES) + 2
        self.hourglass = Hourglass(
            3 * candidates + 2 * len(KEYPOINTS) + 6,
            config.motion_width,
            config.motion_max,
            config.motion_levels,
        )
        self.head = nn.Conv2d(config.motion_width, candidates + config.levels + 1 + 2, 5, padding=2)
        nn.init.zeros_(self.head.weight)
        bias = torch.zeros(candidates + config.levels + 3)
        bias[1] = 4.0  # begin at the mesh flow
        bias[candidates : candidates + config.levels + 1] = 2.0  # and with everything visible
        self.head.bias = nn.Parameter(bias)
        self.sides: Tensor
        self.register_buffer("sides", _SIDES.clone(), persistent=False)

    def candidates(
        self, points_source: Tensor, points_driven: Tensor, turn: Turn, size: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return the mesh flow of either side, ``(B, 2, size, size, 2)``, the others ``(B, C - 1, ...)``, and facts."""
        batch, carriers = len(points_source), list(CARRIERS)
        still = identity_grid(size, size, like=points_source).expand(batch, 1, size, size, 2)
        carried = turn._replace(
            slopes=turn.slopes[:, carriers],
            cost=turn.cost[:, carriers],
            shown=turn.shown[:, carriers],
        )
        mesh, facts = mesh_flow(
            points_source[:, carriers], points_driven[:, carriers], carried, size,
            self.config.mesh_spread, self.sides,
        )  # fmt: skip
        near = keypoint_flows(
            points_source[:, CANDIDATES], points_driven[:, CANDIDATES], turn.affine, size
        )
        return mesh, torch.cat([still, near], dim=1), facts

    def forward(
        self, source: Tensor, points_source: Tensor, points_driven: Tensor, turn: Turn
    ) -> Motion2D:
        """Return where every place of the driven picture comes from."""
        h, config = self.config.motion_size, self.config
        small = F.interpolate(source, size=(h, h), mode="area")
        mesh, rigid, facts = self.candidates(points_source, points_driven, turn, 2 * h)
        distances = [fissure_distances(points, 2 * h) for points in (points_source, points_driven)]
        known, opened = (openings(distance, source.shape[-1]) for distance in distances)
        side = side_of(points_driven, distances[1])
        joined = join_flows(mesh, side, 2 * h)
        flows = torch.cat([rigid[:, :1], joined[:, None], rigid[:, 1:]], dim=1)
        count = flows.shape[1]
        coarse = F.avg_pool2d(flows.flatten(0, 1).permute(0, 3, 1, 2), 2).permute(0, 2, 3, 1)
        warped = warp(small.repeat_interleave(count, dim=0), coarse).reshape(
            len(source), 3 * count, h, h
        )
        maps, base = (
            gaussian_maps(points[:, KEYPOINTS], h, config.heat_variance[0])
            for points in (points_driven, points_source)
        )
        open_now = F.interpolate(torch.cat([opened, known], dim=1), size=(h, h), mode="area")
        seen = beside(warped, maps - base, maps, open_now, F.avg_pool2d(facts, 2))
        out = self.head(self.hourglass(seen))
        mask, occlusion, residual = out.split([count, config.levels + 1, 2], dim=1)
        mask = F.interpolate(torch.softmax(mask, dim=1), scale_factor=2.0, mode="bilinear")
        residual = F.interpolate(residual, scale_factor=2.0, mode="bilinear").permute(0, 2, 3, 1)
        others = torch.cat([mask[:, :1], mask[:, 2:]], dim=1)
        shared = (others[..., None] * rigid).sum(dim=1) + 0.1 * residual
        flow = shared[:, None] + mask[:, 1, None, ..., None] * mesh
        return Motion2D(flow, side, torch.sigmoid(occlusion), opened, known)


class Encoder(nn.Module):
    """Source picture -> features at every level, finest first."""

    def __init__(self, config: RendererConfig) -> None:
        super().__init__()
        widths = [config.width * 2**level for level in range(config.levels + 1)]
        self.first = conv_block(3, widths[0], 5)
        self.down = nn.ModuleList(conv_block(a, b) for a, b in pairwise(widths))

    def forward(self, source: Tensor) -> list[Tensor]:
        """``(B, 3, H, H)`` -> ``[(B, width 2^l, H / 2^l, H / 2^l)]``."""
        features = [self.first(source)]
        for block in self.down:
            features.append(block(F.avg_pool2d(features[-1], 2)))
        return features


class Decoder(nn.Module):
    """Warped features, driven heat maps and the code -> the network's own pixels and where to use them."""

    def __init__(self, config: RendererConfig) -> None:
        super().__init__()
        self.config = config
        widths = [config.width * 2**level for level in range(config.levels + 1)]
        maps = len(KEYPOINTS) + 4
        self.enter = FilmBlock(widths[-1] + maps, widths[-1], config.code_width)
        self.blocks = nn.ModuleList(
            FilmBlock(widths[-1], widths[-1], config.code_width) for _ in range(2 * config.blocks)
        )
        self.up = nn.ModuleList(
            FilmBlock(widths[level + 1] + widths[level] + maps, widths[level], config.code_width)
            for level in reversed(range(config.levels))
        )
        self.out = nn.Conv2d(widths[0], 4, 5, padding=2)
        bias = torch.zeros(4)
        bias[3] = -2.0  # begin with the warped source
        self.out.bias = nn.Parameter(bias)

    def forward(
        self, features: list[Tensor], motion: Motion2D, points: Tensor, code: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return rgb ``(B, 3, H, H)`` and alpha ``(B, 1, H, H)``, both in [0, 1]."""
        keypoints, variance = points[:, KEYPOINTS], self.config.heat_variance[1]
        moved, maps = [], []
        for level, feature in enumerate(features):
            size = feature.shape[-1]
            seen = F.interpolate(
                motion.occlusion[:, level : level + 1], size=(size, size), mode="bilinear"
            )
            flow = motion.one_flow(size)
            moved.append(warp(feature, flow) * seen)
            opened, known = (
                F.interpolate(o, size=(size, size), mode="area")
                for o in (motion.opened, motion.known)
            )
            last = variance * (2 if level == self.config.levels else 1)
            heat = gaussian_maps(keypoints, size, last)
            # where it is open, and where the warped source shows what was open
            maps.append(beside(heat, opened, warp(known, flow)))
        x = self.enter(beside(moved.pop(), maps.pop()), code)
        for first, second in zip(self.blocks[::2], self.blocks[1::2], strict=True):
            x = x + second(first(x, code), code)
        for block in self.up:
            up = F.interpolate(x, scale_factor=2.0)
            x = block(beside(up, moved.pop(), maps.pop()), code)
        out = torch.sigmoid(self.out(x))
        return out[:, :3], out[:, 3:]


class RendererNetwork(nn.Module):
    """The whole renderer; see the top of this file."""

    def __init__(self, config: RendererConfig) -> None:
        super().__init__()
        self.config = config
        self.code = nn.Sequential(
            nn.Linear(CODE_SIZE, config.code_width),
            nn.SiLU(),
            nn.Linear(config.code_width, config.code_width),
            nn.SiLU(),
        )
        self.motion = DenseMotion(config)
        self.encoder = Encoder(config)
        self.decoder = Decoder(config)

    def predict(
        self,
        source: Tensor,
        points_source: Tensor,
        points_driven: Tensor,
        turn: Turn,
        code: Tensor,
        features: list[Tensor] | None = None,
    ) -> tuple[Tensor, Tensor, Motion2D]:
        """Return rgb, alpha and the motion, from which a picture of any resolution can be composed.

        ``features`` may hold the encoder's output for ``source``, computed once.
        Shapes: see the notation table of this module.
        """
        if features is None:
            features = self.encoder(source)
        motion = self.motion(source, points_source, points_driven, turn)
        rgb, alpha = self.decoder(features, motion, points_driven, self.code(code))
        alpha = alpha * (1 - shut_eyes(points_source, points_driven, alpha.shape[-1]))
        return rgb, alpha, motion

    def forward(
        self,
        source: Tensor,
        points_source: Tensor,
        points_driven: Tensor,
        turn: Turn,
        code: Tensor,
        features: list[Tensor] | None = None,
    ) -> Rendering:
        """Render at the network's own size; arguments as :meth:`predict`'s."""
        rgb, alpha, motion = self.predict(
            source, points_source, points_driven, turn, code, features
        )
        warped = motion.warp(source)
        return Rendering(alpha * rgb + (1 - alpha) * warped, rgb, alpha, warped, motion)


def motion_code(
    expression_source: Tensor,
    expression_driven: Tensor,
    angles_source: Tensor,
    angles_driven: Tensor,
) -> Tensor:
    """Return z = [beta_d, beta_d - beta_s, rho_d, rho_d - rho_s], ``(B, 110)``: expressions, angles (rad)."""
    return torch.cat(
        [
            expression_driven,
            expression_driven - expression_source,
            angles_driven,
            angles_driven - angles_source,
        ],
        dim=1,
    )
