"""An autoencoder that has learnt nothing passes on the colour of every latent cell."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from benchmarks.targets.config import LATENT
from benchmarks.targets.networks import build_autoencoder


def test_a_new_autoencoder_shows_the_colours_of_squares():
    vae = build_autoencoder(LATENT["cpu"]).eval()
    squares = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    pictures = functional.interpolate(squares, scale_factor=8)
    with torch.inference_mode():
        made = vae.decode(vae.encode(pictures).latent_dist.mode()).sample
    for picture, copy in zip(squares, functional.avg_pool2d(made, 8), strict=True):
        assert np.corrcoef(picture.flatten(), copy.flatten())[0, 1] > 0.97
