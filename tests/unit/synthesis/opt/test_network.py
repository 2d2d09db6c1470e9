from __future__ import annotations

import pytest
import torch

from synthesis.opt.config import PROFILES, OptConfig
from synthesis.opt.network import (
    RAW_DIM,
    AudioDecoder,
    ContentEncoder,
    ExpressionNet,
    MouthContrast,
    SpeakerAdversary,
    SpeakerEncoder,
    Speech,
    instance_statistics,
    raw_content,
)

CONFIG = OptConfig(identity_dim=7)
B, T = 2, 30


@pytest.fixture
def speech():
    generator = torch.Generator().manual_seed(0)
    return Speech(
        torch.randn(B, 80, 4 * T, generator=generator),
        torch.rand(B, 4 * T, generator=generator) + 0.2,
        (torch.rand(B, 4 * T, generator=generator) > 0.5).float(),
    )


def test_shapes_are_those_of_the_data_flow(speech):
    content, _ = ContentEncoder(CONFIG)(speech)
    assert content.shape == (B, T, 64)
    speaker, logits = SpeakerEncoder(CONFIG, 5)(speech)
    assert speaker.shape == (B, 64)
    assert logits.shape == (B, 5)
    assert AudioDecoder(CONFIG)(content, speech.side, speaker).shape == (B, 80, 4 * T)
    whole, moment = SpeakerAdversary(CONFIG, 5)(content, torch.ones(B, T), 0.1)
    assert (whole.shape, moment.shape) == ((B, 5), (B, T, 5))
    heard, seen = MouthContrast(CONFIG)(content, torch.rand(B, T, 29))
    assert heard.shape == seen.shape == (B, T, 32)
    torch.testing.assert_close(heard.norm(dim=-1), torch.ones(B, T))
    net = ExpressionNet(CONFIG)
    code = net(content, torch.zeros(B, 7), torch.zeros(B, 52))
    assert code.shape == (B, T, 16)
    assert net.decode(code).shape == (B, T, 29)


def test_the_paper_profile_has_the_published_sizes():
    sizes = PROFILES["paper"].network
    assert (sizes.content_dim, sizes.speaker_dim, sizes.hidden, sizes.mouth_dim) == (
        256, 128, 256, 64,
    )  # fmt: skip


def test_the_small_profile_has_the_size_of_the_notes():
    modules = (ContentEncoder(CONFIG), AudioDecoder(CONFIG), ExpressionNet(CONFIG))
    counts = [sum(p.numel() for p in module.parameters()) / 1e6 for module in modules]
    assert counts == pytest.approx([0.25, 0.21, 0.32], abs=0.03)


def test_energy_is_measured_against_the_recording_and_voicing_is_not_heard(speech):
    encoder = ContentEncoder(CONFIG)
    content, _ = encoder(speech)
    frames = speech.energy.reshape(B, T, 4).mean(dim=-1)
    for one, energy in zip(content[..., -1], frames, strict=True):
        assert torch.corrcoef(torch.stack([one, energy]))[0, 1] > 0.999
    whispered = Speech(speech.mel, speech.energy, torch.zeros_like(speech.voiced))
    torch.testing.assert_close(encoder(whispered)[0], content)


def test_silence_is_no_usual_energy():
    silent = Speech(torch.zeros(1, 80, 40), torch.zeros(1, 40), torch.zeros(1, 40))
    assert (ContentEncoder(CONFIG)(silent)[0][..., -1] == -3).all()


def test_the_mean_and_deviation_of_the_content_are_nobodys(speech):
    spoken = speech.activity.reshape(B, T, 4).mean(dim=-1)
    weight = (spoken / spoken.sum(dim=1, keepdim=True))[..., None]
    learned = ContentEncoder(CONFIG)(speech)[0][..., :-1]
    mean = (weight * learned).sum(dim=1)
    torch.testing.assert_close(mean, torch.zeros(B, 63), atol=1e-5, rtol=0)
    variance = (weight * learned**2).sum(dim=1)  # 1, less what is added to it
    assert ((variance > 0.5) & (variance < 1)).all()


def test_gain_and_colour_of_each_channel_are_removed_after_the_first_layer(speech):
    """The instance norm takes any scale and offset of a whole recording away."""
    encoder = ContentEncoder(CONFIG)
    louder = Speech(speech.mel * 3, speech.energy, speech.voiced)
    inside = slice(4, -4)
    torch.testing.assert_close(
        encoder(speech)[0][:, inside], encoder(louder)[0][:, inside], atol=0.05, rtol=0.05
    )


def test_statistics_leave_pauses_out():
    x = torch.randn(1, 3, 50)
    weight = torch.ones(1, 1, 50)
    mean, deviation = instance_statistics(x, weight)
    longer = torch.cat([x, torch.full((1, 3, 200), -9.0)], dim=-1)
    less = torch.cat([weight, torch.full((1, 1, 200), 1e-9)], dim=-1)
    again = instance_statistics(longer, less)
    torch.testing.assert_close(again[0], mean, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(again[1], deviation, atol=1e-3, rtol=1e-3)


def test_a_part_with_the_statistics_of_the_whole_equals_the_whole(speech):
    encoder = ContentEncoder(CONFIG).eval()
    whole, statistics = encoder(speech)
    part = Speech(speech.mel[..., 40:], speech.energy[:, 40:], speech.voiced[:, 40:])
    torch.testing.assert_close(encoder(part, statistics)[0][:, 5:], whole[:, 15:])


def test_the_expression_net_sees_as_far_as_it_says():
    net = ExpressionNet(CONFIG).eval()
    content = torch.randn(1, 101, 64, requires_grad=True)
    net.decode(net(content, torch.zeros(1, 7), torch.zeros(1, 52)))[0, 50].sum().backward()
    touched = torch.nonzero(content.grad[0].abs().sum(dim=1)).flatten()
    assert (touched.min().item(), touched.max().item()) == (50 - net.context, 50 + net.context)


def test_the_adversary_turns_the_gradient_round():
    adversary = SpeakerAdversary(CONFIG, 3)
    content = torch.randn(2, 10, 64)
    gradients = []
    for strength in (1.0, -0.5):
        leaf = content.clone().requires_grad_()
        sum(
            logits.square().sum() for logits in adversary(leaf, torch.ones(2, 10), strength)
        ).backward()
        gradients.append(leaf.grad)
    torch.testing.assert_close(gradients[0], -2 * gradients[1])


def test_the_adversary_counts_spoken_frames_alone():
    adversary = SpeakerAdversary(CONFIG, 3)
    content = torch.randn(1, 30, 64)
    spoken = torch.zeros(1, 30)
    spoken[:, :15] = 1
    other = content.clone()
    other[:, 20:] = 9.0
    guesses = [adversary(c, spoken + 1e-9, 1.0)[0] for c in (content, other)]
    torch.testing.assert_close(*guesses)


def test_the_source_face_changes_the_code_unless_it_is_left_out():
    content = torch.randn(1, 20, 64)
    faces = [(torch.zeros(1, 7), torch.zeros(1, 52)), (torch.ones(1, 7), torch.ones(1, 52))]
    with_face = ExpressionNet(CONFIG).eval()
    codes = [with_face(content, *face) for face in faces]
    assert not torch.allclose(*codes)
    without = ExpressionNet(OptConfig(identity_dim=7, source_face=False)).eval()
    torch.testing.assert_close(*(without(content, *face) for face in faces))


def test_raw_content_is_the_mel_itself(speech):
    raw = raw_content(speech)
    assert raw.shape == (B, T, RAW_DIM)
    torch.testing.assert_close(raw[1, 3, 4 * 10 + 2], speech.mel[1, 10, 4 * 3 + 2])
