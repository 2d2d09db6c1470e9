"""OPT's networks: what is said without who says it, and how this face says it.

Data flow (N = 4 T mel columns of 10 ms, T frames at 25 fps):

    mel (B, 80, N) -> ContentEncoder -> content (B, T, 64)      the speaker is discarded
         + energy, voiced (B, N)
    mel (B, 80, N) -> SpeakerEncoder -> speaker (B, 64)         training only
    content, speaker -> AudioDecoder -> mel (B, 80, N)          training only
    content -> SpeakerAdversary -> logits (B, S), (B, T, S)     training only, reversed gradient
    content -> visemes (B, T, 15)                               training only
    identity (B, I), rest expression (B, 52) -> FaceEncoder -> face code (B, 32)
    content window of 5, face code -> ExpressionNet -> mouth code (B, T, 16) -> units (B, T, 29)

| code            | paper       | shape      | meaning |
|-----------------|-------------|------------|---------|
| content         | c_t         | (B, T, 64) | content feature |
| speaker         | s           | (B, 64)    | speaker vector |
| identity        | alpha       | (B, I)     | shape coefficients of the source's head |
| rest            | beta_0      | (B, 52)    | the source's expression |
| mouth code      | e_t         | (B, T, 16) | mouth expression feature |

Reference: J. Liu, X. Wang, X. Fu, Y. Chai, C. Yu, J. Dai, J. Han, "OPT: One-shot Pose-Controllable
Talking Head Generation", ICASSP 2023, arXiv:2302.08197.

Differences from the paper. Only its abstract could be read: it names the audio feature
disentanglement, the mouth expression feature from content and source face, the landmark loss and the
pose from a reference video. Everything finer is ours:
- The source face enters as the coefficients of a linear head model instead of a picture: at this
  scale a picture encoder would learn the few training faces by heart.
- Instance statistics are taken over the columns where somebody speaks, so that pauses do not change
  how a word is heard. The content itself is normalised, too: its mean and deviation over a recording
  are nobody's. Energy goes round the layers and is measured against the recording's own speech;
  voicing is heard by the decoder alone, since lips do not show it and whispers have none.
- Where a corpus knows the phones, a linear classifier of visemes keeps what is said in the content.
- The expression net is convolutional: a recording of hours is computed in parts that equal the whole.
- The mouth code drives the mouth's units alone; eyes and brows stay with the source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from einops import rearrange, reduce
from torch import Tensor, nn
from torch.nn import functional as F

from shared.audio.mel import BANDS, COLUMNS_PER_FRAME
from shared.motion import FACE_UNITS, MOUTH_UNITS
from synthesis.opt.config import OptConfig

SIDE = 2
"""Channels that go round the layers: energy and voicing."""
_LOUDEST = 3.0
_LEAST_ENERGY = 1e-3
_USUAL_ENERGY = 0.5
"""Where nobody speaks, energy is measured against this, so that silence stays silent."""


@dataclass(frozen=True)
class Speech:
    """A batch of :class:`synthesis.opt.features.SpeechFeatures`.

    Attributes:
        mel: ``(B, 80, N)``.
        energy: ``(B, N)``.
        voiced: ``(B, N)``.
    """

    mel: Tensor
    energy: Tensor
    voiced: Tensor

    @property
    def activity(self) -> Tensor:
        """``(B, 1, N)`` how much each column counts in instance statistics."""
        return (self.energy > SPEECH_ENERGY).to(self.mel.dtype)[:, None] + 1e-3

    @property
    def side(self) -> Tensor:
        """``(B, T, 2)`` energy and voicing of each frame."""
        both = torch.stack([self.energy, self.voiced], dim=-1)
        return reduce(both, "b (t c) k -> b t k", "mean", c=COLUMNS_PER_FRAME)


SPEECH_ENERGY = 0.3
"""A column above this (28 dB under the speech's level) counts as speech."""

Statistics = list[tuple[Tensor, Tensor]]
"""Mean and deviation ``(B, C, 1)`` of each instance norm, in order."""


def instance_statistics(x: Tensor, weight: Tensor, least: float = 1e-2) -> tuple[Tensor, Tensor]:
    """Return the weighted mean and deviation over time, ``(B, C, 1)`` each.

    Args:
        x: ``(B, C, L)``.
        weight: ``(B, 1, L)``, positive.
        least: Added to the variance.
    """
    share = weight / weight.sum(dim=-1, keepdim=True)
    mean = (x * share).sum(dim=-1, keepdim=True)
    variance = ((x - mean).square() * share).sum(dim=-1, keepdim=True)
    return mean, (variance + least).sqrt()


class ContentEncoder(nn.Module):
    """E_c: what is said, 25 times a second, without the speaker."""

    def __init__(self, config: OptConfig) -> None:
        super().__init__()
        width = config.content_width
        # A kernel of 6 with stride 2 centres frame t on its four columns.
        self.layers = nn.ModuleList(
            [
                nn.Conv1d(BANDS, width, 6, stride=2, padding=2),
                nn.Conv1d(width, width, 6, stride=2, padding=2),
                nn.Conv1d(width, width, 5, padding=2),
            ]
        )
        self.out = nn.Conv1d(width, config.content_dim - 1, 1)

    def forward(
        self, speech: Speech, statistics: Statistics | None = None
    ) -> tuple[Tensor, Statistics]:
        """Encode a stretch of speech.

        Args:
            speech: ``N = 4 T`` columns.
            statistics: Of the whole recording, to encode a part of it; by default those of this
                stretch.

        Returns:
            Content ``(B, T, 64)`` and the statistics that were used.
        """
        x, weight = speech.mel, speech.activity
        used: Statistics = []

        def normalised(x: Tensor) -> Tensor:
            known = statistics[len(used)] if statistics else instance_statistics(x, weight)
            used.append(known)
            return (x - known[0]) / known[1]

        for layer in self.layers:
            x = layer(x)
            weight = weight if weight.shape[-1] == x.shape[-1] else F.avg_pool1d(weight, 2)
            x = F.silu(normalised(x))
        learned = normalised(self.out(x))
        energy = rearrange(speech.side[..., :1], "b t c -> b c t")
        mean, deviation = (
            statistics[-1] if statistics else instance_statistics(energy, weight, _LEAST_ENERGY)
        )
        used.append((mean.clamp(min=_USUAL_ENERGY), deviation))
        loud = ((energy - used[-1][0]) / deviation).clamp(-_LOUDEST, _LOUDEST)
        return rearrange(torch.cat([learned, loud], dim=1), "b c t -> b t c"), used


class SpeakerEncoder(nn.Module):
    """E_s: who speaks; the mean and deviation over the time of a convolution stack."""

    def __init__(self, config: OptConfig, speakers: int) -> None:
        super().__init__()
        width = config.content_width
        self.layers = nn.Sequential(
            nn.Conv1d(BANDS, width, 5, stride=2, padding=2), nn.SiLU(),
            nn.Conv1d(width, width, 5, stride=2, padding=2), nn.SiLU(),
            nn.Conv1d(width, width, 3, padding=1), nn.SiLU(),
        )  # fmt: skip
        self.out = nn.Linear(2 * width, config.speaker_dim)
        self.classify = nn.Linear(config.speaker_dim, speakers)

    def forward(self, speech: Speech) -> tuple[Tensor, Tensor]:
        """Return the speaker vector ``(B, 64)`` and the logits of the training speakers."""
        x = self.layers(speech.mel)
        weight = F.avg_pool1d(speech.activity, COLUMNS_PER_FRAME)
        mean, deviation = instance_statistics(x, weight)
        speaker = self.out(torch.cat([mean, deviation], dim=1).squeeze(-1))
        return speaker, self.classify(F.silu(speaker))


class AudioDecoder(nn.Module):
    """D_a: speech from content and speaker; the speaker sets scale and shift (AdaIN)."""

    def __init__(self, config: OptConfig) -> None:
        super().__init__()
        width = config.decoder_width
        self.layers = nn.ModuleList(
            [
                nn.Conv1d(channels, width, 3, padding=1)
                for channels in (config.content_dim + SIDE, width, width)
            ]
        )
        self.styles = nn.ModuleList([nn.Linear(config.speaker_dim, 2 * width) for _ in range(3)])
        self.out = nn.Conv1d(width, BANDS * COLUMNS_PER_FRAME, 1)

    def forward(self, content: Tensor, side: Tensor, speaker: Tensor) -> Tensor:
        """Return the mel ``(B, 80, 4 T)`` of content and side ``(B, T, 2)`` in the speaker's voice."""
        x = rearrange(torch.cat([content, side], dim=-1), "b t c -> b c t")
        for layer, style in zip(self.layers, self.styles, strict=True):
            scale, shift = style(speaker)[..., None].chunk(2, dim=1)
            x = F.silu(F.instance_norm(layer(x)) * (1 + scale) + shift)
        mel: Tensor = rearrange(self.out(x), "b (m c) t -> b m (t c)", c=COLUMNS_PER_FRAME)
        return mel


class _Reversal(torch.autograd.Function):
    """Identity whose gradient is turned round (Ganin and Lempitsky, ICML 2015)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, strength: float) -> Tensor:
        """Return a copy."""
        ctx.strength = strength
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        """Return the gradient times minus the strength."""
        return -ctx.strength * gradients[0], None


class SpeakerAdversary(nn.Module):
    """C: tries to tell the speaker from the content; the encoder learns to give nothing away.

    It looks at windows of five frames, at their mean and deviation over the clip, and at those of the
    content itself: the very numbers that a probe of whole clips gets.
    """

    def __init__(self, config: OptConfig, speakers: int) -> None:
        super().__init__()
        self.window = nn.Conv1d(config.content_dim, config.hidden, 5, padding=2)
        self.classify = nn.Sequential(
            nn.Linear(2 * (config.hidden + config.content_dim), config.hidden), nn.SiLU(),
            nn.Linear(config.hidden, speakers),
        )  # fmt: skip
        self.at_once = nn.Linear(config.hidden, speakers)

    def forward(self, content: Tensor, spoken: Tensor, strength: float) -> tuple[Tensor, Tensor]:
        """Guess the speaker from the whole and from each moment.

        Args:
            content: ``(B, T, C)``.
            spoken: ``(B, T)`` how much each frame counts in the whole, at least a little.
            strength: Scales the reversed gradient.

        Returns:
            Logits ``(B, S)`` of the whole and ``(B, T, S)`` of windows of five frames.
        """
        x = _Reversal.apply(content, strength)  # type: ignore[no-untyped-call]
        bare = rearrange(x, "b t c -> b c t")
        x = F.silu(self.window(bare))
        pooled = instance_statistics(torch.cat([x, bare], dim=1), spoken[:, None], 1e-4)
        whole = self.classify(torch.cat(pooled, dim=1).squeeze(-1))
        return whole, self.at_once(rearrange(x, "b c t -> b t c"))


class MouthContrast(nn.Module):
    """Two towers into one space: windows of 5 frames of content and of mouth units."""

    def __init__(self, config: OptConfig) -> None:
        super().__init__()
        self.audio = self._tower(config.content_dim, config)
        self.mouth = self._tower(len(MOUTH_UNITS), config)

    @staticmethod
    def _tower(channels: int, config: OptConfig) -> nn.Sequential:
        return nn.Sequential(
            nn.Conv1d(channels, config.hidden, 5, padding=2),
            nn.SiLU(),
            nn.Conv1d(config.hidden, 32, 1),
        )

    def forward(self, content: Tensor, mouth: Tensor) -> tuple[Tensor, Tensor]:
        """Return unit vectors ``(B, T, 32)`` of the content and of the mouth ``(B, T, 29)``."""
        pairs = ((self.audio, content), (self.mouth, mouth))
        both = [tower(rearrange(x, "b t c -> b c t")) for tower, x in pairs]
        audio, seen = (F.normalize(rearrange(x, "b c t -> b t c"), dim=-1) for x in both)
        return audio, seen


class FaceEncoder(nn.Module):
    """The source face as a code: its shape coefficients and its expression."""

    def __init__(self, config: OptConfig) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(config.identity_dim + len(FACE_UNITS), 2 * config.face_dim), nn.SiLU(),
            nn.Linear(2 * config.face_dim, config.face_dim),
        )  # fmt: skip

    def forward(self, identity: Tensor, rest: Tensor) -> Tensor:
        """Return the face code ``(B, 32)`` of identity ``(B, I)`` and rest expression ``(B, 52)``."""
        return self.layers(torch.cat([identity, rest], dim=-1))  # type: ignore[no-any-return]


class _Block(nn.Module):
    """A residual convolution over time; the norm is over channels, so that no frame is far-sighted."""

    def __init__(self, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.mix = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.drop = nn.Dropout1d(dropout)
        self.out = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(B, C, T)`` to the same shape."""
        y = rearrange(self.norm(rearrange(x, "b c t -> b t c")), "b t c -> b c t")
        return x + self.out(self.drop(F.silu(self.mix(y))))  # type: ignore[no-any-return]


def _modulated(x: Tensor, style: Tensor) -> Tensor:
    """Scale and shift the channels of ``(B, C, T)`` by a style ``(B, 2 C)``."""
    scale, shift = style[..., None].chunk(2, dim=1)
    return x * (1 + scale) + shift


class ExpressionNet(nn.Module):
    """Content and source face -> mouth code -> the mouth's units, as change from rest."""

    def __init__(self, config: OptConfig) -> None:
        super().__init__()
        channels = config.content_dim if config.disentangle else RAW_DIM
        self.face = FaceEncoder(config) if config.source_face else None
        self.window = nn.Conv1d(channels, config.hidden, 5, padding=2)
        self.condition = nn.Linear(config.face_dim, 2 * config.hidden)
        self.manner = nn.Linear(config.face_dim, 2 * config.mouth_dim)
        self.blocks = nn.Sequential(
            *(_Block(config.hidden, d, config.dropout) for d in config.dilations)
        )
        self.code = nn.Conv1d(config.hidden, config.mouth_dim, 1)
        self.units = nn.Linear(config.mouth_dim, len(MOUTH_UNITS))
        self.context = 2 + sum(config.dilations)
        """Frames to each side that an output depends on."""

    def forward(self, content: Tensor, identity: Tensor, rest: Tensor) -> Tensor:
        """Return the mouth code.

        Args:
            content: ``(B, T, 64)``, or raw mel ``(B, T, 322)`` in the ablation.
            identity: ``(B, I)``.
            rest: ``(B, 52)``.

        Returns:
            ``(B, T, 16)``.
        """
        x = self.window(rearrange(content, "b t c -> b c t"))
        if self.face is None:
            return rearrange(self.code(F.silu(self.blocks(x))), "b c t -> b t c")
        face = self.face(identity, rest)
        x = _modulated(x, self.condition(face))
        code = _modulated(self.code(F.silu(self.blocks(x))), self.manner(face))
        return rearrange(code, "b c t -> b t c")

    def decode(self, code: Tensor) -> Tensor:
        """Return the change of the mouth's units, ``(B, T, 29)``, of a mouth code ``(B, T, 16)``."""
        return self.units(code)  # type: ignore[no-any-return]


RAW_DIM = BANDS * COLUMNS_PER_FRAME + SIDE
"""Channels of the raw mel of a frame with its energy and voicing."""


def raw_content(speech: Speech) -> Tensor:
    """Return the raw mel ``(B, T, 322)`` that stands for the content in the ablation."""
    stacked = rearrange(speech.mel, "b m (t c) -> b t (m c)", c=COLUMNS_PER_FRAME)
    return torch.cat([stacked, speech.side], dim=-1)
