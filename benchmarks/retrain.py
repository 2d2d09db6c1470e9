"""Do the recipes still run? Every shipped checkpoint's training, in small, from nothing, by the guide's commands.

    sample pack ─┬─ synthesis train renderer ─► checkpoint
                 ├─ synthesis train opt      ─► checkpoint
                 ├─ shared.data.forgery.build ─ forensics train focus ─► checkpoint
                 └─ its frames ─ benchmarks targets train pixel | latent ─► pipelines

Nothing is judged: twenty steps teach nothing. What is shown is that each command still ends in a file that can be read.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from rich.console import Console

import shared.data.marionette
from benchmarks.targets.pictures import PARTS, Pictures
from shared.data.manifest import read_manifest
from shared.media.video import VideoReader

SAMPLE = Path(shared.data.marionette.__file__).parent / "sample"

PROGRAMS = {
    name: (sys.executable, "-c", f"from {name}.cli import main; main()")
    for name in ("synthesis", "forensics", "benchmarks")
}


@dataclass(frozen=True)
class Step:
    """One command and the file that it must leave behind.

    Attributes:
        name: For the log.
        command: Arguments.
        leaves: A path below the folder of the run.
    """

    name: str
    command: tuple[str, ...]
    leaves: str


def steps(folder: Path) -> list[Step]:
    """Return the commands of every recipe, in the order in which they need each other."""
    corpus, forged, data = str(SAMPLE), str(folder / "forged"), str(folder / "pictures.npz")
    smoke = ("--profile", "smoke")
    made = [
        Step(what, (*PROGRAMS["synthesis"], "train", what, "--corpus", corpus, "-o",
                    str(folder / what), *smoke), f"{what}/checkpoint/config.json")
        for what in ("renderer", "opt")
    ]  # fmt: skip
    made.append(
        Step("forgeries", (sys.executable, "-m", "shared.data.forgery.build", "--corpus", corpus,
                           "--out", forged, "--families", "swap", "self_blend", "--longest", "12"),
             "forged/manifest.jsonl")
    )  # fmt: skip
    made.append(
        Step("focus", (*PROGRAMS["forensics"], "train", "focus", "--corpus", forged, "-o",
                       str(folder / "focus"), *smoke), "focus/checkpoint/config.json")
    )  # fmt: skip
    targets = [
        Step(kind, (*PROGRAMS["benchmarks"], "targets", "train", kind, "--data", data, "-o",
                    str(folder / kind), "--device", "cpu", *smoke), f"{kind}/members/target.json")
        for kind in ("pixel", "latent")
    ]  # fmt: skip
    return made + targets


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


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every recipe; return 1 at the first that fails."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retrain", description=__doc__)
    parser.add_argument("--only", nargs="+", help="names of steps; all of them by default")
    options = parser.parse_args(arguments)
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sample_pictures().save(folder / "pictures.npz")
        for step in steps(folder):
            if options.only and step.name not in options.only:
                continue
            began = time.perf_counter()
            done = subprocess.run(step.command, capture_output=True, text=True, check=False)
            spent = time.perf_counter() - began
            if done.returncode or not (folder / step.leaves).is_file():
                console.print(done.stdout[-2000:] + done.stderr[-2000:], markup=False)
                console.print(f"failed: {step.name} ({step.leaves} is missing)")
                return 1
            console.print(f"{step.name}: {spent:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
