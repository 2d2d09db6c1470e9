"""The sync expert: do this sound and this mouth belong together?

Data flow (N = 4 T mel columns of 10 ms, T frames at 25 fps, 128 = ``config.hidden``):

    mel (B, 80, N) -> two convolutions of stride 2, one of 3, 1 x 1  (B, 32, T)    hears 24 columns round a frame
      -> length 1 -> heard                                           (B, 32, T)
    units (B, T, 29) -> convolution of 5, 1 x 1                      (B, 32, T)    sees 5 frames
      -> length 1 -> seen                                            (B, 32, T)
    heard, seen -> scale cos(heard_i, seen_j) + shift -> logits      (B, T, T)

| code          | notation   | shape      | meaning |
|---------------|------------|------------|---------|
| speech.mel    |            | (B, 80, N) | mel spectrogram |
| change        |            | (B, T, 29) | the mouth's units, as change from rest |
| heard         |            | (B, 32, T) | unit vector of the sound at moment i |
| seen          |            | (B, 32, T) | unit vector of the mouth at moment j |
| logits        | l_ij       | (B, T, T)  | that sound i and mouth j are of one moment; p_ij = sigmoid(l_ij) |
| scale, shift  |            | scalars    | learnt, from 5 and 0 |

It learns from true recordings alone (:func:`synthesis.opt.losses.sync_entropy`), with moments of the same clip as
counter-examples, and is frozen before it judges the expression net (:func:`synthesis.opt.losses.sync_loss`).

Reference: the expert of Wav2Lip, K R Prajwal et al., "A Lip Sync Expert Is All You Need for Speech to Lip Generation In
The Wild", ACM MM 2020. OPT's abstract names no such expert; that there is one here is ours.

Differences from the paper. Its expert sees the lower halves of five frames, 48 x 96 px, and 16 mel columns of 12.5 ms:
- Ours sees face units instead of pixels, and hears 0.24 s instead of 0.2 s. Both towers are a few layers.
- Theirs takes the cosine itself as the probability; ours a learnt linear function of it as the logit.
- Every moment of a clip meets every other that is five frames away or more, instead of one drawn window; pauses do not
  count.
"""

from __future__ import annotations

import torch
from einops import einsum, rearrange
from torch import Tensor, nn
from torch.nn import functional as F

from shared.audio.mel import BANDS
from shared.motion import MOUTH_UNITS
from synthesis.opt.config import OptConfig
from synthesis.opt.network import Speech

_VECTOR = 32


class SyncExpert(nn.Module):
    """Speech (B, 80, 4 T) and the mouth's units (B, T, 29) -> logits that they are of one moment."""

    def __init__(self, config: OptConfig) -> None:
        super().__init__()
        width = config.hidden
        self.audio = nn.Sequential(
            nn.Conv1d(BANDS, width, 6, stride=2, padding=2), nn.SiLU(),
            nn.Conv1d(width, width, 6, stride=2, padding=2), nn.SiLU(),
            nn.Conv1d(width, width, 3, padding=1), nn.SiLU(),
            nn.Conv1d(width, _VECTOR, 1),
        )  # fmt: skip
        self.mouth = nn.Sequential(
            nn.Conv1d(len(MOUTH_UNITS), width, 5, padding=2), nn.SiLU(),
            nn.Conv1d(width, _VECTOR, 1),
        )  # fmt: skip
        self.scale = nn.Parameter(torch.tensor(5.0))
        self.shift = nn.Parameter(torch.tensor(0.0))

    def forward(self, speech: Speech, change: Tensor) -> Tensor:
        """Return logits ``(B, T, T)``: sound of moment i with the mouth of moment j.

        Args:
            speech: ``N = 4 T`` columns.
            change: ``(B, T, 29)`` the mouth's units, as change from rest.
        """
        heard = F.normalize(self.audio(speech.mel), dim=1)
        seen = F.normalize(self.mouth(rearrange(change, "b t c -> b c t")), dim=1)
        return self.scale * einsum(heard, seen, "b d i, b d j -> b i j") + self.shift
