from __future__ import annotations

import json
import shutil

import pytest
import torch

from forensics.membership.target import Target, open_target
from shared.custody import sha256_of
from shared.diffusion.ddim import add_noise
from shared.errors import InputError, WeightsError

KINDS = ["sd", "sdxl", "ldm-kl", "ldm-vq", "ddpm"]


def pictures(count: int = 2, size: int = 32) -> torch.Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_keeps_the_protocol(model_folder, kind):
    target = open_target(model_folder(kind))
    assert isinstance(target, Target)
    assert target.image_size == 32
    assert target.alphas_cumprod.shape == (1000,)
    assert target.alphas_cumprod.dtype == torch.float64
    assert target.conditional == (kind in ("sd", "sdxl"))
    z = target.encode(pictures())
    assert z.shape[:2] == (2, target.channels)
    condition = target.condition(["a b", ""])
    assert (condition is not None) == target.conditional
    noise = target.eps(z, 50, condition)
    assert noise.shape == z.shape
    assert noise.dtype == torch.float32
    assert not noise.requires_grad
    assert target.calls == 2
    assert target.decode(z).shape == (2, 3, 32, 32)


@pytest.mark.parametrize("kind", KINDS)
def test_a_batch_gives_what_a_loop_gives(model_folder, kind):
    target = open_target(model_folder(kind))
    captions = ["a cat", "", "a cat"]
    z = target.encode(pictures(3))
    whole = target.decode(target.eps(z, 10, target.condition(captions)))
    for row, caption in enumerate(captions):
        one = target.encode(pictures(3)[row : row + 1])
        alone = target.decode(target.eps(one, 10, target.condition([caption])))
        torch.testing.assert_close(alone[0], whole[row], rtol=1e-4, atol=1e-4)


def test_stable_diffusion_predicts_and_draws_as_its_pipeline_does(model_folder):
    from diffusers import StableDiffusionPipeline

    folder = model_folder("sd")
    pipe = StableDiffusionPipeline.from_pretrained(folder)
    # the pipeline starts one step later by default; both then walk the same steps
    pipe.scheduler.register_to_config(steps_offset=0)
    pipe.set_progress_bar_config(disable=True)
    target = open_target(folder)
    embedding, _ = pipe.encode_prompt("a face", "cpu", 1, False)
    torch.testing.assert_close(target.condition(["a face"]), embedding)
    start = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(5))
    expected = pipe(
        "a face", num_inference_steps=4, guidance_scale=1.0, latents=start, output_type="pt"
    ).images
    own = target.sample(["a face"], steps=4, generator=torch.Generator().manual_seed(5))
    torch.testing.assert_close(own, expected, rtol=1e-4, atol=1e-4)


def test_sdxl_draws_as_its_pipeline_does(model_folder):
    from diffusers import StableDiffusionXLPipeline

    folder = model_folder("sdxl")
    pipe = StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False)
    pipe.set_progress_bar_config(disable=True)
    start = torch.randn(1, 4, 16, 16, generator=torch.Generator().manual_seed(5))
    expected = pipe(
        "a face", num_inference_steps=3, guidance_scale=1.0, latents=start, output_type="pt"
    ).images
    own = open_target(folder).sample(
        ["a face"], steps=3, generator=torch.Generator().manual_seed(5)
    )
    torch.testing.assert_close(own, expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["ldm-vq", "ddpm"])
def test_models_without_text_draw_as_their_pipelines_do(model_folder, kind):
    from diffusers import DDIMPipeline, DDIMScheduler, DiffusionPipeline

    pipe = DiffusionPipeline.from_pretrained(model_folder(kind))
    if kind == "ddpm":
        options = {"set_alpha_to_one": True}  # clamps as the model does
        pipe = DDIMPipeline(pipe.unet, DDIMScheduler.from_config(pipe.scheduler.config, **options))
    pipe.set_progress_bar_config(disable=True)
    expected = pipe(
        generator=torch.Generator().manual_seed(5), num_inference_steps=3, output_type="np"
    ).images
    own = open_target(model_folder(kind)).sample(
        [""], steps=3, generator=torch.Generator().manual_seed(5)
    )
    torch.testing.assert_close(
        own.permute(0, 2, 3, 1), torch.as_tensor(expected), rtol=1e-4, atol=1e-4
    )


def test_captions_change_the_prediction_and_none_means_the_empty_one(model_folder):
    target = open_target(model_folder("sd"))
    z = target.encode(pictures(1))
    without = target.eps(z, 100)
    torch.testing.assert_close(without, target.eps(z, 100, target.condition([""])))
    assert not torch.allclose(without, target.eps(z, 100, target.condition(["zebra"])))


@pytest.mark.parametrize("predicts", ["v_prediction", "sample"])
def test_other_predictions_become_noise(model_folder, predicts):
    plain = open_target(model_folder("ddpm"))
    other = open_target(model_folder("ddpm", predicts))
    z = other.encode(pictures())
    raw = plain.eps(z, 300)  # the same weights, taken as they answer
    abar = float(other.alphas_cumprod[300])
    noise = other.eps(z, 300)
    if predicts == "sample":
        torch.testing.assert_close(add_noise(raw, noise, abar), z, rtol=1e-4, atol=1e-4)
    else:  # v = sqrt(abar) e - sqrt(1 - abar) x0, with z = sqrt(abar) x0 + sqrt(1 - abar) e
        x0 = (z - (1 - abar) ** 0.5 * noise) / abar**0.5
        v = abar**0.5 * noise - (1 - abar) ** 0.5 * x0
        torch.testing.assert_close(v, raw, rtol=1e-4, atol=1e-4)


def test_predicted_variances_are_left_out(model_folder):
    from diffusers import UNet2DModel

    folder = model_folder("ddpm-variance")
    target = open_target(folder)
    z = target.encode(pictures())
    with torch.no_grad():
        both = UNet2DModel.from_pretrained(folder / "unet").eval()(z, 5).sample
    assert both.shape[1] == 2 * z.shape[1]
    torch.testing.assert_close(target.eps(z, 5), both[:, :3])


def test_the_posterior_has_a_mode_and_samples(model_folder):
    target = open_target(model_folder("sd"))

    def generators():
        return [torch.Generator().manual_seed(seed) for seed in (1, 2)]

    mode = target.encode(pictures())
    both = target.encode(pictures(), generators())
    assert not torch.allclose(mode, both)
    second = target.encode(pictures()[1:], generators()[1:])
    torch.testing.assert_close(both[1:], second, rtol=1e-4, atol=1e-5)


def test_decoding_does_not_clamp(model_folder):
    target = open_target(model_folder("ddpm"))
    assert target.decode(torch.full((1, 3, 32, 32), 3.0)).max() == 2.0


def test_the_fingerprint_is_the_hash_of_every_file(model_folder):
    folder = model_folder("ldm-vq")
    prints = open_target(folder).fingerprint()
    name = "unet/diffusion_pytorch_model.safetensors"
    assert prints[name] == sha256_of(folder / name)
    assert {"model_index.json", "scheduler/scheduler_config.json"} < set(prints)


def test_random_weights_are_recognised_and_one_step_of_training_too(model_folder, tmp_path):
    from diffusers import UNet2DModel

    folder = model_folder("ddpm")
    assert not open_target(folder).trained
    shutil.copytree(folder, tmp_path / "trained")
    unet = UNet2DModel.from_pretrained(tmp_path / "trained" / "unet")
    optimizer = torch.optim.AdamW(unet.parameters(), 1e-4)
    unet(torch.randn(1, 3, 32, 32), 5).sample.square().mean().backward()
    optimizer.step()
    unet.save_pretrained(tmp_path / "trained" / "unet")
    trained = open_target(tmp_path / "trained")
    assert trained.trained
    control = trained.untrained(seed=3)
    assert not control.trained
    assert control.fingerprint() != trained.fingerprint()
    z = trained.encode(pictures())
    assert not torch.allclose(control.eps(z, 5), trained.eps(z, 5))
    torch.testing.assert_close(control.eps(z, 5), trained.untrained(seed=3).eps(z, 5))


def test_half_precision_files_open(model_folder, tmp_path):
    from diffusers import DDPMPipeline

    DDPMPipeline.from_pretrained(model_folder("ddpm")).to(torch.float16).save_pretrained(
        tmp_path, variant="fp16"
    )
    target = open_target(tmp_path)
    z = target.encode(pictures())
    expected = open_target(model_folder("ddpm")).eps(z, 20)
    torch.testing.assert_close(target.eps(z, 20), expected, rtol=1e-2, atol=1e-2)


def test_bfloat16_unet_answers_in_float32(model_folder):
    target = open_target(model_folder("sd"), dtype=torch.bfloat16)
    z = target.encode(pictures())
    noise = target.eps(z, 20, target.condition(["a", "b"]))
    assert noise.dtype == torch.float32
    exact = open_target(model_folder("sd")).eps(z, 20, None)
    assert (noise - exact).abs().max() < 0.2 * exact.abs().max()


def _without(name):
    def change(folder):
        (folder / name).unlink()

    return change


def _cut(folder):
    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    path.write_bytes(path.read_bytes()[:1000])


def _lacking(folder):
    from safetensors.torch import load_file, save_file

    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    tensors.pop("conv_in.weight")
    save_file(tensors, path, metadata={"format": "pt"})


def _pickled(folder):
    from safetensors.torch import load_file

    path = folder / "unet" / "diffusion_pytorch_model.safetensors"
    torch.save(load_file(path), path.with_suffix(".bin"))
    path.unlink()


def _class(name):
    def change(folder):
        path = folder / "model_index.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "_class_name": name}))

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_without("model_index.json"), "no model_index.json"),
        (_without("unet/config.json"), "cannot be loaded"),
        (_without("scheduler/scheduler_config.json"), "no noise schedule"),
        (_cut, "cannot be loaded"),
        (_lacking, "incomplete"),
        (_pickled, "cannot be loaded"),
        (_class("FluxPipeline"), "cannot be audited"),
        (_class("StableDiffusionPipeline"), "cannot be used"),
        (lambda folder: (folder / "model_index.json").write_text("{"), "damaged"),
        (lambda folder: (folder / "model_index.json").write_text("[]"), "no model index"),
    ],
)
def test_unusable_models_are_refused_in_words(model_folder, tmp_path, change, message):
    folder = tmp_path / "model"
    shutil.copytree(model_folder("ddpm"), folder)
    change(folder)
    with pytest.raises(WeightsError, match=message):
        open_target(folder)


def test_an_inpainting_unet_is_refused(model_folder):
    with pytest.raises(WeightsError, match="latents alone"):
        open_target(model_folder("inpainting"))


def test_nothing_is_downloaded_unless_allowed(monkeypatch, tmp_path):
    def no_network(*_arguments, **_options):
        raise AssertionError("the network was asked")

    monkeypatch.setenv("HF_HOME", str(tmp_path))
    monkeypatch.setattr("socket.socket.connect", no_network)
    with pytest.raises(WeightsError, match="cannot be had"):
        open_target("someone/some-model-that-is-not-here")
    with pytest.raises(WeightsError, match="no model folder"):
        open_target(tmp_path / "nowhere")


def test_wrong_pictures_steps_and_conditions_are_refused(model_folder):
    target = open_target(model_folder("sd"))
    with pytest.raises(InputError, match="do not fit the model"):
        target.encode(pictures(size=16))
    z = target.encode(pictures())
    with pytest.raises(InputError, match="no such time step"):
        target.eps(z, 1000)
    with pytest.raises(InputError, match="do not pair up"):
        target.eps(z, 10, target.condition(["a"] * 3))
