"""The main job on real input: a real photograph and a real recording become a talking head."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import skimage.data

from shared.media.image import write_image
from synthesis.cli import bar
from synthesis.talking_head import talk

SPEECH = Path(__file__).parent / "samples" / "speech.flac"


def main(folder: str) -> None:
    """Write the photo, the talking head and its run record to ``folder``."""
    out = Path(folder)
    out.mkdir(parents=True, exist_ok=True)
    photo = write_image(out / "photo.png", skimage.data.astronaut())
    with bar("rendering") as progress:
        task = progress.add_task("", total=None)
        result = talk(
            photo, SPEECH, out / "talk.mp4",
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )  # fmt: skip
    sys.stdout.write(f"Open {result.video}: {result.frames} frames at {result.fps} fps.\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m synthesis.demo", description=__doc__)
    parser.add_argument("folder", nargs="?", default="demo", help="where the files go [demo]")
    main(parser.parse_args().folder)
