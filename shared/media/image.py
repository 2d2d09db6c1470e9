"""Pictures in and out: any common file -> uint8 RGB, and back to PNG or JPEG."""

from __future__ import annotations

import io
import re
import struct
import warnings
import zlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from shared.custody import write_atomic
from shared.errors import InputError, LimitExceeded

MAX_IMAGE_PIXELS = 100_000_000
"""Pictures with more pixels than this are refused from their header: 100 megapixels decode to 300 MB."""

NEUTRAL_GREY = 128
"""What shows through transparent pixels: neither a dark nor a bright edge round a cut-out face."""

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF", "PPM", "JPEG2000", "AVIF")
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    IndexError,
    KeyError,
    TypeError,
)
_SAVE_OPTIONS = {
    ".png": {"format": "PNG", "compress_level": 4},
    ".jpg": {"format": "JPEG", "quality": 95, "subsampling": 0},
    ".jpeg": {"format": "JPEG", "quality": 95, "subsampling": 0},
}
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1")
_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"BM", "bmp"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
    (b"\x00\x00\x00\x0cjP  ", "jpeg2000"),
    (b"\xff\x4f\xff\x51", "jpeg2000"),
)
_PORTABLE = re.compile(rb"P[1-6]\s")
"""Bitmap, greymap and pixmap (PBM, PGM, PPM), as text or as bytes."""


def picture_kind(path: str | Path) -> str | None:
    """Return ``"png"``, ``"jpeg"``, ``"heic"``, ... by the file's first bytes, or None if it is no still picture.

    GIFs count as video (they move more often than not), so they give None.

    Raises:
        InputError: If there is no such file, or it is empty.
    """
    head = _head(path)
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand in (b"avif", b"avis") or (brand in _HEIF_BRANDS and b"avif" in head[16:]):
            return "avif"
        return "heic" if brand in _HEIF_BRANDS else None
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if _PORTABLE.match(head):
        return "ppm"
    return next((kind for magic, kind in _MAGIC if head.startswith(magic)), None)


def read_image(path: str | Path, *, max_pixels: int = MAX_IMAGE_PIXELS) -> NDArray[np.uint8]:
    """Read a picture as uint8 RGB ``(H, W, 3)``, upright.

    The camera's EXIF orientation is applied. Transparent pixels show neutral grey (128). Greyscale, palettes, CMYK and
    16 bit a channel become 8 bit RGB; colour profiles are not applied. An animation gives its first frame.

    Args:
        path: PNG, JPEG, WebP, AVIF, BMP, GIF, TIFF, PPM or JPEG 2000.
        max_pixels: Refuse larger pictures from their header, before anything is decoded.

    Raises:
        InputError: If the file is missing, empty, cut short, damaged or of another kind.
        LimitExceeded: If it has more than ``max_pixels`` pixels.
    """
    if picture_kind(path) == "heic":
        raise InputError(
            f"{path} is an HEIC picture, which is not supported", fix="save it as JPEG or PNG first"
        )
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 megapixels on; max_pixels decides here.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as picture:
                _check_size(path, picture.size, max_pixels)
                return _to_rgb(path, ImageOps.exif_transpose(picture))
    except Image.DecompressionBombError as error:
        raise _too_large(path, str(error), max_pixels) from error
    except UnidentifiedImageError as error:
        raise InputError(
            f"{path} is not a picture that can be read",
            expected=", ".join(_FORMATS),
            fix="save it as PNG or JPEG",
        ) from error
    except _BROKEN as error:
        raise InputError(
            f"{path} is damaged or cut short", found=error, fix="get a whole copy of it"
        ) from error


def write_image(path: str | Path, rgb: NDArray[np.uint8], *, comment: str | None = None) -> Path:
    """Write uint8 RGB ``(H, W, 3)`` as PNG (lossless) or JPEG (quality 95, 4:4:4), beside and renamed.

    Args:
        path: Ends in ``.png``, ``.jpg`` or ``.jpeg``.
        rgb: The picture.
        comment: Text that the file carries as its comment.

    Raises:
        InputError: If the array is no uint8 RGB picture or the extension is another one.
        OutputError: If the file cannot be written.
    """
    options = _SAVE_OPTIONS.get(Path(path).suffix.lower())
    if options is None:
        raise InputError(
            "unknown picture extension", found=Path(path).suffix, expected=" | ".join(_SAVE_OPTIONS)
        )
    require_rgb(rgb)
    extra: dict[str, object] = {}
    if comment is not None and options["format"] == "PNG":
        text = PngImagePlugin.PngInfo()
        text.add_itxt("Comment", comment)
        extra["pnginfo"] = text
    elif comment is not None:
        extra["comment"] = comment.encode()
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(rgb)).save(buffer, **options, **extra)  # type: ignore[arg-type]
    return write_atomic(path, buffer.getvalue())


def jpeg_code(rgb: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return a picture ``(H, W, 3)`` as the bytes ``(N,)`` of a JPEG of quality 0 to 100, colours halved in size."""
    _, code = cv2.imencode(".jpg", rgb[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(code, np.uint8)


def through_jpeg(rgb: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    """Return what a JPEG of a quality leaves of a picture ``(H, W, 3)``, in memory; see :func:`jpeg_code`."""
    read = np.asarray(cv2.imdecode(jpeg_code(rgb, quality), cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(read[..., ::-1])


def require_rgb(frame: NDArray[np.uint8], size: tuple[int, int] | None = None) -> None:
    """Refuse anything but a uint8 RGB picture ``(H, W, 3)``, of ``size`` (width, height) if given.

    Raises:
        InputError: If it is something else.
    """
    found = f"{getattr(frame, 'dtype', type(frame).__name__)} {getattr(frame, 'shape', '')}"
    shape: tuple[int, ...] = getattr(frame, "shape", ())
    if len(shape) != 3 or shape[2] != 3 or 0 in shape or frame.dtype != np.uint8:
        raise InputError("not an RGB picture", found=found, expected="uint8 (H, W, 3)")
    if size is not None and shape[:2] != (size[1], size[0]):
        raise InputError(
            "the picture has another size", found=found, expected=f"uint8 ({size[1]}, {size[0]}, 3)"
        )


def read_comment(path: str | Path) -> str | None:
    """Return the comment that a PNG or JPEG carries, or None.

    Raises:
        InputError: If the file is no picture that can be read.
    """
    try:
        with Image.open(path, formats=_FORMATS) as picture:
            found = picture.info.get("Comment", picture.info.get("comment"))
    except (*_BROKEN, Image.DecompressionBombError) as error:
        raise InputError(f"{path} is not a picture that can be read", found=error) from error
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else found


def count_pictures(path: str | Path) -> int:
    """Return how many pictures an animation or a stack holds, of which :func:`read_image` gives the first; else 1.

    The further pictures of a JPEG (previews, depth, brightness) are views of the first and do not count.

    Raises:
        InputError: If the file is no picture that can be read.
    """
    if picture_kind(path) == "jpeg":
        return 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(path, formats=_FORMATS) as picture:
                return int(getattr(picture, "n_frames", 1))
    except (*_BROKEN, Image.DecompressionBombError) as error:
        raise InputError(f"{path} is not a picture that can be read", found=error) from error


def _head(path: str | Path) -> bytes:
    place = Path(path)
    if place.is_dir():
        raise InputError(f"{place} is a folder", fix="name the files in it")
    if not place.is_file():
        raise InputError(f"no file at {place}", fix="check the path")
    try:
        with place.open("rb") as stream:
            head = stream.read(40)  # holds the brands that an AVIF is compatible with
    except OSError as error:
        raise InputError(
            f"{place} cannot be opened", found=error.strerror, fix="check its permissions"
        ) from error
    if not head:
        raise InputError(f"{place} is empty", found="0 bytes", fix="get a whole copy of it")
    return head


def _check_size(path: str | Path, size: tuple[int, int], max_pixels: int) -> None:
    if size[0] * size[1] > max_pixels:
        raise _too_large(path, f"{size[0]} x {size[1]}", max_pixels)


def _too_large(path: str | Path, found: str, max_pixels: int) -> LimitExceeded:
    return LimitExceeded(
        f"{path} has too many pixels",
        found=found,
        expected=f"at most {max_pixels} pixels",
        fix="scale it down",
    )


def _to_rgb(path: str | Path, picture: Image.Image) -> NDArray[np.uint8]:
    if picture.mode.startswith("I;16"):
        wide = np.asarray(picture, np.uint32)
        grey = ((wide + 128) // 257).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=-1)
    if picture.mode in ("I", "F"):
        raise InputError(
            f"{path} has 32 bits a pixel",
            expected="8 or 16 bits a channel",
            fix="save it as a 16 bit PNG",
        )
    if picture.has_transparency_data:
        layer = picture.convert("RGBA")
        ground = Image.new("RGBA", layer.size, (NEUTRAL_GREY, NEUTRAL_GREY, NEUTRAL_GREY, 255))
        picture = Image.alpha_composite(ground, layer)
    return np.array(picture.convert("RGB"))
