"""Do the recipes still run? Every shipped checkpoint's training, in small, from nothing, by the guide's commands.

    sample pack ─┬─ synthesis train renderer ─► checkpoint
                 ├─ synthesis train opt      ─► checkpoint
                 ├─ shared.data.forgery.build ─ forensics prepare ─ forensics train focus --beside ─► checkpoint
                 │                                       └──────── forensics calibrate ─► calibration
                 └─ its frames ─ benchmarks targets train pixel | latent ─► pipelines, and a reference's

Nothing is judged: twenty steps teach nothing. What is shown is that each command still ends in what opens and answers.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import torch
from rich.console import Console

import shared.data.marionette
from benchmarks.targets.pictures import PARTS, Pictures
from forensics.focus.detector import FocusDetector
from forensics.inspection.judge import read_calibration
from forensics.membership.target import open_target
from shared.data.manifest import read_manifest, write_manifest
from shared.errors import InputError, ToolkitError
from shared.face.head_model import LANDMARKS_478
from shared.media.video import VideoReader
from synthesis.opt.generator import OptDriver
from synthesis.renderer.config import CODE_SIZE
from synthesis.renderer.generator import Renderer
from synthesis.renderer.surface import SKULL, Turn

SAMPLE = Path(shared.data.marionette.__file__).parent / "sample"

PROGRAMS = {
    name: (sys.executable, "-c", f"from {name}.cli import main; main()")
    for name in ("synthesis", "forensics", "benchmarks")
}


@dataclass(frozen=True)
class Step:
    """One command and what it must leave behind.

    Attributes:
        name: For the log.
        command: Arguments.
        leaves: A path below the folder of the run.
        answers: Opens what was left and asks it once; raises if it does not answer.
    """

    name: str
    command: tuple[str, ...]
    leaves: str
    answers: Callable[[Path], None]


def _check(sound: bool, path: Path) -> None:
    if not sound:
        raise InputError(f"{path} opens, but its answer is none")


@torch.inference_mode()
def _draws(path: Path) -> None:
    network, points = Renderer.from_pretrained(path).network, LANDMARKS_478 + SKULL
    side = network.config.size
    turn = Turn.flat(torch.eye(2)[None], points)
    drawn = network(
        torch.full((1, 3, side, side), 0.5), torch.zeros(1, points, 2), torch.zeros(1, points, 2), turn,
        torch.zeros(1, CODE_SIZE),
    ).image  # fmt: skip
    _check(drawn.shape == (1, 3, side, side) and bool(torch.isfinite(drawn).all()), path)


def _speaks(path: Path) -> None:
    driver = OptDriver.from_pretrained(path)
    identity = np.zeros(driver.config.identity_dim, np.float32)
    moved = driver.expression(np.zeros(16_000, np.float32), identity, np.zeros(52, np.float32))
    _check(moved.shape == (25, 52) and bool(np.isfinite(moved).all()), path)


def _tells(path: Path) -> None:
    found = FocusDetector.from_pretrained(path).detect(np.zeros((1, 64, 64, 3), np.uint8))
    _check(bool(np.isfinite(found.scores).all()) and found.maps is not None, path)


def _samples(path: Path) -> None:
    target = open_target(path)
    drawn = target.sample([""], steps=2, generator=torch.Generator().manual_seed(0))
    _check(bool(torch.isfinite(drawn).all()), path)


def _lists(path: Path) -> None:
    _check(len(read_manifest(path)) > 0, path)


def _calibrates(path: Path) -> None:
    _check(read_calibration(path) is not None, path)


def steps(folder: Path) -> list[Step]:
    """Return the commands of every recipe, in the order in which they need each other."""
    corpus, smoke = str(SAMPLE), ("--profile", "smoke")
    made = [
        Step(what, (*PROGRAMS["synthesis"], "train", what, "--corpus", corpus, "-o",
                    str(folder / what), *smoke), f"{what}/checkpoint", answers)
        for what, answers in (("renderer", _draws), ("opt", _speaks))
    ]  # fmt: skip
    return made + _detector_steps(folder) + _target_steps(folder)


def _detector_steps(folder: Path) -> list[Step]:
    people, forged, faces = (str(folder / name) for name in ("people", "forged", "faces"))
    checkpoint = str(folder / "focus/checkpoint")
    forensics = PROGRAMS["forensics"]
    return [
        Step("forgeries", (sys.executable, "-m", "shared.data.forgery.build", "--corpus", people,
                           "--out", forged, "--families", "self_blend", "local_edits", "--quality", "c23",
                           "--longest", "12"), "forged", _lists),
        Step("faces", (*forensics, "prepare", "embedded", forged, "-o", faces, "--quality", "c23",
                       "--size", "64", "--frames", "4"), "faces", _lists),
        Step("focus", (*forensics, "train", "focus", "--corpus", faces, "--beside", forged, "-o",
                       str(folder / "focus"), "--profile", "smoke"), "focus/checkpoint", _tells),
        # three people are no calibration; the allowed error is the largest that so few can hold
        Step("calibration", (*forensics, "calibrate", checkpoint, "--corpus", faces,
                             "--error-rate", "0.45"), "focus/checkpoint", _calibrates),
    ]  # fmt: skip


def _target_steps(folder: Path) -> list[Step]:
    data = str(folder / "pictures.npz")
    return [
        Step(f"{kind} {part}", (*PROGRAMS["benchmarks"], "targets", "train", kind, "--data", data,
                                "--out", str(folder / kind), "--part", part, "--device", "cpu",
                                "--profile", "smoke"), f"{kind}/{part}/age-0002", _samples)
        for kind in ("pixel", "latent")
        for part in ("members", "reference")
    ]  # fmt: skip


def sample_people(folder: Path) -> None:
    """Copy the sample pack, its people in other splits: one to learn from, three whose videos calibrate."""
    shutil.copytree(SAMPLE, folder)
    clips = [clip for clip in read_manifest(SAMPLE) if clip.video]
    people = sorted({clip.person for clip in clips})
    splits = dict(zip(people, ("val", "train", "val", "val"), strict=False))
    write_manifest(
        folder,
        (replace(clip, split=splits[clip.person]) for clip in clips if clip.person in splits),
    )


def sample_pictures(count: int = 8, size: int = 64) -> Pictures:
    """Return frames of the sample pack as pictures in three parts, each of other people."""
    clips = [clip for clip in read_manifest(SAMPLE) if clip.video]
    people = list(dict.fromkeys(clip.person for clip in clips))[: len(PARTS)]
    images, names, parts = [], [], []
    for part, person in zip(PARTS, people, strict=True):
        clip = next(clip for clip in clips if clip.person == person)
        with VideoReader(SAMPLE / clip.video) as reader:
            for frame, _ in zip(reader, range(count), strict=False):
                images.append(cv2.resize(frame, (size, size), interpolation=cv2.INTER_AREA))
                names.append(person)
                parts.append(part)
    captions = tuple(f"a portrait of {name}" for name in names)
    return Pictures(np.stack(images), captions, tuple(names), tuple(parts), "marionette sample")


def _wrong(step: Step, folder: Path) -> str:
    try:
        step.answers(folder / step.leaves)
    except ToolkitError as error:
        return str(error)
    return ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every recipe; return 1 at the first that fails."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrain", description=__doc__)
    parser.add_argument("--only", nargs="+", help="names of steps; all of them by default")
    options = parser.parse_args(arguments)
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sample_pictures().save(folder / "pictures.npz")
        sample_people(folder / "people")
        for step in steps(folder):
            if options.only and step.name not in options.only:
                continue
            began = time.perf_counter()
            done = subprocess.run(step.command, capture_output=True, text=True, check=False)
            wrong = "the command failed" if done.returncode else _wrong(step, folder)
            spent = time.perf_counter() - began
            if wrong:
                console.print(done.stdout[-2000:] + done.stderr[-2000:], markup=False)
                console.print(f"failed: {step.name}: {wrong}", markup=False)
                return 1
            console.print(f"{step.name}: {spent:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
