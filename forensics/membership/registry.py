"""The attacks and controls by name; each module is imported when it is asked for."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

from forensics.membership.protocol import Attack
from forensics.membership.target import Target
from shared.custody import to_plain
from shared.errors import InputError

_BASELINES = "forensics.membership.baselines"
_CONTROLS = "forensics.membership.controls"

_TABLE: dict[str, str] = {
    "structural": "forensics.membership.structural:Structural",
    "drc": "forensics.membership.drc:DRC",
    "calibrated": f"{_CONTROLS}:Calibrated",
    "naive-loss": f"{_BASELINES}.naive_loss:NaiveLoss",
    "secmi": f"{_BASELINES}.secmi:SecMI",
    "pia": f"{_BASELINES}.pia:PIA",
    "pian": f"{_BASELINES}.pia:PIAN",
    "pfami": f"{_BASELINES}.pfami:PFAMI",
    "sima": f"{_BASELINES}.sima:SimA",
    "clid": f"{_BASELINES}.clid:CLiD",
    "rediffuse": f"{_BASELINES}.rediffuse:ReDiffuse",
    "gan-leaks": f"{_BASELINES}.gan_leaks:GANLeaks",
    "monte-carlo": f"{_BASELINES}.gan_leaks:MonteCarlo",
    "image-statistics": f"{_CONTROLS}:ImageStatistics",
    "vae-only": f"{_CONTROLS}:VAEOnly",
    "gaussian-noise": f"{_CONTROLS}:GaussianNoise",
    "copy-paste": f"{_CONTROLS}:CopyPaste",
    "generic-inpainter": f"{_CONTROLS}:GenericInpainter",
    "reference-model": f"{_CONTROLS}:ReferenceModel",
    "random-weights": f"{_CONTROLS}:RandomWeights",
}
"""Name -> module:class, in the order in which tables print them."""


def names() -> tuple[str, ...]:
    """Return all names, without importing an attack."""
    return tuple(_TABLE)


def attack_class(name: str) -> type[Attack]:
    """Return the class of an attack or control.

    Raises:
        InputError: If there is none of that name.
    """
    if name not in _TABLE:
        raise InputError("no such attack", found=name, expected=" | ".join(_TABLE))
    module, kind = _TABLE[name].split(":")
    found: type[Attack] = getattr(importlib.import_module(module), kind)
    return found


def attacks() -> dict[str, type[Attack]]:
    """Return name -> class of all attacks and controls; a control has ``control = True``."""
    return {name: attack_class(name) for name in _TABLE}


def attack(name: str, **settings: Any) -> Attack:
    """Return an attack with the given settings, the others at their defaults.

    Raises:
        InputError: If there is no such attack, or it has no such setting.

    Example:
        >>> attack("secmi", t_sec=50).t_sec
        50
    """
    kind = attack_class(name)
    known = [f.name for f in dataclasses.fields(kind) if f.init]  # type: ignore[arg-type]
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise InputError(
            f"the attack {name} has no such setting",
            found=", ".join(unknown),
            expected=" | ".join(known) or "no setting at all",
        )
    return kind(**settings)


def settings_of(chosen: Attack) -> dict[str, Any]:
    """Return an attack's ``name`` and settings as plain JSON values.

    A model among them is told by its hashes, an attack (of a control that repeats one) by its own settings.
    """
    settings: dict[str, Any] = {"name": chosen.name}
    for item in dataclasses.fields(chosen):  # type: ignore[arg-type]
        value = getattr(chosen, item.name)
        if isinstance(value, Target):
            value = {"name": value.name, "files": value.fingerprint()}
        settings[item.name] = settings_of(value) if isinstance(value, Attack) else to_plain(value)
    return settings
