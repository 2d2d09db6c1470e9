"""Xception: depthwise separable convolutions with residual connections, written from its paper.

Data flow (size ``paper``: 299 px, width 1, 8 middle blocks):

    pictures (B, 3, 299, 299) in [0, 1] -> (x - 0.5) / 0.5
      -> entry: conv 32 / 2, conv 64                             (B, 64, 147, 147)
                blocks 128 / 2, 256 / 2, 728 / 2                 (B, 728, 19, 19)
      -> middle, first half: 4 blocks of three separable convolutions -> low     (B, 728, 19, 19)
      -> middle, second half: 4 blocks                           (B, 728, 19, 19)
      -> exit: block 1024 / 2, separable 1536, 2048 -> high      (B, 2048, 10, 10)

| code         | shape             | meaning |
|--------------|-------------------|---------|
| low          | (B, 728, g, g)    | features half through the middle, where FFD puts its map |
| high         | (B, 2048, g', g') | last features, g' = g / 2 rounded up |
| middle_width | 728               | channels of ``low``, times ``size.width`` |
| width        | 2048              | channels of ``high``, times ``size.width`` |

Reference: F. Chollet, "Xception: Deep Learning with Depthwise Separable Convolutions", CVPR 2017, figure 5.

Differences from the paper: the layers are its own; pooling, dropout and classifier are left to the detector, and the
middle can be left half way. ``width`` and ``blocks`` shrink the network for small pictures (``smoke``, ``cpu``), and
``gpu`` sees 256 px; these sizes are ours. Always from scratch.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class XceptionSize:
    """Sizes of the network.

    Attributes:
        image: Side of the pictures, px. Paper: 299.
        width: Share of the paper's channels that each layer has.
        blocks: Middle blocks. Paper: 8.
    """

    image: int = 299
    width: float = 1.0
    blocks: int = 8

    def channels(self, published: int) -> int:
        """Return the channels of a layer that has ``published`` in the paper, a multiple of 4."""
        return max(4, int(published * self.width) // 4 * 4)


SIZES: dict[str, XceptionSize] = {
    "smoke": XceptionSize(48, 1 / 32, 1),
    "cpu": XceptionSize(112, 0.25, 2),
    "gpu": XceptionSize(256),
    "paper": XceptionSize(),
}
"""Profile -> sizes."""


def separable(inside: int, outside: int) -> nn.Sequential:
    """Return a 3 x 3 convolution of each channel by itself, a 1 x 1 over channels, and batch normalisation."""
    return nn.Sequential(
        nn.Conv2d(inside, inside, 3, padding=1, groups=inside, bias=False),
        nn.Conv2d(inside, outside, 1, bias=False),
        nn.BatchNorm2d(outside),
    )


class Block(nn.Module):
    """Separable convolutions beside a shortcut.

    Args:
        inside: Channels in.
        widths: Channels after each separable convolution.
        stride: 2 ends in a max pooling, with a 1 x 1 convolution as the shortcut.
        first_active: Begin with a ReLU; only the first block of the network does not.
    """

    def __init__(
        self, inside: int, widths: tuple[int, ...], stride: int = 1, *, first_active: bool = True
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = inside
        for number, width in enumerate(widths):
            if number or first_active:
                layers.append(nn.ReLU())
            layers.append(separable(before, width))
            before = width
        if stride == 2:
            layers.append(nn.MaxPool2d(3, 2, padding=1))
        self.body = nn.Sequential(*layers)
        self.shortcut: nn.Module = nn.Identity()
        if stride == 2:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inside, before, 1, 2, bias=False), nn.BatchNorm2d(before)
            )

    def forward(self, features: Tensor) -> Tensor:
        """Return ``(B, widths[-1], H / stride, W / stride)``."""
        return self.body(features) + self.shortcut(features)


class Xception(nn.Module):
    """The features of Xception in two halves, so that an attention map can stand between them.

    Args:
        size: Sizes.
    """

    def __init__(self, size: XceptionSize) -> None:
        super().__init__()
        c = size.channels
        self.middle_width, self.width = c(728), c(2048)
        self.entry = nn.Sequential(
            nn.Conv2d(3, c(32), 3, 2, bias=False), nn.BatchNorm2d(c(32)), nn.ReLU(),
            nn.Conv2d(c(32), c(64), 3, bias=False), nn.BatchNorm2d(c(64)), nn.ReLU(),
            Block(c(64), (c(128), c(128)), 2, first_active=False),
            Block(c(128), (c(256), c(256)), 2),
            Block(c(256), (c(728), c(728)), 2),
        )  # fmt: skip
        middle = [Block(c(728), (c(728),) * 3) for _ in range(size.blocks)]
        half = (len(middle) + 1) // 2
        self.middle_first = nn.Sequential(*middle[:half])
        self.middle_second = nn.Sequential(*middle[half:])
        self.exit = nn.Sequential(
            Block(c(728), (c(728), c(1024)), 2),
            separable(c(1024), c(1536)), nn.ReLU(),
            separable(c(1536), c(2048)), nn.ReLU(),
        )  # fmt: skip

    def low(self, pictures: Tensor) -> Tensor:
        """Return the features half through the middle, ``(B, 728 width, g, g)``."""
        return self.middle_first(self.entry((pictures - 0.5) / 0.5))

    def high(self, features: Tensor) -> Tensor:
        """Return the last features, ``(B, 2048 width, g / 2, g / 2)``."""
        return self.exit(self.middle_second(features))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the last features."""
        return self.high(self.low(pictures))
