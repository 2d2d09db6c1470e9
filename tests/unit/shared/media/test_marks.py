from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from shared.errors import InputError
from shared.media.audio import write_audio
from shared.media.image import write_image
from shared.media.marks import (
    Found,
    Marks,
    embed_watermark,
    metadata_comment,
    read_marks,
    told_marks,
)
from shared.media.video import VideoWriter

SMOOTH = np.full((256, 256, 3), 120, np.uint8)
SMOOTH[..., 0] = np.linspace(60, 200, 256)


def video(path: Path, *, comment: str | None, mark: bool) -> Path:
    with VideoWriter(path, 25, (256, 256), comment=comment) as writer:
        for _ in range(3):
            writer.write(embed_watermark(SMOOTH) if mark else SMOOTH)
    return path


def picture(path: Path, *, comment: str | None, mark: bool) -> Path:
    return write_image(path, embed_watermark(SMOOTH) if mark else SMOOTH, comment=comment)


def made(folder: Path, extension: str, *, comment: str | None, mark: bool) -> Path:
    return (video if extension == "mp4" else picture)(
        folder / f"a.{extension}", comment=comment, mark=mark
    )


@pytest.mark.parametrize("extension", ["mp4", "png", "jpg"])
def test_both_marks_are_read_back(tmp_path: Path, extension: str) -> None:
    marks = read_marks(
        made(tmp_path, extension, comment=metadata_comment("osmnet", "ab12"), mark=True)
    )
    assert marks.metadata is not None
    assert (marks.metadata["method"], marks.metadata["record_sha256"]) == ("osmnet", "ab12")
    assert marks.metadata["version"]
    assert marks.watermark_p_value < 1e-6
    assert marks.frames_read == 1
    assert marks.found


@pytest.mark.parametrize("extension", ["mp4", "png"])
@pytest.mark.parametrize(("comment", "mark"), [(metadata_comment("font"), False), (None, True)])
def test_one_mark_is_enough(
    tmp_path: Path, extension: str, comment: str | None, mark: bool
) -> None:
    marks = read_marks(made(tmp_path, extension, comment=comment, mark=mark))
    assert marks.found and marks.kind is (Found.WATERMARK if mark else Found.COMMENT)
    assert (marks.metadata is not None) == (comment is not None)


@pytest.mark.parametrize("extension", ["mp4", "png"])
@pytest.mark.parametrize(
    "comment",
    [
        None,
        "holiday",
        "[1, 2]",
        '{"generator": 7}',
        "[" * 5000,
        "7" * 5000,
        '{"generator": "twinface", "x": NaN}',
        json.dumps({"generator": "twinface", "x": "y" * 70_000}),
    ],
    ids=["none", "text", "list", "number", "deep", "digits", "nan", "huge"],
)
def test_strange_comments_are_no_mark(tmp_path: Path, extension: str, comment: str | None) -> None:
    marks = read_marks(made(tmp_path, extension, comment=comment, mark=False))
    assert marks.metadata is None
    assert not marks.found and marks.kind is Found.NONE


def test_another_generator_is_told_but_is_not_ours(tmp_path: Path) -> None:
    marks = read_marks(picture(tmp_path / "a.png", comment='{"generator": "other"}', mark=False))
    assert marks.metadata == {"generator": "other"}
    assert not marks.found


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a.wav", "no video"),
        ("missing.png", "no file at"),
        (".", "is a folder; name the files in it"),
    ],
)
def test_files_without_pictures(tmp_path: Path, name: str, told: str) -> None:
    if name == "a.wav":
        write_audio(tmp_path / name, np.zeros(1600, np.float32))
    with pytest.raises(InputError, match=told):
        read_marks(tmp_path / name)


@pytest.mark.parametrize("extension", ["webp", "avif", "bmp", "tiff", "ppm", "pgm", "jp2", "gif"])
def test_a_mark_is_found_in_every_kind_of_picture(tmp_path: Path, extension: str) -> None:
    path, mode = tmp_path / f"a.{extension}", "L" if extension == "pgm" else "RGB"
    Image.fromarray(embed_watermark(SMOOTH)).convert(mode).save(path, lossless=True)
    assert read_marks(path).kind is Found.WATERMARK


def test_only_what_a_generator_tells_is_kept(tmp_path: Path) -> None:
    comment = '{"generator": "twinface", "version": 3, "method": "' + "m" * 999 + '", "x": '
    comment += "[" * 600 + "]" * 600 + "}"
    marks = read_marks(made(tmp_path, "png", comment=comment, mark=False))
    assert marks.metadata == {"generator": "twinface", "method": "m" * 200}
    assert "anyone can write" in told_marks(marks)


def test_a_mark_is_looked_for_over_the_whole_file(tmp_path: Path) -> None:
    """Each picture of this film is a key frame, and the first forty have no mark."""
    with av.open(str(tmp_path / "a.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=25, options={"qmin": "1", "qmax": "2"})
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuvj444p"
        for number in range(80):
            pixels = SMOOTH if number < 40 else embed_watermark(SMOOTH)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    marks = read_marks(tmp_path / "a.avi")
    assert marks.kind is Found.WATERMARK
    assert (marks.frames_read, marks.first_second, marks.last_second) == (32, 0.0, 79 / 25)
    assert told_marks(marks).endswith("was looked for in 32 frames from 0.0 s to 3.2 s.")


def test_marks_are_read_back_from_json_of_this_version_and_of_older_ones(tmp_path: Path) -> None:
    marks = read_marks(made(tmp_path, "mp4", comment=metadata_comment("font"), mark=False))
    plain = json.loads(json.dumps(marks.to_json()))
    assert plain["kind"] == "comment only" and Marks.from_json(plain) == marks
    for later in ("kind", "first_second", "last_second"):
        del plain[later]
    older = Marks.from_json(plain)
    assert older.kind is Found.COMMENT and older.first_second is None
    assert told_marks(older).endswith("was looked for in 1 frame.")
    with pytest.raises(TypeError):
        Marks.from_json({**plain, "strange": 1})
