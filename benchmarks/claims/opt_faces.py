"""Does the photo decide how the face speaks? One recording, many faces.

The embedded corpus makes articulation a function of the mouth at rest and writes it to each clip
(``extra["lips"]``), so that the answer is known.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.claims.opt_driven import Array, ClaimRow, Driven, claim_row, correlation
from shared.data.clip import Clip
from shared.motion import UNIT

_RECORDINGS, _FACES = 4, 60
_CORNERS = (("mouthSmile", 1.0), ("mouthFrown", -1.0))


def face_told(driven: Driven) -> list[ClaimRow]:
    """Correlate, over unseen faces that hear one recording, how they speak with how they should."""
    known = [k for k, u in enumerate(driven.utterances) if "lips" in u.clip.extra]
    persons = list({driven.utterances[k].clip.person: k for k in known}.values())[:_FACES]
    if len(persons) < 3:
        return []
    plain = np.zeros_like(driven.utterances[0].identity)
    clips = [driven.utterances[k].clip for k in persons]
    wanted = {
        "size of the opening": _told(clips, "amplitude"),
        "corners of the mouth": _told(clips, "corners"),
    }
    values: dict[str, list[float]] = {name: [] for name in wanted}
    for heard in known[:: max(1, len(known) // _RECORDINGS)][:_RECORDINGS]:
        speech = driven.speech_frames(heard)
        made = [driven.change_of(heard, driven.utterances[k].identity)[speech] for k in persons]
        # The geometry of one face for all: only what the units say is asked, not the bones.
        sizes = np.array([np.percentile(driven.opening(plain, change), 90) for change in made])
        corners = np.array([_corners(change).mean() for change in made])
        for name, found in zip(wanted, (sizes, corners), strict=True):
            values[name].append(correlation(found, wanted[name]))
    return [
        claim_row(
            f"manner told by the face, {name}, correlation", found, "recording",
            f"{len(persons)} unseen faces hear one recording", driven.seed,
        )
        for name, found in values.items()
    ]  # fmt: skip


def _told(clips: Sequence[Clip], name: str) -> Array:
    return np.array([float(clip.extra["lips"][name]) for clip in clips])


def _corners(change: Array) -> Array:
    """Return how far the corners of the mouth are raised, ``(T,)`` units."""
    parts = [
        sign * change[:, UNIT[f"{name}{side}"]]
        for name, sign in _CORNERS
        for side in ("Left", "Right")
    ]
    return np.asarray(np.sum(parts, axis=0) / 2)
