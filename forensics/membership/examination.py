"""All scores and evidence of one audit: one attack, its controls, the same pictures, resumable."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from forensics.membership.controls.image_statistics import STATISTICS, image_statistics
from forensics.membership.judgement import Vector
from forensics.membership.known import PictureSet
from forensics.membership.pictures import Picture, PictureFiles, read_images
from forensics.membership.protocol import Attack, Evidence, Scores
from forensics.membership.registry import settings_of
from forensics.membership.run import evidence_of, score_images
from forensics.membership.target import Target
from forensics.verdict import Decision
from shared.beside import writing
from shared.custody import sha256_of_json
from shared.errors import FaceNotFound, InputError, LimitExceeded

SHOWN = 60
"""Pictures in question whose evidence is collected; the others get their verdict and its numbers."""

BAND = 30
"""Known pictures of each class whose curves make the bands of a report."""

OF_ONE_PICTURE = (InputError, FaceNotFound, LimitExceeded)
"""What may be wrong with one picture without stopping an audit."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done and how much there is."""

Bands = dict[str, dict[Decision, Vector]]
"""Name of a curve -> class -> ``(K, n)`` curves of known pictures."""


def silent(what: str, done: int, total: int) -> None:
    """Tell nobody how far it is."""


def curves(piece: Evidence) -> dict[str, list[float]]:
    """Return the curves among the numbers of a piece of evidence; ``NAME_t`` holds the abscissae of ``NAME``."""
    return {
        name: value
        for name, value in piece.numbers.items()
        if isinstance(value, list) and isinstance(piece.numbers.get(f"{name}_t"), list)
    }


@dataclass(frozen=True)
class Examination:
    """What the scoring of one method shares with that of the next.

    Attributes:
        target: The model under audit.
        pictures: Known members, known non-members, pictures in question.
        captions: One a picture, or None for "".
        seed: Of all noise.
        batch_size: Pictures at a time.
        work: Folder of finished scores, or None.
        progress: Told how far it is.
    """

    target: Target
    pictures: PictureSet
    captions: list[str] | None
    seed: int
    batch_size: int
    work: Path | None
    progress: Progress

    def scores(self, attack: Attack) -> Scores:
        """Score all pictures.

        Raises:
            InputError: If none can be scored.
        """
        images = _Watched(
            self.pictures.paths, self.target.image_size, self.progress, f"scoring: {attack.title}"
        )
        return score_images(
            attack, self.target, images, self.captions, self.batch_size, self.seed,
            self._cache(attack),
        )  # fmt: skip

    def controls(self, chosen: Sequence[Attack]) -> tuple[dict[str, Vector], list[str]]:
        """Return title -> oriented scores of the controls that could be run, and a note on each other one."""
        found: dict[str, Vector] = {}
        notes = []
        for control in chosen:
            try:
                found[control.title] = self.scores(control).oriented
            except InputError as error:
                notes.append(f"The control {control.title} could not be run: {error}.")
        return found, notes

    def statistics(self) -> Vector:
        """Return the model-free statistics ``(P, F)`` of all pictures, rows of NaN for those that cannot be read."""
        images = _Watched(
            self.pictures.paths, self.target.image_size, self.progress, "looking at the pictures"
        )
        rows = [
            np.full(len(STATISTICS), np.nan)
            if picture.image is None
            else image_statistics(picture.image[None])[0]
            for picture in images
        ]
        return np.array(rows, np.float64)

    def evidence(self, attack: Attack) -> tuple[dict[Path, Evidence], Bands]:
        """Return the evidence of the first pictures in question, and known pictures' curves to compare it with."""
        members, nonmembers, questioned = self.pictures.parts()
        places = range(len(self.pictures.paths))
        found = dict(self._each(attack, places[questioned][:SHOWN], "collecting evidence"))
        bands: Bands = {}
        if not any(curves(piece) for piece in found.values()):
            return found, bands
        for decision, part in ((Decision.MEMBER, members), (Decision.NONMEMBER, nonmembers)):
            for _, piece in self._each(attack, places[part][:BAND], f"curves: known {decision}s"):
                for name, curve in curves(piece).items():
                    rows = bands.setdefault(name, {}).get(decision, np.empty((0, len(curve))))
                    bands[name][decision] = np.concatenate([rows, np.array([curve])])
        return found, bands

    def _each(
        self, attack: Attack, places: Sequence[int], what: str
    ) -> Iterator[tuple[Path, Evidence]]:
        images = read_images(self.pictures.paths, self.target.image_size)
        for done, picture in enumerate(images.read(places), 1):
            caption = self.captions[picture.index] if self.captions else ""
            try:
                yield picture.path, evidence_of(attack, self.target, picture, caption, self.seed)
            except OF_ONE_PICTURE:
                continue  # the scores say what is wrong with it
            finally:
                self.progress(what, done, len(places))

    def _cache(self, attack: Attack) -> Path | None:
        if self.work is None:
            return None
        with writing(self.work):
            self.work.mkdir(parents=True, exist_ok=True)
        key = [settings_of(attack), self.target.fingerprint(), self.seed]
        return self.work / f"{attack.name}-{sha256_of_json(key)[:12]}.jsonl"


@dataclass(frozen=True)
class _Watched(PictureFiles):
    """Pictures that tell how many of them were read."""

    progress: Progress
    what: str

    def read(self, indices: Sequence[int]) -> Iterator[Picture]:
        self.progress(self.what, 0, len(indices))
        for done, picture in enumerate(super().read(indices), 1):
            yield picture
            self.progress(self.what, done, len(indices))
