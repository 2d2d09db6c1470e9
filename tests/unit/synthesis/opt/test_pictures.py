"""The image generator in the loop, tiny and with random weights."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from shared.data.marionette.pack import sample_pack
from shared.errors import InputError
from shared.face.head_model import HeadModel
from shared.motion import MOUTH_UNITS, Motion
from synthesis.opt.config import PROFILES
from synthesis.opt.data import load_utterances
from synthesis.opt.pictures import Faces, LandmarkReader, PictureLoop, load_faces
from synthesis.opt.recipes import build_audio, build_expression, build_joint, fitted_profile
from synthesis.renderer.config import PRESETS
from synthesis.renderer.generator import project_head
from synthesis.renderer.network import RendererNetwork
from synthesis.renderer.points import KEYPOINTS


@pytest.fixture(scope="module")
def faces():
    people = HeadModel.load().identities
    draw = torch.Generator().manual_seed(0)
    return Faces(
        torch.rand(3, 3, 64, 64, generator=draw),
        torch.randn(3, people, generator=draw),
        torch.zeros(3, 52),
        0.1 * torch.randn(3, 3, generator=draw),
        torch.tensor([[0.0, 0.0, -1.0]]).expand(3, 3),
        torch.tensor([[2.5, 0.5, 0.5]]).expand(3, 3),
    )


@pytest.fixture(scope="module")
def loop(faces):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return PictureLoop(RendererNetwork(PRESETS["smoke"]), faces, count=2).train()


def test_points_are_those_of_the_renderer(loop, faces):
    moved = replace(faces, expression=torch.full((3, 52), 0.2))
    motion = Motion(
        faces.rotation[:1].numpy(), faces.translation[:1].numpy(), moved.expression[:1].numpy(),
        Fraction(25),
    )  # fmt: skip
    expected = project_head(faces.identity[0].numpy(), motion)[0]
    got = loop.points(faces, moved.expression, faces.rotation)[0]
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-4)


def test_the_frame_teaches_the_mouth_and_true_frames_the_reader(loop):
    change = torch.zeros(2, 5, len(MOUTH_UNITS), requires_grad=True)
    loss = loop(change, torch.ones(2, 5, dtype=torch.bool))
    loss.backward()
    assert change.grad.abs().sum() > 0
    assert all(p.grad is not None for p in loop.learners())
    assert not any(p.requires_grad for p in loop.renderer.parameters())
    assert not loop.renderer.training and loop.reader.training


def test_whom_a_step_draws_follows_from_its_number(loop):
    change, known = torch.zeros(1, 5, len(MOUTH_UNITS)), torch.ones(1, 5, dtype=torch.bool)
    with torch.no_grad():
        first, again, next_one = (loop(change, known, step) for step in (3, 3, 4))
    assert first == again != next_one


def test_the_reader_learns_points_of_pictures():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        reader, pictures = LandmarkReader(8), torch.rand(4, 3, 32, 32)
        points = 0.3 * torch.randn(4, len(KEYPOINTS), 2)
    optimiser = torch.optim.Adam(reader.parameters(), 3e-3)
    errors = []
    for _ in range(150):
        loss = (reader(pictures) - points).abs().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        errors.append(loss.item())
    assert errors[-1] < 0.5 * errors[0]


def test_frames_of_a_corpus_come_with_their_heads():
    found = load_faces(sample_pack(), 48)
    assert found.pictures.shape[1:] == (3, 48, 48) and len(found) >= 4
    assert found.pictures.min() >= 0 and found.pictures.max() <= 1
    loop = PictureLoop(RendererNetwork(PRESETS["smoke"]), found)
    points = loop.points(found, found.expression, found.rotation)
    assert (points.abs() < 1).float().mean() > 0.98


def test_the_joint_stage_shows_its_mouths(manifest, loop):
    utterances = load_utterances(manifest, "train", variants=0, seed=0)
    smoke = fitted_profile(PROFILES["smoke"], utterances)
    profile = replace(smoke, joint_weights=replace(smoke.joint_weights, pictures=1.0))
    audio, _ = build_audio(profile, utterances, seed=0)
    mouth, _ = build_expression(profile, utterances, audio.content, seed=0)
    joint, loader = build_joint(
        profile, utterances, audio.content, mouth.expression, pictures=loop, seed=0
    )
    _, strangers = joint.terms(next(iter(loader)))
    mouth.expression.zero_grad()
    loop.renderer.zero_grad()
    strangers["pictures"].backward()
    assert sum(
        float(p.grad.abs().sum()) for p in mouth.expression.parameters() if p.grad is not None
    )
    assert all(p.grad is None for p in loop.renderer.parameters())
    learners = joint.configure_optimizers()["optimizer"].param_groups[-1]["params"]
    assert len(learners) == len(list(loop.learners()))


def test_people_without_video_are_refused(manifest):
    with pytest.raises(InputError, match="people on video"):
        load_faces(manifest, 64)
