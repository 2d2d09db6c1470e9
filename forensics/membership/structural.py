"""Structural membership inference: members keep their structure longer while the model noises them.

Q. Li, X. Fu, X. Wang, J. Liu, X. Gao, J. Dai, J. Han, "Unveiling Structural Memorization: Structural Membership
Inference Attack for Text-to-Image Diffusion Models", ACM MM 2024, arXiv:2407.13252. Written from the paper's text.

    x (B, 3, S, S) -> encode -> z_0 -> DDIM inversion, T / k U-Net calls -> z_T -> decode -> x_T -> SSIM(x, x_T)

1. ``z_0 = E(x)``.
2. For t = k, 2k, ..., T: query the U-Net at the step before, ``e = e_u + gamma (e_c - e_u)``, and move to t (Eq. 7).
3. Backward only: take z_T down the same steps again (the paper's ablation; slightly worse there).
4. ``x_T = D(z_T)``.
5. ``S(x) = SSIM(x, x_T)``; a member if S > tau (Eq. 10).

===================  ======================================
code                 paper
===================  ======================================
``total``            T, the last noise level (100)
``interval``         k, steps between queries (50)
``guidance``         gamma (1)
``abar``             abar_t
``z``                z_t
===================  ======================================

Presets. ``official`` repeats what the released script does: betas rebuilt as *linear* between the model's first and
last (so that "t = 100" of Stable Diffusion has the noise of t = 121 while the U-Net is told 0 and 50), a *sample* of
the encoder's posterior, an unclamped decode, and SSIM with a uniform 7 px window and L = 1 over values in [-1, 1].
``native`` uses the model's own schedule, the posterior's mode, and SSIM as published, over clamped pictures in [0, 1].

Differences from the paper: captions come from the caller ("" if there are none) and not from BLIP; pictures are scored
in batches; a branch of the guidance whose weight is nought is not evaluated; a model with fewer than T + 1 steps is
refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from forensics.membership.inversion import Text, denoise, invert
from forensics.membership.panels import ORIGINAL, as_picture, heat_picture
from forensics.membership.protocol import Evidence, Scores, image_generators
from forensics.membership.settings import check_choice
from forensics.membership.ssim import NATIVE, OFFICIAL, SsimSettings, ssim, ssim_map
from forensics.membership.target import Target
from shared.diffusion.schedule import alphas_cumprod, betas_from, linear_betas
from shared.errors import InputError

Preset = Literal["native", "official"]

CURVE_TOTAL = 300
"""The SSIM(t) curve of the evidence goes at least this far."""


@dataclass(frozen=True)
class Structural:
    """The structural attack.

    Attributes:
        preset: ``"native"`` or ``"official"``; see the top of this file.
        total: T, the last noise level, a multiple of ``interval``; 0 compares with the autoencoder's copy.
        interval: k, time steps between U-Net queries.
        guidance: gamma.
        direction: ``"forward"`` compares the noised picture, ``"backward"`` the one denoised again.

    Raises:
        InputError: If T is no multiple of k, or a name is unknown.
    """

    preset: Preset = "native"
    total: int = 100
    interval: int = 50
    guidance: float = 1.0
    direction: Literal["forward", "backward"] = "forward"

    name: ClassVar[str] = "structural"
    title: ClassVar[str] = "Structural MIA"
    higher_is_member: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = False

    def __post_init__(self) -> None:
        """Refuse steps that cannot be walked and names that do not exist."""
        check_choice("preset", self.preset, ("native", "official"))
        check_choice("direction", self.direction, ("forward", "backward"))
        if self.interval < 1 or self.total < 0 or self.total % self.interval:
            raise InputError(
                "T must be a multiple of the interval",
                found=f"T = {self.total}, interval {self.interval}",
                fix="for example T = 100 with an interval of 50",
            )

    @property
    def similarity(self) -> SsimSettings:
        """How this preset computes SSIM."""
        return OFFICIAL if self.preset == "official" else NATIVE

    @torch.inference_mode()
    def score(
        self,
        target: Target,
        images: Tensor,
        captions: Sequence[str],
        *,
        generator: torch.Generator,
        evidence: bool = False,
    ) -> Scores:
        """Score ``(B, 3, S, S)`` pictures by the SSIM that is left at step T."""
        calls = target.calls
        images = images.to(target.device)
        abar = noise_levels(target, self.preset, self.total)
        text = Text.of(target, captions, self.guidance)
        # 1. encode
        official = self.preset == "official"
        z0 = target.encode(images, image_generators(generator, len(images)) if official else None)
        # 2. invert to T
        times = list(range(0, self.total + 1, self.interval))
        path = [z0]
        for z in invert(target, z0, times, abar, text):
            path = [*path, z] if evidence else [z]
        # 3. and back, if asked
        z_last = path[-1]
        if self.direction == "backward":
            z_last = denoise(target, z_last, times[::-1], abar, text)
        # 4. decode, 5. compare
        decoded = target.decode(z_last)
        values = ssim(images, decoded, self.similarity).cpu().numpy()
        pieces: tuple[Evidence, ...] = ()
        if evidence:
            curve = self._curve(target, images, path, abar, text)
            pieces = self._evidence(images, decoded, values, curve, len(abar))
        return Scores(values, True, pieces, (target.calls - calls) / len(images))

    def _curve(
        self, target: Target, images: Tensor, path: list[Tensor], abar: Tensor, text: Text
    ) -> tuple[list[int], np.ndarray]:
        """Return time steps ``(n,)`` and SSIM ``(B, n)``: the path that was walked, and on to CURVE_TOTAL."""
        walked = list(range(0, self.total + 1, self.interval))
        last = min(max(CURVE_TOTAL, self.total), len(abar) - 1)
        onward = list(range(self.total, last + 1, self.interval))
        latents = [*path, *invert(target, path[-1], onward, abar, text)]
        curve = [ssim(images, target.decode(z), self.similarity) for z in latents]
        return [*walked, *onward[1:]], torch.stack(curve, 1).cpu().numpy()

    def _evidence(
        self,
        images: Tensor,
        decoded: Tensor,
        values: np.ndarray,
        curve: tuple[list[int], np.ndarray],
        steps: int,
    ) -> tuple[Evidence, ...]:
        times, rows = curve
        maps = ssim_map(images, decoded, self.similarity).mean(1, keepdim=True)
        margin = self.similarity.window // 2
        maps = functional.pad(maps, (margin,) * 4, mode="replicate")
        return tuple(
            Evidence(
                numbers={
                    "ssim": float(value),
                    "ssim_autoencoder": float(rows[index, 0]),
                    "ssim_curve_t": [float(t) for t in times],
                    "ssim_curve": rows[index].tolist(),
                },
                pictures={
                    ORIGINAL: as_picture(images[index]),
                    self._shown: as_picture(decoded[index]),
                    "SSIM map (yellow: kept)": heat_picture(maps[index, 0]),
                },
                sentence=self._sentence(float(value), float(rows[index, 0]), steps),
            )
            for index, value in enumerate(values)
        )

    @property
    def _shown(self) -> str:
        done = "noised to" if self.direction == "forward" else "rebuilt from"
        return f"{done} t = {self.total}"

    def _sentence(self, value: float, copied: float, steps: int) -> str:
        done = "noised the picture up to" if self.direction == "forward" else "rebuilt it from"
        return (
            f"After the model {done} step {self.total} of {steps}, its structure agrees with the original "
            f"to an SSIM of {value:.3f} (encoding and decoding alone leave {copied:.3f}, no change would be 1)."
        )


def noise_levels(target: Target, preset: Preset, last: int) -> Tensor:
    """Return the ``(T,)`` noise levels that a preset walks on.

    Args:
        target: The model.
        preset: ``"official"`` rebuilds betas as linear between the model's first and last.
        last: The largest time step that will be asked for.

    Raises:
        InputError: If the model has no such step.

    Example:
        >>> from types import SimpleNamespace
        >>> from shared.diffusion.schedule import scaled_linear_betas
        >>> model = SimpleNamespace(alphas_cumprod=alphas_cumprod(scaled_linear_betas()))
        >>> [round(float(noise_levels(model, preset, 100)[100]), 4) for preset in ("native", "official")]
        [0.8942, 0.8673]
    """
    abar = target.alphas_cumprod
    if last >= len(abar):
        raise InputError(
            "the model has fewer noise levels than the attack asks for",
            found=f"T = {last}",
            expected=f"at most {len(abar) - 1}",
        )
    if preset == "native":
        return abar
    betas = betas_from(abar)
    return alphas_cumprod(linear_betas(len(betas), float(betas[0]), float(betas[-1])))
