"""The denoising loss of single pictures, and the answer that the rivals build from such numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import Tensor

from forensics.membership.protocol import Attack, Evidence, Scores
from forensics.membership.target import Target
from shared.diffusion.ddim import add_noise


def denoising_loss(
    target: Target, z0: Tensor, noise: Tensor, t: int, condition: Tensor | None
) -> Tensor:
    """Return ``||e - eps_theta(sqrt(abar_t) z0 + sqrt(1 - abar_t) e, t)||_2^2`` as ``(B,)`` float64."""
    z_t = add_noise(z0, noise, float(target.alphas_cumprod[t]))
    return squared_norm(noise - target.eps(z_t, t, condition))


def squared_norm(difference: Tensor) -> Tensor:
    """Return the sum of squares of each picture, ``(B,)`` float64."""
    return difference.double().square().flatten(1).sum(1)


def answer(
    attack: Attack,
    values: Tensor,
    calls: int,
    wording: Callable[[float], str] | None,
    numbers: Mapping[str, Tensor] | None = None,
) -> Scores:
    """Return the scores of a batch.

    Args:
        attack: Whose scores they are.
        values: ``(B,)``.
        calls: U-Net evaluations of the whole batch.
        wording: Makes the sentence from a score; None where no evidence was asked for.
        numbers: Name -> ``(B,)`` or ``(B, K)``, what the score was made of.
    """
    told: tuple[Evidence, ...] = ()
    if wording is not None:
        columns = {name: column.tolist() for name, column in (numbers or {}).items()}
        told = tuple(
            Evidence(
                {"score": value, **{name: column[row] for name, column in columns.items()}},
                {},
                wording(value),
            )
            for row, value in enumerate(values.tolist())
        )
    return Scores(values.cpu().numpy(), attack.higher_is_member, told, calls / len(values))
