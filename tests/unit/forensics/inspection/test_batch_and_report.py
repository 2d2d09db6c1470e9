"""Many files, the command, and the report that a judge reads."""

from __future__ import annotations

import json
import os
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from forensics.calibration import calibrate
from forensics.cli import app
from forensics.inspection.batch import inspect_files, read_inspections, report_name
from forensics.inspection.inspect import inspect
from forensics.inspection.judge import Opened
from forensics.inspection.result import Inspection
from forensics.report.inspection import write_inspection
from forensics.verdict import Decision, Reason
from shared.errors import InputError, OutputError, WeightsError
from shared.media.image import write_image

AUTHENTIC, FORGED = 20, 200
NASTY = '<script>alert("x")</script> & é.png'


@pytest.fixture
def three(tmp_path, scene):
    good = write_image(tmp_path / "good.png", scene((40, 30, 60, AUTHENTIC)))
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"nothing at all")
    last = write_image(tmp_path / "last.png", scene((40, 30, 60, FORGED)))
    return [good, bad, last]


def test_a_batch_goes_on_and_is_not_done_twice(three, tmp_path, eyes, judge, scene):
    options = {"detector": judge, "report": tmp_path / "out", "eyes": eyes}
    found = inspect_files(three, json_file=tmp_path / "all.json", **options)
    assert [one.verdict.decision.value for one in found] == [
        "authentic", "inconclusive", "manipulated",
    ]  # fmt: skip
    assert found[1].verdict.reason is Reason.UNREADABLE
    assert list(read_inspections(tmp_path / "all.json")) == found
    asked = len(judge.batches)
    assert inspect_files(three, **options) == found and len(judge.batches) == asked
    # another content, a lost report or another detector is examined anew
    write_image(three[0], scene((40, 30, 60, FORGED)))
    (tmp_path / "out" / f"{report_name(three[2])}.html").unlink()
    again = inspect_files(three, **options)
    assert len(judge.batches) == asked + 2 and again[0].verdict.decision == "manipulated"
    (tmp_path / "out" / f"{report_name(three[2])}.html").write_bytes(b"")
    inspect_files(three, **options)
    assert len(judge.batches) == asked + 3
    judge.fingerprint = lambda: {"redness": "2" * 64}
    inspect_files(three, **options)
    assert len(judge.batches) == asked + 5


@pytest.mark.parametrize(
    ("option", "place", "told"),
    [
        ("json_file", "no/a.json", "No such file or directory"),
        ("json_file", "", "a folder of that name"),
        ("json_file", "good.png", "a file of another kind"),
        ("json_file", "good.png/a.json", "Not a directory"),
        ("json_file", "/proc/a.json", "cannot write"),
        ("json_file", "/dev/null", "a device or pipe"),
        ("report", "good.png", "cannot make the folder"),
        ("report", "good.png/out", "cannot make the folder"),
        ("report", "/proc/self", "cannot write"),
    ],
)
def test_outputs_that_cannot_be_written_are_refused_before_any_work(
    three, tmp_path, eyes, judge, option, place, told
):
    with pytest.raises(OutputError, match=told):
        inspect_files(three, detector=judge, eyes=eyes, **{option: tmp_path / place})
    assert judge.batches == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.png", "good.png", "last.png"]


def test_a_file_that_holds_no_answers(three):
    with pytest.raises(InputError):
        read_inspections(three[1])


def test_the_command(three, tmp_path, eyes, judge, monkeypatch):
    monkeypatch.setattr("forensics.inspection.batch.open_judge", lambda *_, **__: Opened(judge))
    monkeypatch.setattr("forensics.inspection.batch.Eyes.usual", lambda: eyes)
    outputs = ["--report", str(tmp_path / "out"), "--json", str(tmp_path / "all.json")]
    done = CliRunner().invoke(app, ["inspect", *map(str, three), *outputs])
    assert done.exit_code == 2
    assert "manipulated" in done.stdout and "unreadable" in done.stdout
    assert len(json.loads((tmp_path / "all.json").read_text("utf-8"))["inspections"]) == 3
    assert len(list((tmp_path / "out").glob("*.html"))) == 3
    clean = CliRunner().invoke(app, ["inspect", str(three[0]), str(three[2]), "--frames", "4"])
    assert clean.exit_code == 0
    for path in three:  # whose sentence each is, is told
        assert f"{path}: " in done.stdout.replace("\n", "")
    piped = CliRunner().invoke(app, ["inspect", *map(str, three), "--json", "-"])
    assert piped.exit_code == 2 and len(json.loads(piped.stdout)["inspections"]) == 3
    assert "manipulated" in piped.stderr and not Path("-").exists()
    lost = CliRunner().invoke(app, ["inspect", str(three[0]), "--detector", str(tmp_path / "none")])
    assert isinstance(lost.exception, WeightsError)


def test_names_of_any_length_and_encoding(tmp_path, eyes, judge, scene, monkeypatch):
    """File systems count bytes: 80 Chinese characters are 240 of them."""
    picture = scene((40, 30, 60, AUTHENTIC))
    long = write_image(tmp_path / ("漢" * 80 + ".png"), picture)
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    odd.write_bytes(long.read_bytes())
    for path in (long, odd):
        assert len(os.fsencode(report_name(path))) <= 89
    found = inspect_files([long, odd], detector=judge, eyes=eyes, report=tmp_path / "out")
    assert [one.verdict.decision.value for one in found] == ["authentic"] * 2
    monkeypatch.setattr("forensics.inspection.batch.open_judge", lambda *_, **__: Opened(judge))
    monkeypatch.setattr("forensics.inspection.batch.Eyes.usual", lambda: eyes)
    done = CliRunner().invoke(app, ["inspect", str(odd)])
    assert done.exit_code == 0 and "udcff" in done.stdout


@pytest.mark.parametrize("folder", [None, "out"])
def test_pipes_and_devices_are_refused_at_once(tmp_path, eyes, judge, folder):
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    report = folder and tmp_path / folder
    for _ in range(2):
        found = inspect_files([pipe, Path("/dev/zero")], detector=judge, eyes=eyes, report=report)
        assert [one.verdict.reason for one in found] == [Reason.UNREADABLE] * 2


def test_pictures_of_faces_are_not_kept_for_the_whole_batch(three, tmp_path, eyes, judge):
    for report in (None, tmp_path / "out"):
        found = inspect_files(three, detector=judge, eyes=eyes, report=report)
        assert found[0].tracks and all(one.pictures == {} for one in found)
    page = (tmp_path / "out" / f"{report_name(three[0])}.html").read_text("utf-8")
    assert page.count("<img") == 4  # one face with its map, two figures of the calibration


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.text = ""
        self.stack: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        self.text += data


def read(path) -> Reader:
    reader = Reader()
    reader.feed(path.read_text("utf-8"))
    assert reader.stack == []
    return reader


def test_the_report_is_one_file_and_says_it_all(tmp_path, encode, eyes, judge, scene):
    frames = [scene((40, 30, 60, FORGED if t > 5 else AUTHENTIC)) for t in range(30)]
    found = inspect(encode("a.mp4", frames), detector=judge, eyes=eyes)
    page = read(write_inspection(found, tmp_path / "a.html"))
    assert found.verdict.sentence in page.text
    assert "script" not in page.tags and "link" not in page.tags
    assert all(address.startswith(("data:image/", "#")) for address in page.addresses)
    # four frames with their maps, the scores over time, the calibration and its reliability
    assert page.tags.count("img") == 2 * len(found.pictures[1]) + 3
    assert (
        "No mark of the generators" in page.text and "looked for in 1 frame, at 0.0 s" in page.text
    )
    for word in ("Limits", "expected calibration error", "mouth", "Stretches above the threshold"):
        assert word in page.text
    assert found.verdict.custody["file"] in page.text and "0" * 64 in page.text


def test_a_report_without_an_answer_names_the_reason_and_survives_its_file_name(
    tmp_path, eyes, scene, redness
):
    (tmp_path / "x").mkdir()
    name = NASTY.replace("/", "_")
    path = write_image(tmp_path / "x" / name, scene((40, 30, 60, FORGED)))
    found = inspect(path, detector=redness(), eyes=eyes)
    page = read(write_inspection(found, tmp_path / "a.html"))
    assert "script" not in page.tags and name in page.text
    assert "inconclusive" in page.text and "no known examples of both classes" in page.text
    gone = inspect(tmp_path / "gone.mp4", detector=redness(), eyes=eyes)
    assert "bad-input" in read(write_inspection(gone, tmp_path / "b.html")).text
    assert np.isfinite(found.tracks[0].verdict.score)


def test_the_words_fit_the_answer(tmp_path, eyes, judge, scene):
    """Captions accuse nobody who is not accused; what is missing is not said of what is there."""
    pages = {}
    for red in (AUTHENTIC, FORGED):
        path = write_image(tmp_path / f"{red}.png", scene((40, 30, 60, red)))
        found = inspect(path, detector=judge, eyes=eyes)
        assert found.tracks[0].segments == ()
        pages[red] = read(write_inspection(found, tmp_path / "a.html")).text
    assert "manipulated here" in pages[FORGED] and "manipulated here" not in pages[AUTHENTIC]
    assert "seen in one frame looked at" in pages[AUTHENTIC]
    back = read(write_inspection(Inspection.from_json(found.to_json()), tmp_path / "b.html")).text
    gone = inspect(tmp_path / "gone.mp4", detector=judge, eyes=eyes)
    lost = read(write_inspection(gone, tmp_path / "c.html")).text
    for text in (back, lost, pages[FORGED]):
        assert "Without a calibration" not in text
    assert "up to the share beside the thresholds" in back


def test_figures_say_that_a_face_lies_outside_the_calibrated_range(
    tmp_path, eyes, redness, judge, scene
):
    known = np.linspace(0, 0.15, 40)
    narrow = redness(calibrate(0.3 + known, known, Decision.MANIPULATED))
    path = write_image(tmp_path / "a.png", scene((40, 30, 60, FORGED)))
    told = [
        "outside the calibrated range is drawn, too"
        in read(write_inspection(inspect(path, detector=one, eyes=eyes), tmp_path / "a.html")).text
        for one in (narrow, judge)
    ]
    assert told == [True, False]


def test_one_person_in_many_shots_is_not_called_many_faces(encode, eyes, judge, scene):
    frames = []
    for shot in range(3):
        frames += [scene((40, 30, 60, AUTHENTIC if shot else FORGED))] * 6
        frames += [np.full((120, 160, 3), 220, np.uint8)] * 12
    found = inspect(encode("a.mp4", frames), detector=judge, eyes=eyes)
    assert "1 of 3 appearances of faces in a.mp4 was manipulated: number" in found.verdict.sentence


def test_what_cannot_be_hashed_stops_no_other(three, tmp_path, eyes, judge):
    folder = tmp_path / "a folder.mp4"
    folder.mkdir()
    for _ in range(2):
        found = inspect_files(
            [folder, three[0]], detector=judge, eyes=eyes, report=tmp_path / "out"
        )
        assert found[0].verdict.reason is Reason.UNREADABLE
        assert found[1].verdict.reason is None
