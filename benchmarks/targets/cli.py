"""The commands ``benchmarks targets``: pictures and models whose members are known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from shared.errors import InputError

app = typer.Typer(
    help="Make diffusion models whose training pictures are known: first `data`, then `train`.",
    no_args_is_help=True,
)

Profile = Annotated[str, typer.Option(help="smoke, cpu, gpu or paper.")]
Seed = Annotated[int, typer.Option(help="Seed of everything random.")]


@app.command("data")
def data_command(
    kind: Annotated[str, typer.Argument(help="portraits or emoji.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The .npz to write; it resumes.")],
    count: Annotated[
        int, typer.Option(min=1, help="Pictures in each part: members, non-members, reference.")
    ] = 1000,
    package: Annotated[
        Path | None,
        typer.Option(help="emoji: what `npm pack emoji-datasource-google` fetched."),
    ] = None,
    looks: Annotated[
        Path | None, typer.Option(help="portraits: folder of MakeHuman's skins and hair.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="portraits: processes.")] = 2,
) -> None:
    """Make captioned pictures in three parts without a common identity."""
    if kind == "emoji":
        from benchmarks.targets.emoji import read_emoji

        if package is None:
            raise InputError(
                "emoji come from a package", fix="--package emoji-datasource-google-16.0.0.tgz"
            )
        typer.echo(read_emoji(package, count=count).save(out))
    elif kind == "portraits":
        from benchmarks.targets.portraits import render_portraits

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("portraits rendered", total=None)
            typer.echo(
                render_portraits(
                    out, count=count, looks=looks, processes=workers,
                    progress=lambda done, total: bar.update(task, completed=done, total=total),
                )
            )  # fmt: skip
    else:
        raise InputError("unknown pictures", found=kind, expected="portraits | emoji")


@app.command("train")
def train_command(
    kind: Annotated[
        str, typer.Argument(help="pixel: an unconditional DDPM; latent: a small Stable Diffusion.")
    ],
    data: Annotated[Path, typer.Option(help="Of `benchmarks targets data`.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the target; it resumes.")],
    profile: Profile = "cpu",
    part: Annotated[
        str, typer.Option(help="members: the target; reference: the model it is compared with.")
    ] = "members",
    members: Annotated[
        int | None, typer.Option(min=2, help="Pictures that are learnt [default: the profile's].")
    ] = None,
    ages: Annotated[
        str, typer.Option(help="Epochs to keep, as 25,100 [default: the profile's].")
    ] = "",
    seed: Seed = 0,
    device: Annotated[str, typer.Option(help="Lightning's accelerator: auto, cpu, gpu.")] = "auto",
) -> None:
    """Train a target on one part of the pictures and keep it at several ages."""
    from benchmarks.targets.config import latent_profile, pixel_profile
    from benchmarks.targets.pictures import PARTS, Pictures
    from benchmarks.targets.recipes import train_latent, train_pixel

    chosen = next((name for name in PARTS if name == part and part != "nonmembers"), None)
    if chosen is None:
        raise InputError("unknown part", found=part, expected="members | reference")
    wanted = epochs_of(ages)
    pictures = Pictures.load(data)
    if kind == "pixel":
        recipe = pixel_profile(profile, members)
        place = train_pixel(
            pictures, out, recipe, part=chosen, seed=seed, ages=wanted, device=device
        )
    elif kind == "latent":
        text = latent_profile(profile, members)
        place = train_latent(
            pictures, out, text, part=chosen, seed=seed, ages=wanted, device=device
        )
    else:
        raise InputError("unknown kind of target", found=kind, expected="pixel | latent")
    typer.echo(place)


@app.command("ship")
def ship_command(
    folder: Annotated[Path, typer.Argument(help="Folder of a trained target.")],
    name: Annotated[str, typer.Argument(help="Its name in the zoo.")],
    card: Annotated[Path, typer.Option(help="Markdown file: what it is, how trained, limits.")],
    pictures: Annotated[int, typer.Option(min=1, help="Pictures of each class.")] = 100,
    record: Annotated[
        Path | None, typer.Option(help="Of `benchmarks membership`: its figures go into the card.")
    ] = None,
) -> None:
    """Put a target's oldest checkpoint into the box, with pictures that it learnt and others."""
    from benchmarks.targets.shipping import ship

    typer.echo(ship(folder, name, card.read_text("utf-8"), pictures=pictures, record=record))


def epochs_of(text: str) -> tuple[int, ...] | None:
    """Read ages as ``25,100``; None for an empty text.

    Example:
        >>> epochs_of("25,100"), epochs_of("")
        ((25, 100), None)
    """
    if not text:
        return None
    try:
        ages = tuple(sorted(int(age) for age in text.split(",")))
    except ValueError as error:
        raise InputError("ages are whole numbers", found=text, expected="25,100,400") from error
    if ages[0] < 1:
        raise InputError("a target is at least one epoch old", found=ages[0])
    return ages
