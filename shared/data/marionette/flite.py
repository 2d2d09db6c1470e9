"""Flite: four built-in speakers whose phone times are exact, because the synthesiser prints them."""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import resample_poly

from shared.data.marionette.phones import Phone, from_cmu
from shared.errors import InputError, MissingExtra

SPEAKERS: tuple[str, ...] = ("slt", "rms", "awb", "kal16")
"""Flite's speakers at 16 kHz: one woman, three men."""

_RATE = 16_000
_PHONE = re.compile(r"([A-Za-z]+):(\d+\.\d+)")


def speak(text: str, speaker: str, size: float = 1.0) -> tuple[NDArray[np.float32], list[Phone]]:
    """Say a text.

    Args:
        text: English.
        speaker: One of :data:`SPEAKERS`.
        size: Length of the vocal tract against the speaker's own, 0.8 to 1.25. Above 1 pitch and
            formants fall together, as in a larger person; the pace stays.

    Returns:
        Samples ``(N,)`` at 16 kHz and the phones with exact times.

    Raises:
        MissingExtra: If flite is not installed.
        InputError: If flite refuses.
    """
    program = shutil.which("flite")
    if program is None:
        raise MissingExtra("flite is not installed", fix="apt-get install flite")
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder) / "speech.wav"
        command = [program, "-voice", speaker, "--setf", f"duration_stretch={1 / size:.5f}"]
        command += ["-psdur", "-t", text, "-o", str(wave)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode or not wave.exists():
            raise InputError(
                "flite cannot say this", found=text[:60], fix=done.stderr.strip()[:200]
            )
        samples, rate = soundfile.read(io.BytesIO(wave.read_bytes()), dtype="float32")
    if rate != _RATE:
        raise InputError("a flite speaker has another rate", found=rate, expected=_RATE)
    phones, start = [], 0.0
    for name, end in _PHONE.findall(done.stdout):
        if float(end) > start:
            phones.append(Phone(from_cmu(name), start * size, float(end) * size))
            start = float(end)
    if size != 1.0:
        samples = resample_poly(samples, round(size * 100), 100).astype(np.float32)
    return np.asarray(samples, np.float32), phones
