"""Batches with the renderer and the talking heads stubbed: what is done again, what is not, and what stops nothing."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from shared.errors import OutputError
from synthesis import jobs
from synthesis.jobs import STATE_NAME, run_jobs


@pytest.fixture
def table(tmp_path, monkeypatch):
    """Return a function that runs a table of lines; a video holds its options, and ``seed`` -1 is a bug."""
    for name in ("me.png", "a.wav"):
        (tmp_path / name).write_bytes(b"x")
    painter = SimpleNamespace(sha256="first")

    def talk(photo, audio, out, *, seed=0, size="native", **rest):
        if seed == 7:
            raise ZeroDivisionError("a bug")
        Path(out).write_text(str(size))

    monkeypatch.setattr(jobs, "talk", talk)
    monkeypatch.setattr(jobs.Renderer, "from_pretrained", lambda name: painter)

    def run(*lines, renderer="first"):
        painter.sha256 = renderer
        path = tmp_path / "jobs.csv"
        path.write_text("photo,audio,out,size,seed\n" + "".join(f"{line}\n" for line in lines))
        return [outcome.state for outcome in run_jobs(path)]

    return run


def test_a_row_that_changed_back_is_done_again(table, tmp_path):
    states = [table(f"me.png,a.wav,a.mp4,{size},") for size in (256, 256, 512, 256)]
    assert states == [["done"], ["skipped"], ["done"], ["done"]]
    assert (tmp_path / "a.mp4").read_text() == "256"


def test_another_renderer_makes_it_anew(table):
    line = "me.png,a.wav,a.mp4,,"
    assert table(line) == ["done"]
    assert table(line, renderer="second") == ["done"]
    assert table(line, renderer="second") == ["skipped"]


def test_another_video_in_its_place_is_made_anew(table, tmp_path):
    line = "me.png,a.wav,a.mp4,256,"
    assert table(line) == ["done"]
    (tmp_path / "a.mp4").write_text("another")
    assert table(line) == ["done"]
    assert (tmp_path / "a.mp4").read_text() == "256"


def test_another_driver_or_default_pose_makes_it_anew(table, tmp_path, monkeypatch):
    line = "me.png,a.wav,a.mp4,,"
    assert table(line) == ["done"]
    monkeypatch.setattr(jobs, "checkpoint_hash", lambda name: "another")
    assert [table(line), table(line)] == [["done"], ["skipped"]]
    (tmp_path / "pose.npz").write_bytes(b"another")
    monkeypatch.setattr(jobs, "DEFAULT_POSE", tmp_path / "pose.npz")
    assert [table(line), table(line)] == [["done"], ["skipped"]]


def test_a_journal_that_knows_no_hash_of_its_videos_is_not_believed(table, tmp_path):
    journal, line = tmp_path / STATE_NAME, "me.png,a.wav,a.mp4,,"
    table(line)
    held = json.loads(journal.read_text())
    del held["video"]
    journal.write_text(json.dumps(held) + "\n")
    assert table(line) == ["done"]


def test_two_rows_that_name_one_video(table, tmp_path):
    assert table("me.png,a.wav,a.mp4,256,", "me.png,a.wav,./a.mp4,512,") == ["done", "failed"]
    assert (tmp_path / "a.mp4").read_text() == "256"


@pytest.mark.parametrize("bad", ["me.png,a.wav,b.mp4,,7", f"{'x' * 300},a.wav,b.mp4,,"])
def test_whatever_a_row_provokes_the_next_one_is_done(table, bad):
    assert table(bad, "me.png,a.wav,a.mp4,,") == ["failed", "done"]


def test_a_journal_that_was_cut_off_is_gone_on_with(table, tmp_path):
    journal, line = tmp_path / STATE_NAME, "me.png,a.wav,a.mp4,,"
    table(line)
    journal.write_text(journal.read_text() + '{"row": 2, "sta')
    assert table(line) == ["skipped"]
    assert json.loads(journal.read_text().splitlines()[-1])["state"] == "skipped"


def test_a_journal_that_cannot_be_written_is_said_before_anything_is_made(table, tmp_path):
    (tmp_path / "a.mp4").unlink(missing_ok=True)
    (tmp_path / STATE_NAME).mkdir()
    with pytest.raises((OutputError, jobs.InputError), match=STATE_NAME):
        table("me.png,a.wav,a.mp4,,")
    assert not (tmp_path / "a.mp4").exists()
