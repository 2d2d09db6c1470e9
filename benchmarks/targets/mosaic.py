"""A start for a small KL-VAE: before it learns, it already passes on the mean colour of every latent cell.

From a usual start a narrow autoencoder learns light long before colour: after 1,500 steps its portraits were grey, and
at a rate of 0.002 they stayed so. Begun like this, it has the colour at once and learns the detail.

    picture -> r, -r, g, -g, b, -b, 1, -1 -> mean of each square -> the same, normalised -> picture of squares

``silu(x) - silu(-x) = x`` lets each pair through the activation; the constant pair keeps the normalisation's divisor
nearly the same for every picture.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKL
from diffusers.models.downsampling import Downsample2D
from diffusers.models.resnet import ResnetBlock2D
from diffusers.models.upsampling import Upsample2D
from torch import Tensor, nn

from shared.errors import InputError

_COLOURS = 3
_CHANNELS = 2 * _COLOURS + 2
_CONSTANT = 2.0
"""Of the last pair; above a colour's largest value."""
_LOG_VARIANCE = -6.0
"""Of the posterior at the start."""


@torch.no_grad()
def begin_as_mosaic(vae: AutoencoderKL) -> AutoencoderKL:
    """Set an autoencoder's weights so that it starts as described above, and return it.

    Args:
        vae: Of diffusers' usual blocks without attention, eight channels wide at least, one normalisation group.
    """
    for block in vae.modules():
        if isinstance(block, ResnetBlock2D):
            _empty(block.conv2)
            if block.conv_shortcut is not None:
                _pass_on(block.conv_shortcut)
        elif isinstance(block, Downsample2D):
            _pass_on(block.conv, slice(0, 2), 0.25)
        elif isinstance(block, Upsample2D):
            _pass_on(block.conv)
    encoder, decoder = vae.encoder, vae.decoder
    for first, last in ((encoder.conv_in, encoder.conv_out), (decoder.conv_in, decoder.conv_out)):
        _pair(first)
        _join(last)
    latent = vae.config.latent_channels
    encoder.conv_out.weight[latent:] = 0.0
    encoder.conv_out.bias[latent:] = _LOG_VARIANCE
    _pass_on(vae.quant_conv)
    _pass_on(vae.post_quant_conv)
    return vae


def _empty(conv: nn.Conv2d) -> Tensor:
    """Set all weights to nothing and return the bias, which every convolution of these blocks has."""
    conv.weight.zero_()
    bias = conv.bias
    if bias is None:
        raise InputError("a convolution has no bias", expected="diffusers' autoencoder blocks")
    return bias.zero_()


def _pass_on(conv: nn.Conv2d, where: slice | None = None, share: float = 1.0) -> None:
    """Let channel i through as channel i, from the kernel's middle or from ``where`` of its rows and columns."""
    _empty(conv)
    middle = conv.kernel_size[0] // 2
    place = where or slice(middle, middle + 1)
    for channel in range(min(conv.weight.shape[:2])):
        conv.weight[channel, channel, place, place] = share


def _pair(conv: nn.Conv2d) -> None:
    """Turn three colours into pairs of both signs and a constant pair, the other channels into nothing."""
    bias = _empty(conv)
    for colour in range(_COLOURS):
        conv.weight[2 * colour, colour, 1, 1] = 1.0
        conv.weight[2 * colour + 1, colour, 1, 1] = -1.0
    bias[_CHANNELS - 2] = _CONSTANT
    bias[_CHANNELS - 1] = -_CONSTANT


def _join(conv: nn.Conv2d) -> None:
    """Turn the pairs back into three colours; what else it makes stays as it was drawn."""
    conv.weight[:_COLOURS] = 0.0
    if conv.bias is not None:
        conv.bias[:_COLOURS] = 0.0
    for colour in range(_COLOURS):
        conv.weight[colour, 2 * colour, 1, 1] = 1.0
        conv.weight[colour, 2 * colour + 1, 1, 1] = -1.0
