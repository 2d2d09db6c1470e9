"""``benchmarks forensics``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

SHIPPED = "shipped"


def forensics_command(
    corpus: Annotated[Path, typer.Argument(help="Folder of a forgery corpus.")],
    profile: Annotated[str, typer.Option(help="smoke, cpu or gpu.")] = "cpu",
    section: Annotated[
        list[str] | None,
        typer.Option(
            help="shipped, main, maps, teaching, exploitability, ablations [default: all]."
        ),
    ] = None,
    focus: Annotated[
        str, typer.Option(help="The shipped FoCus, or the folder of a checkpoint, for `shipped`.")
    ] = "focus",
    picture: Annotated[
        Path | None, typer.Option(help="Draw test faces beside their maps, with `shipped`.")
    ] = None,
    out: Annotated[
        Path, typer.Option("-o", "--out", help="Folder of faces, trainings and scores; it resumes.")
    ] = (Path("runs") / "forensics"),
    device: Annotated[str, typer.Option(help="Where networks learn and run: cpu, cuda.")] = "cpu",
    records: Annotated[
        Path, typer.Option(help="Folder of the run records: forensics_SECTION.json.")
    ] = (Path("runs") / "records"),
) -> None:
    """Detectors of forged faces on the embedded datasets: decisions, maps, maps as teachers, robustness, ablations.

    Each section leaves a record of its own; what is finished is not done again.
    """
    from benchmarks.forensics.material import prepared, read_material
    from benchmarks.forensics.picture import map_sheet
    from benchmarks.forensics.plan import plan_named
    from benchmarks.forensics.run import SECTIONS, shipped_rows
    from benchmarks.forensics.workshop import Workshop
    from benchmarks.tables import parts_of, rich_table, write_record
    from forensics.focus.detector import FocusDetector
    from shared.custody import RunRecord
    from shared.data.forgery.chain import QUALITIES
    from shared.errors import InputError
    from shared.zoo.checkpoints import load_checkpoint

    errors = Console(stderr=True)
    names = section or [SHIPPED, *SECTIONS]
    unknown = [name for name in names if name not in (SHIPPED, *SECTIONS)]
    if unknown:
        raise InputError(
            "there is no such section", found=unknown, expected=" | ".join((SHIPPED, *SECTIONS))
        )
    plan = plan_named(profile)
    status = "smoke" if profile == "smoke" else "tiny"
    with Progress(console=errors, transient=True) as bars:
        bar = bars.add_task("faces", total=None)

        def shown(done: int, total: int) -> None:
            bars.update(bar, completed=done, total=total)

        manifests = prepared(
            corpus, out / f"faces-{plan.size}", tuple(QUALITIES), size=plan.size,
            frames=plan.frames, progress=shown,
        )  # fmt: skip
        # the finished detector alone is judged at every quality
        material = read_material(corpus, manifests, shown, first=None if SHIPPED in names else 1)
    shop = Workshop(material, plan, out, device, lambda text: errors.print(text, markup=False))
    for name in names:
        settings = {"profile": profile, "corpus": material.sha256[:12], "size": plan.size}
        record = RunRecord(f"benchmarks.forensics.{name}", settings=settings)
        if name == SHIPPED:
            rows = shipped_rows(shop, focus, status)
            record.weights["focus"] = load_checkpoint(focus, "focus")[1]["sha256"]
            if picture is not None:
                map_sheet(FocusDetector.from_pretrained(focus, device), material, picture)
        else:
            rows = SECTIONS[name](shop, status)
        target = write_record(records / f"forensics_{name}.json", record, rows)
        for title, part in parts_of(rows):
            Console().print(rich_table(f"{record.task} {title}".strip(), part))
        errors.print(f"record: {target}", markup=False)
