"""``forensics prepare`` says what came out and what did not."""

from __future__ import annotations

import numpy as np
import pytest
from skimage import data
from typer.testing import CliRunner

from forensics.cli import app
from shared.data.corpora.extraction import prepare_faces
from shared.data.manifest import read_manifest
from shared.errors import InputError
from shared.media.video import VideoWriter

PORTRAIT = np.ascontiguousarray(data.astronaut()[:256, 96:352])


def test_prepare_prints_counts_and_reasons(tmp_path):
    for name, picture in (("a", PORTRAIT), ("grey", np.full_like(PORTRAIT, 120))):
        path = tmp_path / f"corpus/train/real/{name}.mp4"
        path.parent.mkdir(parents=True, exist_ok=True)
        with VideoWriter(path, 25, (256, 256)) as writer:
            writer.write(picture)
            writer.write(picture)
    command = ["prepare", "plain", str(tmp_path / "corpus"), "-o", str(tmp_path / "out")]
    done = CliRunner().invoke(app, [*command, "--frames", "2", "--size", "32"])
    assert done.exit_code == 0, done.output
    assert "authentic" in done.output and "no face in the video" in done.output
    assert "train holds no forged video" in done.output
    assert "val holds no authentic and no forged video" in done.output
    assert [clip.frames for clip in read_manifest(tmp_path / "out")] == [2]


@pytest.mark.parametrize(
    ("corpus", "name", "expected"),
    [
        ("plain", "a.mp4", "the folder, or labels.csv in it"),
        ("plain", "mine.csv", "the folder, or labels.csv in it"),
        ("embedded", "a.mp4", "the folder, or manifest.jsonl in it"),
        ("dfdc", "metadata.json", "the folder"),
    ],
)
def test_a_file_in_place_of_the_folder_is_an_input_error(tmp_path, corpus, name, expected):
    """Its folder would be taken for the corpus, with all that lies there."""
    (tmp_path / "real").mkdir()
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=f"{name} is no folder.*expected {expected}.;"):
        prepare_faces(corpus, tmp_path / name, tmp_path / "out")


def test_an_unknown_corpus_is_an_input_error(tmp_path):
    done = CliRunner().invoke(app, ["prepare", "vhs", str(tmp_path), "-o", str(tmp_path / "out")])
    assert isinstance(done.exception, InputError)
