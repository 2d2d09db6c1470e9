"""Building a forgery corpus: ``python -m shared.data.forgery.build --corpus DIR --out DIR``.

corpus ── people ── plan: each clip authentic and by every family, casts from the clip's split
                      │  over worker processes; what is done is not done again
  shots ── family ── frames, masks ── delivery chain, one draw for a clip's authentic and forged versions
                      │
OUT/manifest.jsonl, OUT/left_out.jsonl with reasons, OUT/clips/*.mp4, OUT/known/*.npz, OUT/state/
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import Progress as RichProgress

from shared.beside import writing
from shared.custody import sha256_of, sha256_of_json, write_atomic
from shared.data.clip import SPLITS, Clip
from shared.data.forgery.chain import QUALITIES, deliver, draw_delivery, resized, weight_of
from shared.data.forgery.encoding import Weight
from shared.data.forgery.families import DATASETS, FAMILIES, forge_of
from shared.data.forgery.known import AUTHENTIC, FORGED, Known
from shared.data.forgery.plan import Plan, choose_people, generator_of, plan_forgeries
from shared.data.forgery.reenactment import Reenact
from shared.data.forgery.shot import Cast, Forged, Shot, read_shot
from shared.data.manifest import Manifest, read_manifest, write_manifest
from shared.data.resumable import Outcome, Piece, Progress, run_pieces
from shared.errors import InputError, ToolkitError

LEFT_OUT_NAME = "left_out.jsonl"


@dataclass(frozen=True)
class _Site:
    """What every piece of work needs to know."""

    corpus: Path
    out: Path
    qualities: tuple[str, ...]
    seed: int
    longest: int
    reenact: str | None


def build(
    corpus: str | Path,
    out: str | Path,
    *,
    families: Sequence[str] | None = None,
    qualities: Sequence[str] = tuple(QUALITIES),
    people: int | Sequence[int] | None = None,
    longest: int = 125,
    reenact: str | None = None,
    seed: int = 0,
    workers: int = 1,
    progress: Progress | None = None,
) -> Manifest:
    """Forge the clips of a corpus, or finish a build that was begun.

    Args:
        corpus: Folder of a manifest with authentic clips.
        out: Folder of the forgery corpus; made if missing.
        families: Names of :data:`.families.FAMILIES`; None: all, but reenactment only with ``reenact``.
        qualities: Names of :data:`.chain.QUALITIES`.
        people: Take so many people, split by split, or so many of train, val and test; None takes all.
        longest: Frames; longer clips are cut.
        reenact: ``"module:function"``, a :data:`.reenactment.Reenact`.
        seed: Everything random follows from it.
        workers: Processes.
        progress: Called with (outputs done, outputs in all).

    Returns:
        The manifest. A row's ``extra`` holds ``label``, ``family``, ``quality``, ``target``, ``donors``, ``known``
        and ``chain``; see :mod:`.known`.

    Raises:
        InputError: If a name is unknown, the reenactment cannot be loaded, or nothing could be made.
    """
    names = _families(families, reenact)
    unknown = [name for name in qualities if name not in QUALITIES]
    if unknown or not qualities:
        raise InputError("unknown quality", found=unknown, expected=" | ".join(QUALITIES))
    root = Path(out)
    for folder in ("clips", "known"):
        with writing(root / folder):
            (root / folder).mkdir(parents=True, exist_ok=True)
    # The corpus may have changed since an earlier build of this process.
    _manifest.cache_clear()
    _shot.cache_clear()
    _weight.cache_clear()
    site = _Site(Path(corpus), root, tuple(qualities), seed, longest, reenact)
    clips = choose_people(read_manifest(corpus).clips, people)
    plans, impossible = plan_forgeries(clips, names, seed, longest)
    # The small splits first: whoever waits for the training people can already look at the others.
    plans.sort(key=lambda plan: SPLITS.index(plan.target.split), reverse=True)
    facts = [replace(site, corpus=Path(), out=Path())]
    content = _Content(Path(corpus))
    pieces = [
        Piece(
            plan.name,
            sha256_of_json([*facts, plan, content.of(plan), *_drawn_by(site, plan)]),
            plan,
        )
        for plan in plans
    ]
    outcomes = run_pieces(
        pieces, partial(_make, site), root / "state", workers=workers, whole=partial(_is_whole, root),
        progress=progress,
    )  # fmt: skip
    return _collect(root, plans, outcomes, impossible)


class _Content:
    """Hashes of what clips show and say, each file's found once."""

    def __init__(self, corpus: Path) -> None:
        self._manifest = read_manifest(corpus)
        self._known: dict[str, str] = {}

    def of(self, plan: Plan) -> list[str]:
        """Return those of all clips that an output is made of."""
        clips = (plan.target, *plan.own, *plan.others)
        return [self._hash(name) for c in clips for name in (c.video, c.audio, c.truth) if name]

    def _hash(self, name: str) -> str:
        if name not in self._known:
            path = self._manifest.path(name)
            self._known[name] = sha256_of(path) if path.is_file() else "missing"
        return self._known[name]


def _drawn_by(site: _Site, plan: Plan) -> list[str]:
    """Return what a reenactment tells of itself (``fingerprint``: its weights), so that new weights draw anew."""
    if plan.family != "reenactment" or not site.reenact:
        return []
    told = getattr(load_reenact(site.reenact), "fingerprint", None)
    return [told()] if told else []


def _is_whole(root: Path, outcome: Outcome) -> bool:
    """Tell whether what was made is still there; a failure is, until its sources change."""
    return all(
        (root / place).is_file()
        for row in outcome.get("clips", ())
        for place in (row["video"], row["extra"]["known"])
    )


def _families(families: Sequence[str] | None, reenact: str | None) -> tuple[str, ...]:
    """Return the families to make, after a look whether they can be made."""
    names = tuple(families) if families is not None else tuple(
        name for name, family in FAMILIES.items() if family.forge or reenact
    )  # fmt: skip
    for name in names:
        forge_of(name, load_reenact(reenact) if reenact else None)
    return names


def load_reenact(name: str) -> Reenact:
    """Return the function that ``"module:function"`` names.

    Raises:
        InputError: If there is none.
    """
    module, _, function = name.partition(":")
    try:
        found = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(
            "the reenactment cannot be loaded",
            found=f"{name}: {error}",
            expected="MODULE:FUNCTION",
        ) from error
    return found


@lru_cache(maxsize=6)
def _shot(corpus: Path, clip: str, longest: int) -> Shot:
    """Read a shot; a target is needed by several families in a row."""
    manifest = _manifest(corpus)
    return read_shot(manifest, next(c for c in manifest if c.id == clip), longest)


@lru_cache(maxsize=1)
def _manifest(corpus: Path) -> Manifest:
    return read_manifest(corpus)


@lru_cache(maxsize=16)
def _weight(site: _Site, target: str, quality: str) -> Weight:
    """Return the bytes that all versions of a clip take."""
    shot = _shot(site.corpus, target, site.longest)
    together = generator_of(site.seed, "chain", target, quality)
    delivery = draw_delivery(quality, together, generator_of(site.seed))
    return weight_of(shot.frames, shot.size, shot.clip.rate, delivery)


def _make(site: _Site, plan: Plan) -> Outcome:
    """Make one output at all qualities; return the manifest's rows."""
    target, *rest = (
        _shot(site.corpus, clip.id, site.longest) for clip in (plan.target, *plan.own, *plan.others)
    )
    cast = Cast(target, rest[: len(plan.own)], rest[len(plan.own) :])
    if plan.family == AUTHENTIC:
        made = Forged(target.frames, np.zeros(target.frames.shape[:3], np.uint8), target.sound)
    else:
        reenact = load_reenact(site.reenact) if site.reenact else None
        generator = generator_of(site.seed, plan.family, plan.target.id)
        made = forge_of(plan.family, reenact)(cast, generator)
        if not made.masks.any():
            raise InputError("the forgery changed nothing")
    return {"clips": [_deliver(site, plan, target, made, quality) for quality in site.qualities]}


def _deliver(site: _Site, plan: Plan, target: Shot, made: Forged, quality: str) -> dict[str, Any]:
    """Send one output through the chain and return its row."""
    name = f"{quality}-{plan.name}"
    # Drawn by the target alone, so that a clip's versions go one way, but for grain and tint.
    together = generator_of(site.seed, "chain", plan.target.id, quality)
    delivery = draw_delivery(quality, together, generator_of(site.seed, "grain", name))
    video, known = f"clips/{name}.mp4", f"known/{name}.npz"
    arrival = deliver(
        site.out / video, made.frames, target.size, plan.target.rate, delivery, made.sound,
        weight=_weight(site, plan.target.id, quality),
    )  # fmt: skip
    size = arrival.size
    zoom = np.array(size) / np.array(target.size)
    masks = np.stack([resized(mask, size) for mask in made.masks])
    Known(masks, (target.landmarks * zoom).astype(np.float32)).save(site.out / known)
    extra = {
        "label": AUTHENTIC if plan.family == AUTHENTIC else FORGED,
        "family": plan.family,
        "quality": quality,
        "target": plan.target.id,
        "donors": [clip.id for clip in made.donors],
        "known": known,
        "chain": {**asdict(delivery), "crf": arrival.crf._asdict()},
        "drawn by": _drawn_by(site, plan),
    }
    row = replace(
        plan.target, id=name, video=video, audio="", truth="", frames=len(made.frames), size=size,
        source=f"{plan.target.source}; clip {plan.target.id}", extra=extra,
    )  # fmt: skip
    if plan.family != AUTHENTIC and FAMILIES[plan.family].speech:
        voice = made.donors[0]
        row = replace(row, voice=voice.voice, transcript=voice.transcript)
    return dict(json.loads(row.to_json()))


def _collect(
    root: Path, plans: Sequence[Plan], outcomes: Sequence[Outcome], left_out: list[dict[str, str]]
) -> Manifest:
    """Write the manifest and the list of what could not be made."""
    rows = [Clip.from_json(json.dumps(row)) for one in outcomes for row in one.get("clips", ())]
    left_out = left_out + [
        {"id": plan.name, "reason": str(one["failed"])}
        for plan, one in zip(plans, outcomes, strict=True)
        if "failed" in one
    ]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in left_out)
    write_atomic(root / LEFT_OUT_NAME, lines)
    if not rows:
        raise InputError(
            "no clip could be made", found=f"{len(left_out)} failures", fix=f"see {LEFT_OUT_NAME}"
        )
    return write_manifest(root, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Build a forgery corpus from the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m shared.data.forgery.build")
    parser.add_argument("--corpus", required=True, type=Path, help="folder of a manifest")
    parser.add_argument("--out", required=True, type=Path, help="folder of the forgeries")
    parser.add_argument(
        "--families", nargs="+", choices=sorted(FAMILIES), metavar="FAMILY",
        help=f"of {', '.join(FAMILIES)}; the evaluation's five are {', '.join(DATASETS)}",
    )  # fmt: skip
    parser.add_argument(
        "--quality", nargs="+", default=list(QUALITIES), choices=list(QUALITIES), dest="qualities"
    )
    parser.add_argument(
        "--people", type=int, nargs="+", metavar="N",
        help="take so many people, or so many of train, val and test [default: all]",
    )  # fmt: skip
    parser.add_argument("--longest", type=int, default=125, help="frames; longer clips are cut")
    parser.add_argument(
        "--reenact", help="MODULE:FUNCTION that draws faces, e.g. benchmarks.reenactor:reenact"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1, help="processes")
    options = parser.parse_args(arguments)
    if options.people is not None and len(options.people) not in (1, 3):
        parser.error("--people takes one number, or three: of train, val and test")
    if options.people is not None and len(options.people) == 1:
        options.people = options.people[0]
    with RichProgress(console=Console(stderr=True)) as bars:
        bar = bars.add_task("clips", total=None)
        try:
            manifest = build(
                progress=lambda done, total: bars.update(bar, completed=done, total=total),
                **vars(options),
            )
        except ToolkitError as error:
            bars.console.print(f"[red]error:[/red] {error}")
            return error.exit_code
    Console().print(f"{len(manifest)} clips in {manifest.root}; see {LEFT_OUT_NAME}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
