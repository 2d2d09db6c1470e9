"""The command ``benchmarks``: what is claimed, measured; each run leaves a record that the tables are made from."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress

from benchmarks.forensics.command import forensics_command
from benchmarks.tables import Rows, parts_of, rich_table, row, write_record, write_results
from benchmarks.targets.cli import app as targets_app
from shared.console import run
from shared.custody import RunRecord

app = typer.Typer(
    name="benchmarks",
    help="Measure quality, speed and memory; numbers come with intervals, seeds and a run record.\n\n"
    "Start with: benchmarks speed",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(targets_app, name="targets")
app.command("forensics")(forensics_command)
errors = Console(stderr=True)

RECORDS = Path("runs") / "records"
"""Where records go unless told otherwise; those that the documentation shows lie in ``benchmarks/records``."""

Record = Annotated[
    Path | None,
    typer.Option("--record", help="Run record to write [default: runs/records/COMMAND.json]."),
]
Seed = Annotated[int, typer.Option(help="Seed of intervals and of everything random.")]
Evaluation = Annotated[
    Path, typer.Option(help="Folder of rendered held-out people; what is missing is rendered.")
]
Looks = Annotated[
    Path | None, typer.Option(help="Folder of MakeHuman's skins and hair for rendered people.")
]
People = Annotated[int, typer.Option(min=1, help="Number of held-out people.")]


@contextmanager
def bar(description: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on standard error; yields what to call with (done, total)."""
    with Progress(console=errors, transient=True) as progress:
        task = progress.add_task(description, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def finish(record: RunRecord, rows: Rows, path: Path | None) -> None:
    """Write the record and print its rows."""
    target = write_record(path or RECORDS / f"{record.task.split('.')[-1]}.json", record, rows)
    for name, part in parts_of(rows):
        Console().print(rich_table(f"{record.task} {name}".strip(), part))
    errors.print(f"record: {target}", markup=False)


@app.command("speed")
def speed_command(
    photo: Annotated[
        Path | None, typer.Option(help="A portrait [default: scikit-image's astronaut].")
    ] = None,
    audio: Annotated[
        Path | None, typer.Option(help="A recording [default: the shipped sample].")
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(help="A renderer's name or folder [default: shipped, else random weights]."),
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Timed runs of each task.")] = 5,
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch and OpenCV.")] = 2,
    published: Annotated[
        bool, typer.Option(help="Time the published networks too (minutes on a CPU).")
    ] = True,
    membership: Annotated[
        bool, typer.Option(help="Time the structural membership attack too.")
    ] = True,
    pictures: Annotated[
        int, typer.Option(min=10, help="Pictures that the membership attack scores.")
    ] = 1000,
    forensic: Annotated[
        bool,
        typer.Option(
            "--forensics/--no-forensics", help="Time inspections and face extraction too."
        ),
    ] = True,
    talking: Annotated[
        bool, typer.Option("--talking/--no-talking", help="Time talking heads too.")
    ] = True,
    record: Record = None,
) -> None:
    """Frames a second of the whole pipeline by stage, and of published networks; inspections; attacks.

    Inspections and extraction of faces have a record of their own, speed_forensics.json, and so has the membership
    attack, speed_membership.json.
    """
    from benchmarks import speed
    from benchmarks.timing import machine
    from benchmarks.timing import threads as using

    settings = {"runs": runs, "threads": threads, **machine()}
    if forensic:
        from benchmarks.forensic_speed import speed_rows

        with using(threads):
            rows, notes = speed_rows(runs=runs, threads=threads)
        finish(RunRecord("benchmarks.speed_forensics", settings=settings, notes=notes), rows, None)
    if membership:
        from benchmarks.membership.cost import shipped_speed_rows

        with using(threads):
            rows = shipped_speed_rows(pictures=pictures, runs=runs, threads=threads)
        finish(RunRecord("benchmarks.speed_membership", settings=settings), rows, None)
    if not talking:
        return
    result = RunRecord("benchmarks.speed", settings=settings)
    with using(threads):
        pipeline, notes = speed.load_pipeline(photo, audio, weights)
        result.notes += notes
        rows = speed.pipeline_rows(pipeline, runs=runs, threads=threads)
        ours = speed.our_contenders(pipeline.painter, pipeline.source)
        others = speed.published_contenders() if published else []
        rows += speed.comparison_rows(ours, others, runs=runs, threads=threads)
    finish(result, rows, record)


@app.command("renderer")
def renderer_command(
    weights: Annotated[
        str, typer.Option(help="A shipped renderer, or the folder of a checkpoint.")
    ] = "renderer",
    people: People = 24,
    looks: Looks = None,
    evaluation: Evaluation = Path("runs") / "evaluation",
    corpus: Annotated[
        Path | None,
        typer.Option(help="Judge on the test clips of this manifest instead; needs no graphics."),
    ] = None,
    identity: Annotated[
        Path | None, typer.Option(help="TensorFlow Lite face encoder for the identity similarity.")
    ] = None,
    size: Annotated[int, typer.Option(min=64, help="Side of the judged pictures, px.")] = 256,
    seed: Seed = 0,
    record: Record = None,
) -> None:
    """Figures of a renderer on people it never saw, each beside copying the source; composed as the product does."""
    from benchmarks.claims.meters import EncoderIdentity, LandmarkYaw
    from benchmarks.claims.renderer import claim_rows, delivered, judge
    from benchmarks.evaluation_set import FIRST_SEED
    from synthesis.renderer.generator import Renderer

    network = Renderer.from_pretrained(weights).network
    meter = EncoderIdentity(identity) if identity else None
    settings = {"people": people, "seed": seed, "size": size, "network's size": network.config.size}
    result = RunRecord("benchmarks.renderer", settings=settings)
    status, result.weights["renderer"] = standing(weights, "renderer")
    if meter:
        result.weights["identity"] = meter.net.sha256
    if corpus:
        subjects = footage(corpus, size)[:people]
        protocol = f"test clips of {corpus.name}, {size} px, driven by their fitted or true motion"
    else:
        subjects = held_out(evaluation, people, looks, size)
        takes = len(subjects[0].takes) - 1
        protocol = (
            f"rendered people from seed {FIRST_SEED}, neutral source, {takes} takes, {size} px"
        )
    protocol += ", composed as delivered"
    result.notes.append(
        "Baseline: copies of the source picture. Truth: the same measure on the true pictures."
    )
    with bar("people judged") as progress:
        meters: dict[str, Any] = {"yaw": LandmarkYaw(), "identity": meter}
        judged = judge(network, subjects, draw=delivered, **meters, progress=progress)
    finish(result, claim_rows(judged, seed=seed, protocol=protocol, status=status), record)


@app.command("flicker")
def flicker_command(
    corpus: Annotated[
        Path, typer.Argument(help="Folder of a manifest; its test clips are redrawn.")
    ],
    weights: Annotated[
        str, typer.Option(help="A shipped renderer, or the folder of a checkpoint.")
    ] = "renderer",
    people: People = 24,
    size: Annotated[int, typer.Option(min=64, help="Side of the judged pictures, px.")] = 256,
    seed: Seed = 0,
    record: Record = None,
) -> None:
    """What trembles from frame to frame when a renderer redraws test clips, beside the true frames."""
    from benchmarks.claims.renderer_flicker import flicker_rows
    from synthesis.renderer.generator import Renderer

    network = Renderer.from_pretrained(weights).network
    result = RunRecord(
        "benchmarks.flicker", settings={"people": people, "seed": seed, "size": size}
    )
    status, result.weights["renderer"] = standing(weights, "renderer")
    subjects = footage(corpus, size, frames=None)[:people]
    protocol = f"test clips of {corpus.name}, every frame, {size} px, composed as delivered"
    result.notes.append(
        "Pictures averaged over 4 px squares. Baseline: copies of the source picture. Truth: the true frames."
    )
    with bar("people judged") as progress:
        rows = flicker_rows(
            network, subjects, seed=seed, protocol=protocol, status=status, progress=progress
        )
    finish(result, rows, record)


@app.command("warp")
def warp_command(
    people: People = 24,
    looks: Looks = None,
    evaluation: Evaluation = Path("runs") / "evaluation",
    seed: Seed = 0,
    record: Record = None,
) -> None:
    """How far the renderer's warp is from the truth before anything is learned: turned heads, by geometry alone."""
    from benchmarks.claims.renderer_warp import warp_rows
    from synthesis.renderer.config import PRESETS

    config = PRESETS["cpu"]
    subjects = held_out(evaluation, people, looks, config.size)
    settings = {"people": people, "seed": seed, "size": config.size}
    rows = warp_rows(subjects, config, seed=seed)
    finish(RunRecord("benchmarks.warp", settings=settings), rows, record)


@app.command("sheet")
def sheet_command(
    photos: Annotated[
        list[Path] | None, typer.Argument(help="Portraits [default: scikit-image's astronaut].")
    ] = None,
    weights: Annotated[
        str, typer.Option(help="A shipped renderer, or the folder of a checkpoint.")
    ] = "renderer",
    out: Annotated[Path, typer.Option("-o", "--out", help="Picture to write.")] = Path("sheet.jpg"),
    identity: Annotated[
        Path | None, typer.Option(help="TensorFlow Lite face encoder for the likeness.")
    ] = None,
    tile: Annotated[int, typer.Option(min=32, help="Side of a tile, px.")] = 192,
    record: Record = None,
) -> None:
    """What a sceptic would ask to see: any portrait at rest, speaking vowels, blinking, smiling, turning, nodding."""
    from benchmarks import sheet
    from benchmarks.claims.meters import EncoderIdentity
    from shared.media.image import write_image
    from synthesis.renderer.generator import Renderer

    result = RunRecord("benchmarks.sheet", settings={"photos": len(photos or [1])})
    status, result.weights["renderer"] = standing(weights, "renderer")
    renderer, meter = Renderer.from_pretrained(weights), None
    if identity:
        meter = EncoderIdentity(identity)
        result.weights["identity"] = meter.net.sha256
    sheets = {
        name: sheet.draw(renderer, photo, identity=meter) for name, photo in sheet.named(photos)
    }
    write_image(out, sheet.picture(list(sheets.values()), tile))
    finish(result, sheet.rows_of(sheets, status), record)
    errors.print(f"sheet: {out}", markup=False)


@app.command("rung")
def rung_command(
    model: Annotated[str, typer.Argument(help="renderer, opt, focus, target-emoji, ...")],
    name: Annotated[str, typer.Argument(help="Name of the run.")],
    judged: Annotated[Path, typer.Option(help="Record of the run's judgement.")],
    judged_on: Annotated[str, typer.Option(help="The held-out data of that judgement.")],
    data: Annotated[str, typer.Option(help="What it learned from, and how much.")],
    steps: Annotated[str, typer.Option(help="Optimiser steps.")],
    why: Annotated[str, typer.Option(help="Why it was tried, and why it won or lost.")],
    seconds: Annotated[float | None, typer.Option(help="How long the training took.")] = None,
    clock: Annotated[str, typer.Option(help="What the seconds are of: wall | CPU.")] = "wall",
    sheet: Annotated[str, typer.Option(help="Path of a sheet of samples.")] = "none kept",
    target: Annotated[
        str | None,
        typer.Option(help="A membership target's name in the record, if not the model's."),
    ] = None,
    profile: Annotated[str, typer.Option(help="Profile of the recipe.")] = "cpu",
    machine: Annotated[str, typer.Option(help="Kind of machine.")] = "1 CPU core",
    date: Annotated[str | None, typer.Option(help="ISO date [default: the record's].")] = None,
    shipped: Annotated[bool, typer.Option(help="Its weights are the shipped ones.")] = False,
    record: Annotated[Path, typer.Option(help="The ladder.")] = Path(
        "benchmarks/records/ladder.json"
    ),
) -> None:
    """Add a training run to the ladder of its model, with the figures of its judgement."""
    import json

    from benchmarks.ladder import RECORD, UNKNOWN, Rung, add_rung, figures_of

    content = json.loads(judged.read_text("utf-8"))
    rung = Rung(
        model, name, date or str(content["started"])[:10], profile, data, steps, machine, seconds,
        UNKNOWN if seconds is None else clock, figures_of(content, model, target), RECORD, judged_on,
        sheet, shipped, why,
    )  # fmt: skip
    errors.print(f"record: {add_rung(record, rung)}", markup=False)


@app.command("ablations")
def ablations_command(
    corpus: Annotated[Path, typer.Argument(help="Folder of a manifest to learn from.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the runs; it resumes.")] = (
        Path("runs") / "ablations"
    ),
    minutes: Annotated[float, typer.Option(help="Budget of the full renderer's training.")] = 10.0,
    size: Annotated[int, typer.Option(help="Side of the pictures, px.")] = 64,
    people: People = 24,
    looks: Looks = None,
    evaluation: Evaluation = Path("runs") / "evaluation",
    seed: Seed = 0,
    record: Record = None,
) -> None:
    """Train the renderer without each of its parts, equally long, and judge what each is worth."""
    from benchmarks.claims.renderer_ablations import ablate
    from shared.data.manifest import read_manifest

    subjects = held_out(evaluation, people, looks, size)
    settings = {"minutes": minutes, "size": size, "people": people, "seed": seed}
    rows = ablate(
        read_manifest(corpus), minutes, out, subjects, size=size, seed=seed,
        progress=lambda name: errors.print(f"training: {name}", markup=False),
    )  # fmt: skip
    finish(RunRecord("benchmarks.ablations", settings=settings), rows, record)


@app.command("memory")
def memory_command(record: Record = None) -> None:
    """Peak memory for short and long video, and for recordings of three hours, streamed and driven (minutes).

    Exit code 1 if what must not grow with the length grows by more than a tenth.
    """
    from benchmarks.memory import TASKS, peak_rows, within_bounds

    rows = [fact for name in TASKS for fact in peak_rows(name)]
    finish(RunRecord("benchmarks.memory"), rows, record)
    if not within_bounds(rows):
        raise typer.Exit(1)


@app.command("fitting")
def fitting_command(
    people: People = 8,
    looks: Looks = None,
    record: Record = None,
) -> None:
    """How well pose, face and identity are fitted: on rendered people with known truth, and on real footage."""
    from benchmarks import fitting

    rows = fitting.run(people, looks)
    finish(RunRecord("benchmarks.fitting", settings={"people": people}), rows, record)


@app.command("corpus")
def corpus_command(
    root: Annotated[Path, typer.Argument(help="Folder of a manifest.")],
    record: Record = None,
) -> None:
    """How good a corpus is: head spectra and ranges, reactions, lips, and whether its faces are found."""
    from benchmarks.corpus import measure
    from shared.data.manifest import read_manifest

    manifest = read_manifest(root)
    rows: Rows = [
        row(one.name, one.value, unit=one.unit, n=one.count, status="tiny", protocol=root.name)
        for one in measure(manifest)
    ]
    finish(RunRecord("benchmarks.corpus", settings={"clips": len(manifest)}), rows, record)


@app.command("opt")
def opt_command(
    corpus: Annotated[Path, typer.Argument(help="Folder of a manifest with speaking clips.")],
    driver: Annotated[
        str, typer.Option(help="The shipped driver, or the folder of a checkpoint.")
    ] = "opt",
    split: Annotated[str, typer.Option(help="train, val or test.")] = "test",
    ablation_steps: Annotated[
        int, typer.Option(min=0, help="Also train the ablations, so many steps each (minutes).")
    ] = 0,
    people: Annotated[
        Path | None,
        typer.Option(help="Manifest with test people on video: audit whose face it is."),
    ] = None,
    identity: Annotated[
        Path | None, typer.Option(help="TensorFlow Lite face encoder for the audit's likeness.")
    ] = None,
    seed: Seed = 0,
    record: Record = None,
) -> None:
    """OPT's claims on voices, sentences and people that it was not trained on."""
    from benchmarks.claims.opt import measure
    from benchmarks.claims.opt_ablations import ablate
    from benchmarks.claims.opt_conditions import conditions, real_voices
    from shared.data.manifest import read_manifest
    from synthesis.opt.generator import OptDriver

    settings = {"split": split, "ablation_steps": ablation_steps, "seed": seed}
    result = RunRecord("benchmarks.opt", settings=settings)
    status, result.weights["opt"] = standing(driver, "opt")
    network, manifest = OptDriver.from_pretrained(driver), read_manifest(corpus)
    found = measure(network, manifest, split=split, seed=seed)
    found += conditions(network, manifest, split=split, seed=seed)
    found += real_voices(network, manifest, split=split, seed=seed)
    if people:
        found += _audited(network, people, manifest, identity, result, seed)
    if ablation_steps:
        found += ablate(network, manifest, steps=ablation_steps, seed=seed)
    rows: Rows = [
        {
            "figure": one.measure, "value": one.value, "low": one.low, "high": one.high, "n": one.n,
            "drawn": one.unit, "seed": one.seed, "protocol": one.protocol, "status": status,
        }
        for one in found
    ]  # fmt: skip
    finish(result, rows, record)


@app.command("membership")
def membership_command(
    targets: Annotated[list[Path], typer.Argument(help="Folders of `benchmarks targets train`.")],
    profile: Annotated[str, typer.Option(help="smoke, cpu, gpu or paper.")] = "cpu",
    pictures: Annotated[
        int | None,
        typer.Option(min=2, help="Members, and as many non-members [default: the profile's]."),
    ] = None,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder of finished scores; it resumes.")
    ] = (Path("runs") / "membership"),
    threads: Annotated[int, typer.Option(min=1, help="Threads of torch.")] = 2,
    device: Annotated[str, typer.Option(help="Where the models run: cpu, cuda.")] = "cpu",
    beside: Annotated[
        list[Path] | None,
        typer.Option(help="Another target, of which the main table alone is measured; repeatable."),
    ] = None,
    seed: Seed = 0,
    record: Record = None,
) -> None:
    """Every membership attack and control on targets whose members are known; robustness, ablations, cost, claims."""
    from benchmarks.membership.plan import plan_named
    from benchmarks.membership.run import measure
    from benchmarks.timing import machine
    from benchmarks.timing import threads as using

    plan = plan_named(profile, pictures)
    settings = {"profile": profile, "pictures": plan.pictures, "seed": seed, **machine()}
    result = RunRecord("benchmarks.membership", settings=settings)
    result.notes.append(
        "Best control: of those without a trained model, the one that separates the same pictures best, in either "
        "direction."
    )

    def keep(rows: Rows, weights: dict[str, str]) -> None:
        result.weights = weights
        write_record(record or RECORDS / "membership.json", result, rows)

    with using(threads):
        rows, result.weights = measure(
            targets, plan, out, seed=seed, threads=threads, device=device, beside=beside or (),
            progress=lambda text: errors.print(text, markup=False), keep=keep,
        )  # fmt: skip
    finish(result, rows, record)


def _audited(
    driver: Any, people: Path, voices: Any, identity: Path | None, result: RunRecord, seed: int
) -> list[Any]:
    """Draw every source with every pose and voice; write down which renderer and encoder took part."""
    from benchmarks.claims.opt_audit import audit
    from shared.data.manifest import read_manifest
    from shared.face.identity import IdentityNet
    from synthesis.renderer.generator import Renderer

    painter, encoder = Renderer.from_pretrained(), IdentityNet(identity) if identity else None
    result.weights["renderer"] = painter.sha256
    if encoder:
        result.weights["identity"] = encoder.sha256
    return audit(driver, painter, read_manifest(people), voices, encoder=encoder, seed=seed)


@app.command("shortcuts")
def shortcuts_command(
    corpus: Annotated[Path, typer.Argument(help="Folder of a forgery corpus.")],
    quality: Annotated[list[str] | None, typer.Option(help="c23, c40; may be repeated.")] = None,
    seed: Seed = 0,
    record: Record = None,
) -> None:
    """Whether anything but the forgery tells labels apart: file size, duration, codec, first frames, colours."""
    from benchmarks.shortcuts import shortcut_rows
    from shared.data.manifest import read_manifest

    qualities = quality or ["c23", "c40"]
    with bar("clips read") as progress:
        rows = shortcut_rows(read_manifest(corpus), qualities, seed=seed, progress=progress)
    settings = {"corpus": corpus.name, "quality": qualities, "seed": seed}
    finish(RunRecord("benchmarks.shortcuts", settings=settings), rows, record)


@app.command("tables")
def tables_command(
    records: Annotated[Path, typer.Argument(help="Folder of run records.")] = Path("benchmarks")
    / "records",
    page: Annotated[Path, typer.Option(help="Markdown page whose generated part is replaced.")] = (
        Path("docs") / "results.md"
    ),
) -> None:
    """Write the tables of a results page from run records; the ladder's rows say which figures were noted by hand."""
    typer.echo(write_results(records, page))


def standing(name_or_dir: str, kind: str) -> tuple[str, str]:
    """Return how far a checkpoint's figures carry, by the profile that it was trained with, and its hash."""
    from shared.zoo.checkpoints import load_checkpoint

    _, facts = load_checkpoint(name_or_dir, kind)
    profile = facts.get("meta", {}).get("profile", "")
    return {"smoke": "smoke", "paper": "reproduced"}.get(profile, "tiny"), facts["sha256"]


def held_out(folder: Path, people: int, looks: Path | None, size: int) -> list[Any]:
    """Render what is missing of the evaluation set and read it."""
    from benchmarks.evaluation_set import evaluation_set, read_subjects

    with bar("people rendered") as progress:
        evaluation_set(folder, people=people, looks=looks, progress=progress)
    return read_subjects(folder, size, people)


def footage(corpus: Path, size: int, frames: int | None = 16) -> list[Any]:
    """Read the test clips of a corpus, so many frames of each or all."""
    from benchmarks.evaluation_set import subjects_of_corpus
    from shared.data.manifest import read_manifest

    with tempfile.TemporaryDirectory() as cache:
        return subjects_of_corpus(read_manifest(corpus), size, Path(cache), frames=frames)


def main() -> None:
    """Run the command line."""
    run(app)
