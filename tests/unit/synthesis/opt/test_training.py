from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from shared.errors import InputError, NotTrained
from synthesis.opt.config import PROFILES, StageBudget, profile_named
from synthesis.opt.data import load_utterances
from synthesis.opt.generator import OptDriver
from synthesis.opt.recipes import (
    build_audio,
    build_expression,
    encode,
    export,
    fitted_profile,
    train_opt,
)


@pytest.fixture(scope="module")
def utterances(manifest):
    return load_utterances(manifest, "train", variants=1, seed=0)


@pytest.fixture(scope="module")
def profile(utterances):
    return fitted_profile(profile_named("smoke"), utterances)


def learn(module, batch, steps=25):
    """Return the loss before and after some steps on one batch."""
    module.log_dict = lambda *_, **__: None
    optimiser = torch.optim.AdamW(module.parameters(), 3e-3)
    values = []
    for step in range(steps):
        loss = module.training_step(batch, step)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        values.append(loss.item())
    return values


def test_stage_one_learns(utterances, profile):
    module, loader = build_audio(profile, utterances, seed=0)
    batch = next(iter(loader))
    before = {name: value.item() for name, value in module.terms(batch).items()}
    learn(module, batch)
    after = {name: value.item() for name, value in module.terms(batch).items()}
    for name in ("reconstruction", "cross", "contrast", "speaker"):
        assert after[name] < 0.9 * before[name], name


def test_every_term_of_stage_one_reaches_the_content_encoder(utterances, profile):
    module, loader = build_audio(profile, utterances, seed=0)
    batch = next(iter(loader))
    terms = module.terms(batch)
    for name in ("reconstruction", "cross", "invariance", "viseme", "contrast", "covariance"):
        gradient = torch.autograd.grad(
            terms[name], module.content.out.weight, retain_graph=True, allow_unused=True
        )[0]
        assert gradient is not None, name
        assert gradient.abs().sum() > 0, name


def test_stage_two_learns_with_the_content_frozen(utterances, profile):
    audio, _ = build_audio(profile, utterances, seed=0)
    module, loader = build_expression(profile, utterances, audio.content, seed=0)
    batch = next(iter(loader))
    assert not batch["content"].requires_grad
    values = learn(module, batch)
    assert values[-1] < 0.6 * values[0]


def test_the_landmark_loss_alone_moves_the_units(utterances, profile):
    audio, _ = build_audio(profile, utterances, seed=0)
    module, loader = build_expression(profile, utterances, audio.content, seed=0)
    terms = module.terms(next(iter(loader)))
    for name in ("landmark", "opening", "width", "identity"):
        gradient = torch.autograd.grad(
            terms[name], module.expression.units.weight, retain_graph=True
        )[0]
        assert gradient.abs().sum() > 0, name


def test_ablations_are_configurations(utterances, profile):
    raw = replace(profile, network=replace(profile.network, disentangle=False))
    audio, _ = build_audio(profile, utterances, seed=0)
    module, loader = build_expression(raw, utterances, audio.content, seed=0)
    assert next(iter(loader))["content"].shape[-1] == 322
    assert torch.isfinite(module.terms(next(iter(loader)))["units"])
    weights = profile.expression_weights.without_landmarks()
    assert weights.landmark == weights.opening == weights.width == weights.identity == 0
    assert weights.units == profile.expression_weights.units


def test_content_of_a_whole_clip_equals_what_the_driver_hears(utterances, profile):
    audio, _ = build_audio(profile, utterances, seed=0)
    module, _ = build_expression(profile, utterances, audio.content, seed=0)
    driver = OptDriver(audio.content, module.expression, profile.network)
    with torch.no_grad():
        heard = driver.content_of(utterances[1].views[1])
    torch.testing.assert_close(encode(audio.content, utterances)[1][1], heard[0])


def test_train_opt_writes_a_driver_that_answers(manifest, tmp_path, utterances):
    short = replace(
        PROFILES["smoke"], audio=StageBudget(3, 2, 24), expression=StageBudget(3, 2, 24)
    )
    folder = train_opt(manifest, tmp_path / "run", profile=short, device="cpu")
    assert folder == tmp_path / "run" / "checkpoint"
    driver = OptDriver.from_pretrained(folder)
    frames = driver.expression(
        torch.zeros(16_000).numpy(), utterances[0].identity, torch.zeros(52).numpy()
    )
    assert frames.shape == (25, 52)


def test_an_untrained_driver_is_refused(tmp_path, driver):
    export(driver, tmp_path, card="# x", meta={"trained": False})
    with pytest.raises(NotTrained):
        OptDriver.from_pretrained(tmp_path)


def test_an_unknown_profile_is_named():
    with pytest.raises(InputError, match="no such profile"):
        profile_named("huge")
