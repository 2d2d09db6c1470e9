"""What a step sees, and that a target resumes, grows and can be opened."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.targets.config import latent_profile, pixel_profile
from benchmarks.targets.networks import build_pixel, pixel_scheduler
from benchmarks.targets.recipes import train_latent, train_pixel
from benchmarks.targets.text import build_text_encoder, learn_tokenizer, tokens_of
from benchmarks.targets.training import DenoiserModule, rows_at, steps_for, to_pixels
from forensics.membership.target import open_target
from shared.errors import InputError


def test_every_member_is_seen_once_an_epoch():
    training = replace(pixel_profile("smoke").training, members=7, batch_size=3)
    seen = np.concatenate([rows_at(step, 3, 7, seed=1) for step in range(steps_for(3, training))])
    assert np.bincount(seen[:21]).tolist() == [3] * 7
    assert sorted(seen[:7]) == list(range(7))
    assert seen[:7].tolist() != seen[7:14].tolist()


def test_a_step_is_the_same_whenever_it_is_taken(drawn_parts):
    profile = pixel_profile("smoke")
    pixels = to_pixels(drawn_parts.images)
    torch.manual_seed(0)
    module = DenoiserModule(
        build_pixel(profile), pixels, pixel_scheduler().alphas_cumprod, profile.training, seed=3
    )
    losses = [module.loss_at(step).item() for step in (5, 6, 5)]
    assert losses[0] == losses[2] != losses[1]


def test_targets_are_real_pipelines_that_attacks_can_open(pixel_folder, latent_folder):
    pixel = open_target(pixel_folder / "members" / "age-0002")
    latent = open_target(latent_folder / "members" / "age-0002")
    assert (pixel.image_size, pixel.channels, pixel.conditional) == (16, 3, False)
    assert (latent.image_size, latent.channels, latent.conditional) == (16, 4, True)
    assert pixel.trained and latent.trained
    condition = latent.condition(["a face called p1", ""])
    z = latent.encode(torch.rand(2, 3, 16, 16))
    assert latent.eps(z, 10, condition).shape == z.shape
    assert not torch.equal(condition[0], condition[1])


def test_target_and_reference_share_the_autoencoder_and_nothing_else(latent_folder):
    target, reference = (
        open_target(latent_folder / part / "age-0002").fingerprint()
        for part in ("members", "reference")
    )
    vae, unet = (
        "vae/diffusion_pytorch_model.safetensors",
        "unet/diffusion_pytorch_model.safetensors",
    )
    assert target[vae] == reference[vae]
    assert target[unet] != reference[unet]
    facts = [
        json.loads((latent_folder / part / "target.json").read_text())["learnt"]
        for part in ("members", "reference")
    ]
    assert not set(facts[0]) & set(facts[1])


def test_a_target_goes_on_where_it_was_stopped(drawn_parts, pixel_folder, tmp_path):
    shutil.copytree(pixel_folder, tmp_path / "copy")
    folder, profile = tmp_path / "copy", pixel_profile("smoke")
    old = (folder / "members/age-0002/unet/diffusion_pytorch_model.safetensors").read_bytes()
    place = train_pixel(drawn_parts, folder, profile, ages=(1, 2, 3), device="cpu")
    assert place.name == "age-0003"
    assert (
        folder / "members/age-0002/unet/diffusion_pytorch_model.safetensors"
    ).read_bytes() == old
    last = torch.load(folder / "members/run/last.ckpt", weights_only=True)
    assert last["global_step"] == steps_for(3, profile.training)


def test_another_target_is_not_written_over(drawn_parts, pixel_folder, tmp_path):
    shutil.copytree(pixel_folder, tmp_path / "copy")
    profile = pixel_profile("smoke", members=3)
    with pytest.raises(InputError, match="another target"):
        train_pixel(drawn_parts, tmp_path / "copy", profile, device="cpu")
    others = replace(drawn_parts, images=255 - drawn_parts.images)
    with pytest.raises(InputError, match="other pictures"):
        train_pixel(others, tmp_path / "copy", pixel_profile("smoke"), device="cpu")
    with pytest.raises(InputError, match="unknown profile"):
        latent_profile("huge")


def test_words_of_the_captions_are_single_tokens_and_others_are_spelt():
    tokenizer = learn_tokenizer(["a smiling man", "a smiling woman"] * 5, 200, 12)
    rows = tokens_of(tokenizer, ["a smiling man", "zebra", ""])
    lengths = [sum(token != tokenizer.pad_token_id for token in row) for row in rows]
    assert lengths == [4, 6, 1]
    assert {len(row) for row in rows} == {12}
    encoder = build_text_encoder(tokenizer, 16, 1)
    states = encoder(torch.tensor(rows)).last_hidden_state
    assert states.shape == (3, 12, 16)


def test_the_autoencoder_learns_all_parts_alike(drawn_parts, latent_folder):
    profile = latent_profile("smoke", members=2)
    folder = latent_folder.parent / "two"
    shutil.copytree(latent_folder / "vae", folder / "vae")
    shutil.copytree(latent_folder / "tokenizer", folder / "tokenizer")
    place = train_latent(drawn_parts, folder, profile, ages=(1,), device="cpu")
    target = open_target(place)
    assert (
        target.fingerprint()["vae/diffusion_pytorch_model.safetensors"]
        == (
            open_target(latent_folder / "members/age-0001").fingerprint()[
                "vae/diffusion_pytorch_model.safetensors"
            ]
        )
    )
