from __future__ import annotations

import pytest
import soundfile

from benchmarks.memory import (
    RECORDED_RATE,
    growth,
    growth_row,
    peak_rows,
    within_bounds,
    write_recording,
)
from shared.errors import InputError


@pytest.mark.parametrize(("task", "count"), [("video", 25), ("audio", 16_000), ("driver", 25)])
def test_an_input_is_handled_whole_in_a_process_of_its_own(task: str, count: int) -> None:
    (fact,) = peak_rows(task, [1.0])
    assert fact["n"] == count
    assert 20 < fact["value"] < 2000


def test_growth_compares_the_longest_with_the_shortest() -> None:
    rows = [{"seconds": s, "value": v} for s, v in ((60, 150.0), (2, 100.0), (10, 900.0))]
    assert growth(rows) == pytest.approx(0.5)


def test_only_a_growth_that_is_limited_can_fail() -> None:
    rows = [{"seconds": s, "value": v, "table": "a"} for s, v in ((1, 100.0), (2, 120.0))]
    assert within_bounds([growth_row(rows, None)])
    assert not within_bounds([growth_row(rows, 0.1)])


def test_a_recording_has_the_length_asked_for(tmp_path) -> None:
    path = write_recording(tmp_path / "a.flac", 7.3)
    assert soundfile.info(str(path)).frames == round(7.3 * RECORDED_RATE)


@pytest.mark.parametrize("seconds", [[], [0.0], [-1.0, 5.0], [float("nan")]])
def test_senseless_lengths(seconds: list[float]) -> None:
    with pytest.raises(InputError):
        peak_rows("video", seconds)


def test_an_unknown_task() -> None:
    with pytest.raises(InputError, match="nothing of that name"):
        peak_rows("sleep")
