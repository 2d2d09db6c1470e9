"""The report: the answer first, everything inside, nothing from elsewhere, nothing that a file name can break."""

from __future__ import annotations

import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from forensics.calibration import calibrate
from forensics.membership.distribution_shift import DistributionShift
from forensics.membership.findings import Audit, Finding
from forensics.membership.judgement import Standing, answer, answer_set, learn
from forensics.membership.protocol import Evidence
from forensics.membership.structural import Structural
from forensics.report.figures import plot_calibration, plot_uri
from forensics.report.membership import headline, limits, write_report
from forensics.verdict import Decision, Reason
from shared.custody import RunRecord
from shared.statistics import Interval

NASTY = '<script>alert("x")</script> & é.png'
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
GREY = np.full((300, 200, 3), 100, np.uint8)


class Reader(HTMLParser):
    """Collects tags, addresses and text; complains about tags that are closed in the wrong order."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []
        self.words: list[str] = []
        self.stack: list[str] = []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img", "link"):
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_data(self, data):
        if self.stack and self.stack[-1] not in ("style",):
            self.words.append(data)


@pytest.fixture(scope="module")
def learned() -> Standing:
    generator = np.random.default_rng(0)
    known = generator.normal(3, 1, 60), generator.normal(0, 1, 60)
    control = generator.normal(0, 1, 60), generator.normal(0, 1, 60)
    return learn(*known, {"Blind": control}, trained=True, error_rate=0.05, seed=0)


def made(standing: Standing, scores: list[float], names: list[str] | None = None) -> Audit:
    record = RunRecord("forensics.audit", weights={"unet/model.safetensors": "ab" * 32})
    record.settings = {
        "model": "toy",
        "error_rate": 0.05,
        "method": {"attack": "structural"},
        "seed": 0,
    }
    record.notes = ["One thing to know."]
    findings = []
    for index, score in enumerate(scores):
        name = names[index] if names else f"{index}.png"
        piece = Evidence(
            {"similarities": [0.5, 0.25], "ssim_curve_t": [0.0, 50.0], "ssim_curve": [1.0, 0.5]},
            {"original": GREY, "restoration 1": GREY, "restoration 2": GREY},
            "The model changed little.",
        )
        told = {"problem": "it is torn"} if np.isnan(score) else {}
        verdict = answer(standing, name, score, evidence=told, custody={"picture": "cd" * 32})
        findings.append(Finding(Path(name), verdict, None if np.isnan(score) else piece))
    bands = {"ssim_curve": {Decision.MEMBER: np.ones((5, 2)), Decision.NONMEMBER: np.zeros((5, 2))}}
    shift = DistributionShift(Interval(0.5, 0.4, 0.6, 120), {"texture": 1.0}, False)
    together = answer_set(
        np.array(scores), np.zeros(len(scores)) + np.arange(len(scores)), standing
    )
    shift = shift if standing.calibration else None
    return Audit(tuple(findings), standing, shift, together, bands, Structural(), record)


def read(audit: Audit, folder: Path) -> tuple[Reader, str]:
    text = write_report(audit, folder / "report.html").read_text("utf-8")
    reader = Reader()
    reader.feed(text)
    reader.close()
    assert reader.stack == []
    return reader, " ".join(" ".join(reader.words).split())


def test_one_file_that_loads_nothing_and_runs_nothing(learned, tmp_path):
    reader, _ = read(made(learned, [4.0, -1.0, float("nan")]), tmp_path)
    assert "script" not in reader.tags and "link" not in reader.tags
    assert all(address.startswith(("data:image/", "#")) for address in reader.addresses)
    assert len([a for a in reader.addresses if a.startswith("data:image/svg")]) == 4


def test_the_answer_comes_first_and_then_what_it_rests_on(learned, tmp_path):
    _, text = read(made(learned, [4.0]), tmp_path)
    order = [
        "By this test the model was trained on this picture",
        "The model changed little.",
        "How far the answers can be trusted",
        "Could the pictures themselves explain it?",
        "Blind",
        "It does not see how the picture got there",
        "ab" * 32,
    ]
    places = [text.index(sentence) for sentence in order]
    assert places == sorted(places)
    assert "restoration 1: 0.50" in text and "restoration 2: 0.25" in text
    assert "none scores as high. Probability of having been used" in text
    assert "One thing to know." in text and "cd" * 32 in text


def test_nothing_that_a_file_is_called_becomes_markup(learned, tmp_path):
    reader, text = read(made(learned, [4.0, 4.0], [NASTY, "b.png"]), tmp_path)
    assert "script" not in reader.tags
    assert NASTY in text


@pytest.mark.parametrize(
    ("scores", "words"),
    [
        ([4.0, 4.0, -1.0, 1.5], "2 were in the training set, 1 was not in it, and for 1 no"),
        ([1.5, 1.5], "No answer can be given for any of the 2"),
        ([float("nan")], "the file could not be examined"),
    ],
)
def test_the_headline_counts(learned, scores, words):
    assert words in headline(made(learned, scores))


@pytest.mark.parametrize("reason", [Reason.UNCALIBRATED, Reason.UNTRAINED])
def test_without_known_pictures_the_report_says_why_and_shows_no_figures(reason, tmp_path):
    audit = made(Standing(reason), [4.0, 2.0])
    _, text = read(audit, tmp_path)
    assert (
        "How far the answers" not in text and "cannot be turned into an answer" in limits(audit)[-1]
    )
    assert text.count("inconclusive") >= 4 and "Probability" not in text


def test_a_control_that_explains_is_said_in_words(tmp_path):
    generator = np.random.default_rng(1)
    known = generator.normal(3, 1, 60), generator.normal(0, 1, 60)
    standing = learn(*known, {"Same": known}, trained=True, error_rate=0.05, seed=0)
    assert standing.reason is Reason.CONTROL_EXPLAINS
    _, text = read(made(standing, [4.0, -1.0]), tmp_path)
    assert "the method proves nothing here" in text
    assert "a control that cannot know the answer separates" in text


def test_plots_are_the_same_bytes_for_the_same_scores():
    known = calibrate(np.arange(20) + 5, np.arange(20), Decision.MEMBER)
    first, second = (plot_uri(plot_calibration(known, [3.0])) for _ in range(2))
    assert first == second


@pytest.mark.skipif(BROWSER is None, reason="no browser here")
def test_a_browser_shows_it(learned, tmp_path):
    write_report(made(learned, [4.0, -1.0]), tmp_path / "report.html")
    done = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom",
         f"--user-data-dir={tmp_path / 'profile'}", (tmp_path / "report.html").as_uri()],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert re.search(r"<h2[^>]*>Limits</h2>", done.stdout)
