"""What is measured, by profile: how many pictures, which attacks and controls, which settings are varied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from forensics.membership.controls import Calibrated, ReferenceModel, controls_of
from forensics.membership.distortions import DISTORTIONS
from forensics.membership.drc import DRC
from forensics.membership.protocol import Attack
from forensics.membership.registry import attack, attack_class, names
from forensics.membership.structural import Structural
from forensics.membership.target import Target
from shared.errors import InputError

PAPERS = ("structural", "drc")
"""The two attacks that have controls of their own."""

PIXEL_RIVALS = ("secmi", "pia", "naive-loss")
"""What the structural paper compares with."""


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        pictures: Members, and as many non-members.
        batch_size: Pictures at a time.
        drc: DRC as the main table runs it.
        structural: The structural attack as the main table runs it.
        settings: Attack -> settings that differ from its own, where those would take too long.
        distorted: Attacks of the robustness table.
        distortions: What is done to the pictures there.
        ablated: Pictures of a class in the ablations.
        totals: T of the structural ablation.
        intervals: k.
        guidances: gamma.
        drc_variants: Label -> settings of DRC that are varied one at a time.
        resamples: Draws of an interval.
        beside: Pictures of a class of the targets that stand beside, of which only the main table is measured.
    """

    pictures: int
    batch_size: int = 50
    drc: DRC = field(default_factory=DRC)
    structural: Structural = field(default_factory=Structural)
    settings: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    distorted: tuple[str, ...] = ("structural", *PIXEL_RIVALS, "drc")
    distortions: tuple[str, ...] = tuple(DISTORTIONS)
    ablated: int = 100
    totals: tuple[int, ...] = (50, 100, 200, 300, 400, 600, 800)
    intervals: tuple[int, ...] = (10, 20, 50, 100)
    guidances: tuple[float, ...] = (0.0, 1.0, 2.0, 3.0, 5.0)
    drc_variants: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    resamples: int = 1000
    beside: int = 128


_VARIANTS: dict[str, dict[str, object]] = {
    **{f"mask ratio {ratio}": {"ratio": ratio} for ratio in (0.1, 0.25, 0.75, 0.9)},
    **{f"inversion ratio {ratio}": {"inversion": ratio} for ratio in (0.3, 0.6, 0.9)},
    **{f"K = {count}": {"restorations": count} for count in (1, 4, 8)},
    **{f"{steps} steps": {"steps": steps} for steps in (5, 20, 50)},
    **{f"mask {kind}": {"degradation": kind} for kind in ("center", "random", "half")},
    "super-resolution x8": {"degradation": "super-resolution"},
    "noise to 0.6 T": {"degradation": "noise"},
    "restorer blend": {"restorer": "blend"},
    "restorer repaint": {"restorer": "repaint", "jump": 2, "resamples": 4},
    "compared by SSIM": {"comparator": "ssim"},
    "compared over the whole picture": {"region": "whole"},
    "the original encoded, not the degraded": {"leak_free": False},
}

_BRIEF_VARIANTS: dict[str, dict[str, object]] = {
    **{
        label: changes
        for label, changes in _VARIANTS.items()
        if label not in ("K = 8", "50 steps", "restorer repaint")
    },
    "50 steps, K = 4: the defaults": {"steps": 50, "restorations": 4},
}
"""Without what costs a core too long, but with the setting that the other profiles begin from."""

_SMOKE_DRC = DRC(steps=2, restorations=1)

PLANS: dict[str, Plan] = {
    "smoke": Plan(
        4, 4, _SMOKE_DRC,
        settings={
            "gan-leaks": {"samples": 4, "steps": 2}, "monte-carlo": {"samples": 4, "steps": 2},
            "pfami": {"timesteps": (0, 100), "crops": (0.9,)}, "rediffuse": {"variations": 2},
        },
        distorted=("structural", *PIXEL_RIVALS), distortions=("salt_pepper", "flip"), ablated=4,
        totals=(50, 100), intervals=(50,), guidances=(2.0,), drc_variants={"K = 2": {"restorations": 2}}, resamples=20,
        beside=3,
    ),
    "cpu": Plan(
        128, 64, DRC(steps=10, restorations=2), ablated=40, drc_variants=_BRIEF_VARIANTS,
        settings={
            "gan-leaks": {"samples": 128, "steps": 20}, "monte-carlo": {"samples": 128, "steps": 20},
            "pfami": {"timesteps": (0, 100, 200, 300, 400), "crops": (0.95, 0.825, 0.7)},
            "rediffuse": {"variations": 5},
        },
    ),
    "gpu": Plan(1000, 250, ablated=500, drc_variants=_VARIANTS, beside=1000),
    "paper": Plan(
        5000, 250, ablated=1000, drc_variants=_VARIANTS,
        intervals=(1, 10, 20, 50, 100), guidances=(0.0, 1.0, 2.0, 3.0, 4.0, 5.0), beside=5000,
    ),
}  # fmt: skip


def plan_named(name: str, pictures: int | None = None) -> Plan:
    """Return a profile's plan, with another number of pictures if one is given."""
    if name not in PLANS:
        raise InputError("unknown profile", found=name, expected=" | ".join(PLANS))
    plan = PLANS[name]
    if pictures is None:
        return plan
    return replace(
        plan,
        pictures=pictures,
        ablated=min(plan.ablated, pictures),
        beside=min(plan.beside, pictures),
    )


@dataclass(frozen=True)
class Entry:
    """One line of the main table.

    Attributes:
        label: What the table prints.
        attack: The attack or control.
        control: Whether it is a control.
        of: The paper's attack that a control belongs to; empty for one that belongs to all.
        knows_model: Whether it asks a denoiser at all, of whatever weights.
    """

    label: str
    attack: Attack
    control: bool
    of: str = ""
    knows_model: bool = False


def by_name(plan: Plan, name: str) -> Attack:
    """Return an attack as the plan runs it."""
    own: Mapping[str, Attack] = {"structural": plan.structural, "drc": plan.drc}
    return own[name] if name in own else attack(name, **plan.settings.get(name, {}))


def entries(plan: Plan, reference: Target | None, *, oldest: bool = True) -> list[Entry]:
    """Return the main table's lines: attacks, those two calibrated, then the controls of both.

    Args:
        plan: The profile's.
        reference: A model that learnt other pictures, or None: nothing is calibrated then.
        oldest: Also what asks another denoiser than the target's own; a younger target is compared without.
    """
    plain = [
        name for name in names()
        if not attack_class(name).control and not attack_class(name).needs_reference
    ]  # fmt: skip
    found = [Entry(attack_class(name).title, by_name(plan, name), False) for name in plain]
    found.append(
        Entry("Structural MIA, official preset", replace(plan.structural, preset="official"), False)
    )
    if reference is not None and oldest:
        found += [
            Entry(f"{attack_class(name).title} less the reference model's",
                  Calibrated(by_name(plan, name), reference), False)
            for name in PAPERS
        ]  # fmt: skip
    controls = [entry for name in PAPERS for entry in _controls(plan, name, reference)]
    return found + [entry for entry in controls if oldest or not entry.knows_model]


_SHARED = ("image-statistics", "vae-only")
_WITH_MODEL = ("random-weights", "reference-model")


def _controls(plan: Plan, name: str, reference: Target | None) -> list[Entry]:
    """Return an attack's controls; those that all attacks share stand with the first."""
    title = attack_class(name).title
    found = []
    for control in controls_of(by_name(plan, name), reference):
        if control.name in _SHARED:
            if name == PAPERS[0]:
                found.append(Entry(control.title, control, True))
            continue
        label = f"{control.title} ({title})"
        if isinstance(control, ReferenceModel):
            label = f"{title} on the reference model"
        elif control.name == "random-weights":
            label = f"{title} on random weights"
        found.append(Entry(label, control, True, name, control.name in _WITH_MODEL))
    return found


def structural_variants(plan: Plan, conditional: bool) -> dict[str, Structural]:
    """Return label -> the structural attack with one setting changed."""
    base = plan.structural
    found = {
        f"T = {total}": replace(base, total=total, interval=min(base.interval, total))
        for total in plan.totals
    }
    found |= {
        f"interval {interval}": replace(base, interval=interval) for interval in plan.intervals
    }
    if conditional:
        found |= {f"guidance {scale:g}": replace(base, guidance=scale) for scale in plan.guidances}
    return found | {
        "backward": replace(base, direction="backward"),
        "backward, T = 300": replace(base, total=300, direction="backward"),
    }


def drc_variants(plan: Plan) -> dict[str, DRC]:
    """Return label -> DRC with one setting changed."""
    make: Callable[..., DRC] = replace
    return {"as in the main table": plan.drc} | {
        label: make(plan.drc, **changes) for label, changes in plan.drc_variants.items()
    }
