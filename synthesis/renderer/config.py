"""Sizes of the renderer.

FOMM: Siarohin et al., "First Order Motion Model for Image Animation", NeurIPS 2019.
PIRenderer: Ren et al., "PIRenderer: Controllable Portrait Image Generation via Semantic Neural Rendering", ICCV 2021.
"""

from __future__ import annotations

from dataclasses import dataclass

from shared.motion import FACE_UNITS

CODE_SIZE = 2 * len(FACE_UNITS) + 6
"""Driven expression, its difference to the source's, driven angles, their difference to the source's."""


@dataclass(frozen=True)
class RendererConfig:
    """Sizes of the network.

    Attributes:
        size: Side of the face crop that the network sees, px. Ours: 128 on a CPU, 256 on a GPU.
        width: Channels at full resolution. Ours; FOMM and PIRenderer use 64.
        levels: Halvings between full resolution and the bottleneck. FOMM: 2.
        blocks: Residual blocks in the bottleneck. FOMM: 6.
        motion_size: Side of the dense motion grid. FOMM: 64.
        motion_width: First width of the dense motion hourglass. FOMM: 64.
        motion_max: Largest width of the hourglass. FOMM: 1024.
        motion_levels: Halvings in the hourglass. FOMM: 5.
        code_width: Width of the conditioning vector. PIRenderer: 256.
        mesh_spread: Standard deviation of the mesh flow's interpolation on a point, normalised units. Ours.
        heat_variance: Variance of heat maps in the dense motion, then in the decoder. FOMM: 0.01 for the first.
    """

    size: int = 128
    width: int = 16
    levels: int = 2
    blocks: int = 2
    motion_size: int = 32
    motion_width: int = 32
    motion_max: int = 96
    motion_levels: int = 3
    code_width: int = 96
    mesh_spread: float = 0.016
    heat_variance: tuple[float, float] = (0.01, 0.002)


PRESETS: dict[str, RendererConfig] = {
    "smoke": RendererConfig(size=64, width=8, blocks=1, motion_width=8, motion_max=16, motion_levels=2, code_width=16),
    "cpu": RendererConfig(),
    "gpu": RendererConfig(size=256, width=24, levels=3, blocks=3, motion_size=64, motion_width=48, motion_max=256),
    "paper": RendererConfig(
        size=256, width=64, levels=3, blocks=6, motion_size=64, motion_width=64, motion_max=512, motion_levels=5,
        code_width=256,
    ),
}  # fmt: skip
"""Profile -> sizes. ``paper`` has the published ones, but ``motion_max`` 512 (FOMM 1024) and ``levels`` 3 (FOMM 2)."""
