"""The public renderer: one source face, any Motion, a stream of frames."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shared.errors import InputError
from shared.face.camera import Camera, rotation_matrix
from shared.face.crop import CropBox
from shared.face.head_model import HeadModel
from shared.motion import Motion
from shared.zoo.checkpoints import load_checkpoint
from synthesis.renderer.composition import Compositor, settled
from synthesis.renderer.config import RendererConfig
from synthesis.renderer.dataset import head_points
from synthesis.renderer.network import RendererNetwork, motion_code
from synthesis.renderer.surface import SKULL, Turn, head_turn

Image = NDArray[np.uint8]


@dataclass(frozen=True)
class SourceFace:
    """What is known of the face in a photo; made by :func:`synthesis.source.read_source`.

    Attributes:
        photo: ``(H, W, 3)`` uint8 RGB.
        crop: The square that the network sees.
        points: ``(478, 2)`` found face points, px in the photo.
        identity: ``(I,)`` coefficients of the head model.
        motion: One frame: the photo's own pose and expression under the crop camera.
    """

    photo: Image
    crop: CropBox
    points: NDArray[np.float32]
    identity: NDArray[np.float32]
    motion: Motion = field(repr=False)


def project_head(identity: NDArray, motion: Motion) -> NDArray[np.float32]:
    """Project the points of face and skull through the crop camera, ``(T, 478 + S, 2)`` in [-1, 1]."""
    lens = Camera.of_crop(2)
    camera = np.array([lens.focal, *lens.center])
    return np.asarray(head_points(motion, identity, camera, (2, 2)), np.float32)


class Renderer:
    """Turns a :class:`SourceFace` and a :class:`Motion` into frames.

    Args:
        network: A trained network.
        device: Where it runs.
        sha256: Of the weights file, for the run record.
    """

    def __init__(
        self, network: RendererNetwork, device: str | torch.device = "cpu", sha256: str = ""
    ) -> None:
        self.sha256 = sha256
        self.device = torch.device(device)
        self.network = network.eval().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.model = HeadModel.load()

    @classmethod
    def from_pretrained(
        cls, name_or_dir: str | Path = "renderer", device: str | torch.device = "cpu"
    ) -> Renderer:
        """Load a shipped renderer by name, or one's own by folder.

        Raises:
            WeightsError: If it is missing, of another kind, or its hash differs.
            NotTrained: If its config says that it was never trained.
        """
        modules, facts = load_checkpoint(name_or_dir, "renderer")
        sizes = dict(facts["config"]["network"])
        sizes["heat_variance"] = tuple(sizes["heat_variance"])
        network = RendererNetwork(RendererConfig(**sizes))
        network.load_state_dict(modules["network"])
        return cls(network, device, facts["sha256"])

    @torch.inference_mode()
    def frames(
        self, source: SourceFace, motion: Motion, *, size: int | None = None, batch_size: int = 8
    ) -> Iterator[Image]:
        """Yield one frame for each frame of ``motion``.

        Args:
            source: The photo's face.
            motion: What the head shall do, under the crop camera of the source.
            size: None composes at the photo's own resolution; a number gives the square face crop at that size.
            batch_size: Frames a network call.

        Yields:
            ``(H, W, 3)`` uint8 RGB.
        """
        if batch_size < 1:
            raise InputError("batch_size must be at least 1", found=batch_size)
        compositor = Compositor(source.photo, source.crop, size)
        fixed = self._fixed(source)
        at_rest, *_ = self.render(fixed, source.motion[:1])
        for start in range(0, len(motion), batch_size):
            part = motion[slice(start, start + batch_size)]
            flow, *rest = self.render(fixed, part)
            for frame in zip(settled(flow, at_rest), *rest, strict=True):
                yield compositor.compose(*frame)

    def _fixed(self, source: SourceFace) -> dict[str, Tensor]:
        """Compute once what only depends on the source: its picture, features, points and their residual."""
        size = self.network.config.size
        picture = torch.from_numpy(source.crop.cut(source.photo, size)).to(self.device)
        picture = (picture.permute(2, 0, 1)[None].float() / 255).contiguous(
            memory_format=torch.channels_last
        )
        found = source.crop.to_crop(source.points, 2).astype(np.float32) - 1
        modelled = project_head(source.identity, source.motion)[0]
        residual = np.pad(found - modelled[: len(found)], ((0, SKULL), (0, 0)))
        fixed = {
            "picture": picture,
            "points": torch.from_numpy(modelled + residual)[None],
            # where the head model errs about this person, it errs alike in every frame
            "residual": torch.from_numpy(residual)[None],
            "identity": torch.from_numpy(source.identity),
            "expression": torch.from_numpy(source.motion.expression),
            "angles": torch.from_numpy(source.motion.rotation),
            "translation": torch.from_numpy(source.motion.translation),
        }
        for level, feature in enumerate(self.network.encoder(picture)):
            fixed[f"feature{level}"] = feature
        return fixed

    def render(self, fixed: dict[str, Tensor], motion: Motion) -> tuple[NDArray, ...]:
        """Run the network on a few frames.

        Returns:
            flow ``(T, 2, h, h, 2)``, side ``(T, h, h)``, rgb ``(T, n, n, 3)``, alpha ``(T, n, n)`` as float32.
        """
        count = len(motion)
        points = (
            torch.from_numpy(project_head(fixed["identity"].numpy(), motion)) + fixed["residual"]
        )
        angles = torch.from_numpy(motion.rotation)
        turns = [
            torch.from_numpy(rotation_matrix(a.double().numpy())).float()
            for a in (fixed["angles"], angles)
        ]
        scale = torch.from_numpy(motion.translation[:, 2]) / fixed["translation"][:, 2]
        known = fixed["points"].expand(count, -1, -1)
        turn = head_turn(turns[0].expand(count, 3, 3), turns[1], scale, known, points)
        code = motion_code(
            fixed["expression"].expand(count, -1), torch.from_numpy(motion.expression),
            fixed["angles"].expand(count, -1), angles,
        )  # fmt: skip
        levels = sum(name.startswith("feature") for name in fixed)
        features = [fixed[f"feature{level}"].expand(count, -1, -1, -1) for level in range(levels)]
        rgb, alpha, moved = self.network.predict(
            fixed["picture"].expand(count, -1, -1, -1), known.to(self.device), points.to(self.device),
            Turn(*(part.to(self.device) for part in turn)), code.to(self.device), features,
        )  # fmt: skip
        made = (moved.flow, moved.side, rgb.permute(0, 2, 3, 1), alpha[:, 0])
        return tuple(part.float().cpu().numpy() for part in made)
