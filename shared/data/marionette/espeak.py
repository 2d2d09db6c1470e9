"""eSpeak NG: many formant voices, with the times of every phoneme from the library's own events."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from shared.data.marionette.phones import Phone, from_ipa
from shared.errors import InputError, MissingExtra

_ASPIRATED = frozenset({"P", "T", "K"})
_CLOSURE = 0.045
"""The library marks p, t and k at their burst; the closure before it is this long, s (measured
against forced alignment: 45 to 47 ms for these three, 0 to 20 for all others)."""


def speak(text: str, voice: str) -> tuple[NDArray[np.float32], list[Phone]]:
    """Say an English text.

    Args:
        text: English.
        voice: A voice and a variant, such as ``"en-us+m3"`` or ``"en+f2"``.

    Returns:
        Samples ``(N,)`` at 16 kHz and the phones.

    Raises:
        MissingExtra: If the library is not installed.
        InputError: If the voice is unknown or nothing was said.
    """
    program = Path(__file__).with_name("espeak_process.py")
    # Isolated: neither the working directory nor the user's settings matter, and it starts sooner.
    command = [sys.executable, "-I", "-S", str(program), voice, text]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    if done.returncode == 3:
        raise MissingExtra("eSpeak NG is not installed", fix="apt-get install espeak-ng")
    if done.returncode == 4:
        raise InputError("eSpeak NG has no such voice", found=voice, expected="en-us+m3")
    header, _, sound = done.stdout.partition(b"\n")
    if done.returncode or not sound:
        raise InputError("eSpeak NG said nothing", found=text[:60])
    facts = json.loads(header)
    spoken = np.frombuffer(sound, "<i2").astype(np.float32) / 32768
    phones = _phones(facts["marks"], len(spoken), facts["rate"])
    return resample_poly(spoken, 16_000, facts["rate"]).astype(np.float32), phones


def _phones(marks: list[tuple[int, str]], total: int, rate: int) -> list[Phone]:
    """Turn phoneme marks (start sample, IPA) into phones; a symbol of two phones is halved."""
    phones: list[Phone] = []
    ends = [start for start, _ in marks[1:]] + [total]
    for (start, symbol), end in zip(marks, ends, strict=True):
        names = from_ipa(symbol)
        if not names or end <= start:
            continue
        begin = start / rate
        if names[0] in _ASPIRATED:
            last = phones[-1] if phones else None
            back = min(_CLOSURE, begin if last is None else last.duration / 2)
            begin -= back
            if last is not None:
                phones[-1] = replace(last, end=min(last.end, begin))
        edges = np.linspace(begin, end / rate, len(names) + 1)
        phones += [
            Phone(name, float(a), float(b))
            for name, a, b in zip(names, edges[:-1], edges[1:], strict=True)
        ]
    return phones
