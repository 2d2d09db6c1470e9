"""Small files that unpack to more than there is memory."""

from __future__ import annotations

import numpy as np
import pytest

from shared import arrays
from shared.arrays import stored_arrays
from shared.data.clip import Truth
from shared.data.forgery.known import Known
from shared.errors import LimitExceeded


@pytest.fixture
def zeros(tmp_path):
    path = tmp_path / "zeros.npz"
    np.savez_compressed(path, masks=np.zeros((100, 100, 100), np.uint8), landmarks=np.zeros(2))
    return path


def test_what_unpacks_to_too_much_is_refused_before_it_is_unpacked(zeros, monkeypatch):
    monkeypatch.setattr(np, "load", None)
    assert zeros.stat().st_size < 3000
    with pytest.raises(LimitExceeded, match="1,000,"), stored_arrays(zeros, most=1_000_000):
        pass


def test_what_is_within_the_limit_is_read(zeros):
    with stored_arrays(zeros, most=1_001_000) as data:
        assert data["masks"].shape == (100, 100, 100)


@pytest.mark.parametrize("kind", [Known, Truth])
def test_masks_and_truth_are_bounded(zeros, kind, monkeypatch):
    monkeypatch.setattr(arrays, "MOST_BYTES", 10_000)
    with pytest.raises(LimitExceeded):
        kind.load(zeros)
