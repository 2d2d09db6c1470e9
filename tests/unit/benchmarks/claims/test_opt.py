"""The measures on people whose answers are known, with a driver that was never trained."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.claims import opt
from benchmarks.claims.opt_ablations import ARMS, train_arm
from benchmarks.claims.opt_driven import Driven, variance_shares
from shared.data.clip import Clip
from shared.face.head_model import HeadModel
from shared.motion import UNIT
from synthesis.opt.config import PROFILES, StageBudget
from synthesis.opt.data import PAUSE_FRAMES, Utterance
from synthesis.opt.features import SpeechFeatures
from synthesis.opt.generator import OptDriver
from synthesis.opt.network import ContentEncoder, ExpressionNet

PEOPLE = HeadModel.load().identities
PHONES = [["SIL", 0.0, 0.2], ["AA", 0.2, 0.6], ["M", 0.6, 0.8], ["AA", 0.8, 1.2], ["SIL", 1.2, 1.4]]
FRAMES = 35 + 2 * PAUSE_FRAMES


def utterance(voice: int, sentence: int, rng) -> Utterance:
    """A voice is a colour of the spectrum; the jaw opens on AA and closes on M."""
    jaw = np.zeros(FRAMES, np.float32)
    for name, start, end in PHONES:
        rows = slice(*(PAUSE_FRAMES + round(25 * edge) for edge in (start, end)))
        jaw[rows] = 0.5 if name == "AA" else 0.0
    energy = np.repeat(np.where(jaw > 0, 1.0, 0.05), 4).astype(np.float32)
    colour = np.random.default_rng(voice).standard_normal((80, 1))
    noise = rng.standard_normal((3, 80, 4 * FRAMES))
    views = tuple(
        SpeechFeatures((colour + 2 * energy + 0.1 * n).astype(np.float32), energy, energy.round())
        for n in noise
    )
    expression = np.zeros((FRAMES, 52), np.float32)
    expression[:, UNIT["jawOpen"]] = jaw
    extra = {"sentence": f"s{sentence}", "phones": PHONES}
    clip = Clip(f"v{voice}s{sentence}", "voice", "test", f"p{voice}", f"v{voice}", extra=extra)
    return Utterance(
        clip, views, (0, 1, 2), expression, np.zeros(52, np.float32),
        rng.standard_normal(PEOPLE).astype(np.float32), np.ones(FRAMES, bool),
        np.abs(np.arange(FRAMES) - FRAMES / 2) > 35 / 2, energy[::4] < 0.1,
        np.zeros((FRAMES, 3), np.float32),
        tuple((n, a + PAUSE_FRAMES / 25, b + PAUSE_FRAMES / 25) for n, a, b in PHONES),
    )  # fmt: skip


@pytest.fixture(scope="module")
def driven():
    config = replace(PROFILES["smoke"].network, identity_dim=PEOPLE)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        driver = OptDriver(ContentEncoder(config), ExpressionNet(config), config)
    rng = np.random.default_rng(0)
    return Driven(driver, [utterance(v, s, rng) for v in range(3) for s in range(4)])


def figures(rows):
    return {row.measure: row.value for row in rows}


def test_a_voice_that_is_a_colour_is_found_in_the_raw_mel(driven):
    found = figures(opt.speaker_probe(driven))
    assert found["speaker accuracy of a linear probe, clip, raw mel"] == 1
    assert found["speaker accuracy of a linear probe, frame, raw mel"] > 0.95
    assert all(row.low <= row.value <= row.high for row in opt.speaker_probe(driven))


def test_energy_tells_the_opening(driven):
    assert min(figures(opt.content_kept(driven)).values()) > 0.8


def test_people_who_move_alike_differ_by_nothing(driven):
    shares = figures(opt.voice_share(driven))
    truth = [value for name, value in shares.items() if "truth" in name]
    assert truth == pytest.approx([0, 0], abs=1e-9)
    assert figures(opt.two_voices(driven))[
        "correlation of the opening between two voices, truth"
    ] == pytest.approx(1)


def test_shares_of_variance_add_up_and_name_their_cause():
    rng = np.random.default_rng(0)
    curves = rng.standard_normal((4, 30, 5))
    total = np.square(curves - curves.mean(axis=(0, 1))).sum()
    assert variance_shares(curves).sum() == pytest.approx(total)
    only_voice = np.broadcast_to(rng.standard_normal((4, 1, 5)), (4, 30, 5))
    voice, time, rest = variance_shares(only_voice)
    assert voice > 0
    assert (time, rest) == pytest.approx((0, 0), abs=1e-9)


def test_the_truth_closes_on_m_and_not_on_aa(driven):
    found = figures(opt.closures(driven))
    assert found["share of closures, p, b, m, truth"] == 1
    assert "share of closures, p, b, m, driven" in found


def test_the_gate_closes_pauses(driven):
    found = figures(opt.pauses(driven))
    shipped = found["opening in pauses / opening in speech, as shipped"]
    assert shipped < 0.5 * found["opening in pauses / opening in speech, net alone"]


def test_a_driver_that_says_the_truth_is_right(driven, monkeypatch):
    perfect = Driven(driven.driver, driven.utterances)
    perfect.__dict__["changes"] = [perfect.true_change(k) for k in range(12)]
    found = figures(opt.mouth_accuracy(perfect))
    assert found["correlation of the opening with the truth"] == pytest.approx(1)
    assert found["range of the opening, driven / true"] == pytest.approx(1)
    assert found["mouth landmark distance / interocular"] == pytest.approx(0, abs=1e-7)


def test_shifted_voices_have_a_figure_for_every_clip(driven):
    rows = opt.shifted_voices(driven)
    assert [row.n for row in rows] == [12, 12, 12]
    assert all(np.isfinite(row.value) for row in rows)


def test_each_arm_leaves_out_one_thing():
    base = PROFILES["cpu"]
    arms = {name: leave_out(base) for name, leave_out in ARMS.items()}
    assert arms.pop("full") == base
    assert arms["without AFDM"].network == replace(base.network, disentangle=False)
    assert arms["without source face"].network == replace(base.network, source_face=False)
    assert arms["without landmark loss"].network == base.network
    assert arms["without landmark loss"].expression_weights.landmark == 0


@pytest.mark.parametrize("name", list(ARMS))
def test_an_arm_is_trained_on_the_content_of_the_driver(driven, name):
    short = replace(
        PROFILES["smoke"], network=driven.driver.config, sync=StageBudget(2, 2, 24),
        expression=StageBudget(2, 2, 24), joint=StageBudget(2, 2, 24),
    )  # fmt: skip
    arm = train_arm(ARMS[name](short), driven.driver, driven.utterances, seed=0)
    assert arm.content is driven.driver.content
    assert np.isfinite(Driven(arm, driven.utterances[:2]).changes[0]).all()
