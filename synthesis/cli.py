"""The command ``synthesis``: talking heads, batches of them, data and training.

What does the work is imported by the command that needs it: ``--help`` must not wait for torch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from shared.console import run
from shared.errors import InputError
from synthesis.options import parse_option

SOME_FAILED = 10
"""Exit code of a batch in which some rows failed."""

app = typer.Typer(
    name="synthesis",
    help="One photo and a recording become a talking head, on this computer's CPU.\n\n"
    "Start with: synthesis talk PHOTO AUDIO -o OUT.mp4",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
errors = Console(stderr=True)


def bar(description: str) -> Progress:
    """Return a progress bar on standard error."""
    return Progress(
        TextColumn(description), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), console=errors
    )  # fmt: skip


@app.command("talk")
def talk_command(
    photo: Annotated[
        Path, typer.Argument(help="A picture with a face, seen more or less from the front.")
    ],
    audio: Annotated[
        Path, typer.Argument(help="A recording in any format; a video's sound will do.")
    ],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="The video; its run record lies beside it.")
    ] = Path("talk.mp4"),
    method: Annotated[str, typer.Option(help="How the voice moves the face.")] = "opt",
    pose_video: Annotated[
        Path | None, typer.Option(help="Take the head motion of the person in this video.")
    ] = None,
    pose: Annotated[
        Path | None, typer.Option(help="Take the head motion of this Motion file (.npz).")
    ] = None,
    still: Annotated[bool, typer.Option("--still", help="Keep the photo's own head pose.")] = False,
    angles: Annotated[
        str | None, typer.Option(help="A fixed pose: 'PITCH YAW ROLL' in degrees.")
    ] = None,
    pose_mode: Annotated[
        str, typer.Option(help="relative: add the reference's turns to the photo's pose; absolute.")
    ] = "relative",
    pose_gain: Annotated[float, typer.Option(help="Size of the head motion, 0 to 3.")] = 1.0,
    mouth_gain: Annotated[float, typer.Option(help="Size of the mouth motion, 0 to 3.")] = 1.0,
    blinks: Annotated[bool, typer.Option(help="Blink now and then.")] = True,
    face: Annotated[
        str, typer.Option(help="Whose face: largest, a number from the largest on, or 'x,y' in px.")
    ] = "largest",
    size: Annotated[
        str,
        typer.Option(help="native: the photo with the face in it; 256 or 512: the square face."),
    ] = "native",
    fps: Annotated[str, typer.Option(help="Frames a second, such as 25 or 30000/1001.")] = "25",
    seed: Annotated[
        int, typer.Option(help="Decides everything random; the same seed, the same video.")
    ] = 0,
    max_minutes: Annotated[float, typer.Option(help="Refuse longer recordings.")] = 60.0,
    renderer: Annotated[
        str, typer.Option(help="A shipped renderer, or the folder of one's own.")
    ] = "renderer",
) -> None:
    """Make the person in PHOTO say what AUDIO says.

    Examples:
      synthesis talk me.jpg speech.wav -o me.mp4
      synthesis talk me.jpg speech.mp3 --pose-video friend.mp4 --pose-mode absolute
      synthesis talk group.jpg speech.wav --face 2 --still --size 512
    """
    from synthesis.talking_head import talk

    with bar("rendering") as progress:
        task = progress.add_task("", total=None)
        result = talk(
            photo, audio, out, pose_video=pose_video, pose=pose, renderer=renderer, method=method, still=still,
            angles=parse_option("angles", angles) if angles else None, pose_mode=pose_mode, pose_gain=pose_gain,
            mouth_gain=mouth_gain, blinks=blinks, face=parse_option("face", face),
            size=parse_option("size", size), fps=parse_option("fps", fps), seed=seed, max_minutes=max_minutes,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )  # fmt: skip
    for note in result.notes:
        errors.print(f"note: {note}", markup=False)
    typer.echo(
        f"{result.video}  ({result.frames} frames at {result.fps} fps; record: {result.record})"
    )


@app.command("batch")
def batch_command(
    table: Annotated[
        Path, typer.Argument(help="CSV: photo, audio, out and any option of talk (pose_video).")
    ],
    renderer: Annotated[
        str, typer.Option(help="A shipped renderer, or the folder of one's own.")
    ] = "renderer",
) -> None:
    """Make many talking heads; rows that are done are skipped, and a bad row stops no other.

    Exit code 10 says that some rows failed; jobs.jsonl beside the table says why.
    """
    from synthesis.jobs import run_jobs

    failed = 0
    with bar("row at work") as progress:
        task = progress.add_task("", total=None)

        def show(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total)

        for outcome in run_jobs(table, renderer=renderer, progress=show):
            failed += outcome.state == "failed"
            reason = f": [{outcome.code}] {outcome.message}" if outcome.code else ""
            typer.echo(f"row {outcome.row} {outcome.state} {outcome.out}{reason}")
    if failed:
        raise typer.Exit(SOME_FAILED)


@app.command("prepare")
def prepare_command(
    root: Annotated[Path, typer.Argument(help="Folder of videos.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the manifest and its clips.")],
    layout: Annotated[str, typer.Option(help="plain, voxceleb2 or hdtf.")] = "plain",
    workers: Annotated[int, typer.Option(help="Processes.")] = 2,
    size: Annotated[int, typer.Option(help="Side of the face crops, px.")] = 256,
    fps: Annotated[str, typer.Option(help="Frames a second of the clips.")] = "25",
) -> None:
    """Turn real footage into a manifest that every training reads: faces, Motion, sound, identity splits.

    What was left out, and why, stands in left_out.jsonl. The same command goes on where it was stopped.
    """
    from shared.data.prepare import prepare

    with bar("clips") as progress:
        task = progress.add_task("", total=None)
        manifest = prepare(
            root, out, layout=layout, workers=workers, size=size, fps=parse_option("fps", fps),
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )  # fmt: skip
    typer.echo(f"{len(manifest)} clips in {out}")


@app.command("train")
def train_command(
    what: Annotated[str, typer.Argument(help="renderer or opt.")],
    corpus: Annotated[
        Path, typer.Option(help="Folder of a manifest: the embedded corpus or prepared footage.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the run; it resumes.")],
    profile: Annotated[str, typer.Option(help="smoke, cpu, gpu or paper.")] = "cpu",
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    minutes: Annotated[
        float | None, typer.Option(help="Wall clock for each stage at most.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    start: Annotated[
        str | None, typer.Option(help="An earlier one of the same sizes to go on from.")
    ] = None,
    faces: Annotated[
        Path | None,
        typer.Option(help="opt, gpu and paper: manifest of people on video for its joint stage."),
    ] = None,
) -> None:
    """Train the renderer, or OPT's audio and expression networks; the checkpoint ends in OUT/checkpoint."""
    from shared.data.manifest import read_manifest
    from synthesis.opt.recipes import train_opt
    from synthesis.renderer.recipes import train_renderer

    trainers: dict[str, Callable[..., Path]] = {"renderer": train_renderer, "opt": train_opt}
    if what not in trainers:
        raise InputError(
            "nothing of that name can be trained", found=what, expected=" | ".join(trainers)
        )
    if faces is not None and what != "opt":
        raise InputError("only opt has a use for --faces", found=what, fix="leave it out")
    more = {} if faces is None else {"faces": read_manifest(faces)}
    folder = trainers[what](
        read_manifest(corpus), out, profile=profile, seed=seed, minutes=minutes, device=device,
        start=start, **more,
    )  # fmt: skip
    typer.echo(f"checkpoint: {folder}")


def main() -> None:
    """Run the command line."""
    run(app)
