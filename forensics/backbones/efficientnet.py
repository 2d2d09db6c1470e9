"""EfficientNet (transformers' ``EfficientNetModel``) that gives its features at every scale.

Data flow (channels of B4, size ``paper``: H = W = 380; odd sides are rounded):

    pictures (B, 3, H, W) in [0, 1] -> (x - 0.45) / 0.226        (B, 3, H, W)
      -> stem, blocks up to the next halving                     (B, 24, H/2, W/2)
      -> blocks                                                  (B, 32, H/4, W/4)
      -> blocks                                                  (B, 56, H/8, W/8)
      -> blocks                                                  (B, 160, H/16, W/16)
      -> blocks, 1 x 1 convolution of the head                   (B, 1792, H/32, W/32)

| code          | paper | value or shape              | meaning |
|---------------|-------|-----------------------------|---------|
| size.width    | w     | B4: 1.4                     | multiplier of channels |
| size.depth    | d     | B4: 1.8                     | multiplier of repetitions |
| size.image    | r     | B4: 380 px                  | side of the pictures; the network takes any |
| widths        |       | 24, 32, 56, 160, 1792       | channels at strides 2, 4, 8, 16, 32 |
| pyramid(x)[i] |       | (B, widths[i], H/s, W/s)    | features at stride s = 2^(i + 1) |

Reference: M. Tan, Q. Le, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", ICML 2019.

Differences from the paper:
- The pooling and the classifier are left to the detector; what is given are features.
- transformers' blocks drop single values where the authors' code drops the whole branch of a picture.
- One mean and one deviation for all three colours instead of ImageNet's three.
- Sizes ``smoke`` (0.25, 0.2), ``cpu`` (0.5, 0.5) and the 256 px of ``gpu`` are ours, without compound scaling.
- From scratch unless a folder of weights is given. The start is the authors', not transformers' (:func:`_built`).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn
from transformers import EfficientNetConfig, EfficientNetModel

from shared.errors import WeightsError

_IMAGENET_MEAN, _IMAGENET_DEVIATION = 0.45, 0.226


@dataclass(frozen=True)
class EfficientNetSize:
    """Sizes of the network.

    Attributes:
        image: Side of the pictures, px.
        width: Multiplier of channels. B4: 1.4.
        depth: Multiplier of repetitions. B4: 1.8.
        padding: Numbers of the halving blocks that pad on one side more, as converted checkpoints list them.
    """

    image: int = 380
    width: float = 1.4
    depth: float = 1.8
    padding: tuple[int, ...] = ()


SIZES: dict[str, EfficientNetSize] = {
    "smoke": EfficientNetSize(64, 0.25, 0.2),
    "cpu": EfficientNetSize(112, 0.5, 0.5),
    "gpu": EfficientNetSize(256),
    "paper": EfficientNetSize(),
}
"""Profile -> sizes."""


class EfficientNet(nn.Module):
    """The features of EfficientNet.

    Args:
        size: Sizes; ignored where ``weights`` names a folder, which has its own.
        weights: Folder of a local transformers checkpoint (safetensors), or None for a network from scratch.

    Raises:
        WeightsError: If the folder holds no EfficientNet.
    """

    def __init__(self, size: EfficientNetSize, weights: str | Path | None = None) -> None:
        super().__init__()
        self.model = _built(size) if weights is None else _loaded(Path(weights))
        config = self.model.config
        self.width: int = config.hidden_dim
        self.size = EfficientNetSize(
            config.image_size, config.width_coefficient, config.depth_coefficient,
            tuple(config.depthwise_padding),
        )  # fmt: skip
        blocks = [block.projection.project_bn.num_features for block in self.model.encoder.blocks]
        ends = _last_of_each_scale(self.model)
        self.widths: tuple[int, ...] = (*(blocks[end] for end in ends[:-1]), self.width)
        """Channels at strides 2, 4, 8, 16 and 32."""
        self._ends = ends

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the last features, ``(B, width, H / 32, W / 32)``."""
        return self.pyramid(pictures)[-1]

    def pyramid(self, pictures: Tensor) -> list[Tensor]:
        """Return the features of every scale, from stride 2 to stride 32."""
        inside = (pictures - _IMAGENET_MEAN) / _IMAGENET_DEVIATION
        output = self.model(inside, output_hidden_states=True)
        states = output.hidden_states[1:]  # the first is the stem's
        return [*(states[end] for end in self._ends[:-1]), output.last_hidden_state]


def _last_of_each_scale(model: EfficientNetModel) -> list[int]:
    """Return the numbers of the blocks after which the picture is halved, and that of the last one."""
    blocks = model.encoder.blocks
    halving = [number for number, block in enumerate(blocks) if block.depthwise_conv.stride == 2]
    return [*(number - 1 for number in halving), len(blocks) - 1]


def _built(size: EfficientNetSize) -> EfficientNetModel:
    config = EfficientNetConfig(
        width_coefficient=size.width, depth_coefficient=size.depth, image_size=size.image,
        hidden_dim=int(1280 * size.width + 4) // 8 * 8, depthwise_padding=list(size.padding),
        # torch's meaning of momentum is one minus the authors' 0.99, which transformers hands on as it is
        batch_norm_momentum=0.01,
    )  # fmt: skip
    model = EfficientNetModel(config)
    # the authors' start: transformers draws all weights at 0.02, those of batch normalisation too, and after its blocks
    # nothing is left of a picture
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.Conv2d):
            seen = module.kernel_size[0] * module.kernel_size[1] * module.out_channels
            nn.init.normal_(module.weight, std=math.sqrt(2 * module.groups / seen))
    return model


def _loaded(folder: Path) -> EfficientNetModel:
    if not (folder / "config.json").is_file():
        raise WeightsError(f"no transformers checkpoint in {folder}", expected="config.json in it")
    try:
        # It comes in evaluation mode, and Lightning leaves it there.
        return EfficientNetModel.from_pretrained(
            folder, local_files_only=True, use_safetensors=True
        ).train()
    except (OSError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{folder} holds no EfficientNet", found=error) from error
