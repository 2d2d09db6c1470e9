"""Pairs of frames of one clip: what the renderer learns from. Reads any manifest, rendered or real."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from shared.custody import sha256_of_json
from shared.data.manifest import Manifest
from shared.errors import InputError
from shared.face.camera import Camera, rotation_matrix
from shared.face.head_model import HEAD_MODEL_SHA256, HeadModel
from shared.media.video import VideoReader
from shared.motion import Motion
from shared.training.steps import StepBatches
from synthesis.renderer.network import motion_code
from synthesis.renderer.surface import SKULL, Turn, head_turn, surface_bases

Arrays = dict[str, NDArray]
_SAME_POSE = 0.15
"""Two poses whose angles differ by less, summed, rad, are one: about three degrees each."""


@dataclass(frozen=True)
class FrameBank:
    """Every frame of a set of clips, decoded once.

    Attributes:
        frames: ``(N, S, S, 3)`` uint8.
        points: ``(N, 478 + S, 2)`` float16, [-1, 1] over the frame: the face's, then the skull's.
        expression: ``(N, 52)``.
        angles: ``(N, 3)`` rad.
        depth: ``(N,)`` metres from the camera.
        clip: ``(N,)`` number of the clip that a frame belongs to.
        kinds: Kind of each clip.
    """

    frames: NDArray[np.uint8]
    points: NDArray[np.float16]
    expression: NDArray[np.float32]
    angles: NDArray[np.float32]
    depth: NDArray[np.float32]
    clip: NDArray[np.int32]
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.frames)


def head_points(
    motion: Motion, identity: NDArray, camera: NDArray, size: tuple[int, int]
) -> NDArray:
    """Project the points of face and skull of a known motion, ``(T, 478 + S, 2)`` in [-1, 1] over a frame (w, h)."""
    head = surface_bases().at(identity, motion.expression)
    lens = Camera(float(camera[0]), (float(camera[1]), float(camera[2])))
    pixels = HeadModel.project(head, motion.rotation, motion.translation, lens)
    return pixels / np.array(size) * 2 - 1


def load_bank(
    manifest: Manifest,
    size: int,
    cache: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> FrameBank:
    """Decode the video clips of a manifest to ``size`` px squares, or read the earlier result from ``cache``.

    The earlier result is that of the same rows, sizes of files and head model, which projected the points.

    Raises:
        InputError: If no clip has both a video and a truth file.
    """
    clips = [clip for clip in manifest if clip.video and clip.truth]
    if not clips:
        raise InputError(
            "no clip has a video and a truth file",
            fix="build a corpus with video, or run `synthesis prepare`",
        )
    shown = Manifest(manifest.root, tuple(clips)).sha256()
    key = sha256_of_json([size, SKULL, HEAD_MODEL_SHA256, shown])
    folder = cache / f"frames-{key[:16]}"
    if not (folder / "done").exists():
        _decode(manifest, clips, size, folder, progress)
    arrays = {path.stem: np.load(path, mmap_mode="r") for path in folder.glob("*.npy")}
    small = {name: np.array(array) for name, array in arrays.items() if name != "frames"}
    return FrameBank(arrays["frames"], kinds=tuple(clip.kind for clip in clips), **small)


def _decode(
    manifest: Manifest, clips: list, size: int, folder: Path, progress: Callable | None
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    total = sum(clip.frames for clip in clips)
    frames = np.lib.format.open_memmap(
        folder / "frames.npy", mode="w+", dtype=np.uint8, shape=(total, size, size, 3)
    )
    parts: dict[str, list[NDArray]] = {
        name: [] for name in ("points", "expression", "angles", "depth", "clip")
    }
    at = 0
    for number, clip in enumerate(clips):
        truth = manifest.truth(clip)
        with VideoReader(manifest.path(clip.video)) as reader:
            for frame, _ in zip(reader, range(clip.frames), strict=False):
                frames[at] = cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA)
                at += 1
        motion = truth.motion[: clip.frames]
        parts["points"].append(
            head_points(motion, truth.identity, truth.camera, clip.size).astype(np.float16)
        )
        parts["expression"].append(motion.expression)
        parts["angles"].append(motion.rotation)
        parts["depth"].append(-motion.translation[:, 2])
        parts["clip"].append(np.full(len(motion), number, np.int32))
        if sum(map(len, parts["clip"])) != at:
            raise InputError(
                f"clip {clip.id} has other frames than its truth",
                found=at,
                fix="build the corpus again",
            )
        if progress:
            progress(number + 1, len(clips))
    frames.flush()
    for name, arrays in parts.items():
        np.save(folder / f"{name}.npy", np.concatenate(arrays))
    (folder / "done").touch()


class PairBatches(StepBatches):
    """An endless stream of batches of (source frame, driven frame) of one clip.

    Half of the pairs are drawn by how far the head turns, three in ten by how far the mouth opens or closes, three in
    twenty keep the pose (where no other frame has it, they turn); one in twenty is the same frame twice.

    Args:
        bank: The frames.
        batch_size: Pairs a batch.
        seed: Of the draws.
    """

    def __init__(self, bank: FrameBank, batch_size: int, seed: int) -> None:
        super().__init__(seed)
        self.bank, self.batch_size = bank, batch_size
        lips = bank.points[:, [13, 14], 1].astype(np.float32)
        self.opening = (lips[:, 1] - lips[:, 0]) / 0.06
        order = np.argsort(bank.clip, kind="stable")
        self.members = np.split(order, np.flatnonzero(np.diff(bank.clip[order])) + 1)
        # posed clips show the most faces a frame; they are drawn twice as often
        weight = np.array(
            [2.0 if bank.kinds[bank.clip[m[0]]] == "exercise" else 1.0 for m in self.members]
        )
        self.weight = weight / weight.sum()

    def draw(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """Return a batch of :func:`gather`."""
        pairs = np.array([self._pair(rng) for _ in range(self.batch_size)])
        return gather(self.bank, pairs[:, 0], pairs[:, 1])

    def _pair(self, rng: np.random.Generator) -> tuple[int, int]:
        members = self.members[rng.choice(len(self.members), p=self.weight)]
        source = rng.choice(members)
        kind = rng.random()
        others = members[members != source]
        if kind < 0.05 or not len(others):
            return source, source
        distance = np.abs(self.bank.angles[others] - self.bank.angles[source]).sum(-1)
        if kind < 0.2 and distance.min() < _SAME_POSE:
            weight = np.exp(-distance / 0.05)
        elif 0.2 <= kind < 0.5:
            weight = np.abs(self.opening[others] - self.opening[source]) + 0.02
        else:
            weight = distance + 0.05
        return source, rng.choice(others, p=weight / weight.sum())


def gather(bank: FrameBank, source: NDArray, driven: NDArray) -> dict[str, Tensor]:
    """Collect pairs of frames as the tensors that the network and its losses take.

    Args:
        bank: The frames.
        source: ``(B,)`` frame numbers.
        driven: ``(B,)`` frame numbers.

    Returns:
        ``source, target`` (B, 3, S, S) in [0, 1]; ``points_source, points_driven`` (B, 478 + S, 2);
        ``expression_source, expression_driven`` (B, 52); ``angles_source, angles_driven`` (B, 3); ``scale`` (B,).
    """

    def picture(rows: NDArray) -> Tensor:
        return torch.from_numpy(bank.frames[rows]).permute(0, 3, 1, 2).float() / 255

    return {
        "source": picture(source),
        "target": picture(driven),
        "points_source": torch.from_numpy(bank.points[source]).float(),
        "points_driven": torch.from_numpy(bank.points[driven]).float(),
        "expression_source": torch.from_numpy(bank.expression[source]),
        "expression_driven": torch.from_numpy(bank.expression[driven]),
        "angles_source": torch.from_numpy(bank.angles[source]),
        "angles_driven": torch.from_numpy(bank.angles[driven]),
        "scale": torch.from_numpy(bank.depth[driven] / bank.depth[source]),
    }


def conditions(batch: dict[str, Tensor]) -> tuple[Turn, Tensor]:
    """Return the turn and the code ``(B, 110)`` of a batch's two poses and expressions."""
    device = batch["source"].device
    known, driven = (
        torch.from_numpy(rotation_matrix(batch[name].double().cpu().numpy())).float().to(device)
        for name in ("angles_source", "angles_driven")
    )
    turn = head_turn(
        known, driven, batch["scale"].float(), batch["points_source"], batch["points_driven"]
    )
    code = motion_code(
        batch["expression_source"],
        batch["expression_driven"],
        batch["angles_source"],
        batch["angles_driven"],
    )
    return turn, code
