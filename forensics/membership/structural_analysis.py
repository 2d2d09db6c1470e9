"""How structure fades along the diffusion, for members and for others: the analysis behind the structural attack.

The paper's interpretability figures (arXiv 2407.13252, Sec. 3):

    v(t)     = mean over pictures of (SSIM(x_0, x_{t + dt}) - SSIM(x_0, x_t)) / dt, for members and for the others
    dSSIM(t) = mean over members of SSIM(x_0, x_t) - the same over the others

In the paper the others fall faster up to about t = 100, where dSSIM is largest, and members fall faster later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from forensics.membership.inversion import Text, invert
from forensics.membership.protocol import image_generators
from forensics.membership.ssim import NATIVE, OFFICIAL, ssim
from forensics.membership.structural import Preset, noise_levels
from forensics.membership.target import Target
from shared.errors import InputError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class StructureAnalysis:
    """Curves over the time steps.

    Attributes:
        times: ``(n,)`` time steps, from 0.
        members: ``(n,)`` mean SSIM of members.
        others: ``(n,)`` mean SSIM of non-members.
        member_rate: ``(n - 1,)`` v(t) of members, a step, at the left end of each interval.
        other_rate: ``(n - 1,)`` v(t) of non-members.
        gap: ``(n,)`` dSSIM(t).
    """

    times: Array
    members: Array
    others: Array
    member_rate: Array
    other_rate: Array
    gap: Array

    @property
    def best_time(self) -> int:
        """The time step with the largest gap."""
        return int(self.times[int(np.argmax(self.gap))])


@torch.inference_mode()
def structure_curves(
    target: Target,
    images: Tensor,
    captions: Sequence[str],
    times: Sequence[int],
    *,
    generator: torch.Generator,
    preset: Preset = "native",
    guidance: float = 1.0,
) -> Array:
    """Return SSIM(x_0, x_t) of each picture at each time step, ``(B, len(times))``.

    Args:
        target: The model.
        images: ``(B, 3, S, S)`` in [0, 1].
        captions: One a picture.
        times: Increasing from 0; neighbours are one U-Net query apart.
        generator: From ``protocol.batch_generator``; used by the official preset only.
        preset: As in :class:`~forensics.membership.structural.Structural`.
        guidance: gamma.

    Raises:
        InputError: If the times do not increase from 0, or the model has no such step.
    """
    if len(times) < 2 or times[0] != 0 or any(np.diff(times) <= 0):
        raise InputError("time steps must increase from 0", found=list(times))
    official = preset == "official"
    images = images.to(target.device)
    abar = noise_levels(target, preset, times[-1])
    text = Text.of(target, captions, guidance)
    z0 = target.encode(images, image_generators(generator, len(images)) if official else None)
    settings = OFFICIAL if official else NATIVE
    path = chain([z0], invert(target, z0, times, abar, text))
    curve = [ssim(images, target.decode(z), settings) for z in path]
    return torch.stack(curve, 1).cpu().numpy()


def analyse_structure(times: Sequence[int], members: Array, others: Array) -> StructureAnalysis:
    """Return v(t) and dSSIM(t) from the curves of members and of non-members.

    Args:
        times: ``(n,)`` time steps.
        members: ``(N, n)`` from :func:`structure_curves`.
        others: ``(M, n)``.

    Raises:
        InputError: If there are no curves on one side, or they do not have one value a time step.

    Example:
        >>> found = analyse_structure([0, 50, 100], np.array([[1, 0.9, 0.7]]), np.array([[1, 0.8, 0.5]]))
        >>> found.gap.round(3).tolist(), found.best_time, found.other_rate.round(4).tolist()
        ([0.0, 0.1, 0.2], 100, [-0.004, -0.006])
    """
    steps = np.asarray(times, np.float64)
    for side, curves in (("members", members), ("others", others)):
        if curves.ndim != 2 or not len(curves) or curves.shape[1] != len(steps):
            raise InputError(
                f"the curves of the {side} do not fit the time steps",
                found=curves.shape,
                expected=f"(N >= 1, {len(steps)})",
            )
    means = [np.asarray(curves.mean(0), np.float64) for curves in (members, others)]
    rates = [np.diff(mean) / np.diff(steps) for mean in means]
    return StructureAnalysis(steps, means[0], means[1], rates[0], rates[1], means[0] - means[1])
