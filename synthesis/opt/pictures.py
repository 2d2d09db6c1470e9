"""The image generator in the loop of stage 4: what the rendered frame shows is what was asked for.

    source frame, predicted mouth, another person's pose -> frozen renderer -> frame I^
    frame -> LandmarkReader -> points      learned beside it, on true frames

Loss: |R(I^) - P(alpha_s, e_t, rho)| on the renderer's keypoints, through the frozen renderer into the
mouth, and |R(I) - P(I)| on true frames for the reader. It needs people on video and a graphics card;
the ``cpu`` profile leaves it out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shared.data.clip import Clip
from shared.data.manifest import Manifest
from shared.errors import InputError
from shared.media.video import VideoReader
from shared.training.steps import step_generator
from synthesis.opt.expression import compose
from synthesis.opt.geometry import rotation_matrices
from synthesis.renderer.network import RendererNetwork, motion_code
from synthesis.renderer.points import KEYPOINTS
from synthesis.renderer.surface import head_turn, surface_bases

_FRAMES = 4
"""Still frames that are kept of each clip."""


@dataclass(frozen=True)
class Faces:
    """Frames of people whose heads are known, ``N`` of them.

    Attributes:
        pictures: ``(N, 3, S, S)`` in [0, 1].
        identity: ``(N, I)``.
        expression: ``(N, 52)``.
        rotation: ``(N, 3)`` radians.
        translation: ``(N, 3)`` metres.
        camera: ``(N, 3)`` focal and centre as shares of the frame's side.
    """

    pictures: Tensor
    identity: Tensor
    expression: Tensor
    rotation: Tensor
    translation: Tensor
    camera: Tensor

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.pictures)


def load_faces(manifest: Manifest, size: int, *, split: str = "train") -> Faces:
    """Read a few frames of each video of a split, scaled to ``size`` px squares.

    Raises:
        InputError: If no clip has both a video and a truth.
    """
    clips = [c for c in manifest.where(split=split) if c.video and c.truth]
    if not clips:
        raise InputError(
            "the image generator needs people on video", found=f"{len(manifest)} clips without",
            fix="name a corpus with videos (--faces), or train with the cpu profile",
        )  # fmt: skip
    parts = [_faces_of(manifest, clip, size) for clip in clips]
    return Faces(*(torch.cat(part) for part in zip(*parts, strict=True)))


def _faces_of(manifest: Manifest, clip: Clip, size: int) -> tuple[Tensor, ...]:
    truth = manifest.truth(clip)
    count = min(clip.frames, len(truth.motion))
    wanted = np.unique(np.linspace(0, count - 1, _FRAMES).astype(int))
    with VideoReader(manifest.path(clip.video)) as reader:
        every = islice(reader, int(wanted[-1]) + 1)
        kept = [cv2.resize(f, (size, size)) for k, f in enumerate(every) if k in wanted]
    arrays = (
        np.stack(kept).transpose(0, 3, 1, 2).astype(np.float32) / 255,
        np.repeat(truth.identity[None], len(wanted), axis=0),
        truth.motion.expression[wanted],
        truth.motion.rotation[wanted],
        truth.motion.translation[wanted],
        np.repeat(truth.camera[None] / clip.size[0], len(wanted), axis=0),
    )
    return tuple(torch.from_numpy(np.asarray(array, np.float32)) for array in arrays)


class LandmarkReader(nn.Module):
    """Frame (B, 3, S, S) -> the renderer's keypoints (B, K, 2) in [-1, 1]."""

    def __init__(self, width: int = 32) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for inputs, outputs in ((3, width), (width, 2 * width), (2 * width, 4 * width)):
            layers += [nn.Conv2d(inputs, outputs, 3, stride=2, padding=1), nn.SiLU()]
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(4), nn.Flatten())
        self.out = nn.Linear(4 * width * 16, 2 * len(KEYPOINTS))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return keypoints."""
        points: Tensor = self.out(self.layers(pictures)).unflatten(1, (-1, 2))
        return points


class PictureLoop(nn.Module):
    """Renders predicted mouths on other people in third people's poses and reads them back.

    Args:
        renderer: Frozen.
        faces: Of the training split.
        count: Frames a step.
        seed: Of the draws.
    """

    mean: Tensor
    identity: Tensor
    expression: Tensor

    def __init__(
        self, renderer: RendererNetwork, faces: Faces, *, count: int = 8, seed: int = 0
    ) -> None:
        super().__init__()
        self.renderer = renderer.requires_grad_(False).eval()
        self.reader = LandmarkReader()
        self._faces, self._count = faces, count
        self._seed = seed
        bases = surface_bases()
        for name in ("mean", "identity", "expression"):
            value = torch.from_numpy(np.array(getattr(bases, name), np.float32))
            self.register_buffer(name, value, persistent=False)

    def train(self, mode: bool = True) -> PictureLoop:
        """Let the reader learn; the renderer stays as it is."""
        super().train(mode)
        self.renderer.eval()
        return self

    def learners(self) -> Iterator[nn.Parameter]:
        """Return what is trained: the reader alone."""
        return self.reader.parameters()

    def forward(self, change: Tensor, known: Tensor, step: int = 0) -> Tensor:
        """Return the reader's loss on true frames plus that of the rendered ones.

        Args:
            change: ``(B, T, 29)`` predicted.
            known: ``(B, T)`` frames that count.
            step: Whose people, poses and moments are drawn.
        """
        moments, generator = change[known], step_generator(self._seed, step)
        rows, poses, when = (
            torch.randint(high, (self._count,), generator=generator)
            for high in (len(self._faces), len(self._faces), max(len(moments), 1))
        )
        source, other = self._taken(rows, change.device), self._taken(poses, change.device)
        asked_for = compose(source.expression, moments[when.to(change.device)][:, None])[:, 0]
        known_points = self.points(source, source.expression, source.rotation)
        asked = self.points(source, asked_for, other.rotation)
        turns = [rotation_matrices(face.rotation) for face in (source, other)]
        code = motion_code(source.expression, asked_for, source.rotation, other.rotation)
        scale = torch.ones(len(rows), device=change.device)
        turn = head_turn(turns[0], turns[1], scale, known_points, asked)
        frame = self.renderer(source.pictures, known_points, asked, turn, code).image
        keys = list(KEYPOINTS)
        learned = F.l1_loss(self.reader(source.pictures), known_points[:, keys])
        self.reader.requires_grad_(False)
        shown = F.l1_loss(self.reader(frame), asked[:, keys])
        self.reader.requires_grad_(True)
        return learned + shown

    def points(self, face: Faces, expression: Tensor, rotation: Tensor) -> Tensor:
        """Return the points of face and skull ``(B, 478 + S, 2)`` in [-1, 1] of faces under other moves."""
        shape = self.mean + torch.einsum("bi,ild->bld", face.identity, self.identity)
        head = shape + torch.einsum("be,eld->bld", expression, self.expression)
        placed = torch.einsum("bij,blj->bli", rotation_matrices(rotation), head)
        placed = placed + face.translation[:, None]
        flat = placed[..., :2] * placed.new_tensor([1, -1]) / -placed[..., 2:]
        return 2 * (face.camera[:, None, 1:] + face.camera[:, None, :1] * flat) - 1

    def _taken(self, rows: Tensor, device: torch.device) -> Faces:
        return Faces(*(part[rows].to(device) for part in vars(self._faces).values()))
