"""Step 2, restore: the model under audit finishes the picture, unchanged and without any training.

======================  ==============================================================
code                    literature
======================  ==============================================================
``z``                   z_t, the latent (the picture itself in a pixel model)
``known``               z_y = E(A+ y), what is known, in latents
``m``                   the mask in latents: 1 = to be made anew
``abar_t, abar_next``   abar_t and abar_{t-1} of the sampler; 1 after its last step
======================  ==============================================================

``blend``     z <- DDIM step; z <- m z + (1 - m) z_y noised to the same level with one fixed draw.
``repaint``   (Lugmayr et al., CVPR 2022) as blend with fresh draws; after every ``jump`` steps noise is added to go the
              same steps up again, ``resamples`` times in all, so that the new part learns of the known one.
``ddnm``      (Wang et al., ICLR 2023) x_0|t <- A+ y + (I - A+ A) x_0|t, then the DDIM step. For a mask A+ A keeps the
              known part; for super-resolution it replaces the mean of each square of pixels, through the decoder and
              the encoder where the model has one.

The start is pure noise at the sampler's first step, or, with an inversion ratio r > 0, what is known DDIM-inverted up
to the step r T. After ``noise`` the start is the noised picture itself and nothing else is known: the restorers agree.

Differences from the papers: RePaint's steps between jumps are deterministic (eta = 0), and its first group is
repeated too. DDNM's noise-aware variant is not needed: what is known is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import functional

from forensics.membership.drc.degrade import Degraded, averaged
from forensics.membership.inversion import Text, invert
from forensics.membership.settings import check_choice
from forensics.membership.target import Target
from shared.diffusion.ddim import add_noise, ddim_move, predict_original, timesteps, within
from shared.errors import InputError

Kind = Literal["blend", "repaint", "ddnm"]

CLEAN = 1.0


@dataclass(frozen=True)
class Restorer:
    """How pictures are restored.

    Attributes:
        kind: See the top of this file.
        steps: Of the sampler.
        inversion: r, the share of the way up to which the start is inverted instead of drawn, 0 to 1.
        leak_free: Encode the degraded picture. Off, the *original* is encoded, and the encoder's receptive field lets
            some of the hidden part through.
        jump: Steps that RePaint goes back at a time.
        resamples: Times that RePaint walks each of them.
    """

    kind: Kind = "ddnm"
    steps: int = 50
    inversion: float = 0.0
    leak_free: bool = True
    jump: int = 10
    resamples: int = 10

    def __post_init__(self) -> None:
        """Refuse what cannot be walked."""
        check_choice("restorer", self.kind, get_args(Kind))
        if not 0 <= self.inversion <= 1 or min(self.steps, self.jump, self.resamples) < 1:
            raise InputError(
                "the restorer cannot work with these settings",
                found=f"inversion {self.inversion}, steps {self.steps}, jump {self.jump}, "
                f"resamples {self.resamples}",
                expected="inversion 0 to 1, the others at least 1",
            )

    def __call__(
        self,
        target: Target,
        images: Tensor,
        degraded: Degraded,
        text: Text,
        draws: Draws,
    ) -> tuple[Tensor, Tensor]:
        """Restore each picture K times.

        Args:
            target: The model under audit.
            images: ``(B, 3, S, S)`` the originals; read only where ``leak_free`` is off or noise was added.
            degraded: What is left of them.
            text: What the U-Net is told of each picture.
            draws: The noise: K draws a picture.

        Returns:
            ``(B, K, 3, S, S)`` the restorations, and ``(B, 3, S, S)`` what they started from: the degraded pictures,
            after ``noise`` the first noised ones. Around [0, 1], not clamped.

        Raises:
            InputError: If the restorer cannot restore this degradation.
        """
        if degraded.factor > 1 and self.kind != "ddnm":
            raise InputError(
                f"the restorer {self.kind} knows masks and noise only",
                found="super-resolution",
                fix="choose the restorer ddnm",
            )
        hidden = not self.leak_free or degraded.noise > 0
        known = target.encode(images if hidden else degraded.image)
        walk = _Walk(self, target, degraded, known, text, draws)
        restored = target.decode(walk.run())
        seen = target.decode(walk.start[:: draws.count]) if degraded.noise else degraded.image
        return restored.reshape(len(images), draws.count, *restored.shape[1:]), seen


@dataclass(frozen=True)
class Draws:
    """Noise for K restorations of each picture, each picture from its own generator.

    Attributes:
        generators: One a picture.
        count: K.
    """

    generators: Sequence[torch.Generator]
    count: int

    def normal(self, latents: Tensor) -> Tensor:
        """Return fresh noise ``(B K, C, h, w)`` for latents ``(B, C, h, w)`` or ``(B K, C, h, w)``."""
        shape = (self.count, *latents.shape[1:])
        return torch.cat([torch.randn(shape, generator=own) for own in self.generators]).to(latents)


class _Walk:
    """One restoration of a batch: rows are pictures times K."""

    def __init__(
        self,
        settings: Restorer,
        target: Target,
        degraded: Degraded,
        known: Tensor,
        text: Text,
        draws: Draws,
    ) -> None:
        self.settings, self.target, self.degraded, self.draws = settings, target, degraded, draws
        self.abar = target.alphas_cumprod
        self.text = text.repeat(draws.count)
        self.fixed = draws.normal(known)
        self.path = self._path()
        self.start = self._start(known, text)
        self.known = known.repeat_interleave(draws.count, 0)
        # a latent cell that a hidden pixel touches is made anew
        mask = functional.adaptive_max_pool2d(degraded.mask, known.shape[-1])
        self.m = mask.repeat_interleave(draws.count, 0)

    def run(self) -> Tensor:
        """Return the restored latents ``(B K, C, h, w)``."""
        repaint = self.settings.kind == "repaint" and not self.degraded.noise
        group = self.settings.jump if repaint else len(self.path)
        z = self.start
        for first in range(0, len(self.path), group):
            last = min(first + group, len(self.path))
            for turn in range(self.settings.resamples if repaint else 1):
                if turn:
                    z = self._up(z, last, first)
                for index in range(first, last):
                    z = self._step(z, index)
        return z

    def _path(self) -> list[int]:
        """Return the time steps from noisy to clean, from where the start lies."""
        path = timesteps(self.settings.steps, len(self.abar))
        share = self.degraded.noise or self.settings.inversion or 1.0
        return [t for t in path if t <= share * len(self.abar)]

    def _start(self, known: Tensor, text: Text) -> Tensor:
        level = float(self.abar[self.path[0]])
        if self.degraded.noise:
            return add_noise(known.repeat_interleave(self.draws.count, 0), self.fixed, level)
        if not self.settings.inversion:
            return self.fixed
        z = known
        for inverted in invert(self.target, known, self.path[::-1], self.abar, text):
            z = inverted
        return z.repeat_interleave(self.draws.count, 0)

    def _level(self, index: int) -> float:
        """Return abar at a place on the path; clean behind its end."""
        return float(self.abar[self.path[index]]) if index < len(self.path) else CLEAN

    def _step(self, z: Tensor, index: int) -> Tensor:
        abar_t, abar_next = self._level(index), self._level(index + 1)
        e = self.text.eps(self.target, z, self.path[index])
        if self.settings.kind == "ddnm" and not self.degraded.noise:
            z0 = within(predict_original(z, e, abar_t), self.target.clean_limit)
            return add_noise(self._consistent(z0), e, abar_next)
        z = ddim_move(z, e, abar_t, abar_next, self.target.clean_limit)
        if self.degraded.noise:
            return z
        noise = self.draws.normal(z) if self.settings.kind == "repaint" else self.fixed
        return self.m * z + (1 - self.m) * add_noise(self.known, noise, abar_next)

    def _consistent(self, z0: Tensor) -> Tensor:
        """Return ``A+ y + (I - A+ A) x_0|t``."""
        if self.degraded.factor == 1:
            return self.m * z0 + (1 - self.m) * self.known
        x0 = self.target.decode(z0)
        y = self.degraded.image.repeat_interleave(self.draws.count, 0)
        return self.target.encode(y + x0 - averaged(x0, self.degraded.factor))

    def _up(self, z: Tensor, index_from: int, index_to: int) -> Tensor:
        """Add fresh noise: from the level of one place on the path up to a noisier one."""
        return add_noise(z, self.draws.normal(z), self._level(index_to) / self._level(index_from))
