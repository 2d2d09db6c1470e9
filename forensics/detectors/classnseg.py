"""ClassNSeg: a Y-shaped autoencoder that classifies, segments and reconstructs.

Data flow (width 1):

    pictures (B, 3, H, W) in [0, 1] -> (x - 0.5) / 0.5
      -> encoder 8 8 16 16 32 32 64 64 128, four of stride 2     (B, 128, H/16, W/16)
      -> halves h_0 (authentic), h_1 (forged)                    (B, 2, 64, H/16, W/16)
      -> activations a_c = mean |h_c| -> logits log a_c          (B, 2)
    the half of the other class is zeroed: by the label in training, by the larger activation otherwise
      -> shared decoder, two layers                              (B, 32, H/4, W/4)
      -> three layers -> mask logits                             (B, 1, H, W)
      -> three layers, sigmoid -> reconstruction                 (B, 3, H, W)

| code           | notation    | shape                  | meaning |
|----------------|-------------|------------------------|---------|
| halves         | h_0, h_1    | (B, 2, 64, H/16, W/16) | latent features of each class |
| activations    | a_0, a_1    | (B, 2)                 | how active each half is |
| logits         | log a_c     | (B, 2)                 | their softmax is a_c / (a_0 + a_1) |
| kept           |             | (B, 2)                 | 1 for the half that is decoded |
| map_logits     |             | (B, 1, H, W)           | sigmoid = forged here |
| reconstruction | x'          | (B, 3, H, W)           | the picture again |

Reference: H. H. Nguyen, F. Fang, J. Yamagishi, I. Echizen, "Multi-task Learning for Detecting and Segmenting
Manipulated Facial Images and Videos", BTAS 2019. Written from the description; layers as in the notes.

Differences from the paper: the mask has one logit instead of two channels whose softmax says the same. The decoder has
two shared layers and three a branch, with nearest upsampling; the authors' code has four and five, with transposed
convolutions and a layer of stride 1 beside each of stride 2, about twice as much. The reconstruction is of pictures in
[0, 1] through a sigmoid; theirs of normalised ones, whose squared error is about twenty times larger, so that ours
weighs less. Masks are soft and the rate falls along a cosine; theirs are binary, and it is constant. The score is
``a_1 / (a_0 + a_1)``; theirs the softmax of ``(a_0, a_1)``, which orders faces in another way.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from forensics.detectors.losses import activation_l1, reconstruction_mse
from forensics.detectors.network import Batch, DetectorNetwork, DetectorOutput

_CHANNELS = (8, 8, 16, 16, 32, 32, 64, 64, 128)


@dataclass(frozen=True)
class ClassNSegSize:
    """Sizes.

    Attributes:
        image: Side of the pictures, px, a multiple of 16. Paper: 256.
        width: Multiplier of the paper's channels.
    """

    image: int = 256
    width: int = 1


SIZES: dict[str, ClassNSegSize] = {
    "smoke": ClassNSegSize(32),
    "cpu": ClassNSegSize(112),
    "gpu": ClassNSegSize(),
    "paper": ClassNSegSize(),
}
"""Profile -> sizes."""


class ClassNSeg(DetectorNetwork):
    """The network.

    Args:
        size: Sizes.
    """

    def __init__(self, size: ClassNSegSize) -> None:
        super().__init__(size)
        channels = [size.width * c for c in _CHANNELS]
        layers, before = [], 3
        for number, width in enumerate(channels):
            layers.append(_convolution(before, width, stride=1 + number % 2))
            before = width
        self.encoder = nn.Sequential(*layers)
        c = size.width
        self.shared = nn.Sequential(_rising(128 * c, 64 * c), _rising(64 * c, 32 * c))
        self.segment = _branch(32 * c, 1)
        self.redraw = _branch(32 * c, 3)

    def forward(self, pictures: Tensor, labels: Tensor | None = None) -> DetectorOutput:
        """Return decision, mask and reconstruction; without labels the decision says which half is kept."""
        halves = self.encoder((pictures - 0.5) / 0.5).unflatten(1, (2, -1))
        activations = halves.abs().mean((2, 3, 4))
        # softmax of these logits is a_c / (a_0 + a_1)
        logits = activations.clamp(min=1e-12).log()
        chosen = logits.argmax(1) if labels is None else labels
        kept = nn.functional.one_hot(chosen, 2).to(halves)
        common = self.shared((halves * kept[:, :, None, None, None]).flatten(1, 2))
        return DetectorOutput(logits, self.segment(common), self.redraw(common).sigmoid())

    def losses(self, output: DetectorOutput, batch: Batch) -> dict[str, Tensor]:
        """Return activation, map and reconstruction, each with weight 1, as in the paper; their scales differ."""
        terms = super().losses(output, batch)
        terms["class"] = activation_l1(output.logits.exp(), batch["label"])
        if output.reconstruction is not None:
            terms["reconstruction"] = reconstruction_mse(output.reconstruction, batch["image"])
        return terms


def _convolution(inside: int, outside: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(),
    )


def _rising(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(nn.Upsample(scale_factor=2), _convolution(inside, outside))


def _branch(inside: int, outside: int) -> nn.Sequential:
    half, quarter = inside // 2, inside // 4
    last: nn.Module = nn.Conv2d(quarter, outside, 3, padding=1)
    return nn.Sequential(_rising(inside, half), _rising(half, quarter), last)
