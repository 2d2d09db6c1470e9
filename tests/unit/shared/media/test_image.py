from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from shared.errors import InputError, LimitExceeded, OutputError, ToolkitError
from shared.media.image import (
    NEUTRAL_GREY,
    jpeg_code,
    picture_kind,
    read_comment,
    read_image,
    through_jpeg,
    write_image,
)

SAMPLE = np.full((16, 24, 3), 77, np.uint8)
SAMPLE[..., 0] = np.arange(0, 240, 10)
SAMPLE[..., 1] = np.arange(0, 160, 10)[:, None]


@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(rgb=hnp.arrays(np.uint8, st.tuples(st.integers(1, 20), st.integers(1, 20), st.just(3))))
def test_png_is_lossless(tmp_path: Path, rgb: np.ndarray) -> None:
    assert np.array_equal(read_image(write_image(tmp_path / "a.png", rgb)), rgb)


@pytest.mark.parametrize("name", ["été 图.jpg", "12:30.jpeg"])
def test_jpeg_is_close(tmp_path: Path, name: str) -> None:
    read = read_image(write_image(tmp_path / name, SAMPLE))
    assert np.abs(read.astype(int) - SAMPLE).mean() < 3
    assert [path.name for path in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("extension", ["png", "jpg"])
def test_comment(tmp_path: Path, extension: str) -> None:
    path = write_image(tmp_path / f"a.{extension}", SAMPLE, comment='{"é": 1}')
    assert read_comment(path) == '{"é": 1}'
    assert read_comment(write_image(path, SAMPLE)) is None


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [
        (1, lambda a: a),
        (2, np.fliplr),
        (3, lambda a: np.rot90(a, 2)),
        (4, np.flipud),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: np.rot90(a, 2).transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a, 1)),
    ],
)
def test_exif_orientation(
    tmp_path: Path, orientation: int, turn: Callable[[np.ndarray], np.ndarray]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(SAMPLE).save(tmp_path / "a.png", exif=exif)
    assert np.array_equal(read_image(tmp_path / "a.png"), turn(SAMPLE))


def test_transparency_shows_neutral_grey(tmp_path: Path) -> None:
    alpha = np.zeros((16, 24), np.uint8)
    alpha[:, 12:] = 255
    Image.fromarray(np.dstack([SAMPLE, alpha])).save(tmp_path / "a.png")
    read = read_image(tmp_path / "a.png")
    assert (read[:, :12] == NEUTRAL_GREY).all()
    assert np.array_equal(read[:, 12:], SAMPLE[:, 12:])


def test_a_transparent_palette_colour(tmp_path: Path) -> None:
    picture = Image.fromarray(np.repeat([[0, 1]], 4, axis=0).astype(np.uint8), mode="P")
    picture.putpalette([255, 0, 0, 0, 0, 255])
    picture.save(tmp_path / "a.png", transparency=0)
    read = read_image(tmp_path / "a.png")
    assert (read[0, 0] == NEUTRAL_GREY).all()
    assert read[0, 1].tolist() == [0, 0, 255]


def test_sixteen_bits_are_scaled(tmp_path: Path) -> None:
    levels = np.arange(256, dtype=np.uint16)[None] * 257
    Image.fromarray(levels).save(tmp_path / "a.png")
    assert np.array_equal(read_image(tmp_path / "a.png")[0, :, 1], np.arange(256))


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "CMYK", "YCbCr"])
def test_modes(tmp_path: Path, mode: str) -> None:
    flat = Image.new("RGB", (6, 4), (255, 255, 255)).convert(mode)
    flat.save(tmp_path / "a.tiff")
    read = read_image(tmp_path / "a.tiff")
    assert (read.shape, read.dtype) == ((4, 6, 3), np.uint8)
    assert (read >= 254).all()


@pytest.mark.parametrize("extension", ["gif", "webp", "png"])
def test_an_animation_gives_its_first_frame(tmp_path: Path, extension: str) -> None:
    frames = [Image.new("RGB", (8, 8), (value, value, value)) for value in (200, 20)]
    frames[0].save(tmp_path / f"a.{extension}", save_all=True, append_images=frames[1:])
    assert (np.abs(read_image(tmp_path / f"a.{extension}").astype(int) - 200) <= 2).all()


def test_bomb_is_refused_from_its_header(
    tmp_path: Path, png_header: Callable[[int, int], bytes]
) -> None:
    (tmp_path / "bomb.png").write_bytes(png_header(20_000, 20_000))
    with pytest.raises(LimitExceeded):
        read_image(tmp_path / "bomb.png")


def test_limit_is_the_callers(tmp_path: Path) -> None:
    path = write_image(tmp_path / "a.png", SAMPLE)
    assert read_image(path, max_pixels=24 * 16).shape == SAMPLE.shape
    with pytest.raises(LimitExceeded, match="24 x 16"):
        read_image(path, max_pixels=24 * 16 - 1)


def hostile(kind: str, folder: Path, header: bytes) -> Path:
    path = folder / f"{kind}.png"
    png = write_image(
        folder / "whole.png", np.random.default_rng(0).integers(0, 256, (50, 50, 3), dtype=np.uint8)
    )
    heic = b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200)
    content = {
        "empty": b"",
        "text": b"hello " * 50,
        "zeros": bytes(500),
        "cut": png.read_bytes()[:3000],
        "no pixels": header,
        "heic": heic,
        "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n",
    }
    if kind == "zip":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a", "b" * 100)
    elif kind == "float":
        buffer = io.BytesIO()
        Image.fromarray(np.zeros((4, 4), np.float32)).save(buffer, "TIFF")
        path.write_bytes(buffer.getvalue())
    elif kind == "folder":
        path.mkdir()
    elif kind != "missing":
        path.write_bytes(content[kind])
    return path


@pytest.mark.parametrize(
    "kind",
    [
        "missing",
        "empty",
        "folder",
        "text",
        "zeros",
        "zip",
        "cut",
        "no pixels",
        "heic",
        "svg",
        "eps",
        "float",
    ],
)
def test_hostile_files_are_refused(
    kind: str, tmp_path: Path, png_header: Callable[[int, int], bytes]
) -> None:
    with pytest.raises(InputError) as caught:
        read_image(hostile(kind, tmp_path, png_header(50, 50)))
    assert caught.value.fix


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), extension=st.sampled_from(["png", "jpg", "gif", "webp", "tiff", "bmp"]))
def test_damaged_bytes_never_raise_anything_else(
    tmp_path: Path, data: st.DataObject, extension: str
) -> None:
    buffer = io.BytesIO()
    Image.fromarray(SAMPLE).save(buffer, {"jpg": "jpeg"}.get(extension, extension))
    content = bytearray(buffer.getvalue())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "damaged"
    path.write_bytes(bytes(content[: data.draw(st.integers(1, len(content)))]))
    try:
        assert read_image(path).dtype == np.uint8
    except ToolkitError as error:
        assert error.code in ("bad-input", "limit-exceeded")


def test_kinds(tmp_path: Path) -> None:
    path = tmp_path / "a"
    for kind, pillow in {
        "png": "PNG",
        "jpeg": "JPEG",
        "webp": "WEBP",
        "tiff": "TIFF",
        "bmp": "BMP",
    }.items():
        Image.fromarray(SAMPLE).save(path, pillow)
        assert picture_kind(path) == kind
    Image.fromarray(SAMPLE).save(path, "GIF")
    assert picture_kind(path) is None


@pytest.mark.parametrize(
    ("kind", "mode", "options"),
    [
        ("ppm", "RGB", {"format": "PPM"}),
        ("ppm", "L", {"format": "PPM"}),
        ("ppm", "1", {"format": "PPM"}),
        ("jpeg2000", "RGB", {"format": "JPEG2000"}),
        ("jpeg2000", "RGB", {"format": "JPEG2000", "no_jp2": True}),
        ("tiff", "RGB", {"format": "TIFF", "big_tiff": True}),
        ("avif", "RGB", {"format": "AVIF"}),
    ],
)
def test_what_can_be_read_is_known_as_a_picture(
    tmp_path: Path, kind: str, mode: str, options: dict
) -> None:
    """Else it would be opened as a video."""
    Image.fromarray(SAMPLE).convert(mode).save(tmp_path / "a", **options)
    assert picture_kind(tmp_path / "a") == kind
    assert read_image(tmp_path / "a").shape == SAMPLE.shape


def test_an_avif_may_name_its_brand_among_the_compatible_ones(tmp_path: Path) -> None:
    Image.fromarray(SAMPLE).save(tmp_path / "a", "AVIF")
    content = bytearray((tmp_path / "a").read_bytes())
    content[8:12] = b"mif1"
    (tmp_path / "a").write_bytes(content)
    assert picture_kind(tmp_path / "a") == "avif"


def test_a_text_that_begins_like_a_pixmap_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("P3 is a fine letter\n")
    with pytest.raises(InputError, match="damaged"):
        read_image(tmp_path / "a.txt")


@pytest.mark.parametrize("place", ["missing/a.png", "file/a.png"])
def test_a_place_that_cannot_be_written(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        write_image(tmp_path / place, SAMPLE)


@pytest.mark.parametrize(
    "bad", [SAMPLE[..., 0], SAMPLE.astype(float), SAMPLE[:0], np.dstack([SAMPLE, SAMPLE])]
)
def test_arrays_that_are_no_picture(tmp_path: Path, bad: np.ndarray) -> None:
    with pytest.raises(InputError, match="RGB"):
        write_image(tmp_path / "a.png", bad)


def test_unknown_extension(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="extension"):
        write_image(tmp_path / "a.gif", SAMPLE)


def test_a_jpeg_in_memory_keeps_the_colours_and_loses_detail() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (16, 24, 3)).astype(np.uint8)
    code = jpeg_code(noise, 30)
    assert np.array_equal(through_jpeg(noise, 30), np.asarray(Image.open(io.BytesIO(code.data))))
    errors = [
        np.abs(through_jpeg(noise, quality).astype(int) - noise).mean() for quality in (30, 95)
    ]
    assert errors[0] > errors[1] > 1
    red = np.full((16, 16, 3), (200, 40, 10), np.uint8)
    assert np.abs(through_jpeg(red, 95).astype(int) - red).max() <= 3
