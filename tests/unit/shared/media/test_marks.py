from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from shared.errors import InputError
from shared.media.audio import write_audio
from shared.media.image import write_image
from shared.media.marks import embed_watermark, metadata_comment, read_marks, told_marks
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
    assert marks.found
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
    assert not marks.found


def test_another_generator_is_told_but_is_not_ours(tmp_path: Path) -> None:
    marks = read_marks(picture(tmp_path / "a.png", comment='{"generator": "other"}', mark=False))
    assert marks.metadata == {"generator": "other"}
    assert not marks.found


@pytest.mark.parametrize("name", ["a.wav", "missing.png"])
def test_files_without_pictures(tmp_path: Path, name: str) -> None:
    if name == "a.wav":
        write_audio(tmp_path / name, np.zeros(1600, np.float32))
    with pytest.raises(InputError):
        read_marks(tmp_path / name)


def test_only_what_a_generator_tells_is_kept(tmp_path: Path) -> None:
    comment = '{"generator": "twinface", "version": 3, "method": "' + "m" * 999 + '", "x": '
    comment += "[" * 600 + "]" * 600 + "}"
    marks = read_marks(made(tmp_path, "png", comment=comment, mark=False))
    assert marks.metadata == {"generator": "twinface", "method": "m" * 200}
    assert "anyone can write" in told_marks(marks)
