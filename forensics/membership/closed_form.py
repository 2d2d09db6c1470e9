"""The denoiser that has memorised its training set perfectly, in closed form.

For data that are exactly ``x_1 .. x_N`` the best prediction of the clean picture is known:
``E[x0 | z] = sum_i softmax_i(-||z - sqrt(abar) x_i||^2 / (2 (1 - abar))) x_i``. Every attack must recognise the members
of such a model; it needs no training, so tests and the documentation use it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch
from torch import Tensor

from forensics.membership.sampling import ddim_sample
from forensics.membership.target import check_images
from shared.diffusion.schedule import alphas_cumprod, linear_betas


class ClosedFormTarget:
    """A pixel-space target that knows its members by heart.

    Args:
        images: ``(N, 3, S, S)`` RGB in [0, 1], the training set.
        abar: ``(T,)`` noise levels; the DDPM schedule if not given.

    Example:
        >>> members = torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))
        >>> target = ClosedFormTarget(members)
        >>> drawn = target.sample([""], steps=20, generator=torch.Generator().manual_seed(1))
        >>> bool((members - drawn).abs().amax((1, 2, 3)).min() < 0.02)  # it can only repeat a member
        True
    """

    def __init__(self, images: Tensor, *, abar: Tensor | None = None) -> None:
        self._points = check_images(images, images.shape[-1]).double().flatten(1) * 2.0 - 1.0
        self.name = "closed-form memory"
        self.image_size = int(images.shape[-1])
        self.channels = 3
        self.device = images.device
        self.alphas_cumprod = alphas_cumprod(linear_betas()) if abar is None else abar.double()
        self.clean_limit: float | None = None
        self.conditional = False
        self.trained = True
        self.calls = 0

    def fingerprint(self) -> dict[str, str]:
        """Return the hash of the training set: it is the model."""
        return {"members": hashlib.sha256(self._points.cpu().numpy().tobytes()).hexdigest()}

    def encode(
        self,
        images: Tensor,
        generator: torch.Generator | Sequence[torch.Generator] | None = None,  # noqa: ARG002
    ) -> Tensor:
        """Return the pictures in [-1, 1]; there is no posterior to sample from."""
        return check_images(images, self.image_size).to(self.device, torch.float32) * 2.0 - 1.0

    def decode(self, latents: Tensor) -> Tensor:
        """Return the latents in [0, 1], not clamped."""
        return (latents + 1.0) / 2.0

    def eps(self, latents: Tensor, t: int, condition: Tensor | None = None) -> Tensor:  # noqa: ARG002
        """Return the noise that leads from the posterior mean of the training set to the latents."""
        self.calls += len(latents)
        abar = float(self.alphas_cumprod[t])
        # float64: squared distances of thousands of pixels are divided by a variance near 1e-4
        z = latents.double().flatten(1)
        means = abar**0.5 * self._points
        distance = torch.cdist(z, means, compute_mode="donot_use_mm_for_euclid_dist") ** 2
        weights = torch.softmax(-distance / (2.0 * (1.0 - abar)), dim=1)
        noise = (z - weights @ means) / (1.0 - abar) ** 0.5
        return noise.reshape(latents.shape).to(latents.dtype)

    def condition(self, captions: Sequence[str]) -> None:
        """Return None: it takes no captions."""

    def sample(
        self,
        captions: Sequence[str],
        *,
        steps: int = 50,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return one picture a caption (which is not read): a member, as it knows nothing else."""
        return ddim_sample(self, captions, self.image_size, steps=steps, generator=generator)
