"""Where a rendered person stands: light, camera, background, clothes and the camera's sensor.

Everything follows from one seed. Directions are in camera space: x right, y up, z to the camera.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]
Picture = NDArray[np.uint8]
Colour = tuple[float, float, float]

BACKGROUNDS = ("plain", "gradient", "blobs", "shelves", "room", "noise", "window", "photograph")
"""Kinds of background."""

PATTERNS = ("plain", "stripes", "hoops", "checks", "heather")
"""Kinds of cloth."""

NECKLINES = ("crew", "vee", "high", "scoop")
"""Kinds of collar."""

_KNEE = 0.6
"""Linear light above which the sensor's response bends."""

_PHOTOGRAPHS = ("coffee.png", "rocket.jpg", "grass.png", "gravel.png", "brick.png")
"""Pictures that come with scikit-image and show no person."""


@dataclass(frozen=True)
class Light:
    """A far light.

    Attributes:
        direction: Unit vector towards the light, camera space.
        colour: Linear RGB, intensity included.
    """

    direction: Colour
    colour: Colour


@dataclass(frozen=True)
class Sensor:
    """What a camera does to the light.

    Attributes:
        exposure: Factor on linear light.
        balance: Linear RGB factors: the colour cast.
        gamma: Exponent on the finished picture; 1 leaves it alone.
        blur: Standard deviation, px at a width of 256.
        noise: Standard deviation in 1/255.
        vignette: Darkening of the corners, 0 to 1.
    """

    exposure: float
    balance: Colour
    gamma: float
    blur: float
    noise: float
    vignette: float


@dataclass(frozen=True)
class Scene:
    """Everything about a picture that is not the person.

    Attributes:
        seed: The seed it was drawn from.
        key: Main light; it throws shadows.
        fill: Light from the other side.
        rim: Light from behind.
        ambient: Linear RGB from all round.
        focal: Focal length of the camera, in picture widths.
        head_share: Height of head with hair as a share of the picture.
        shift: Where the middle of the face lies off the picture's centre, in widths (x right, y up).
        background: One of :data:`BACKGROUNDS`.
        cloth: One of :data:`PATTERNS`.
        neckline: One of :data:`NECKLINES`.
        cloth_colours: Two sRGB colours.
        body_turn: How far the body faces away from the camera, radians.
        sensor: What the camera does.
    """

    seed: int
    key: Light
    fill: Light
    rim: Light
    ambient: Colour
    focal: float
    head_share: float
    shift: tuple[float, float]
    background: str
    cloth: str
    neckline: str
    cloth_colours: tuple[Colour, Colour]
    body_turn: float
    sensor: Sensor


def sample_scene(seed: int) -> Scene:
    """Draw a scene; the same seed gives the same scene.

    Example:
        >>> sample_scene(1) == sample_scene(1), 1.8 <= sample_scene(1).focal <= 4.5
        (True, True)
    """
    rng = np.random.default_rng([0x5CE, seed])
    side = 1 if rng.random() < 0.5 else -1
    azimuth, height = side * rng.uniform(0.0, 1.15), rng.uniform(0.05, 0.9)
    share = rng.dirichlet([6.0, 2.0, 3.0]) * rng.uniform(0.8, 1.2)  # key, fill, ambient
    key = _light(azimuth, height, _warmth(rng, 0.12) * share[0] * 1.25)
    fill = _light(-side * rng.uniform(0.3, 1.2), rng.uniform(-0.1, 0.5),
                  _warmth(rng, 0.15) * share[1] * 1.5)  # fmt: skip
    rim = _light(-side * rng.uniform(2.0, 2.8), rng.uniform(0.1, 0.7),
                 _warmth(rng, 0.2) * rng.uniform(0.0, 0.7))  # fmt: skip
    ambient = _warmth(rng, 0.08) * max(share[2], 0.12)
    return Scene(
        seed=seed,
        key=key,
        fill=fill,
        rim=rim,
        ambient=_triple(ambient),
        focal=float(np.exp(rng.uniform(np.log(1.8), np.log(4.5)))),
        head_share=float(rng.uniform(0.62, 0.70)),
        shift=(float(rng.normal(0, 0.012)), float(rng.normal(0.035, 0.012))),
        background=str(rng.choice(BACKGROUNDS)),
        cloth=str(rng.choice(PATTERNS, p=[0.45, 0.13, 0.12, 0.12, 0.18])),
        neckline=str(rng.choice(NECKLINES, p=[0.45, 0.25, 0.12, 0.18])),
        cloth_colours=(_cloth_colour(rng), _cloth_colour(rng)),
        body_turn=float(rng.normal(0, 0.15)),
        sensor=_sample_sensor(rng),
    )


def _triple(values: NDArray[np.floating]) -> Colour:
    first, second, third = (float(value) for value in values)
    return first, second, third


def _light(azimuth: float, height: float, colour: NDArray[np.floating]) -> Light:
    """Place a light: azimuth 0 is at the camera, pi behind the person; radians."""
    flat = np.cos(height)
    direction = np.array([flat * np.sin(azimuth), np.sin(height), flat * np.cos(azimuth)])
    return Light(_triple(direction), _triple(colour))


def _warmth(rng: np.random.Generator, spread: float) -> NDArray[np.floating]:
    """Return white between candle and sky."""
    warm = rng.normal(0, spread)
    return np.exp(np.array([warm, 0.1 * warm, -warm]))


def _cloth_colour(rng: np.random.Generator) -> Colour:
    hue, saturation, value = rng.uniform(0, 180), rng.beta(1.3, 2) * 255, rng.beta(1.4, 1.3) * 235
    pixel = np.array([[[hue, saturation, 15 + value]]]).astype(np.uint8)
    return _triple(cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0] / 255.0)


def _sample_sensor(rng: np.random.Generator) -> Sensor:
    return Sensor(
        exposure=float(np.exp(rng.normal(0, 0.13))),
        balance=_triple(np.exp(rng.normal(0, 0.035, 3))),
        gamma=float(np.exp(rng.normal(0, 0.06))),
        blur=float(rng.choice([0.0, rng.uniform(0.2, 0.8)])),
        noise=float(rng.gamma(1.5, 1.0)),
        vignette=float(rng.choice([0.0, rng.uniform(0.05, 0.35)])),
    )


def develop(linear: Floats, sensor: Sensor, rng: np.random.Generator) -> Picture:
    """Turn linear light ``(H, W, 3)`` into a picture, as the sensor does.

    Args:
        linear: Linear RGB, 1 is white.
        sensor: The sensor.
        rng: The source of the noise; a fresh draw per frame.

    Example:
        >>> plain = Sensor(1.0, (1.0, 1.0, 1.0), 1.0, 0.0, 0.0, 0.0)
        >>> grey = np.full((2, 2, 3), 0.5**2.2, np.float32)
        >>> int(develop(grey, plain, np.random.default_rng(0)).max())
        128
    """
    height, width = linear.shape[:2]
    light = linear * (np.array(sensor.balance, np.float32) * sensor.exposure)
    if sensor.vignette:
        light = light * _corners(height, width, sensor.vignette)[..., None]
    if sensor.blur:
        light = cv2.GaussianBlur(light, (0, 0), sensor.blur * width / 256)
    bright = np.maximum(light - _KNEE, 0) / (1 - _KNEE)  # highlights fade, they do not clip
    light = np.minimum(light, _KNEE) + (1 - _KNEE) * (1 - np.exp(-bright))
    picture = np.maximum(light, 0) ** np.float32(sensor.gamma / 2.2) * 255
    if sensor.noise:
        picture = picture + rng.standard_normal(picture.shape, np.float32) * sensor.noise
    return np.asarray(np.clip(picture + 0.5, 0, 255), np.uint8)


def _corners(height: int, width: int, strength: float) -> Floats:
    x, y = np.linspace(-1, 1, width), np.linspace(-1, 1, height)
    return np.asarray(1 - strength * (x[None] ** 2 + y[:, None] ** 2) / 2, np.float32)


def paint_background(scene: Scene, size: int) -> Picture:
    """Paint the background, ``(size, size, 3)`` sRGB: still, and always the same for a scene."""
    rng = np.random.default_rng([0xBAC, scene.seed])
    picture = np.asarray(_PAINTERS[scene.background](rng, 256), np.float32)
    blur = float(rng.uniform(0.5, 5.0))
    picture = cv2.GaussianBlur(np.clip(picture, 0, 1), (0, 0), blur)
    scaled = cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.clip(scaled * 255 + 0.5, 0, 255), np.uint8)


def _wall(rng: np.random.Generator) -> Floats:
    hue, saturation, value = rng.uniform(0, 180), rng.beta(1.2, 4) * 255, rng.uniform(50, 245)
    pixel = np.array([[[hue, saturation, value]]]).astype(np.uint8)
    return np.asarray(cv2.cvtColor(pixel, cv2.COLOR_HSV2RGB)[0, 0] / 255.0, np.float32)


def _cloud(rng: np.random.Generator, size: int) -> Floats:
    """Noise of many sizes, about 0 with deviation about 1."""
    total = np.zeros((size, size), np.float32)
    for octave in range(1, 7):
        cells = 2**octave
        coarse = rng.standard_normal((cells, cells)).astype(np.float32)
        total += cv2.resize(coarse, (size, size), interpolation=cv2.INTER_CUBIC) / octave
    return np.asarray(total / total.std(), np.float32)


def _plain(rng: np.random.Generator, size: int) -> Floats:
    return _wall(rng) + 0.012 * _cloud(rng, size)[..., None]


def _gradient(rng: np.random.Generator, size: int) -> Floats:
    turn = rng.uniform(0, 2 * np.pi)
    axis = np.linspace(-0.7, 0.7, size)
    share = np.clip(np.cos(turn) * axis[None] + np.sin(turn) * axis[:, None] + 0.5, 0, 1)[..., None]
    return np.asarray(_wall(rng) * share + _wall(rng) * (1 - share), np.float32)


def _blobs(rng: np.random.Generator, size: int) -> Floats:
    """Lights out of focus, or leaves."""
    picture = np.broadcast_to(_wall(rng) * 0.6, (size, size, 3)).copy()
    for _ in range(int(rng.integers(8, 40))):
        layer = picture.copy()
        x, y = rng.integers(0, size, 2)
        radius = int(rng.integers(6, 45))
        cv2.circle(layer, (int(x), int(y)), radius, _wall(rng).tolist(), -1, cv2.LINE_AA)
        picture += rng.uniform(0.2, 0.8) * (layer - picture)
    return cv2.GaussianBlur(picture, (0, 0), rng.uniform(1, 5))


def _shelves(rng: np.random.Generator, size: int) -> Floats:
    """Books on boards."""
    picture = np.broadcast_to(_wall(rng) * 0.35, (size, size, 3)).copy()
    board = _wall(rng) * 0.8
    top = int(rng.integers(-40, 10))
    while top < size:
        height = int(rng.integers(45, 80))
        left = int(rng.integers(-10, 10))
        while left < size:
            width = int(rng.integers(5, 17))
            tall = int(height * rng.uniform(0.6, 0.92))
            if rng.random() < 0.92:
                corner = (left + width - 1, top + height)
                cv2.rectangle(picture, (left, top + height - tall), corner, _wall(rng).tolist(), -1)
            left += width
        cv2.rectangle(picture, (0, top + height), (size, top + height + 5), board.tolist(), -1)
        top += height + 5
    return picture


def _room(rng: np.random.Generator, size: int) -> Floats:
    """A wall, a corner, a floor or sofa, a framed picture, a lamp's glow."""
    picture = np.broadcast_to(_wall(rng), (size, size, 3)).copy()
    corner = int(rng.integers(-80, size + 80))
    picture[:, : max(corner, 0)] *= rng.uniform(0.7, 0.95)
    low = int(rng.integers(150, 250))
    picture[low:] = _wall(rng) * 0.7
    for _ in range(int(rng.integers(0, 4))):
        x, y = int(rng.integers(-20, size - 20)), int(rng.integers(-20, 120))
        w, h = (int(value) for value in rng.integers(25, 90, 2))
        cv2.rectangle(
            picture, (x - 3, y - 3), (x + w + 3, y + h + 3), (_wall(rng) * 0.5).tolist(), -1
        )
        cv2.rectangle(picture, (x, y), (x + w, y + h), _wall(rng).tolist(), -1)
    glow = cv2.getGaussianKernel(size, float(rng.uniform(40, 140)))
    return np.asarray(
        picture * (0.75 + 0.5 * (glow @ glow.T / glow.max() ** 2))[..., None], np.float32
    )


def _noise(rng: np.random.Generator, size: int) -> Floats:
    share = 1 / (1 + np.exp(-rng.uniform(0.5, 2.5) * _cloud(rng, size)))[..., None]
    return np.asarray(_wall(rng) * share + _wall(rng) * (1 - share), np.float32)


def _window(rng: np.random.Generator, size: int) -> Floats:
    """A bright window with bars in a darker wall."""
    picture = np.broadcast_to(_wall(rng) * 0.5, (size, size, 3)).copy()
    x0, y0 = int(rng.integers(-60, 120)), int(rng.integers(-60, 40))
    x1, y1 = x0 + int(rng.integers(90, 200)), y0 + int(rng.integers(110, 260))
    sky = np.array([0.85, 0.92, 1.0], np.float32) * rng.uniform(0.75, 1.0)
    cv2.rectangle(picture, (x0, y0), (x1, y1), sky.tolist(), -1)
    green = sky * np.array([0.6, 0.75, 0.55])
    cv2.rectangle(picture, (x0, int(0.35 * y0 + 0.65 * y1)), (x1, y1), green.tolist(), -1)
    for share in np.linspace(0, 1, int(rng.integers(2, 4)) + 1):
        x = int(x0 + share * (x1 - x0))
        cv2.line(picture, (x, y0), (x, y1), (_wall(rng) * 0.8).tolist(), 5)
    return picture


def _photograph(rng: np.random.Generator, size: int) -> Floats:
    """Part of a photograph that comes with scikit-image; a room where there is none."""
    photographs = _photograph_paths()
    if not photographs:
        return _room(rng, size)
    picture = cv2.imread(str(photographs[int(rng.integers(len(photographs)))]), cv2.IMREAD_COLOR)
    if picture is None:
        return _room(rng, size)
    height, width = picture.shape[:2]
    side = int(min(height, width) * rng.uniform(0.5, 1.0))
    y, x = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    part = cv2.resize(picture[y : y + side, x : x + side, ::-1], (size, size)) / 255.0
    if rng.random() < 0.5:
        part = part[:, ::-1]
    return np.asarray(part * np.exp(rng.normal(0, 0.15, 3)), np.float32)


@cache
def _photograph_paths() -> tuple[Path, ...]:
    try:
        import skimage.data
    except ImportError:
        return ()
    folder = Path(skimage.data.__file__).parent
    return tuple(folder / name for name in _PHOTOGRAPHS if (folder / name).is_file())


_PAINTERS: dict[str, Callable[[np.random.Generator, int], Floats]] = {
    "plain": _plain,
    "gradient": _gradient,
    "blobs": _blobs,
    "shelves": _shelves,
    "room": _room,
    "noise": _noise,
    "window": _window,
    "photograph": _photograph,
}


def paint_cloth(scene: Scene, size: int = 256) -> Picture:
    """Paint a tile of the garment's cloth, ``(size, size, 3)`` sRGB."""
    rng = np.random.default_rng([0xC107, scene.seed])
    first, second = (np.array(colour, np.float32) for colour in scene.cloth_colours)
    repeats = int(rng.integers(4, 14))
    wave = np.sin(np.arange(size) / size * 2 * np.pi * repeats)
    bands = (wave > rng.uniform(-0.5, 0.7)).astype(np.float32)
    patterns: dict[str, Floats] = {
        "plain": np.zeros((size, size)),
        "stripes": np.broadcast_to(bands[None], (size, size)),
        "hoops": np.broadcast_to(bands[:, None], (size, size)),
        "checks": (bands[None] + bands[:, None]) / 2,
        "heather": np.clip(0.5 + 0.2 * rng.standard_normal((size, size)), 0, 1) * 0.4,
    }
    share = patterns[scene.cloth][..., None]
    weave = 1 + 0.04 * rng.standard_normal((size, size, 1))
    cloth = (first * (1 - share) + second * share) * weave
    return np.asarray(np.clip(cloth * 255, 0, 255), np.uint8)


def neckline_of(scene: Scene) -> tuple[float, float, float]:
    """Return a garment's edge on the average body: height in dm, fall per dm forwards and sideways.

    The garment is drawn where ``y < height - forwards * z + sideways * |x|``.
    """
    return {
        "crew": (5.75, 0.33, 0.5),
        "vee": (5.15, 0.15, 1.2),
        "high": (6.2, 0.12, 0.0),
        "scoop": (5.5, 0.3, 0.7),
    }[scene.neckline]
