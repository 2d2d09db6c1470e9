"""Domain randomisation: rendered people must not teach the network what skin, light and cameras look like."""

from __future__ import annotations

import torch
from scipy.optimize import linear_sum_assignment
from torch import Tensor
from torch.nn import functional as F

from shared.face.head_model import HeadModel
from shared.layers.warp import identity_grid, resize_flow, warp
from shared.motion import FACE_UNITS
from synthesis.renderer.network import mesh_flow
from synthesis.renderer.points import MESH
from synthesis.renderer.surface import SKULL, Turn

Batch = dict[str, Tensor]


def mirrored_units() -> Tensor:
    """Return for each face unit the unit that it becomes in a mirror, ``(52,)`` int64.

    Example:
        >>> table = mirrored_units()
        >>> FACE_UNITS[table[FACE_UNITS.index("jawLeft")]]
        'jawRight'
        >>> bool((table[table] == torch.arange(52)).all())
        True
    """
    swap = {"Left": "Right", "Right": "Left"}
    names = []
    for name in FACE_UNITS:
        side = next((s for s in swap if name.endswith(s)), None)
        names.append(name[: -len(side)] + swap[side] if side else name)
    return torch.tensor([FACE_UNITS.index(name) for name in names])


def mirrored_points() -> Tensor:
    """Return for each point of face and skull the point that it becomes in a mirror, ``(478 + S,)`` int64."""
    mean = torch.from_numpy(HeadModel.load().landmark_bases("478")[0]).double()
    there = mean * torch.tensor([-1.0, 1.0, 1.0], dtype=torch.float64)
    pairs = linear_sum_assignment(torch.cdist(there, mean).square().numpy())
    skull = torch.arange(SKULL).roll(SKULL // 2) + len(mean)
    return torch.cat([torch.from_numpy(pairs[1]), skull])


class Augment:
    """Random mirror, zoom, colour, texture and sensor, the same for both frames of a pair unless said.

    Args:
        generator: Where the randomness comes from.
        strength: 0 for none, 1 for the recipe.
    """

    def __init__(self, generator: torch.Generator, strength: float = 1.0) -> None:
        self.generator, self.strength = generator, strength
        self.units, self.points = mirrored_units(), mirrored_points()
        canonical = torch.from_numpy(HeadModel.load().landmark_bases("478")[0]).float()
        self._device = torch.device("cpu")
        self.canonical = canonical[:, :2] * torch.tensor([8.0, -8.0])

    def __call__(self, batch: Batch) -> Batch:
        """Return a changed copy of a batch of :func:`synthesis.renderer.dataset.gather`."""
        batch = dict(batch)
        self._device = batch["source"].device
        if self.strength <= 0:
            return batch
        if self._number() < 0.5:
            batch = self._mirror(batch)
        batch = self._zoom(batch)
        batch = self._texture(batch)
        batch = self._colour(batch)
        return self._sensor(batch)

    # Drawn on the CPU wherever the batch lies, so that a seed means the same on every machine.
    def _number(self, low: float = 0.0, high: float = 1.0) -> float:
        return float(torch.rand((), generator=self.generator)) * (high - low) + low

    def _uniform(self, shape: tuple[int, ...], low: float = 0.0, high: float = 1.0) -> Tensor:
        drawn = torch.rand(shape, generator=self.generator) * (high - low) + low
        return drawn.to(self._device)

    def _normal(self, shape: tuple[int, ...]) -> Tensor:
        return torch.randn(shape, generator=self.generator).to(self._device)

    def _mirror(self, batch: Batch) -> Batch:
        flipped = dict(batch)
        for name in ("source", "target"):
            flipped[name] = batch[name].flip(-1)
        for name in ("points_source", "points_driven"):
            flipped[name] = batch[name][:, self.points] * batch[name].new_tensor([-1.0, 1.0])
        for name in ("expression_source", "expression_driven"):
            flipped[name] = batch[name][:, self.units]
        for name in ("angles_source", "angles_driven"):
            flipped[name] = batch[name] * batch[name].new_tensor([1.0, -1.0, -1.0])
        return flipped

    def _zoom(self, batch: Batch) -> Batch:
        """Cut both frames by the same random square, so that framing is never learned."""
        count = len(batch["source"])
        scale = self._uniform((count, 1), 0.85, 1.12)
        shift = (self._uniform((count, 2)) - 0.5) * 0.16
        size = batch["source"].shape[-1]
        grid = (
            identity_grid(size, size, like=batch["source"])[None] * scale[:, None, None]
            + shift[:, None, None]
        )
        for name in ("source", "target"):
            batch[name] = warp(batch[name], grid)
        for name in ("points_source", "points_driven"):
            batch[name] = (batch[name] - shift[:, None]) / scale[:, None]
        return batch

    def _texture(self, batch: Batch) -> Batch:
        """Paint a random pattern that is fixed to the face and moves with it (a random texture swap)."""
        count = len(batch["source"])
        strength = (
            self._uniform((count, 1, 1, 1)) ** 2 * 0.7 * (self._uniform((count, 1, 1, 1)) < 0.5)
        )
        cells = (4, 8, 16, 32)[int(self._number(0, 4))]
        pattern = F.interpolate(
            self._normal((count, 3, cells, cells)), size=(64, 64), mode="bicubic"
        )
        grey = (self._uniform((count, 1, 1, 1)) < 0.5).float()
        pattern = grey * pattern.mean(1, keepdim=True) * 1.7 + (1 - grey) * pattern
        size = batch["source"].shape[-1]
        canonical = self.canonical[list(MESH)].to(self._device).expand(count, -1, -1)
        plain = Turn.flat(torch.eye(2, device=self._device).expand(count, 2, 2), len(MESH))
        for picture, points in (("source", "points_source"), ("target", "points_driven")):
            near = batch[points][:, MESH]
            flow = resize_flow(mesh_flow(canonical, near, plain, 32, 0.03)[0][:, 0], size)
            distance = torch.cdist(identity_grid(32, 32, like=flow).reshape(1, -1, 2), near).amin(
                -1
            )
            inside = F.interpolate(
                torch.exp(-((distance / 0.08) ** 2)).reshape(count, 1, 32, 32), size=(size, size)
            )
            batch[picture] = (
                batch[picture] * (1 + 0.5 * strength * inside * warp(pattern, flow))
            ).clamp(0, 1)
        return batch

    def _colour(self, batch: Batch) -> Batch:
        count = len(batch["source"])
        mix = torch.eye(3, device=self._device) + 0.12 * self._normal((count, 3, 3))
        gain = torch.exp(0.15 * self._normal((count, 3, 1, 1)))
        gamma = torch.exp(0.25 * self._normal((count, 1, 1, 1)))
        for name in ("source", "target"):
            mixed = torch.einsum("bij,bjhw->bihw", mix, batch[name]) * gain
            batch[name] = mixed.clamp(1e-3, 1) ** gamma
        return batch

    def _sensor(self, batch: Batch) -> Batch:
        """Soften both frames together; give the source alone noise, since noise cannot be predicted."""
        count, _, size, _ = batch["source"].shape
        if self._number() < 0.3:
            small = int(size * self._number(0.5, 0.9))
            for name in ("source", "target"):
                coarse = F.interpolate(batch[name], size=(small, small), mode="area")
                batch[name] = F.interpolate(coarse, size=(size, size), mode="bilinear")
        level = self._uniform((count, 1, 1, 1)) ** 2 * 0.04
        noise = self._normal(tuple(batch["source"].shape))
        batch["source"] = (batch["source"] + level * noise).clamp(0, 1)
        return batch
