"""Who the rendered people are: one seed, one person, one line of JSON, one caption."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from shared.data.marionette.geometry import Shape, sample_shape

EYE_COLOURS: dict[str, tuple[float, float, float]] = {
    "brown": (0.30, 0.16, 0.08),
    "dark brown": (0.15, 0.08, 0.05),
    "hazel": (0.42, 0.30, 0.14),
    "green": (0.36, 0.45, 0.25),
    "blue": (0.33, 0.50, 0.66),
    "grey": (0.48, 0.53, 0.56),
}
"""Eye colour name -> sRGB of the iris, in [0, 1]."""

HAIR_COLOURS: dict[str, tuple[float, float, float]] = {
    "black": (0.085, 0.075, 0.075),
    "dark brown": (0.19, 0.125, 0.09),
    "brown": (0.31, 0.205, 0.13),
    "light brown": (0.45, 0.32, 0.21),
    "blond": (0.73, 0.58, 0.36),
    "red": (0.52, 0.23, 0.10),
    "grey": (0.52, 0.51, 0.50),
    "white": (0.80, 0.79, 0.77),
}
"""Hair colour name -> sRGB in [0, 1]."""

GROWN_STYLES: dict[str, str] = {
    "bald": "no hair",
    "shaved": "shaved {} hair",
    "cropped": "very short {} hair",
    "brush": "short {} hair",
    "afro": "a {} afro",
    "curtain": "long {} hair",
}
"""Hair styles that need nothing but the base mesh -> how to say them."""

MESH_STYLES: dict[str, str] = {
    "short01": "short {} hair",
    "short02": "short {} hair",
    "short03": "a {} fringe",
    "short04": "combed back {} hair",
    "bob02": "a {} bob",
    "long01": "long {} hair",
    "ponytail01": "a {} ponytail",
    "braid01": "side-parted {} hair",
}
"""MakeHuman hair meshes (they need ``looks``) -> how to say them."""

_TONES = ("very light", "light", "medium", "brown", "dark", "very dark")
_AGES = {"young": "young", "middleage": "middle-aged", "old": "old"}
_NOUNS = {"female": "woman", "male": "man"}
_FRAME_COLOURS = ((0.05, 0.05, 0.06), (0.25, 0.14, 0.08), (0.55, 0.55, 0.58), (0.45, 0.36, 0.16))


@dataclass(frozen=True)
class Skin:
    """How a person's skin looks.

    Attributes:
        melanin: 0 very light, 1 very dark.
        blood: Redness of cheeks, nose, ears; 0 to 1.
        warmth: Undertone, -1 cool and pink, 1 warm and olive.
        photograph: File name of a MakeHuman skin (in ``looks/skins``), or None: all painted.
        freckles: Density, 0 to 1.
        moles: Number of moles on the face.
        blotches: Strength of large uneven patches, 0 to 1.
        wrinkles: Strength of folds and shadows below the eyes, 0 to 1.
        shine: Strength of the highlight, 0 to 1.
    """

    melanin: float
    blood: float
    warmth: float
    photograph: str | None
    freckles: float
    moles: int
    blotches: float
    wrinkles: float
    shine: float


@dataclass(frozen=True)
class Makeup:
    """What is painted on a face; strengths in [0, 1], colours sRGB in [0, 1]."""

    lipstick: float = 0.0
    lip_colour: tuple[float, float, float] = (0.6, 0.15, 0.2)
    eyeshadow: float = 0.0
    eye_colour: tuple[float, float, float] = (0.3, 0.2, 0.3)
    eyeliner: float = 0.0
    blush: float = 0.0


@dataclass(frozen=True)
class Person:
    """A rendered person; everything random about it follows from ``seed``.

    Attributes:
        id: Name in manifests, ``p00012`` for seed 12.
        seed: The seed it was drawn from.
        shape: Build of head and body.
        skin: Colour and marks of the skin.
        hair: A key of :data:`GROWN_STYLES` or :data:`MESH_STYLES`.
        hair_colour: A key of :data:`HAIR_COLOURS`.
        hair_rgb: This person's own shade, sRGB in [0, 1].
        eyes: A key of :data:`EYE_COLOURS`.
        eyes_rgb: This person's own shade, sRGB in [0, 1].
        brows: Thickness of the brows, about 0.5 to 1.5.
        brow_style: MakeHuman brow mesh, or None: painted.
        lashes: MakeHuman lash mesh, or None: those of the base mesh.
        makeup: What is painted on the face.
        stubble: Darkness of shaved beard, 0 to 1.
        beard: ``none``, ``moustache``, ``goatee`` or ``full``.
        glasses: Whether glasses are worn.
        frame_rgb: Colour of the frame, sRGB in [0, 1].
        sex: ``female`` or ``male``.
        age: ``young``, ``middleage`` or ``old``.
        caption: The person in words.
    """

    id: str
    seed: int
    shape: Shape
    skin: Skin
    hair: str
    hair_colour: str
    hair_rgb: tuple[float, float, float]
    eyes: str
    eyes_rgb: tuple[float, float, float]
    brows: float
    brow_style: str | None
    lashes: str | None
    makeup: Makeup
    stubble: float
    beard: str
    glasses: bool
    frame_rgb: tuple[float, float, float]
    sex: str
    age: str
    caption: str = ""


def sample_person(seed: int, looks: Path | None = None) -> Person:
    """Draw a person; the same seed and the same ``looks`` give the same person.

    Args:
        seed: Any whole number from 0.
        looks: Folder with MakeHuman's CC0 skins, hair, brows, lashes, eyes and teeth, or None.

    Example:
        >>> sample_person(3) == sample_person(3), sample_person(3).id
        (True, 'p00003')
    """
    rng = np.random.default_rng([0x9E37, seed])
    shape = sample_shape(rng)
    skin = _sample_skin(rng, shape, looks)
    hair, colour = _sample_hair(rng, shape, skin, looks)
    eyes = _sample_eye_colour(rng, skin.melanin)
    beard = _sample_beard(rng) if shape.sex == "male" else "none"
    stubble = float(rng.beta(1.5, 2.5)) if shape.sex == "male" else 0.0
    person = Person(
        id=f"p{seed:05d}",
        seed=seed,
        shape=shape,
        skin=skin,
        hair=hair,
        hair_colour=colour,
        hair_rgb=_own_shade(rng, HAIR_COLOURS[colour], 0.14),
        eyes=eyes,
        eyes_rgb=_own_shade(rng, EYE_COLOURS[eyes], 0.18),
        brows=float(np.clip(rng.normal(1.1 if shape.sex == "male" else 0.85, 0.2), 0.5, 1.6)),
        brow_style=_choose_mesh(rng, looks, "eyebrows"),
        lashes=_choose_mesh(rng, looks, "eyelashes"),
        makeup=_sample_makeup(rng) if shape.sex == "female" else Makeup(),
        stubble=stubble,
        beard=beard,
        glasses=bool(rng.random() < 0.15),
        frame_rgb=_FRAME_COLOURS[int(rng.integers(len(_FRAME_COLOURS)))],
        sex=shape.sex,
        age=shape.age,
    )
    return replace(person, caption=caption(person))


def caption(person: Person) -> str:
    """Return the person in natural words.

    Example:
        >>> caption(sample_person(5)).split()[0] in {"a", "an"}
        True
    """
    tone = _TONES[min(int(person.skin.melanin * len(_TONES)), len(_TONES) - 1)]
    styles = GROWN_STYLES | MESH_STYLES
    hair = styles[person.hair].format(person.hair_colour)
    extras = [f"{person.eyes} eyes"]
    if person.beard != "none":
        extras.append("a full beard" if person.beard == "full" else f"a {person.beard}")
    if person.glasses:
        extras.append("glasses")
    age = _AGES[person.age]
    article = "an" if age[0] in "aeiou" else "a"
    words = [f"{tone} skin", hair, *extras]
    listed = ", ".join(words[:-1]) + f" and {words[-1]}"
    return f"{article} {age} {_NOUNS[person.sex]} with {listed}"


def _sample_skin(rng: np.random.Generator, shape: Shape, looks: Path | None) -> Skin:
    """Tones even from very light to very dark, only loosely tied to ancestry."""
    ties = {"african": 0.8, "asian": 0.35, "caucasian": 0.25}
    tied = sum(ties[name] * share for name, share in shape.ancestry.items())
    melanin = float(np.clip(0.45 * tied + 0.55 * rng.uniform(-0.25, 1.15) + 0.05, 0, 1))
    old = {"young": 0.1, "middleage": 0.5, "old": 0.9}[shape.age]
    return Skin(
        melanin=melanin,
        blood=float(rng.beta(2, 3)),
        warmth=float(np.clip(rng.normal(0, 0.45), -1, 1)),
        photograph=_choose_photograph(rng, shape, melanin, looks),
        freckles=float(rng.beta(1, 3)) if rng.random() < 0.5 * (1 - melanin) else 0.0,
        moles=int(rng.poisson(1.5)),
        blotches=float(rng.beta(2, 4)),
        wrinkles=float(np.clip(rng.normal(old, 0.15), 0, 1)),
        shine=float(rng.beta(2, 2.5)),
    )


def _choose_photograph(
    rng: np.random.Generator, shape: Shape, melanin: float, looks: Path | None
) -> str | None:
    """Choose a skin of a like tone, sex and age; one person in six stays all painted."""
    painted = rng.random() < 1 / 6
    pick = rng.random()
    if looks is None or painted:
        return None
    tone = "dark" if melanin > 0.55 else "light"
    names = sorted(path.name for path in (Path(looks) / "skins").glob("*.jpg"))
    for wanted in (
        (shape.age, f"_{tone}skinned_{shape.sex}"),
        (f"_{tone}skinned_{shape.sex}",),
        (f"_{tone}skinned",),
    ):
        fitting = [name for name in names if all(part in name for part in wanted)]
        if fitting:
            return fitting[int(pick * len(fitting))]
    return None


def _choose_mesh(rng: np.random.Generator, looks: Path | None, kind: str) -> str | None:
    pick = rng.random()
    if looks is None:
        return None
    names = sorted(path.name for path in (Path(looks) / kind).iterdir() if path.is_dir())
    return names[int(pick * len(names))] if names else None


def _sample_hair(
    rng: np.random.Generator, shape: Shape, skin: Skin, looks: Path | None
) -> tuple[str, str]:
    """Draw style and colour; dark hair is commoner on dark skin, grey on the old."""
    grown = {
        "male": {"bald": 0.15, "shaved": 0.2, "cropped": 0.3, "brush": 0.25, "afro": 0.1},
        "female": {"shaved": 0.06, "cropped": 0.14, "brush": 0.2, "afro": 0.2, "curtain": 0.4},
    }[shape.sex]
    meshes = {  # bob02 and short03 hang into an eye: rare
        "male": {"short01": 0.3, "short02": 0.3, "short03": 0.08, "short04": 0.22, "long01": 0.1},
        "female": {
            "bob02": 0.1, "long01": 0.35, "ponytail01": 0.34, "braid01": 0.15, "short03": 0.06,
        },
    }[shape.sex]  # fmt: skip
    use_mesh = rng.random() < 0.65
    table = meshes if looks is not None and use_mesh else grown
    style = str(rng.choice(list(table), p=list(table.values())))
    if rng.random() < {"young": 0.02, "middleage": 0.25, "old": 0.8}[shape.age]:
        return style, str(rng.choice(["grey", "white"], p=[0.65, 0.35]))
    light = np.array([0.15, 0.22, 0.22, 0.17, 0.15, 0.09])
    dark = np.array([0.75, 0.2, 0.05, 0.0, 0.0, 0.0])
    share = float(np.clip((skin.melanin - 0.2) / 0.35, 0, 1))
    odds = (1 - share) * light + share * dark
    return style, str(rng.choice(list(HAIR_COLOURS)[:6], p=odds / odds.sum()))


def _sample_eye_colour(rng: np.random.Generator, melanin: float) -> str:
    light = np.array([0.2, 0.1, 0.15, 0.15, 0.25, 0.15])
    dark = np.array([0.45, 0.55, 0.0, 0.0, 0.0, 0.0])
    share = float(np.clip((melanin - 0.2) / 0.3, 0, 1))
    return str(rng.choice(list(EYE_COLOURS), p=(1 - share) * light + share * dark))


def _sample_beard(rng: np.random.Generator) -> str:
    return str(rng.choice(["none", "moustache", "goatee", "full"], p=[0.68, 0.08, 0.08, 0.16]))


def _sample_makeup(rng: np.random.Generator) -> Makeup:
    def strength(share: float) -> float:
        return float(rng.uniform(0.2, 0.9)) if rng.random() < share else 0.0

    reds = ((0.62, 0.10, 0.16), (0.74, 0.36, 0.36), (0.45, 0.10, 0.20), (0.70, 0.25, 0.30))
    shades = ((0.30, 0.20, 0.18), (0.28, 0.24, 0.40), (0.20, 0.28, 0.36), (0.45, 0.30, 0.22))
    return Makeup(
        lipstick=strength(0.45),
        lip_colour=_own_shade(rng, reds[int(rng.integers(4))], 0.1),
        eyeshadow=strength(0.35) * 0.6,
        eye_colour=_own_shade(rng, shades[int(rng.integers(4))], 0.1),
        eyeliner=strength(0.35),
        blush=strength(0.35) * 0.5,
    )


def _own_shade(
    rng: np.random.Generator, colour: tuple[float, float, float], spread: float
) -> tuple[float, float, float]:
    """Shift a colour's brightness by ``spread`` and its hue by a third of that (log units)."""
    shift = rng.normal(0, spread) + rng.normal(0, spread / 3, 3)
    red, green, blue = np.clip(np.array(colour) * np.exp(shift), 0.01, 0.98)
    return float(red), float(green), float(blue)
