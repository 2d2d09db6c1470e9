"""ConvNeXt (transformers' ``ConvNextModel``), cut after the stage whose grid is a transformer's.

Data flow (S streams; widths of size ``paper``; g = H / 16):

    pictures (B, 3, H, W) in [0, 1] -> (x - 0.5) / 0.5, beside zeros for the other streams   (B, 3 S, H, W)
      -> stem, 4 x 4 convolution of stride 4                     (B, 128, H/4, W/4)
      -> stage 1: 3 blocks                                       (B, 128, H/4, W/4)
      -> halved, stage 2: 3 blocks                               (B, 256, H/8, W/8)
      -> halved, stage 3: 27 blocks -> patches                   (B, D, g, g), D = 512
      -> mean over places -> summary                             (B, D)

| code    | paper            | shape        | meaning |
|---------|------------------|--------------|---------|
| widths  | C                | stages       | channels of each stage |
| depths  | B                | stages       | blocks of each stage |
| patches |                  | (B, D, g, g) | features of the last stage that is kept |
| summary |                  | (B, D)       | their mean |
| streams |                  |              | kinds of pictures, each with input channels of its own |

Reference: Z. Liu et al., "A ConvNet for the 2020s", CVPR 2022.

Differences from the paper:
- The fourth stage is left out (``cpu`` keeps two stages, ``smoke`` one), so that the grid is that of
  :data:`forensics.backbones.vit.SIZES`. Widths and depths of ``gpu`` and ``paper`` are the first three of ConvNeXt-T
  and ConvNeXt-B; those of ``cpu`` and ``smoke`` are ours.
- There is no classifier, and the mean does not go through the layer normalisation before it.
- Always from scratch, and without stochastic depth (transformers' default).
- Streams are ours: the stem takes all their channels, and a stream fills its own, as in the transformer.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn
from transformers import ConvNextConfig, ConvNextModel

from forensics.backbones.vit import Tokens, beside_zeros
from shared.errors import InputError


@dataclass(frozen=True)
class ConvNextSize:
    """Sizes of the network.

    Attributes:
        image: Side of the pictures, px.
        widths: Channels of each stage; the first has stride 4, each other twice the one before.
        depths: Blocks of each stage.
    """

    image: int
    widths: tuple[int, ...]
    depths: tuple[int, ...]


SIZES: dict[str, ConvNextSize] = {
    "smoke": ConvNextSize(32, (16,), (2,)),
    "cpu": ConvNextSize(112, (48, 96), (2, 4)),
    "gpu": ConvNextSize(224, (96, 192, 384), (3, 3, 9)),  # ConvNeXt-T without its last stage
    "paper": ConvNextSize(224, (128, 256, 512), (3, 3, 27)),  # ConvNeXt-B without its last stage
}
"""Profile -> sizes; the grids are those of :data:`forensics.backbones.vit.SIZES`."""


class PatchConvNext(nn.Module):
    """A ConvNeXt with the interface of :class:`forensics.backbones.vit.PatchTransformer`.

    Args:
        size: Sizes.
        streams: Kinds of pictures with a stem of their own.
    """

    def __init__(self, size: ConvNextSize, *, streams: int = 1) -> None:
        super().__init__()
        config = ConvNextConfig(
            num_channels=3 * streams, num_stages=len(size.widths),
            hidden_sizes=list(size.widths), depths=list(size.depths),
        )  # fmt: skip
        self.streams = streams
        self.size = size
        self.model = ConvNextModel(config)
        self.patch = 2 ** (1 + len(size.widths))
        self.width = size.widths[-1]

    def forward(
        self,
        pictures: Tensor,
        erased: Tensor | None = None,
        *,
        stream: int = 0,
        attentions: bool = False,
    ) -> Tokens:
        """Return features.

        Args:
            pictures: ``(B, 3, H, W)`` in [0, 1].
            erased: Must be None: there is no mask token.
            stream: Which kind of pictures these are.
            attentions: Must be False: there is no attention.

        Raises:
            InputError: If something is asked for that only a transformer has.
        """
        if erased is not None or attentions:
            raise InputError(
                "a ConvNeXt has neither a mask token nor attention",
                fix="erase pixels, without affinity, or use a transformer",
            )
        inside = beside_zeros((pictures - 0.5) / 0.5, stream, self.streams)
        features = self.model(inside).last_hidden_state
        return Tokens(features.mean((2, 3)), features)
