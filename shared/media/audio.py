"""Sound in and out: any file -> mono float32 at 16 kHz with an exact sample count, whole or as a stream of blocks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import soundfile
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

from shared.beside import replacing, writing
from shared.errors import AudioMissing, InputError, LimitExceeded
from shared.media.container import open_container
from shared.media.container_audio import container_blocks
from shared.media.image import picture_kind

Samples = NDArray[np.float32]

RATE = 16_000
"""The toolkit's sample rate, Hz."""

MAX_SECONDS = 3 * 3600.0
"""Longer recordings are not read in one piece (three hours are 690 MB); they are streamed."""

SHORTEST = 0.02
"""Seconds; less than one analysis window is no recording."""

SILENCE = 1e-3
"""Peaks below this (-60 dB of full scale) are silence."""

_LOUDEST = 16.0
_BLOCK = 65_536
_UNKNOWN_LENGTH = 1 << 62
_EXTENSIONS = {".wav": "PCM_16", ".flac": "PCM_16", ".ogg": "VORBIS"}
_RATES = (1_000, 384_000)


def read_audio(
    path: str | Path, *, rate: int = RATE, max_seconds: float | None = MAX_SECONDS
) -> Samples:
    """Read the sound of an audio or video file as mono float32 ``(N,)`` in [-1, 1].

    ``N = round(seconds x rate)``, to the sample for WAV, FLAC, MP3, Ogg, Opus, MP4 and WebM: an encoder's delay at the
    start and padding at the end are cut off as far as the file declares them (bare ``.aac``, AC-3, WMA and sound-only
    Matroska do not, and keep up to 0.1 s). The sound of a video is placed on the pictures' clock: a late start and
    drop-outs become silence, what comes before the first picture is left out. Channels are averaged.

    Args:
        path: Any file that libsndfile or FFmpeg reads.
        rate: Sample rate of the result, Hz.
        max_seconds: Refuse longer recordings; None for no limit.

    Raises:
        AudioMissing: If there is no audio track.
        InputError: If the file is missing, empty, damaged, shorter than 0.02 s, or holds values that are not finite.
        LimitExceeded: If it is longer than ``max_seconds``.
    """
    blocks: list[Samples] = []
    count = 0
    for block in stream_audio(path, rate=rate):
        count += len(block)
        if max_seconds is not None and count > max_seconds * rate:
            raise LimitExceeded(
                f"{path} is too long",
                found=f"more than {max_seconds:g} s",
                expected=f"at most {max_seconds:g} s",
                fix="cut it, or read it with stream_audio",
            )
        blocks.append(block)
    return np.concatenate(blocks)


def stream_audio(
    path: str | Path, rate: int = RATE, block_seconds: float = 10.0
) -> Iterator[Samples]:
    """Give the same samples as :func:`read_audio` in blocks, in memory that does not grow with length.

    Args:
        path: Any file that libsndfile or FFmpeg reads.
        rate: Sample rate of the result, Hz.
        block_seconds: Length of every block but the last, seconds.

    Yields:
        Mono float32 blocks of ``round(block_seconds x rate)`` samples; the last may be shorter.

    Raises:
        AudioMissing: If there is no audio track.
        InputError: As :func:`read_audio`; damage further on in the file is found when the stream comes to it.
    """
    size = round(block_seconds * rate)
    if size < 1 or not _RATES[0] <= rate <= _RATES[1]:
        raise InputError("block length or sample rate is out of range", found=(block_seconds, rate))
    count = 0
    waiting: list[Samples] = []
    for block in _at_rate(_native_blocks(path), rate):
        waiting.append(block)
        while sum(map(len, waiting)) >= max(size, SHORTEST * rate):
            joined = np.concatenate(waiting)
            count += size
            yield joined[:size]
            waiting = [joined[size:]]
    rest = np.concatenate(waiting) if waiting else np.zeros(0, np.float32)
    if count + len(rest) < SHORTEST * rate:
        found = f"{(count + len(rest)) / rate:.4f} s"
        raise InputError(
            f"{path} is too short",
            found=found,
            expected=f"{SHORTEST} s",
            fix="give a longer recording",
        )
    if len(rest):
        yield rest


def audio_duration(path: str | Path) -> float:
    """Return the length of a file's sound in seconds, as :func:`read_audio` would give it.

    Read from the header where that is exact (libsndfile's formats); else decoded, because declared lengths are often
    wrong, at a few hundred times real time.

    Raises:
        AudioMissing: If there is no audio track.
        InputError: If the file is missing, empty or damaged.
    """
    if _is_sound_file(path):
        with _sound_file(path) as file:
            return float(file.frames / file.samplerate)
    return sum(len(block) / rate for rate, block in _native_blocks(path))


def is_silent(samples: Samples) -> bool:
    """Tell whether no sample exceeds -60 dB of full scale.

    Example:
        >>> is_silent(np.zeros(16)), is_silent(np.full(16, 0.1))
        (True, False)
    """
    return not bool(np.any(np.abs(samples) > SILENCE))


def write_audio(path: str | Path, samples: Samples, rate: int = RATE) -> Path:
    """Write mono samples as 16 bit WAV or FLAC, or as Ogg Vorbis, by the extension; beside and renamed.

    Args:
        path: Ends in ``.wav``, ``.flac`` or ``.ogg``.
        samples: ``(N,)`` in [-1, 1]; what is louder is clipped.
        rate: Hz.

    Raises:
        InputError: If the samples are not mono, empty or not finite, or the extension is another one.
        OutputError: If the file cannot be written.
    """
    place = Path(path)
    coding = _EXTENSIONS.get(place.suffix.lower())
    if coding is None:
        raise InputError(
            "unknown audio extension", found=place.suffix, expected=" | ".join(_EXTENSIONS)
        )
    mono = np.asarray(samples, np.float32)
    if mono.ndim != 1 or len(mono) == 0 or not np.isfinite(mono).all():
        raise InputError(
            "the samples cannot be written", found=mono.shape, expected="(N,) finite samples, N > 0"
        )
    with replacing(place) as temporary, writing(place):
        try:
            with soundfile.SoundFile(temporary, "w", rate, 1, coding) as file:
                # In pieces: libvorbis overflows the stack on a long array.
                for at in range(0, len(mono), _BLOCK):
                    file.write(np.clip(mono[at : at + _BLOCK], -1.0, 1.0))
        except soundfile.LibsndfileError as error:
            raise OSError(error.error_string) from error
    return place


def _native_blocks(path: str | Path) -> Iterator[tuple[int, Samples]]:
    """Give (rate, mono block) in the file's own rate, checked."""
    blocks = _sound_file_blocks(path) if _is_sound_file(path) else _container_file_blocks(path)
    for rate, block in blocks:
        if not _RATES[0] <= rate <= _RATES[1]:
            raise InputError(
                f"{path} has an unusual sample rate",
                found=f"{rate} Hz",
                expected=f"{_RATES[0]} to {_RATES[1]} Hz",
                fix="resample it",
            )
        if not np.isfinite(block).all():
            raise InputError(
                f"{path} holds samples that are not finite",
                found="NaN or infinity",
                fix="repair it",
            )
        if len(block) and np.abs(block).max() > _LOUDEST:
            raise InputError(
                f"{path} is not scaled to [-1, 1]",
                found=f"{np.abs(block).max():.0f}",
                fix="divide by full scale",
            )
        yield rate, block


def _is_sound_file(path: str | Path) -> bool:
    kind = picture_kind(path)
    if kind is not None:
        raise AudioMissing(
            f"{path} has no sound", found=f"a picture ({kind})", fix="give an audio or video file"
        )
    try:
        with _sound_file(path) as file:
            return bool(file.frames < _UNKNOWN_LENGTH)
    except soundfile.LibsndfileError:
        return False


@contextmanager
def _sound_file(path: str | Path) -> Iterator[soundfile.SoundFile]:
    """Open by descriptor: what the file is called has no say, and any name will do."""
    with (
        Path(path).open("rb") as stream,
        soundfile.SoundFile(stream.fileno(), closefd=False) as file,
    ):
        yield file


def _sound_file_blocks(path: str | Path) -> Iterator[tuple[int, Samples]]:
    try:
        with _sound_file(path) as file:
            while len(block := file.read(_BLOCK, dtype="float32", always_2d=True)):
                yield file.samplerate, block.mean(axis=1)
    except soundfile.LibsndfileError as error:
        raise InputError(
            f"{path} is damaged", found=error.error_string, fix="get a whole copy of it"
        ) from error


def _container_file_blocks(path: str | Path) -> Iterator[tuple[int, Samples]]:
    with closing(open_container(path)) as container:
        if not container.streams.audio:
            raise AudioMissing(f"{path} has no audio track", fix="give a file with sound")
        yield from container_blocks(path, container)


def _at_rate(blocks: Iterator[tuple[int, Samples]], rate: int) -> Iterator[Samples]:
    """Resample block by block; the sum of all lengths is exactly round(N x rate / own rate)."""
    resampler: soxr.ResampleStream | None = None
    own_rate = rate
    taken = given = 0
    for own_rate, block in blocks:
        taken += len(block)
        if own_rate == rate:
            yield np.clip(block, -1.0, 1.0)
            continue
        if resampler is None:
            resampler = soxr.ResampleStream(own_rate, rate, 1, dtype="float32", quality="HQ")
        piece = resampler.resample_chunk(np.ascontiguousarray(block))
        given += len(piece)
        yield np.clip(piece, -1.0, 1.0)
    if resampler is not None:
        tail = resampler.resample_chunk(np.zeros(0, np.float32), last=True)
        missing = (2 * taken * rate + own_rate) // (2 * own_rate) - given
        padded = np.concatenate([tail, np.zeros(max(0, missing - len(tail)), np.float32)])
        yield np.clip(padded[: max(0, missing)], -1.0, 1.0)
