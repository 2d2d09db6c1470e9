from __future__ import annotations

import numpy as np
import pytest
import torch

from forensics.membership.closed_form import ClosedFormTarget
from forensics.membership.target import Target
from shared.errors import InputError


def members(count: int = 5) -> torch.Tensor:
    return torch.rand(count, 3, 4, 4, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("t", [0, 100, 999])
def test_the_noise_is_that_of_the_posterior_mean(t):
    target = ClosedFormTarget(members())
    z = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(1))
    points = members().double().numpy().reshape(5, -1) * 2 - 1
    abar = float(target.alphas_cumprod[t])
    expected = []
    for row in z.double().numpy().reshape(2, -1):
        exponents = [-((row - abar**0.5 * x) ** 2).sum() / (2 * (1 - abar)) for x in points]
        weights = np.exp(np.array(exponents) - max(exponents))
        mean = (weights[:, None] * points).sum(0) / weights.sum()
        expected.append((row - abar**0.5 * mean) / (1 - abar) ** 0.5)
    own = target.eps(z, t).numpy().reshape(2, -1)
    np.testing.assert_allclose(own, np.array(expected), rtol=1e-4, atol=1e-4)


def test_it_keeps_the_protocol_and_counts():
    target = ClosedFormTarget(members())
    assert isinstance(target, Target)
    z = target.encode(members())
    torch.testing.assert_close(target.decode(z), members())
    target.eps(z, 3)
    target.eps(z[:2], 3)
    assert target.calls == 7
    assert target.condition(["a"]) is None


def test_another_training_set_is_another_model():
    assert ClosedFormTarget(members()).fingerprint() != ClosedFormTarget(members(4)).fingerprint()


def test_pictures_of_another_size_are_refused():
    with pytest.raises(InputError, match="do not fit the model"):
        ClosedFormTarget(members()).encode(torch.rand(1, 3, 8, 8))
