"""eSpeak NG through its C library: many formant voices, with the times of every phoneme.

The library is called by ctypes because its command line prints no times. It holds one voice and
one synthesis at a time in global state: a process must not call :func:`speak` from two threads.
"""

from __future__ import annotations

import ctypes
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from shared.data.marionette.phones import Phone, from_ipa
from shared.errors import InputError, MissingExtra

_SYNCHRONOUS = 2
_PHONEME_EVENTS, _IPA, _DONT_EXIT = 0x0001, 0x0002, 0x8000
_UTF8 = 1
_END, _PHONEME = 0, 7
_ASPIRATED = frozenset({"P", "T", "K"})
_CLOSURE = 0.045
"""The library marks p, t and k at their burst; the closure before it is this long, s (measured
against forced alignment: 45 to 47 ms for these three, 0 to 20 for all others)."""


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


@lru_cache(maxsize=1)
def _library() -> tuple[ctypes.CDLL, int]:
    """Load and start the library once a process; return it and its sample rate."""
    try:
        library = ctypes.CDLL("libespeak-ng.so.1")
    except OSError as error:
        raise MissingExtra("eSpeak NG is not installed", fix="apt-get install espeak-ng") from error
    flags = _PHONEME_EVENTS | _IPA | _DONT_EXIT
    rate = int(library.espeak_Initialize(_SYNCHRONOUS, 0, None, flags))
    if rate <= 0:
        raise MissingExtra("eSpeak NG does not start", found=rate, fix="apt-get install espeak-ng")
    return library, rate


def speak(text: str, voice: str) -> tuple[NDArray[np.float32], list[Phone]]:
    """Say an English text.

    Args:
        text: English.
        voice: A voice and a variant, such as ``"en-us+m3"`` or ``"en-gb+f2"``.

    Returns:
        Samples ``(N,)`` at 16 kHz and the phones with exact times.

    Raises:
        MissingExtra: If the library is not installed.
        InputError: If the voice is unknown or nothing was said.
    """
    library, rate = _library()
    blocks: list[NDArray[np.int16]] = []
    marks: list[tuple[int, str]] = []

    def receive(wave: object, count: int, events: object) -> int:
        if count and wave:
            blocks.append(np.ctypeslib.as_array(wave, (count,)).copy())  # type: ignore[arg-type]
        index = 0
        while events[index].type != _END:  # type: ignore[index]
            event = events[index]  # type: ignore[index]
            if event.type == _PHONEME:
                marks.append((int(event.sample), event.id.string.decode("utf-8", "ignore")))
            index += 1
        return 0

    keep_alive = _Callback(receive)
    library.espeak_SetSynthCallback(keep_alive)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        raise InputError("eSpeak NG has no such voice", found=voice, expected="en-us+m3")
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, 0, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    if not blocks:
        raise InputError("eSpeak NG said nothing", found=text[:60])
    spoken = np.concatenate(blocks).astype(np.float32) / 32768
    phones = _phones(marks, len(spoken), rate)
    return resample_poly(spoken, 16_000, rate).astype(np.float32), phones


def _phones(marks: list[tuple[int, str]], total: int, rate: int) -> list[Phone]:
    """Turn phoneme marks (start sample, IPA) into phones; a symbol of two phones is halved."""
    phones: list[Phone] = []
    ends = [start for start, _ in marks[1:]] + [total]
    for (start, symbol), end in zip(marks, ends, strict=True):
        names = from_ipa(symbol)
        if not names or end <= start:
            continue
        if names[0] in _ASPIRATED:
            back = _CLOSURE * rate
            if phones:
                last = phones[-1]
                back = min(back, last.duration * rate / 2)
                phones[-1] = replace(last, end=min(last.end, (start - back) / rate))
            start = max(0, round(start - back))
        edges = np.linspace(start, end, len(names) + 1) / rate
        phones += [
            Phone(name, float(a), float(b))
            for name, a, b in zip(names, edges[:-1], edges[1:], strict=True)
        ]
    return phones
