"""Real voices for testing: the announcements of Debian's ``asterisk-core-sounds-*-g722`` packages.

English ones have transcripts, so their phones are aligned; Spanish, French, Italian and Russian
ones are sound alone. Licence: CC-BY-SA 3.0 (Russian: CC-BY 3.0).
"""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from shared.data.marionette.alignment import align
from shared.data.marionette.phones import Phone
from shared.errors import InputError

FOLDERS: dict[str, str] = {
    "en": "en_US_f_Allison",
    "es": "es_MX_f_Allison",
    "fr": "fr_CA_f_June",
    "it": "it_IT_m_Carlo",
    "ru": "ru_RU_f_IvrvoiceRU",
}
"""Language -> the speaker's folder in :data:`SOUNDS`."""

LICENCES: dict[str, str] = dict.fromkeys(FOLDERS, "CC-BY-SA-3.0") | {"ru": "CC-BY-3.0"}

SOUNDS = Path("/usr/share/asterisk/sounds")
"""Where Debian puts the announcements."""

PREFIX = "asterisk-"
"""Every voice of a real person in the corpus begins with it."""

_TRANSCRIPTS = Path("/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz")
_BYTES_PER_SECOND = 8000
_SECONDS = (1.8, 5.0)


def is_real(voice: str) -> bool:
    """Return whether a clip's voice is a real person's.

    Example:
        >>> is_real("asterisk-it_IT_m_Carlo"), is_real("flite-slt")
        (True, False)
    """
    return voice.startswith(PREFIX)


def transcripts() -> dict[str, str]:
    """Return name of the announcement -> English text; empty if the package is not installed."""
    if not _TRANSCRIPTS.is_file():
        return {}
    found = {}
    for line in gzip.decompress(_TRANSCRIPTS.read_bytes()).decode("utf-8").splitlines():
        name, colon, text = line.partition(":")
        if colon and not name.startswith(";") and re.fullmatch(r"[A-Za-z' ,.!?-]+", text.strip()):
            found[name.strip()] = text.strip()
    return found


def listed(language: str, count: int) -> list[tuple[Path, str]]:
    """Return up to ``count`` announcements of one language: (file, text or "").

    They last 1.8 to 5 seconds and are spread over the folder; the same on each machine that has
    the same packages, and none on one that has not.
    """
    folder = SOUNDS / FOLDERS[language]
    texts = transcripts() if language == "en" else {}
    low, high = (round(seconds * _BYTES_PER_SECOND) for seconds in _SECONDS)
    fitting = [
        path
        for path in sorted(folder.rglob("*.g722"))
        if low <= path.stat().st_size <= high
        and (language != "en" or path.relative_to(folder).with_suffix("").as_posix() in texts)
    ]
    places = np.unique(np.linspace(0, len(fitting) - 1, min(count, len(fitting))).astype(int))
    return [
        (path, texts.get(path.relative_to(folder).with_suffix("").as_posix(), ""))
        for path in (fitting[place] for place in places)
    ]


def read(path: Path, text: str) -> tuple[NDArray[np.float32], list[Phone]]:
    """Read an announcement; its phones are aligned if its text is known, else there are none.

    Raises:
        InputError: If the file is damaged or does not match its text.
        MissingExtra: If it must be aligned and pocketsphinx is not installed.
    """
    try:
        with av.open(str(path), format="g722") as container:
            # Bare G.722 has no header: the format must be named, and it is always mono at 16 kHz.
            blocks = [frame.to_ndarray().reshape(-1) for frame in container.decode(audio=0)]
    except av.FFmpegError as error:
        raise InputError(f"{path} is no G.722 recording", found=error) from error
    samples = (np.concatenate(blocks) / 32768).astype(np.float32)
    return samples, align(samples, text) if text else []
