from __future__ import annotations

from fractions import Fraction

import librosa
import numpy as np
import pytest

from shared.audio.mel import (
    BANDS,
    COLUMNS_PER_FRAME,
    FLOOR,
    HOP,
    columns_of,
    frames_of,
    log_mel,
    windows,
)
from shared.errors import InputError


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return (0.1 * np.random.default_rng(seed).standard_normal(samples)).astype(np.float32)


def test_matches_the_librosa_spectrogram_inside_the_recording():
    sound = noise(8000)
    ours = log_mel(sound)
    theirs = librosa.feature.melspectrogram(
        y=np.pad(sound, (512 - HOP) // 2), sr=16_000, n_fft=512, hop_length=HOP, win_length=400,
        center=False, power=1.0, n_mels=BANDS, fmin=55.0, fmax=7600.0,
    )  # fmt: skip
    columns = min(ours.shape[1], theirs.shape[1])
    assert columns >= 49
    np.testing.assert_allclose(ours[:, :columns], np.log(theirs[:, :columns]), atol=2e-3)


def test_no_band_is_empty():
    assert (log_mel(noise(16_000)).max(axis=1) > np.log(FLOOR) + 2).all()


@pytest.mark.parametrize("chunk", [1, 7, 40, 1000])
def test_chunks_equal_the_whole(chunk):
    sound = noise(16_123)
    whole = log_mel(sound)
    total = columns_of(sound)
    parts = [log_mel(sound, a, min(a + chunk, total)) for a in range(0, total, chunk)]
    np.testing.assert_allclose(np.concatenate(parts, axis=1), whole, atol=1e-5)


def test_reads_beyond_both_ends_as_silence():
    sound = noise(1600)
    wide = log_mel(sound, -5, 20)
    np.testing.assert_allclose(wide[:, 5:15], log_mel(sound), atol=1e-5)
    assert (wide[:, [0, -1]] == np.float32(np.log(FLOOR))).all()


def test_a_click_lies_in_the_columns_of_its_video_frame():
    sound = np.zeros(16_000, np.float32)
    sound[640 * 10 + 320] = 1.0
    energy = (np.exp(log_mel(sound)) - FLOOR).sum(axis=0)
    middle = (energy * np.arange(len(energy))).sum() / energy.sum()
    assert middle == pytest.approx(10 * COLUMNS_PER_FRAME + 1.5, abs=0.01)


@pytest.mark.parametrize(
    ("samples", "fps", "frames"),
    [(0, 25, 0), (16_000, 25, 25), (16_320, 25, 26), (48_000, Fraction(30000, 1001), 90)],
)
def test_frame_count_is_the_rounded_duration(samples, fps, frames):
    assert frames_of(np.zeros(samples), fps) == frames


@pytest.mark.parametrize("samples", [0, 1, 159, 160, 161])
def test_any_length_has_a_spectrogram(samples):
    assert log_mel(np.zeros(samples, np.float32)).shape == (BANDS, -(-samples // HOP))


@pytest.mark.parametrize("bad", [np.zeros((2, 100)), np.array([0.0, np.nan])])
def test_refuses_what_is_not_one_finite_channel(bad):
    with pytest.raises(InputError):
        log_mel(bad)


def test_windows_are_centred_on_their_column():
    ramp = np.arange(1600, dtype=np.float32)
    np.testing.assert_array_equal(windows(ramp, 160)[3], ramp[480:640])
    assert windows(ramp, 400)[3].mean() == pytest.approx(3 * HOP + HOP / 2 - 0.5)
