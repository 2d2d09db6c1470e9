"""The sample pack: a few seconds of Marionette inside the repository, for tests and demos.

Four painted people (no downloaded looks), each speaking, listening and at exercise, and one
sentence by each quick voice. Made by ``corpus.build("sample", ..., seed=7)``; read without OpenGL.
"""

from __future__ import annotations

from pathlib import Path

from shared.data.manifest import Manifest, read_manifest

SAMPLE_ROOT = Path(__file__).with_name("sample")


def sample_pack() -> Manifest:
    """Return the sample pack's manifest.

    Example:
        >>> sorted({clip.kind for clip in sample_pack()})
        ['exercise', 'listening', 'speaking', 'voice']
    """
    return read_manifest(SAMPLE_ROOT)
