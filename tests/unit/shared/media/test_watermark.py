from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image
from skimage import data

from shared.errors import InputError
from shared.media import watermark
from shared.media.video import VideoReader, VideoWriter
from shared.media.watermark import embed_watermark, watermark_score

CERTAIN = 1e-6
NATURAL = (
    "astronaut", "brick", "camera", "cell", "chelsea", "clock", "coffee", "coins", "colorwheel", "grass", "gravel",
    "hubble_deep_field", "immunohistochemistry", "moon", "page", "retina", "rocket", "text",
)  # fmt: skip


def natural(name: str, short_side: int | None = None) -> np.ndarray:
    picture = np.asarray(getattr(data, name)())
    picture = np.ascontiguousarray(
        (np.dstack([picture] * 3) if picture.ndim == 2 else picture)[..., :3]
    )
    if short_side is None:
        return picture
    scale = short_side / min(picture.shape[:2])
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA)


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / np.mean((a.astype(float) - b) ** 2)))


def jpeg(frame: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(frame).save(buffer, "JPEG", quality=quality)
    return np.array(Image.open(buffer))


@pytest.fixture(scope="module")
def face() -> np.ndarray:
    return natural("astronaut", 256)


@pytest.fixture(scope="module")
def marked(face: np.ndarray) -> np.ndarray:
    return embed_watermark(face)


@pytest.mark.parametrize("name", NATURAL)
def test_invisible_and_found_in_any_picture(name: str) -> None:
    picture = natural(name, 256)
    with_mark = embed_watermark(picture)
    assert with_mark.dtype == np.uint8
    assert psnr(picture, with_mark) >= 42
    assert watermark_score([with_mark]).p_value < CERTAIN


@pytest.mark.parametrize("name", NATURAL)
def test_no_false_alarm_on_natural_pictures(name: str) -> None:
    assert watermark_score([natural(name)]).p_value > 1e-4


@pytest.mark.parametrize("kind", ["noise", "black", "white", "gradient", "smooth noise"])
def test_no_false_alarm_on_made_up_pictures(kind: str) -> None:
    rng = np.random.default_rng(3)
    noise = rng.integers(0, 256, (200, 300, 3), dtype=np.uint8)
    picture = {
        "noise": noise,
        "black": np.zeros_like(noise),
        "white": np.full_like(noise, 255),
        "gradient": np.broadcast_to(
            np.linspace(0, 255, 300).astype(np.uint8)[None, :, None], noise.shape
        ).copy(),
        "smooth noise": cv2.GaussianBlur(noise, (0, 0), 4),
    }[kind]
    assert watermark_score([picture]).p_value > 1e-4


def test_score_without_mark_is_standard_normal() -> None:
    # Independent noise pictures stand for independent keys.
    rng = np.random.default_rng(11)
    scores = [
        watermark._correlation(rng.normal(0, 3, (128, 128)).astype(np.float32), search=False)
        for _ in range(400)
    ]
    assert abs(np.mean(scores)) < 0.2
    assert 0.9 < np.std(scores) < 1.1


@pytest.mark.parametrize("quality", [90, 80, 60])
def test_survives_jpeg(marked: np.ndarray, quality: int) -> None:
    assert watermark_score([jpeg(marked, quality)]).p_value < CERTAIN


@pytest.mark.parametrize("scale", [0.5, 0.75, 1.37, 2.0])
def test_survives_scaling(marked: np.ndarray, scale: float) -> None:
    scaled = cv2.resize(marked, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    assert watermark_score([scaled]).p_value < CERTAIN


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "border": lambda f: np.pad(f, ((0, 0), (101, 98), (0, 0))),
    "mirror": lambda f: np.ascontiguousarray(f[:, ::-1]),
    "brighter": lambda f: cv2.convertScaleAbs(f, alpha=1.1, beta=15),
    "noise": lambda f: np.clip(f + np.random.default_rng(0).normal(0, 8, f.shape), 0, 255).astype(
        np.uint8
    ),
    "blur": lambda f: cv2.GaussianBlur(f, (0, 0), 1.0),
    "grey": lambda f: np.repeat(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2),
}


@pytest.mark.parametrize("change", CHANGES)
def test_survives_usual_edits(marked: np.ndarray, change: str) -> None:
    assert watermark_score([CHANGES[change](marked)]).p_value < CERTAIN


def test_a_wide_picture_cut_to_its_middle() -> None:
    wide = embed_watermark(natural("rocket", 256))
    assert wide.shape[1] > 256 + 60
    assert watermark_score([np.ascontiguousarray(wide[:, 53 : 53 + 256])]).p_value < CERTAIN


@pytest.mark.parametrize("crf", [18, 28])
def test_survives_h264(tmp_path: Path, face: np.ndarray, crf: int) -> None:
    with VideoWriter(tmp_path / "a.mp4", 25, (256, 256), crf=crf) as writer:
        for step in range(12):
            writer.write(embed_watermark(np.roll(face, step, axis=1)))
    with VideoReader(tmp_path / "a.mp4") as reader:
        assert watermark_score(frame for _, frame in reader.key_frames(1)).p_value < CERTAIN


def test_large_frames_are_marked_as_small_ones() -> None:
    large = natural("astronaut", 512)
    with_mark = embed_watermark(large)
    assert psnr(large, with_mark) >= 42
    assert watermark_score([with_mark]).p_value < CERTAIN


@pytest.mark.parametrize("shape", [(1, 1), (1, 8000), (33, 17), (480, 640)])
def test_any_size_is_accepted(shape: tuple[int, int]) -> None:
    frame = np.full((*shape, 3), 120, np.uint8)
    with_mark = embed_watermark(frame)
    assert with_mark.shape == frame.shape
    assert 0 <= watermark_score([with_mark]).p_value <= 1


def test_same_frame_gives_the_same_mark_and_the_input_is_left_alone(face: np.ndarray) -> None:
    before = face.copy()
    assert np.array_equal(embed_watermark(face), embed_watermark(face))
    assert np.array_equal(face, before)


def test_colour_is_left_alone(face: np.ndarray, marked: np.ndarray) -> None:
    change = marked.astype(int) - face
    inside = (face > 10).all(axis=2) & (face < 245).all(axis=2)
    assert (np.ptp(change[inside], axis=1) == 0).all()


@pytest.mark.parametrize(
    "frames", [[], [np.zeros((8, 8), np.uint8)], [np.zeros((8, 8, 3), np.float32)]]
)
def test_what_is_no_frame(frames: list[np.ndarray]) -> None:
    with pytest.raises(InputError):
        watermark_score(frames)
