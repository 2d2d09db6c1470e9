"""Generators of published methods, built from descriptions of their layers, with random weights: to time them.

No code or weights of theirs are used; what a picture costs depends on neither training nor training data. Batch norms
are left in, as they are at inference. Each takes its keypoints or descriptor as given, so the costs of their detectors
(FOMM 1.3 GMAC, face-vid2vid 27 GMAC a picture) are not counted against them.

| class | method | published GMAC a 256 px picture |
|---|---|---|
| Fomm | Siarohin et al., "First Order Motion Model", NeurIPS 2019 | 53.7 |
| PiRenderer | Ren et al., "PIRenderer", ICCV 2021 | 61.6 |
| FaceVid2Vid | Wang et al., "One-Shot Free-View Neural Talking-Head Synthesis", CVPR 2021 | 196 |

The figures were counted on public definitions of the three; :func:`giga_macs` counts ours, and a test compares.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from shared.layers.warp import gaussian_maps, identity_grid, resize_flow, warp
from synthesis.renderer.network import keypoint_flows

SIDE = 256
"""Side of the pictures, px."""

Inputs = tuple[Any, ...]


def _block(inputs: int, outputs: int, kernel: int = 3, dims: int = 2) -> nn.Sequential:
    """Convolution, batch norm, ReLU; the size stays."""
    conv, norm = (nn.Conv2d, nn.BatchNorm2d) if dims == 2 else (nn.Conv3d, nn.BatchNorm3d)
    return nn.Sequential(
        conv(inputs, outputs, kernel, padding=kernel // 2), norm(outputs), nn.ReLU()
    )


def _down(inputs: int, outputs: int, dims: int = 2) -> nn.Sequential:
    """A block, then half the size (a volume keeps its depth)."""
    pool = nn.AvgPool2d(2) if dims == 2 else nn.AvgPool3d((1, 2, 2))
    return nn.Sequential(*_block(inputs, outputs, dims=dims), pool)


def _up(inputs: int, outputs: int, dims: int = 2) -> nn.Sequential:
    """Twice the size (a volume keeps its depth), then a block."""
    grow = nn.Upsample(scale_factor=2 if dims == 2 else (1, 2, 2))
    return nn.Sequential(grow, *_block(inputs, outputs, dims=dims))


class _Residual(nn.Module):
    """Twice norm, ReLU, convolution, added to the input."""

    def __init__(self, width: int, dims: int = 2) -> None:
        super().__init__()
        conv, norm = (nn.Conv2d, nn.BatchNorm2d) if dims == 2 else (nn.Conv3d, nn.BatchNorm3d)
        self.layers = nn.Sequential(
            norm(width), nn.ReLU(), conv(width, width, 3, padding=1),
            norm(width), nn.ReLU(), conv(width, width, 3, padding=1),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)  # type: ignore[no-any-return]


class _Hourglass(nn.Module):
    """The hourglass of FOMM: widths double downwards, skips are concatenated; output ``width + inputs`` channels."""

    def __init__(self, inputs: int, width: int, maximum: int, levels: int, dims: int = 2) -> None:
        super().__init__()
        widths = [inputs, *(min(width * 2**level, maximum) for level in range(1, levels + 1))]
        self.down = nn.ModuleList(_down(a, b, dims) for a, b in pairwise(widths))
        self.up = nn.ModuleList()
        below = widths[-1]
        for level in reversed(range(levels)):
            outputs = min(width * 2**level, maximum)
            self.up.append(_up(below, outputs, dims))
            below = outputs + widths[level]
        self.outputs = below

    def forward(self, x: Tensor) -> Tensor:
        kept = [x]
        for block in self.down:
            kept.append(block(kept[-1]))
        x = kept.pop()
        for block in self.up:
            x = torch.cat([block(x), kept.pop()], dim=1)
        return x


class _Painter(nn.Module):
    """Six residual blocks at a quarter of the size, two blocks up, a 7 x 7 convolution: FOMM's and vid2vid's end."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *(_Residual(256) for _ in range(6)), _up(256, 128), _up(128, 64),
            nn.Conv2d(64, 3, 7, padding=3), nn.Sigmoid(),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)  # type: ignore[no-any-return]


class Fomm(nn.Module):
    """FOMM's dense motion at 64 px and its generator; ten keypoints with Jacobians."""

    points = 10

    def __init__(self) -> None:
        super().__init__()
        self.hourglass = _Hourglass((self.points + 1) * 4, 64, 1024, 5)
        self.mask = nn.Conv2d(self.hourglass.outputs, self.points + 1, 7, padding=3)
        self.occlusion = nn.Conv2d(self.hourglass.outputs, 1, 7, padding=3)
        self.encoder = nn.Sequential(_block(3, 64, 7), _down(64, 128), _down(128, 256))
        self.painter = _Painter()

    def inputs(self) -> Inputs:
        """Return a source ``(1, 3, 256, 256)``, source and driven keypoints ``(1, 10, 2)``, the Jacobian."""
        near = torch.rand(2, 1, self.points, 2) - 0.5
        return torch.rand(1, 3, SIDE, SIDE), near[0], near[1], torch.eye(2)[None]

    def forward(self, source: Tensor, known: Tensor, driven: Tensor, jacobian: Tensor) -> Tensor:
        """Return the picture ``(1, 3, 256, 256)``."""
        h, count = SIDE // 4, self.points + 1
        still = identity_grid(h, h, like=source).expand(len(source), 1, h, h, 2)
        flows = torch.cat([still, keypoint_flows(known, driven, jacobian, h)], dim=1)
        small = F.interpolate(source, size=(h, h), mode="area").repeat_interleave(count, dim=0)
        warped = warp(small, flows.flatten(0, 1)).reshape(len(source), 3 * count, h, h)
        maps = gaussian_maps(driven, h, 0.01) - gaussian_maps(known, h, 0.01)
        seen = self.hourglass(torch.cat([torch.zeros_like(maps[:, :1]), maps, warped], dim=1))
        mask = torch.softmax(self.mask(seen), dim=1)
        flow = (mask[..., None] * flows).sum(dim=1)
        moved = warp(self.encoder(source), flow) * torch.sigmoid(self.occlusion(seen))
        return self.painter(moved)  # type: ignore[no-any-return]


class _AdaIn(nn.Module):
    """Instance norm whose scale and shift come from the descriptor through two layers."""

    def __init__(self, width: int, code: int = 256) -> None:
        super().__init__()
        self.norm = nn.InstanceNorm2d(width)
        self.style = nn.Sequential(nn.Linear(code, 128), nn.ReLU(), nn.Linear(128, 2 * width))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        scale, shift = self.style(code)[:, :, None, None].chunk(2, dim=1)
        return F.leaky_relu(self.norm(x) * (1 + scale) + shift, 0.1)


class _AdaEncode(nn.Module):
    """Half the size by a 4 x 4 convolution, then a 3 x 3 one, each after AdaIN."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first, self.second = _AdaIn(inputs), _AdaIn(outputs)
        self.shrink = nn.Conv2d(inputs, outputs, 4, stride=2, padding=1)
        self.conv = nn.Conv2d(outputs, outputs, 3, padding=1)

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        return self.conv(self.second(self.shrink(self.first(x, code)), code))  # type: ignore[no-any-return]


class _AdaDecode(nn.Module):
    """Twice the size by transposed convolutions, with a shortcut of its own."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        inner = min(inputs, outputs)
        self.first, self.second = _AdaIn(inputs), _AdaIn(inner)
        self.conv = nn.Conv2d(inputs, inner, 3, padding=1)
        self.grow, self.short = (
            nn.ConvTranspose2d(width, outputs, 3, stride=2, padding=1, output_padding=1)
            for width in (inner, inputs)
        )

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        inner = self.conv(self.first(x, code))
        return self.grow(self.second(inner, code)) + self.short(x)  # type: ignore[no-any-return]


class _AdaResidual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(_AdaIn(width) for _ in range(2))
        self.convs = nn.ModuleList(nn.Conv2d(width, width, 3, padding=1) for _ in range(2))

    def forward(self, x: Tensor, code: Tensor) -> Tensor:
        y = x
        for norm, conv in zip(self.norms, self.convs, strict=True):
            y = norm(conv(y), code)
        return x + y


def _layer_norm_block(inputs: int, outputs: int, kernel: int = 3) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2),
        nn.GroupNorm(1, outputs),
        nn.LeakyReLU(0.1),
    )


class _Mapping(nn.Module):
    """A window of 27 frames of 73 coefficients -> a descriptor of 256."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(73, 256, 7)
        self.rest = nn.ModuleList(nn.Conv1d(256, 256, 3, dilation=3) for _ in range(3))

    def forward(self, window: Tensor) -> Tensor:
        x = self.first(window)
        for conv in self.rest:
            x = conv(F.leaky_relu(x, 0.1)) + x[:, :, 3:-3]
        return x.mean(dim=2)  # type: ignore[no-any-return]


class _WarpNet(nn.Module):
    """The descriptor and the source -> a flow at a quarter of the size."""

    def __init__(self) -> None:
        super().__init__()
        widths = (32, 64, 128, 256, 256, 256)
        self.enter = nn.Conv2d(3, widths[0], 7, padding=3)
        self.encode = nn.ModuleList(_AdaEncode(a, b) for a, b in pairwise(widths))
        self.decode = nn.ModuleList(
            [_AdaDecode(256, 256), _AdaDecode(512, 256), _AdaDecode(512, 128)]
        )
        self.flow = nn.Conv2d(256, 2, 7, padding=3)

    def forward(self, source: Tensor, code: Tensor) -> Tensor:
        kept = [self.enter(source)]
        for encode in self.encode:
            kept.append(encode(kept[-1], code))
        x = kept.pop()
        for decode in self.decode:
            x = torch.cat([decode(x, code), kept.pop()], dim=1)
        flow = self.flow(x).permute(0, 2, 3, 1)
        return flow + identity_grid(*flow.shape[1:3], like=flow)  # type: ignore[no-any-return]


class _EditNet(nn.Module):
    """Source and warped source -> the picture, by an encoder and an AdaIN decoder with skips."""

    def __init__(self) -> None:
        super().__init__()
        widths = (64, 128, 256, 256)
        self.enter = _layer_norm_block(6, widths[0], 7)
        self.down = nn.ModuleList(_layer_norm_block(a, b) for a, b in pairwise(widths))
        self.residual, self.up, self.jump = nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        for a, b in pairwise(reversed(widths)):
            self.residual.append(nn.ModuleList(_AdaResidual(a) for _ in range(2)))
            self.up.append(_layer_norm_block(a, b))
            self.jump.append(_layer_norm_block(b, b))
        self.out = nn.Conv2d(widths[0], 3, 7, padding=3)

    def forward(self, source: Tensor, warped: Tensor, code: Tensor) -> Tensor:
        kept = [self.enter(torch.cat([source, warped], dim=1))]
        for down in self.down:
            kept.append(F.avg_pool2d(down(kept[-1]), 2))
        x = kept.pop()
        for pair, up, jump in zip(self.residual, self.up, self.jump, strict=True):
            for block in pair:  # type: ignore[attr-defined]
                x = block(x, code)
            x = up(F.interpolate(x, scale_factor=2.0)) + jump(kept.pop())
        return torch.tanh(self.out(x))


class PiRenderer(nn.Module):
    """PIRenderer's three networks."""

    def __init__(self) -> None:
        super().__init__()
        self.mapping, self.warping, self.editing = _Mapping(), _WarpNet(), _EditNet()

    def inputs(self) -> Inputs:
        """Return a source ``(1, 3, 256, 256)`` and a window of coefficients ``(1, 73, 27)``."""
        return torch.rand(1, 3, SIDE, SIDE), torch.rand(1, 73, 27)

    def forward(self, source: Tensor, window: Tensor) -> Tensor:
        """Return the picture ``(1, 3, 256, 256)`` in [-1, 1]."""
        code = self.mapping(window)
        flow = resize_flow(self.warping(source, code), SIDE)
        return self.editing(source, warp(source, flow), code)  # type: ignore[no-any-return]


class FaceVid2Vid(nn.Module):
    """face-vid2vid's generator without SPADE: a volume of features, moved by a dense flow in three dimensions."""

    points, channels, depth = 15, 32, 16

    def __init__(self) -> None:
        super().__init__()
        c, d, count = self.channels, self.depth, self.points + 1
        self.encoder = nn.Sequential(
            _block(3, 64), _down(64, 128), _down(128, 256), nn.Conv2d(256, c * d, 1)
        )
        self.volume = nn.Sequential(*(_Residual(c, 3) for _ in range(6)))
        self.compress = nn.Sequential(nn.Conv3d(c, 4, 1), nn.BatchNorm3d(4), nn.ReLU())
        self.hourglass = _Hourglass(5 * count, 32, 1024, 5, 3)
        width = self.hourglass.outputs
        self.after = _block(width, width, dims=3)
        self.mask = nn.Conv3d(width, count, 7, padding=3)
        self.occlusion = nn.Conv2d(width * d, 1, 7, padding=3)
        self.fold = nn.Sequential(_block(c * d, 256), nn.Conv2d(256, 256, 1))
        self.painter = _Painter()

    def inputs(self) -> Inputs:
        """Return a source ``(1, 3, 256, 256)``, source and driven keypoints ``(1, 15, 3)``."""
        near = torch.rand(2, 1, self.points, 3) - 0.5
        return torch.rand(1, 3, SIDE, SIDE), near[0], near[1]

    def _motion(self, volume: Tensor, known: Tensor, driven: Tensor) -> tuple[Tensor, Tensor]:
        """Return the flow ``(B, D, h, h, 3)`` and the occlusion ``(B, 1, h, h)``."""
        small = self.compress(volume)
        batch, _, d, h, w = small.shape
        axes = [torch.linspace(-1, 1, n, device=small.device) for n in (d, h, w)]
        grid = torch.stack(torch.meshgrid(*axes, indexing="ij")[::-1], dim=-1)
        shifts = F.pad(known - driven, (0, 0, 1, 0))
        flows = grid + shifts[:, :, None, None, None]
        count = flows.shape[1]
        moved = F.grid_sample(
            small.repeat_interleave(count, dim=0), flows.flatten(0, 1), align_corners=False
        ).reshape(batch, count, 4, d, h, w)
        near = [
            torch.exp(-((grid - p[:, :, None, None, None]) ** 2).sum(-1) / 0.02)
            for p in (driven, known)
        ]
        maps = F.pad(near[0] - near[1], (0, 0, 0, 0, 0, 0, 1, 0))[:, :, None]
        seen = self.after(self.hourglass(torch.cat([maps, moved], dim=2).flatten(1, 2)))
        mask = torch.softmax(self.mask(seen), dim=1)
        flow = (mask[..., None] * flows).sum(dim=1)
        return flow, torch.sigmoid(self.occlusion(seen.flatten(1, 2)))

    def forward(self, source: Tensor, known: Tensor, driven: Tensor) -> Tensor:
        """Return the picture ``(1, 3, 256, 256)``."""
        flat = self.encoder(source)
        volume = self.volume(flat.unflatten(1, (self.channels, self.depth)))
        flow, occlusion = self._motion(volume, known, driven)
        moved = F.grid_sample(volume, flow, align_corners=False)
        return self.painter(self.fold(moved.flatten(1, 2)) * occlusion)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Published:
    """A method and what its public definition costs.

    Attributes:
        build: Makes the network of this file.
        giga_macs: Billions of multiplications with addition for a picture of 256 px.
    """

    build: Callable[[], Fomm | PiRenderer | FaceVid2Vid]
    giga_macs: float


PUBLISHED: dict[str, Published] = {
    "FOMM": Published(Fomm, 53.7),
    "PIRenderer": Published(PiRenderer, 61.6),
    "face-vid2vid": Published(FaceVid2Vid, 196.0),
}


def giga_macs(network: nn.Module, inputs: Inputs) -> float:
    """Count the multiplications with addition of one call, in billions; on ``meta`` nothing is computed."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(*inputs)
    return float(counter.get_total_flops()) / 2e9


def counted(name: str) -> float:
    """Return the billions of multiplications with addition that a picture costs in the network of this file."""
    with torch.device("meta"):
        network = PUBLISHED[name].build().eval()
        return giga_macs(network, network.inputs())
