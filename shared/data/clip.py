"""Clip: one row of a manifest, and what is known of it."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.arrays import stored_arrays
from shared.beside import replacing, writing
from shared.errors import InputError
from shared.motion import Motion

SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class Clip:
    """A clip of a manifest. Paths are relative to the manifest's folder.

    Attributes:
        id: Unique in the manifest.
        kind: ``speaking``, ``listening``, ``exercise`` (posed, no speech), ``voice`` (audio and truth, no video) or
            ``faces`` (pictures of one face, see :mod:`shared.data.corpora.faces`).
        split: ``train``, ``val`` or ``test``; disjoint by identity and by voice.
        person: Identity label.
        voice: Speaker label of the audio, or "".
        transcript: What is said, or "".
        language: BCP 47 tag of the speech, or "".
        video: Path of the video, or "".
        audio: Path of the audio when it is a file of its own, or "".
        truth: Path of the ``.npz`` of :class:`Truth`, or "".
        fps: Frames a second as ``"25/1"``.
        frames: Number of frames.
        size: (width, height) px.
        licence: SPDX identifier or a short sentence.
        source: Where it came from (a corpus and its seed, or a file name).
        extra: Anything else (caption, attitude, sentence id, the clip of the speaker who is listened to).
    """

    id: str
    kind: str
    split: str
    person: str
    voice: str = ""
    transcript: str = ""
    language: str = ""
    video: str = ""
    audio: str = ""
    truth: str = ""
    fps: str = "25/1"
    frames: int = 0
    size: tuple[int, int] = (0, 0)
    licence: str = ""
    source: str = ""
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def rate(self) -> Fraction:
        """Frames a second, exact."""
        return Fraction(self.fps)

    def to_json(self) -> str:
        """Return the row as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> Clip:
        """Read a row.

        Raises:
            InputError: If the line is not a clip.
        """
        try:
            row = json.loads(line)
            row["size"] = tuple(row.get("size", (0, 0)))
            clip = cls(**row)
        except (json.JSONDecodeError, TypeError, AttributeError) as error:
            raise InputError(
                "a manifest line is not a clip", found=line[:80], fix=str(error)
            ) from error
        if clip.split not in SPLITS:
            raise InputError(
                "a clip has an unknown split", found=clip.split, expected=" | ".join(SPLITS)
            )
        return clip


@dataclass(frozen=True)
class Truth:
    """What is known of a clip, frame by frame; exact for rendered clips, fitted for real ones.

    Attributes:
        motion: The head's motion in the frame's own camera.
        identity: ``(I,)`` coefficients of the head model.
        camera: ``(3,)`` focal, centre x, centre y of the frame, px.
        landmarks: ``(T, 68, 2)`` px.
        visemes: ``(T,)`` index into the corpus's viseme list, -1 where unknown; or None.
        regions: ``(T, h, w)`` uint8 labels of face parts at half resolution; or None.
    """

    motion: Motion
    identity: NDArray[np.float32]
    camera: NDArray[np.float32]
    landmarks: NDArray[np.float32]
    visemes: NDArray[np.int8] | None = None
    regions: NDArray[np.uint8] | None = None

    def save(self, path: str | Path) -> None:
        """Write everything to one compressed ``.npz`` (landmarks and motion in half precision where that is safe)."""
        arrays: dict[str, NDArray[Any]] = {
            "rotation": self.motion.rotation.astype(np.float32),
            "translation": self.motion.translation.astype(np.float32),
            "expression": self.motion.expression.astype(np.float16),
            "fps": np.array([self.motion.fps.numerator, self.motion.fps.denominator]),
            "identity": self.identity.astype(np.float32),
            "camera": self.camera.astype(np.float32),
            "landmarks": self.landmarks.astype(np.float16),
        }
        if self.visemes is not None:
            arrays["visemes"] = self.visemes.astype(np.int8)
        if self.regions is not None:
            arrays["regions"] = self.regions.astype(np.uint8)
        with replacing(path) as temporary, writing(path):
            np.savez_compressed(temporary, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: str | Path) -> Truth:
        """Read a truth file.

        Raises:
            LimitExceeded: If its arrays take too much memory.
        """
        with stored_arrays(path) as data:
            fps = Fraction(int(data["fps"][0]), int(data["fps"][1]))
            motion = Motion(
                data["rotation"], data["translation"], data["expression"].astype(np.float32), fps
            )
            return cls(
                motion,
                data["identity"],
                data["camera"],
                data["landmarks"].astype(np.float32),
                data.get("visemes"),
                data.get("regions"),
            )
