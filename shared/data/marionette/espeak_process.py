"""One sentence of eSpeak NG in a process of its own, by ctypes and the standard library alone.

Run by :mod:`shared.data.marionette.espeak` as ``python -m``: the library's state carries over from
sentence to sentence, so only a fresh process says the same thing the same way. Standard output
holds one line of JSON (the rate and the phoneme marks) and then 16-bit samples.
"""

from __future__ import annotations

import ctypes
import json
import sys

_SYNCHRONOUS = 2
_PHONEME_EVENTS, _IPA, _DONT_EXIT = 0x0001, 0x0002, 0x8000
_UTF8 = 1
_END, _PHONEME = 0, 7


class _Id(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    )


_Callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_int, ctypes.POINTER(_Event))


def main(voice: str, text: str) -> int:
    """Say a text to standard output; return 0, or 3 without the library, 4 without the voice."""
    try:
        library = ctypes.CDLL("libespeak-ng.so.1")
    except OSError:
        return 3
    rate = int(
        library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS | _IPA | _DONT_EXIT)
    )
    if rate <= 0:
        return 3
    sound = bytearray()
    marks: list[tuple[int, str]] = []

    def receive(wave: int | None, count: int, events: object) -> int:
        if count and wave:
            sound.extend(ctypes.string_at(wave, 2 * count))
        index = 0
        while events[index].type != _END:  # type: ignore[index]
            event = events[index]  # type: ignore[index]
            if event.type == _PHONEME:
                marks.append((event.sample, event.id.string.decode("utf-8", "ignore")))
            index += 1
        return 0

    callback = _Callback(receive)
    library.espeak_SetSynthCallback(callback)
    if library.espeak_SetVoiceByName(voice.encode()) != 0:
        return 4
    data = text.encode()
    library.espeak_Synth(data, len(data) + 1, 0, 0, 0, _UTF8, None, None)
    library.espeak_Synchronize()
    header = json.dumps({"rate": rate, "marks": marks})
    sys.stdout.buffer.write(header.encode() + b"\n" + bytes(sound))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1], sys.argv[2]))
