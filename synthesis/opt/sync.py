"""The sync expert: do this sound and this mouth belong together?

After the expert of Wav2Lip (K R Prajwal et al., ACM MM 2020), on face units instead of pixels: two
towers see windows of five frames, the cosine of their vectors tells whether both are of one moment.
It learns from true recordings alone, with moments of the same clip as counter-examples, and is
frozen before it judges the expression net.
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
