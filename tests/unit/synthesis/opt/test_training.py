from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from shared.errors import InputError, NotTrained, WeightsError
from shared.training.run import Budget, fit
from synthesis.opt.config import PROFILES, StageBudget, profile_named
from synthesis.opt.data import load_utterances
from synthesis.opt.generator import OptDriver
from synthesis.opt.recipes import (
    AVERAGE,
    build_audio,
    build_expression,
    build_joint,
    build_sync,
    export,
    fitted_profile,
    train_opt,
)
from synthesis.opt.training import OptJointModule, side_of

ZERO = StageBudget(0, 2, 24)


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
    before = {name: value.item() for name, value in module.terms(batch, 0.1).items()}
    learn(module, batch)
    after = {name: value.item() for name, value in module.terms(batch, 0.1).items()}
    for name in ("reconstruction", "cross", "contrast", "speaker"):
        assert after[name] < 0.9 * before[name], name


def test_every_term_of_stage_one_reaches_the_content_encoder(utterances, profile):
    module, loader = build_audio(profile, utterances, seed=0)
    batch = next(iter(loader))
    terms = module.terms(batch, 0.1)
    for name in (
        "reconstruction",
        "cross",
        "cycle",
        "invariance",
        "viseme",
        "contrast",
        "covariance",
    ):
        gradient = torch.autograd.grad(
            terms[name], module.content.out.weight, retain_graph=True, allow_unused=True
        )[0]
        assert gradient is not None, name
        assert gradient.abs().sum() > 0, name


def test_stage_two_learns_with_the_content_frozen(utterances, profile):
    audio, _ = build_audio(profile, utterances, seed=0)
    module, loader = build_expression(profile, utterances, audio.content, seed=0)
    before = audio.content.out.weight.clone()
    values = learn(module.eval(), next(iter(loader)))
    assert values[-1] < 0.6 * values[0]
    assert torch.equal(audio.content.out.weight, before)


def test_the_sync_expert_learns_and_then_judges(utterances, profile):
    sync, loader = build_sync(profile, utterances, seed=0)
    sync.log = lambda *_, **__: None
    batch = next(iter(loader))
    values = learn(sync, batch, steps=60)
    assert values[-1] < 0.7 * values[0]
    audio, _ = build_audio(profile, utterances, seed=0)
    module, _ = build_expression(profile, utterances, audio.content, sync.expert, seed=0)
    terms = module.terms(batch)
    gradient = torch.autograd.grad(terms["sync"], module.expression.units.weight)[0]
    assert gradient.abs().sum() > 0
    assert not any(p.requires_grad for p in module.expert.parameters())
    assert "sync" not in build_expression(profile, utterances, audio.content, seed=0)[0].terms(
        batch
    )


def test_strangers_voices_are_learned_by_both_nets(utterances, profile):
    audio, _ = build_audio(profile, utterances, seed=0)
    mouth, _ = build_expression(profile, utterances, audio.content, seed=0)
    joint, loader = build_joint(
        profile, utterances, audio.content, mouth.expression, audio=audio, seed=0
    )
    batch = next(iter(loader))
    _, strangers = joint.terms(batch)
    for name in ("stranger_landmark", "stranger_opening"):
        for weight in (joint.expression.units.weight, joint.content.out.weight):
            gradient = torch.autograd.grad(strangers[name], weight, retain_graph=True)[0]
            assert gradient.abs().sum() > 0, name
    rates = [g["lr"] for g in joint.configure_optimizers()["optimizer"].param_groups]
    assert rates[1] == pytest.approx(0.1 * rates[0])
    values = learn(joint.eval(), batch)
    assert values[-1] < 0.8 * values[0]


def test_a_stranger_who_is_right_costs_nothing(utterances, profile):
    audio, _ = build_audio(profile, utterances, seed=0)
    mouth, _ = build_expression(profile, utterances, audio.content, seed=0)
    joint, loader = build_joint(profile, utterances, audio.content, mouth.expression, seed=0)
    face = side_of(next(iter(loader)), "2")
    right = joint._strangers(face["change"], face, face["known"])
    assert all(value.item() == 0 for value in right.values())
    wrong = joint._strangers(face["change"] + 0.1, face, face["known"])
    assert all(value.item() > 0 for value in wrong.values())


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
    assert module.expression.window.in_channels == 322
    assert torch.isfinite(module.terms(next(iter(loader)))["units"])
    weights = profile.expression_weights.without_landmarks()
    assert weights.landmark == weights.opening == weights.width == weights.identity == 0
    assert weights.units == profile.expression_weights.units
    joint = profile.joint_weights.without_landmarks()
    assert joint.stranger_landmark == joint.stranger_opening == 0


def test_train_opt_writes_a_driver_that_answers_and_can_be_gone_on_from(
    manifest, tmp_path, utterances
):
    little = StageBudget(2, 2, 24)
    short = replace(PROFILES["smoke"], audio=little, sync=little, expression=little, joint=little)
    folder = train_opt(manifest, tmp_path / "run", profile=short, device="cpu")
    assert folder == tmp_path / "run" / "checkpoint"
    driver = OptDriver.from_pretrained(folder)
    silence = torch.zeros(16_000).numpy()
    frames = driver.expression(silence, utterances[0].identity, torch.zeros(52).numpy())
    assert frames.shape == (25, 52)
    none = replace(short, **dict.fromkeys(("audio", "sync", "expression", "joint"), ZERO))
    again = OptDriver.from_pretrained(
        train_opt(manifest, tmp_path / "more", profile=none, device="cpu", start=folder)
    )
    for name in ("content", "net"):
        states = [getattr(one, name).state_dict() for one in (driver, again)]
        for key, value in states[0].items():
            torch.testing.assert_close(value, states[1][key], rtol=1e-3, atol=1e-3)
    wider = replace(none, network=replace(none.network, content_dim=24))
    with pytest.raises(WeightsError, match="other sizes"):
        train_opt(manifest, tmp_path / "wide", profile=wider, device="cpu", start=folder)


def test_a_training_that_was_stopped_ends_as_one_that_was_not(manifest, tmp_path, stopping):
    """Its last stage; the stages before it were done."""
    one, all_of_it = StageBudget(1, 2, 24), StageBudget(6, 2, 24)
    short = replace(PROFILES["smoke"], audio=one, sync=one, expression=one, joint=all_of_it)
    whole = train_opt(manifest, tmp_path / "whole", profile=short, device="cpu")
    torch.rand(100)
    with stopping(OptJointModule, 3):
        train_opt(manifest, tmp_path / "parts", profile=short, device="cpu")
    parts = train_opt(manifest, tmp_path / "parts", profile=short, device="cpu")
    weights = [(folder / "model.safetensors").read_bytes() for folder in (whole, parts)]
    assert weights[0] == weights[1]
    longer = replace(short, joint=replace(all_of_it, steps=8))
    for told, changes in (("seed 1", {"seed": 1}), ("joint.steps 8", {"profile": longer})):
        with pytest.raises(InputError, match=told):
            train_opt(manifest, tmp_path / "parts", **{"profile": short, **changes})


@pytest.mark.parametrize("stage", ["audio", "sync", "expression"])
def test_each_stage_goes_on_where_it_was_stopped(stage, utterances, profile, tmp_path, stopping):
    budget = replace(getattr(profile, stage), steps=4, batch_size=2)
    short = replace(profile, **{stage: budget})

    def weights(folder):
        if stage == "expression":
            content = build_audio(short, utterances, seed=0)[0].content
            module, loader = build_expression(short, utterances, content, seed=0)
        else:
            build = {"audio": build_audio, "sync": build_sync}[stage]
            module, loader = build(short, utterances, seed=0)
        fit(module, loader, out=folder, budget=Budget(4), seed=0, average=AVERAGE, device="cpu")
        return type(module), module.state_dict()

    kind, whole = weights(tmp_path / "whole")
    with stopping(kind, 2):
        weights(tmp_path / "parts")
    parts = weights(tmp_path / "parts")[1]
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_an_untrained_driver_is_refused(tmp_path, driver):
    export(driver, tmp_path, card="# x", meta={"trained": False})
    with pytest.raises(NotTrained):
        OptDriver.from_pretrained(tmp_path)


def test_an_unknown_profile_is_named():
    with pytest.raises(InputError, match="no such profile"):
        profile_named("huge")
