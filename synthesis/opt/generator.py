"""OptDriver: a voice, a source face and a pose become a Motion."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from shared.audio.mel import COLUMNS_PER_FRAME, frames_of
from shared.errors import AudioMissing, InputError
from shared.motion import FACE_UNITS, Motion
from shared.zoo.checkpoints import load_checkpoint
from synthesis.opt.blinks import add_blinks
from synthesis.opt.config import OptConfig
from synthesis.opt.expression import compose
from synthesis.opt.features import (
    SpeechFeatures,
    noise_floor,
    recording_level,
    speech_features,
)
from synthesis.opt.network import ContentEncoder, ExpressionNet, Speech, Statistics, raw_content
from synthesis.opt.pose import Mode, PosePath, retarget, still

Array = NDArray[np.float32]
RATE = 25
"""Frames a second that the networks work at."""
CONTEXT = 32
"""Frames to each side of a part that are computed with it and thrown away."""
PART = 1500
"""Frames of a part: one minute."""
_EXCERPTS, _EXCERPT = 6, 250
_GATE_LOW, _GATE_HIGH, _GATE_REACH = 0.06, 0.22, 4


@dataclass(frozen=True)
class Drive:
    """A driven motion and what a reader should know about it.

    Attributes:
        motion: Pose and expression.
        notes: Sentences: what was clamped, whether anybody speaks.
    """

    motion: Motion
    notes: tuple[str, ...] = ()


class OptDriver:
    """Moves a source's mouth by any voice and its head by any reference.

    Long recordings are computed in parts of a minute that equal the whole; the statistics that
    remove the speaker are those of the whole recording up to a minute, of six excerpts of ten
    seconds, evenly spaced, above that. ``samples`` may be a ``numpy.memmap``, so that memory does
    not grow with the recording but for the result.

    Args:
        content: E_c.
        expression: The expression net.
        config: Their sizes.
        sha256: Of the weights file, for the run record.
    """

    def __init__(
        self,
        content: ContentEncoder,
        expression: ExpressionNet,
        config: OptConfig,
        sha256: str = "",
    ) -> None:
        self.sha256 = sha256
        self.content = content.eval()
        self.net = expression.eval()
        self.config = config

    @classmethod
    def from_pretrained(
        cls, name_or_dir: str | Path = "opt", *, device: str | torch.device = "cpu"
    ) -> OptDriver:
        """Load a shipped driver by name, or one from a folder.

        Raises:
            WeightsError: If the checkpoint is missing, of another kind or changed.
            NotTrained: If it was never trained.
        """
        tensors, facts = load_checkpoint(name_or_dir, "opt")
        stored = facts["config"]
        config = OptConfig(**{**stored, "dilations": tuple(stored["dilations"])})
        content, expression = ContentEncoder(config), ExpressionNet(config)
        content.load_state_dict(tensors["content"])
        expression.load_state_dict(tensors["expression"])
        return cls(content.to(device), expression.to(device), config, facts["sha256"])

    @torch.inference_mode()
    def expression(
        self,
        samples: NDArray[np.floating],
        identity: ArrayLike,
        rest_expression: ArrayLike,
        *,
        gain: float = 1.0,
        fps: Fraction | int = RATE,
        blinks: bool = True,
        generator: np.random.Generator | None = None,
    ) -> Array:
        """Return the source's expression while the recording plays.

        Args:
            samples: ``(S,)`` mono at 16 kHz, of any speaker.
            identity: ``(I,)`` shape of the source's head.
            rest_expression: ``(52,)`` the source's expression on its picture.
            gain: Scales the mouth's movement; 1.2 articulates more.
            fps: Frames a second of the result.
            blinks: Let the eyes blink.
            generator: Draws the blinks; by default a new one with seed 0.

        Returns:
            ``(T, 52)`` in [0, 1], ``T = round(seconds x fps)``.

        Raises:
            AudioMissing: If the recording is shorter than a frame.
            InputError: If a shape is wrong.
        """
        frames = frames_of(samples, RATE)
        if frames < 1:
            raise AudioMissing("the recording is too short", found=f"{len(samples)} samples")
        person, rest = self._source(identity, rest_expression)
        parts = [
            compose(rest, gain * change)[0].clamp(0, 1).cpu().numpy()
            for change in self._changes(samples, frames, person, rest)
        ]
        expression = _resampled(np.concatenate(parts), frames_of(samples, fps), Fraction(fps))
        if blinks:
            add_blinks(expression, Fraction(fps), generator or np.random.default_rng(0))
        return expression

    def drive(
        self,
        samples: NDArray[np.floating],
        identity: ArrayLike,
        rest_expression: ArrayLike,
        rotation: ArrayLike,
        translation: ArrayLike,
        *,
        pose: Motion | None = None,
        mode: Mode = "absolute",
        pose_gain: float = 1.0,
        gain: float = 1.0,
        fps: Fraction | int = RATE,
        blinks: bool = True,
        generator: np.random.Generator | None = None,
    ) -> Drive:
        """Return the whole motion of a source: mouth by the voice, head by the reference.

        Args:
            samples: ``(S,)`` mono at 16 kHz.
            identity: ``(I,)`` of the source.
            rest_expression: ``(52,)`` of the source.
            rotation: ``(3,)`` of the source, radians.
            translation: ``(3,)`` of the source, metres.
            pose: Motion of a reference person; None keeps the source's pose.
            mode: See :func:`synthesis.opt.pose.retarget`.
            pose_gain: Scales the head's movement.
            gain: Scales the mouth's movement.
            fps: Frames a second.
            blinks: Let the eyes blink.
            generator: Draws the blinks.
        """
        expression = self.expression(
            samples, identity, rest_expression, gain=gain, fps=fps, blinks=blinks,
            generator=generator,
        )  # fmt: skip
        frames = len(expression)
        path: PosePath
        if pose is None:
            path = still(rotation, translation, frames, fps)
        else:
            path = retarget(
                pose.resampled(Fraction(fps)), rotation, translation, mode=mode, gain=pose_gain,
                frames=frames,
            )  # fmt: skip
        return Drive(Motion(path.rotation, path.translation, expression, Fraction(fps)), path.notes)

    def _source(self, identity: ArrayLike, rest: ArrayLike) -> tuple[Tensor, Tensor]:
        pairs = {
            "identity": (identity, self.config.identity_dim),
            "rest expression": (rest, len(FACE_UNITS)),
        }
        tensors = []
        for name, (value, length) in pairs.items():
            array = np.asarray(value, np.float32)
            if array.shape != (length,) or not np.isfinite(array).all():
                raise InputError(
                    f"the source's {name} has a wrong shape or value", found=array.shape,
                    expected=(length,),
                )  # fmt: skip
            tensors.append(torch.from_numpy(array)[None].to(self._device))
        return tensors[0], tensors[1]

    @property
    def _device(self) -> torch.device:
        return next(self.net.parameters()).device

    def _changes(
        self, samples: NDArray[np.floating], frames: int, identity: Tensor, rest: Tensor
    ) -> list[Tensor]:
        """Return the mouth's change ``(1, t, 29)`` of each part of the recording, in order."""
        level = recording_level(samples)
        floor = noise_floor(samples, level)
        statistics = self._statistics(samples, frames, level)
        changes = []
        for start in range(0, frames, PART):
            stop = min(start + PART, frames)
            heard = speech_features(samples, level, start - CONTEXT, stop + CONTEXT)
            content = self.content_of(heard, statistics)
            change = self.net.decode(self.net(content, identity, rest))
            gate = torch.from_numpy(speech_gate(heard, floor)).to(change)
            changes.append((change * gate[None, :, None])[:, CONTEXT : CONTEXT + stop - start])
        return changes

    def content_of(self, heard: SpeechFeatures, statistics: Statistics | None = None) -> Tensor:
        """Return the content ``(1, T, C)`` of a stretch of speech."""
        speech = speech_batch(heard, self._device)
        if not self.config.disentangle:
            return raw_content(speech)
        return self.content(speech, statistics)[0]  # type: ignore[no-any-return]

    def _statistics(
        self, samples: NDArray[np.floating], frames: int, level: float
    ) -> Statistics | None:
        """Return the instance statistics of a recording, from excerpts when it is long."""
        if not self.config.disentangle:
            return None
        if frames <= PART:
            stretches = [(0, frames)]
        else:
            starts = np.linspace(0, frames - _EXCERPT, _EXCERPTS).astype(int)
            stretches = [(int(start), int(start) + _EXCERPT) for start in starts]
        parts = [speech_features(samples, level, *stretch) for stretch in stretches]
        together = SpeechFeatures(
            np.concatenate([part.mel for part in parts], axis=1),
            np.concatenate([part.energy for part in parts]),
            np.concatenate([part.voiced for part in parts]),
        )
        return self.content(speech_batch(together, self._device))[1]  # type: ignore[no-any-return]


def speech_batch(heard: SpeechFeatures, device: torch.device | str = "cpu") -> Speech:
    """Return features as a batch of one."""
    return Speech(
        *(
            torch.from_numpy(np.ascontiguousarray(part))[None].to(device)
            for part in (heard.mel, heard.energy, heard.voiced)
        )
    )


def speech_gate(heard: SpeechFeatures, floor: float = 0.0) -> Array:
    """Return ``(T,)``: 1 near speech, 0 where nothing is heard for 0.16 s to both sides.

    What the net says in silence is near rest but not rest; this shuts the mouth for good.

    Args:
        heard: Any stretch.
        floor: Energy of the recording's own noise; nothing is what hardly rises above it.
    """
    energy = heard.energy.reshape(-1, COLUMNS_PER_FRAME).mean(axis=1) - floor
    reach = np.pad(energy, _GATE_REACH, constant_values=-floor)
    loudest = np.lib.stride_tricks.sliding_window_view(reach, 2 * _GATE_REACH + 1).max(axis=1)
    ramp = np.clip((loudest - _GATE_LOW) / (_GATE_HIGH - _GATE_LOW), 0, 1)
    kernel = np.array([1, 2, 3, 2, 1]) / 9
    return np.convolve(ramp, kernel, mode="same").astype(np.float32)


def _resampled(expression: Array, frames: int, fps: Fraction) -> Array:
    """Return the expression on another frame rate, linearly between frames."""
    if fps == RATE:
        return expression
    times = np.arange(frames) / float(fps)
    own = np.arange(len(expression)) / RATE
    columns = [np.interp(times, own, column) for column in expression.T]
    return np.stack(columns, axis=-1).astype(np.float32)
