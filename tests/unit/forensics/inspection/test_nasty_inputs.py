"""Whatever the file is, the answer is a coded verdict: one row each."""

from __future__ import annotations

import struct
import wave
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from forensics.inspection.inspect import inspect
from forensics.inspection.result import Inspection
from forensics.verdict import Decision, Reason
from shared.media.image import write_image

FORGED = 200
FACE = (40, 30, 60, FORGED)
MANIPULATED = Decision.MANIPULATED


def _picture(folder, encode, scene):
    return write_image(folder / "a.png", scene(FACE))


def _no_face(folder, encode, scene):
    return encode("a.mp4", [scene()] * 6)


def _crowd(folder, encode, scene):
    faces = [(10 + 60 * x, 10 + 60 * y, 40, FORGED) for x in range(15) for y in range(15)]
    return write_image(folder / "a.png", scene(*faces, size=(910, 910)))


def _8k(folder, encode, scene):
    return encode("a.mp4", [scene((3000, 1500, 900, FORGED), size=(7680, 4320))], codec="mjpeg")


def _one_frame(folder, encode, scene):
    return encode("a.mp4", [scene(FACE)])


def _broken_stamps(folder, encode, scene):
    return encode("a.mp4", [scene(FACE)] * 6, stamps=[0, 1, 2, 90_000, 90_001, 90_002])


def _variable_rate(folder, encode, scene):
    return encode("a.mp4", [scene(FACE)] * 6, stamps=[0, 1, 2, 12, 13, 20], rate=25)


def _rotated(folder, encode, scene):
    return encode("a.mp4", [scene(FACE)] * 3, rotation=90)


def _cut_mp4(folder, encode, scene):
    path = encode("a.mp4", [scene(FACE)] * 20)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def _cut_mkv(folder, encode, scene):
    noise = np.random.default_rng(0).integers(0, 40, (30, 120, 160, 3), np.uint8)
    path = encode("a.mkv", list(np.maximum(scene(FACE), noise)))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return path


def _audio(folder, encode, scene):
    with wave.open(str(folder / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(32_000))
    return folder / "a.wav"


def _gif(folder, encode, scene):
    return encode("a.gif", [scene(FACE)] * 4, codec="gif")


def _zip(folder, encode, scene):
    with zipfile.ZipFile(folder / "a.mp4", "w") as file:
        file.writestr("a.txt", "nothing")
    return folder / "a.mp4"


def _bomb(folder, encode, scene):
    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    (folder / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + header + body)
    return folder / "a.png"


def _empty(folder, encode, scene):
    (folder / "a.mp4").touch()
    return folder / "a.mp4"


def _gone(folder, encode, scene):
    return folder / "gone.mp4"


def _folder(folder, encode, scene):
    return folder


ROWS = {
    # input: (maker, decision, reason or None, error code or None, beginning of a note or None)
    "picture": (_picture, MANIPULATED, None, None, None),
    "no face": (_no_face, Decision.INCONCLUSIVE, Reason.NO_FACE, None, None),
    "hundreds of faces": (_crowd, MANIPULATED, None, None, "Up to 213 smaller faces"),
    "8K frames": (_8k, MANIPULATED, None, None, None),
    "one frame": (_one_frame, MANIPULATED, None, None, None),
    "broken timestamps": (_broken_stamps, MANIPULATED, None, None, None),
    "variable frame rate": (_variable_rate, MANIPULATED, None, None, "Its frame rate varies"),
    "rotation flag": (_rotated, MANIPULATED, None, None, None),
    "truncated, index lost": (
        _cut_mp4, Decision.INCONCLUSIVE, Reason.UNREADABLE, "bad-input", None,
    ),
    "truncated, index kept": (_cut_mkv, MANIPULATED, None, None, None),
    "audio only": (_audio, Decision.INCONCLUSIVE, Reason.UNREADABLE, "bad-input", None),
    "GIF": (_gif, MANIPULATED, None, None, None),
    "zip named mp4": (_zip, Decision.INCONCLUSIVE, Reason.UNREADABLE, "bad-input", None),
    "decompression bomb": (
        _bomb, Decision.INCONCLUSIVE, Reason.UNREADABLE, "limit-exceeded", None,
    ),
    "empty": (_empty, Decision.INCONCLUSIVE, Reason.UNREADABLE, "bad-input", None),
    "no such file": (_gone, Decision.INCONCLUSIVE, Reason.UNREADABLE, "bad-input", None),
    "a folder": (_folder, Decision.INCONCLUSIVE, Reason.UNREADABLE, "bad-input", None),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS)
def test_every_input_has_a_coded_answer(row, tmp_path: Path, encode, scene, eyes, judge) -> None:
    make, decision, reason, code, note = ROWS[row]
    found = inspect(make(tmp_path, encode, scene), detector=judge, eyes=eyes)
    assert (found.verdict.decision, found.verdict.reason) == (decision, reason)
    assert found.verdict.evidence.get("error") == code
    assert note is None or any(text.startswith(note) for text in found.record.notes)
    assert len(found.tracks) == (12 if row == "hundreds of faces" else int(decision is MANIPULATED))
    assert Inspection.from_json(found.to_json()) == found
