"""Forced alignment: when each phone of a known text was said (pocketsphinx, 10 ms grid)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.data.marionette.phones import SILENCE, Phone, from_cmu
from shared.errors import InputError, MissingExtra

_FRAME = 0.01
_PADDINGS = (0.10, 0.25, 0.0, 0.40)
"""Silence put before and after, s; the search misses now and then, and another padding mends it."""


@lru_cache(maxsize=1)
def _decoder() -> Any:
    try:
        import pocketsphinx
    except ImportError as error:
        raise MissingExtra(
            "the aligner is not installed", fix="pip install 'twinface[corpus]'"
        ) from error
    return pocketsphinx.Decoder(loglevel="FATAL", lm=None)


def align(samples: NDArray[np.float32], text: str) -> list[Phone]:
    """Return the phones of an English text in its recording.

    Args:
        samples: ``(N,)`` mono at 16 kHz.
        text: What is said, word for word.

    Raises:
        InputError: If a word is not in the dictionary or text and sound do not match.
        MissingExtra: If pocketsphinx is not installed.
    """
    decoder = _decoder()
    words = re.findall(r"[a-z']+", text.lower())
    unknown = [word for word in words if decoder.lookup_word(word) is None]
    if not words or unknown:
        raise InputError("words that the aligner does not know", found=unknown or text)
    for padding in _PADDINGS:
        phones = _try(decoder, samples, " ".join(words), padding)
        if phones:
            return phones
    raise InputError("the recording does not match its text", found=text[:60])


def _try(decoder: Any, samples: NDArray[np.float32], text: str, padding: float) -> list[Phone]:
    """Align once; an empty list where the search fails."""
    pad = np.zeros(round(padding * 16_000), np.float32)
    pcm = (np.clip(np.concatenate([pad, samples, pad]), -1, 1) * 32767).astype("<i2").tobytes()
    try:
        # What was heard before must not matter: forget its cepstral mean.
        decoder.reinit_feat()
        # Two passes: words first, phones within them after.
        decoder.set_align_text(text)
        _decode(decoder, pcm)
        decoder.set_alignment()
        _decode(decoder, pcm)
        return _phones(decoder.get_alignment(), len(samples) / 16_000, padding)
    except (RuntimeError, TypeError):
        return []


def _phones(alignment: Any, duration: float, padding: float) -> list[Phone]:
    """Read an alignment in one go: its entries live only as long as the iteration over them."""
    phones = []
    for word in alignment:
        for phone in word:
            name = from_cmu(phone.name)
            start = max(0.0, phone.start * _FRAME - padding)
            end = min(duration, (phone.start + phone.duration) * _FRAME - padding)
            if name != SILENCE and end > start:
                phones.append(Phone(name, start, end))
    return phones


def _decode(decoder: Any, pcm: bytes) -> None:
    decoder.start_utt()
    decoder.process_raw(pcm, full_utt=True)
    decoder.end_utt()
