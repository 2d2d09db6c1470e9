"""One call from a model and pictures to verdicts: was this picture in the training set?

model, pictures, known members and non-members
    -> scores of the attack and of every control      (resumable, one bad picture stops nothing)
    -> what the known pictures say about the method   (judgement.py)
    -> a verdict on each picture and on their set, evidence, hashes -> JSON, HTML
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from forensics.calibration import ERROR_RATE, needed
from forensics.membership.blind import judge_blindly
from forensics.membership.captions import Captioner, read_captions
from forensics.membership.controls import controls_of
from forensics.membership.examination import Examination, Progress, silent
from forensics.membership.findings import Audit, Finding, collect_findings, describe, summarise
from forensics.membership.judgement import Standing, Vector, answer_set, learn
from forensics.membership.known import KnownPictures, PictureSet, Place, collect_pictures
from forensics.membership.pictures import read_images
from forensics.membership.protocol import Attack, Scores, batch_generator
from forensics.membership.registry import attack as make_attack
from forensics.membership.registry import attack_class, attacks
from forensics.membership.run import own_device
from forensics.membership.target import Target, open_target
from forensics.verdict import Reason
from shared.device import check_device
from shared.errors import InputError, ToolkitError

FITTED = "All statistics of the picture, fitted"
"""Title of the control that is always run."""


def audit(
    target: str | Path | Target,
    images: Place,
    *,
    method: str | Attack = "drc",
    settings: Mapping[str, Any] | None = None,
    calibration: KnownPictures | None = None,
    caption: str = "",
    captions: str | Path | None = None,
    captioner: str | Path | None = None,
    reference: str | Path | Target | None = None,
    controls: Sequence[str | Attack] | None = None,
    error_rate: float = ERROR_RATE,
    seed: int = 0,
    batch_size: int = 8,
    device: str = "cpu",
    allow_download: bool = False,
    work: str | Path | None = None,
    progress: Progress | None = None,
) -> Audit:
    """Ask a diffusion model whether pictures were in its training set.

    Args:
        target: Folder or hub id of a diffusers pipeline, or a target.
        images: The pictures in question: a folder, a picture, a list file, or several of these.
        method: Name of an attack, or an attack with its settings.
        settings: Of the attack that is given by name; the others keep their defaults.
        calibration: Pictures whose answer is known. Without them every verdict is inconclusive.
        caption: One caption for all pictures, for a text-conditional model.
        captions: A CSV with the columns ``image`` and ``caption``, a row for every picture, instead.
        captioner: Folder of a local image-to-text model that writes them instead.
        reference: A model trained on other data of the same kind, for methods and controls that compare with one.
        controls: Controls beside the attack, by name or with settings; by default all that belong to it. A
            classifier of the pictures' statistics, which needs no model, is always among them.
        error_rate: Share of wrong answers that is allowed in either class.
        seed: Of all noise and of the split of the known pictures.
        batch_size: Pictures that are scored at once.
        device: Where the model runs.
        allow_download: Whether a hub id may be fetched. Nothing is fetched otherwise.
        work: Folder for finished scores; a broken-off audit goes on from there.
        progress: Called now and then.

    Raises:
        WeightsError: If there is no model, or none that can be audited.
        InputError: If pictures, captions or settings cannot be used, or there are too few known pictures.
    """
    check_device(device)
    if not 0 <= seed < 1 << 32:
        raise InputError("the seed is out of range", found=seed, expected=f"0 to {(1 << 32) - 1}")
    pictures = collect_pictures(images, calibration)
    _enough_known(pictures, calibration, error_rate)
    model = _open(target, device, allow_download)
    other = _open(reference, device, allow_download) if reference is not None else None
    attack = _named(method, settings or {}, other) if isinstance(method, str) else method
    chosen = _controls(controls, attack, other) if calibration else []
    if settings:
        _try_out(attack, model, seed)
    # 1. scores of the attack and of every control, on all pictures
    texts = _captions(pictures, model, caption, captions, captioner, device)
    examination = Examination(
        model, pictures, texts, seed, batch_size, Path(work) if work else None, progress or silent
    )
    scores = examination.scores(attack)
    checks, failed = examination.controls(chosen)
    blind = None
    if calibration:
        blind = judge_blindly(examination.statistics(), *pictures.parts(), seed=seed)
        checks[FITTED] = blind.scores
    # 2. what the known pictures say about them
    standing = _standing(model, pictures, scores, checks, error_rate, seed, bool(calibration))
    # 3. answers, evidence, custody
    evidence, bands = examination.evidence(attack)
    record = describe(attack, model, other, pictures, texts, seed=seed, error_rate=error_rate)
    record.notes += failed
    findings = collect_findings(
        pictures, standing, scores, evidence, record, unlike=blind.unlike if blind else None
    )
    shift = blind.shift if blind else None
    together = None
    if standing.comparison:
        places = independent(pictures, findings)
        best = checks[standing.comparison.control]
        together = answer_set(scores.oriented[places], best[places], standing)
        if left := len(pictures.questioned) - len(places):
            record.notes.append(
                f"{left} pictures in question are copies of others or unlike the known ones; of the set as a whole "
                "they tell nothing."
            )
    record.result = summarise(findings, standing, shift, together, scores, pictures)
    return Audit(findings, standing, shift, together, bands, attack, record)


def independent(pictures: PictureSet, findings: Sequence[Finding]) -> list[int]:
    """Return the indices of the pictures that tell of the set: each once, and none unlike the known ones."""
    start, seen = pictures.parts()[2].start, dict[str, int]()
    for offset, finding in enumerate(findings):
        if finding.verdict.reason is not Reason.OUT_OF_RANGE:
            seen.setdefault(pictures.hashes.get(finding.path, str(finding.path)), start + offset)
    return list(seen.values())


def _open(target: str | Path | Target, device: str, allow_download: bool) -> Target:
    if isinstance(target, str | Path):
        place = own_device(device)
        return open_target(target, device=place, allow_download=allow_download)
    return target


def _named(name: str, settings: Mapping[str, Any], reference: Target | None) -> Attack:
    """Return an attack, with the reference model where it takes one."""
    kind = attack_class(name)
    if kind.needs_reference and reference is None:
        raise InputError(
            f"{name} compares with a model trained on other data", fix="give one as reference"
        )
    fields = {item.name: item.default for item in dataclasses.fields(kind)}  # type: ignore[arg-type]
    for item, value in settings.items():
        default = fields.get(item)
        kinds = (int, float) if isinstance(default, float) else type(default)
        if isinstance(default, bool | int | float | str) and not isinstance(value, kinds):
            raise InputError(
                f"the setting {item} of {name} has another type",
                found=repr(value),
                expected=f"like {default!r}",
            )
    takes = "reference" in fields and reference is not None
    return make_attack(name, **settings, **({"reference": reference} if takes else {}))


def _try_out(attack: Attack, model: Target, seed: int) -> None:
    """Score a picture of noise, so that settings that cannot work are told before hours of scoring."""
    noise = torch.rand(1, 3, *[model.image_size] * 2, generator=torch.Generator().manual_seed(0))
    try:
        attack.score(model, noise, [""], generator=batch_generator(seed, 0))
    except ToolkitError:
        return  # of this picture, or told again with the first one of the audit
    except (LookupError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        raise InputError(
            f"{attack.name} cannot run with these settings", found=f"{type(error).__name__}: {error}",
            fix="see the guide on membership for what each of them takes",
        ) from error  # fmt: skip


def _controls(
    chosen: Sequence[str | Attack] | None, attack: Attack, reference: Target | None
) -> list[Attack]:
    if chosen is None:
        return controls_of(attack, reference)
    found = [_named(item, {}, reference) if isinstance(item, str) else item for item in chosen]
    for item in found:
        if not item.control:
            known = " | ".join(name for name, kind in attacks().items() if kind.control)
            raise InputError("this is no control", found=item.name, expected=known)
    return found


def _enough_known(
    pictures: PictureSet, calibration: KnownPictures | None, error_rate: float
) -> None:
    """Refuse before hours of scoring what could not be answered after them."""
    least = 2 * needed(error_rate)
    for name, part in (("members", pictures.members), ("non-members", pictures.nonmembers)):
        if calibration is not None and len(part) < least:
            raise InputError(
                f"too few known {name}",
                found=len(part),
                expected=f"{least} or more for an error rate of {error_rate:g}: half of them calibrate, half judge",
                fix="give more, or allow a larger error rate",
            )


def _captions(
    pictures: PictureSet,
    model: Target,
    caption: str,
    captions: str | Path | None,
    captioner: str | Path | None,
    device: str,
) -> list[str] | None:
    sources = [bool(caption), captions is not None, captioner is not None]
    if sum(sources) > 1:
        raise InputError(
            "captions come from one source",
            found=f"{sum(sources)} of them",
            expected="one caption, or a table, or a captioner",
        )
    if captions is not None:
        return read_captions(captions, pictures.paths)
    if captioner is None:
        return [caption] * len(pictures.paths) if caption else None
    writer = Captioner(captioner, device=device)
    return [
        "" if picture.image is None else writer.captions([picture.image])[0]
        for picture in read_images(pictures.paths, model.image_size)
    ]


def _standing(
    model: Target,
    pictures: PictureSet,
    scores: Scores,
    checks: Mapping[str, Vector],
    error_rate: float,
    seed: int,
    calibrated: bool,
) -> Standing:
    if not calibrated:
        return Standing(Reason.UNCALIBRATED if model.trained else Reason.UNTRAINED)
    members, nonmembers, _ = pictures.parts()
    return learn(
        scores.oriented[members],
        scores.oriented[nonmembers],
        {name: (rows[members], rows[nonmembers]) for name, rows in checks.items()},
        trained=model.trained,
        error_rate=error_rate,
        seed=seed,
    )
