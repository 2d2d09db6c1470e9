"""Targets in the box: an audit of one needs no more than its name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from shared.errors import InputError
from shared.zoo.checkpoints import ZOO
from shared.zoo.pipelines import find_pipeline, shipped_pipelines


@dataclass(frozen=True)
class Question:
    """What an audit is asked.

    Attributes:
        model: Folder or hub id of the model; the name of a shipped one before :meth:`completed`.
        images: The pictures in question.
        members: Known members, or None.
        nonmembers: Known non-members, or None.
        captions: Table of captions, or None.
    """

    model: str
    images: Sequence[Path]
    members: Path | None = None
    nonmembers: Path | None = None
    captions: Path | None = None

    def completed(self, zoo: Path = ZOO) -> Question:
        """Return the same question with what lies beside a shipped model filled in where nothing was said.

        Args:
            zoo: Where shipped pipelines lie.

        Raises:
            InputError: If there is no picture in question.
            WeightsError: If a file of the shipped model was changed.
        """
        if Path(self.model).exists() or self.model not in shipped_pipelines(zoo=zoo):
            if not self.images:
                raise InputError(
                    "no picture in question", fix="give files or folders after the model"
                )
            return self
        folder = find_pipeline(self.model, zoo=zoo)
        known = self.members is None and self.nonmembers is None
        # the table knows the shipped pictures alone
        described = known and not self.images
        captions = folder / "captions.csv" if described and self.captions is None else self.captions
        return Question(
            str(folder),
            self.images or [folder / "asked"],
            folder / "members" if known else self.members,
            folder / "nonmembers" if known else self.nonmembers,
            captions,
        )
