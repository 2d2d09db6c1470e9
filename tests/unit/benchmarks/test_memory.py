from __future__ import annotations

import pytest

from benchmarks.memory import growth, video_memory
from shared.errors import InputError


def test_a_clip_is_written_and_read_whole_in_a_process_of_its_own() -> None:
    (fact,) = video_memory([1.0])
    assert fact["n"] == 25
    assert 20 < fact["writing_only"] <= fact["value"] < 1000


def test_growth_compares_the_longest_with_the_shortest() -> None:
    rows = [{"seconds": s, "value": v} for s, v in ((60, 150.0), (2, 100.0), (10, 900.0))]
    assert growth(rows) == pytest.approx(0.5)


@pytest.mark.parametrize("seconds", [[], [0.0], [-1.0, 5.0], [float("nan")]])
def test_senseless_lengths(seconds: list[float]) -> None:
    with pytest.raises(InputError):
        video_memory(seconds)
