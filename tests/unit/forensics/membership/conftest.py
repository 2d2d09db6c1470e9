"""Pictures whose answer is known, a model that knows its members by heart, and one that knows nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor

from forensics.membership.closed_form import ClosedFormTarget
from forensics.membership.known import KnownPictures
from forensics.membership.protocol import Evidence, Scores
from forensics.membership.target import Target
from shared.media.image import read_image, write_image

SIDE, MEMBERS = 16, 24


@dataclass(frozen=True)
class Brightness:
    """A control that never asks the model."""

    name: ClassVar[str] = "brightness"
    title: ClassVar[str] = "Mean brightness"
    higher_is_member: ClassVar[bool] = True
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = True

    def score(
        self,
        target: Target,
        images: Tensor,
        captions: Sequence[str],
        *,
        generator: torch.Generator,
        evidence: bool = False,
    ) -> Scores:
        return Scores(images.mean((1, 2, 3)).numpy(), True, (), 0.0)


@dataclass(frozen=True)
class Echo:
    """An attack whose score falls with what the model does to the picture; it has a curve to show."""

    name: ClassVar[str] = "echo"
    title: ClassVar[str] = "Echo"
    higher_is_member: ClassVar[bool] = False
    needs_reference: ClassVar[bool] = False
    control: ClassVar[bool] = False

    def score(
        self,
        target: Target,
        images: Tensor,
        captions: Sequence[str],
        *,
        generator: torch.Generator,
        evidence: bool = False,
    ) -> Scores:
        calls = target.calls
        latents = target.encode(images)
        eps = target.eps(latents, 300)
        abar = float(target.alphas_cumprod[300])
        guess = (latents - (1 - abar) ** 0.5 * eps) / abar**0.5
        error = (guess - latents / abar**0.5).pow(2).mean((1, 2, 3)).numpy()
        pieces = tuple(
            Evidence(
                {"error": float(value), "curve_t": [0.0, 100.0], "curve": [0.0, float(value)]},
                {"original": np.full((8, 8, 3), 90, np.uint8)},
                f"The model changed the picture by {value:.3f}.",
            )
            for value in error
        )
        cost = (target.calls - calls) / len(images)
        return Scores(error, False, pieces if evidence else (), cost)


def pictures(seed: int, count: int) -> np.ndarray:
    """Blurred noise, ``(count, SIDE, SIDE, 3)`` uint8: members and others of one distribution."""
    noise = np.random.default_rng(seed).normal(size=(count, SIDE // 4, SIDE // 4, 3))
    return np.clip(noise.repeat(4, 1).repeat(4, 2) * 40 + 128, 0, 255).astype(np.uint8)


def write_all(folder: Path, rows: np.ndarray) -> list[Path]:
    folder.mkdir()
    return [write_image(folder / f"{index:03}.png", row) for index, row in enumerate(rows)]


@dataclass(frozen=True)
class Case:
    """A model, known pictures of both classes, and pictures in question: the first half members."""

    target: ClosedFormTarget
    known: KnownPictures
    questioned: list[Path]
    folder: Path


@pytest.fixture
def case(tmp_path: Path) -> Case:
    inside, outside = pictures(0, MEMBERS), pictures(1, MEMBERS)
    tensor = torch.from_numpy(inside).permute(0, 3, 1, 2).float() / 255
    write_all(tmp_path / "members", inside[:20])
    write_all(tmp_path / "others", outside[:20])
    asked = write_all(tmp_path / "asked", np.concatenate([inside[20:], outside[20:]]))
    known = KnownPictures(tmp_path / "members", tmp_path / "others")
    return Case(ClosedFormTarget(tensor), known, asked, tmp_path)


class Fakes:
    """Methods and files that a test asks for by name."""

    echo, brightness = Echo(), Brightness()

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def empty(self) -> Path:
        place = self.folder / "empty"
        place.mkdir()
        return place

    def corrupt(self) -> list[Path]:
        place = self.folder / "corrupt.png"
        place.write_bytes(b"\x89PNG\r\n\x1a\nnothing more")
        return [place]

    def checkerboard(self) -> Path:
        """A picture of the right size that has nothing in common with the others."""
        board = np.indices((SIDE, SIDE)).sum(0) % 2 * 255
        return write_image(
            self.folder / "board.png", board[..., None].repeat(3, 2).astype(np.uint8)
        )

    def larger(self) -> Path:
        write_all(self.folder / "larger", pictures(2, 20).repeat(2, 1).repeat(2, 2))
        return self.folder / "larger"

    def lit(self, place: Path, by: int) -> Path:
        """Make all pictures of a folder brighter or darker."""
        for path in sorted(place.iterdir()):
            write_image(path, np.clip(read_image(path).astype(int) + by, 0, 255).astype(np.uint8))
        return place

    def folder_of(self, pipeline: str) -> Path:
        place = self.folder / "model"
        place.mkdir()
        (place / "model_index.json").write_text(json.dumps({"_class_name": pipeline}), "utf-8")
        return place


@pytest.fixture
def fakes(tmp_path: Path) -> Fakes:
    return Fakes(tmp_path)
