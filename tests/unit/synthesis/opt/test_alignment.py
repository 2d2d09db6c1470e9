from __future__ import annotations

import numpy as np
import pytest

from synthesis.opt.alignment import align_phones, same_time

SLOW = [["SIL", 0.0, 0.4], ["M", 0.4, 0.8], ["AA", 0.8, 1.6], ["SIL", 1.6, 2.0]]
FAST = [[name, start / 2, end / 2] for name, start, end in SLOW]


def test_a_reading_at_half_speed_is_read_twice_as_fast():
    found = align_phones(SLOW, FAST, 25)
    np.testing.assert_allclose(found.positions, 2 * np.arange(25), atol=1e-4)
    assert found.valid.all()


def test_there_and_back_is_the_same_time():
    there, back = align_phones(SLOW, FAST, 25), align_phones(FAST, SLOW, 50)
    np.testing.assert_allclose(
        np.interp(there.positions, np.arange(50), back.positions), np.arange(25), atol=1e-3
    )


def test_a_phone_that_only_one_says_does_not_count():
    other = [["SIL", 0.0, 0.4], ["M", 0.4, 0.8], ["IY", 0.8, 1.6], ["SIL", 1.6, 2.0]]
    valid = align_phones(SLOW, other, 50).valid
    assert valid[:20].all()
    assert not valid[20:40].any()
    assert valid[40:].all()


@pytest.mark.parametrize("other", [[], [["ZZ", 0.0, 1.0]]])
def test_nothing_in_common_is_nowhere_valid(other):
    assert not align_phones(SLOW, other, 10).valid.any()


def test_same_time_is_the_identity():
    found = same_time(5)
    assert found.positions.tolist() == [0, 1, 2, 3, 4]
    assert found.valid.all()
