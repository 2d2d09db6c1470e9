"""The pipeline's clock on a small pipeline, and the comparison of contenders."""

import time
from fractions import Fraction

import numpy as np
import pytest
import torch

from benchmarks.speed import (
    STAGES,
    Contender,
    Pipeline,
    comparison_rows,
    enlarged,
    our_contenders,
    our_giga_macs,
    pipeline_rows,
)
from shared.face.crop import CropBox
from shared.face.head_model import HeadModel
from shared.motion import Motion
from synthesis.opt.config import OptConfig
from synthesis.opt.generator import OptDriver
from synthesis.opt.network import ContentEncoder, ExpressionNet
from synthesis.renderer.config import PRESETS
from synthesis.renderer.generator import Renderer, SourceFace, project_head
from synthesis.renderer.network import RendererNetwork


@pytest.fixture(scope="module")
def pipeline() -> Pipeline:
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    model = HeadModel.load()
    identity = np.zeros(model.identities, np.float32)
    motion = Motion(
        np.zeros((1, 3)), np.array([[0.0, -0.1, -0.95]]), np.zeros((1, 52)), Fraction(25)
    )
    crop = CropBox((50.0, 50.0), 80.0)
    points = crop.to_image(project_head(identity, motion)[0, :478] + 1, 2).astype(np.float32)
    photo = rng.integers(0, 255, (100, 100, 3), np.uint8)
    config = OptConfig(
        identity_dim=model.identities, content_width=16, content_dim=8, hidden=16, face_dim=8
    )
    driver = OptDriver(ContentEncoder(config), ExpressionNet(config), config)
    samples = (0.1 * rng.standard_normal(6_400)).astype(np.float32)
    painter = Renderer(RendererNetwork(PRESETS["smoke"]))
    return Pipeline(SourceFace(photo, crop, points, identity, motion), samples, driver, painter)


def test_every_stage_is_timed_and_none_takes_longer_than_the_whole(pipeline):
    rows = pipeline_rows(pipeline, runs=1, threads=1, sizes={"64 px": 64})
    assert {fact["table"] for fact in rows} == {"64 px"}
    spent = {fact["figure"]: fact["ms/frame"] for fact in rows}
    stages = {
        "audio features",
        "driver",
        "renderer network",
        "composition",
        "watermark",
        "encoding",
    }
    assert stages | {"end to end", "everything else"} == set(spent)
    assert all(spent[stage] > 1e-4 for stage in stages)
    assert all(fact["value"] == pytest.approx(1000 / fact["ms/frame"]) for fact in rows)
    assert "10 frames" in rows[0]["protocol"]
    assert all(functions for functions in STAGES.values())


def test_a_larger_photo_keeps_its_face_in_place(pipeline):
    large = enlarged(pipeline.source, 200)
    assert large.photo.shape == (200, 200, 3)
    before = pipeline.source.crop.to_crop(pipeline.source.points, 2)
    assert np.allclose(large.crop.to_crop(large.points, 2), before, atol=1e-4)


def test_contenders_are_compared_by_picture_and_the_ratio_is_of_throughputs():
    ours = Contender("ours", lambda: time.sleep(0.02), 4, {"GMAC counted": 1.0})
    other = Contender("PIRenderer", lambda: time.sleep(0.05), 1, {"GMAC published": 61.6})
    rows = comparison_rows([ours], [other], runs=2, threads=1)
    assert [fact["figure"] for fact in rows] == [
        "ours",
        "PIRenderer",
        "throughput of ours over PIRenderer's",
    ]
    assert rows[2]["value"] == pytest.approx(rows[1]["ms/frame"] / rows[0]["ms/frame"])
    assert rows[2]["value"] > 4  # a picture of ours takes a tenth; on a busy machine less is seen
    assert rows[2]["target"] == "at least 20"


def test_our_contenders_run_and_say_what_they_cost(pipeline):
    composed, bare = our_contenders(pipeline.painter, pipeline.source, frames=2)
    assert [frame.shape for frame in composed.task()] == [(256, 256, 3)] * 2
    bare.task()
    assert composed.facts["GMAC counted"] == our_giga_macs(PRESETS["smoke"]) > 0
    assert our_giga_macs(PRESETS["cpu"]) < 3
