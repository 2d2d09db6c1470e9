"""The recording waits on disk while it is driven: what is heard, and a disk that cannot hold it."""

import numpy as np
import pytest

from shared.errors import AudioMissing, OutputError
from synthesis.talking_head import spooled

TONE = np.sin(np.arange(1600, dtype=np.float32))


def test_blocks_come_back_as_one_array_on_disk(tmp_path):
    samples = spooled(iter([TONE, 0 * TONE, TONE[:100]]), tmp_path / "samples.f32")
    assert isinstance(samples, np.memmap)
    assert np.array_equal(samples, np.concatenate([TONE, 0 * TONE, TONE[:100]]))


def test_silence_is_said(tmp_path):
    with pytest.raises(AudioMissing, match="silent"):
        spooled(iter([0 * TONE]), tmp_path / "samples.f32")


def test_a_temporary_folder_that_cannot_hold_it_is_said(tmp_path):
    with pytest.raises(OutputError, match="TMPDIR"):
        spooled(iter([TONE]), tmp_path / "gone" / "samples.f32")
