"""Each rival against a slow numpy version of its published formula, on a denoiser that numpy can follow."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image

from forensics.membership.baselines import gan_leaks
from forensics.membership.baselines.pfami import centre_crop
from forensics.membership.closed_form import ClosedFormTarget
from forensics.membership.protocol import batch_generator, image_generators
from forensics.membership.registry import attack
from forensics.membership.target import open_target
from shared.errors import InputError

SIZE = 8


def images(count: int = 3, seed: int = 0) -> torch.Tensor:
    return torch.rand(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(seed))


class Captioned(ClosedFormTarget):
    """Two memories: which one answers depends on the number of words in the caption."""

    conditional = True

    def __init__(self) -> None:
        super().__init__(images(6, seed=8))
        self.conditional = True

    def condition(self, captions):
        return torch.tensor([[float(len(caption.split()))] for caption in captions])

    def eps(self, latents, t, condition=None):
        noise = super().eps(latents, t)
        return noise if condition is None else noise * (1 + condition[:, :, None, None])


class ByHand:
    """The same denoiser in numpy, one picture at a time."""

    def __init__(self, target: ClosedFormTarget, pictures: torch.Tensor) -> None:
        self.abar = target.alphas_cumprod.numpy()
        self.points = pictures.double().numpy().reshape(len(pictures), -1) * 2 - 1

    def eps(self, z: np.ndarray, t: int) -> np.ndarray:
        a = self.abar[t]
        exponents = -((z - a**0.5 * self.points) ** 2).sum(1) / (2 * (1 - a))
        weights = np.exp(exponents - exponents.max())
        mean = weights @ self.points / weights.sum()
        return (z - a**0.5 * mean) / (1 - a) ** 0.5

    def noisy(self, x: np.ndarray, e: np.ndarray, t: int) -> np.ndarray:
        return self.abar[t] ** 0.5 * x + (1 - self.abar[t]) ** 0.5 * e

    def move(self, z: np.ndarray, start: int, end: int | None) -> np.ndarray:
        e = self.eps(z, start)
        original = (z - (1 - self.abar[start]) ** 0.5 * e) / self.abar[start] ** 0.5
        level = 1.0 if end is None else self.abar[end]
        return level**0.5 * original + (1 - level) ** 0.5 * e


@pytest.fixture
def known():
    """Members of which half are asked about, the denoiser, and it by hand."""
    members = images(4, seed=1)
    target = ClosedFormTarget(members)
    asked = torch.cat([members[:2] * 0.9, images(2, seed=2)])
    return target, asked, ByHand(target, members)


def flat(pictures: torch.Tensor) -> np.ndarray:
    return pictures.double().numpy().reshape(len(pictures), -1) * 2 - 1


def noises(count: int, draws: int) -> np.ndarray:
    """Return what an attack of seed 4 draws: (count, draws, D)."""
    drawn = [
        [torch.randn(3, SIZE, SIZE, generator=generator) for _ in range(draws)]
        for generator in image_generators(batch_generator(4, 0), count)
    ]
    return np.array([[e.double().numpy().reshape(-1) for e in row] for row in drawn])


def score(name, target, asked, captions=None, **settings):
    chosen = attack(name, **settings)
    captions = captions or [""] * len(asked)
    return chosen.score(target, asked, captions, generator=batch_generator(4, 0), evidence=True)


def test_naive_loss(known):
    target, asked, hand = known
    found = score("naive-loss", target, asked, timesteps=(50, 300), draws=2)
    drawn = noises(4, 4)
    expected = []
    for x, row in zip(flat(asked), drawn, strict=True):
        pairs = zip((50, 50, 300, 300), row, strict=True)
        losses = [((e - hand.eps(hand.noisy(x, e, t), t)) ** 2).sum() for t, e in pairs]
        expected.append(np.mean(losses))
    np.testing.assert_allclose(found.values, expected, rtol=1e-3)
    assert found.calls == 4


def test_secmi(known):
    target, asked, hand = known
    found = score("secmi", target, asked)
    expected = []
    for x in flat(asked):
        z = x
        for t in range(0, 90, 10):
            z = hand.move(z, t, t + 10)
        expected.append(((hand.move(hand.move(z, 90, 100), 100, 90) - z) ** 2).sum())
    np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-6)
    assert found.calls == 11


@pytest.mark.parametrize("name", ["pia", "pian"])
def test_pia(known, name):
    target, asked, hand = known
    found = score(name, target, asked, t=150)
    expected = []
    for x in flat(asked):
        e0 = hand.eps(x, 0)
        if name == "pian":
            e0 = e0 / np.abs(e0).mean() * math.sqrt(2 / math.pi)
        expected.append((np.abs(e0 - hand.eps(hand.noisy(x, e0, 150), 150)) ** 4).sum())
    np.testing.assert_allclose(found.values, expected, rtol=1e-3)
    assert found.calls == 2


def test_pfami(known):
    target, asked, hand = known
    found = score("pfami", target, asked, timesteps=(50, 100), crops=(0.75, 0.5))
    crops = [flat(centre_crop(asked, part)) for part in (0.75, 0.5)]
    expected = []
    for place, (x, drawn) in enumerate(zip(flat(asked), noises(4, 2), strict=True)):
        changes = []
        for t, e in zip((50, 100), drawn, strict=True):

            def loss(y, t=t, e=e):
                return ((e - hand.eps(hand.noisy(y, e, t), t)) ** 2).sum()

            changes += [(loss(crop[place]) - loss(x)) / loss(x) for crop in crops]
        expected.append(np.mean(changes))
    np.testing.assert_allclose(found.values, expected, rtol=1e-3)
    assert found.calls == 6
    assert attack("pfami").crops[0] == 0.95
    assert attack("pfami").crops[-1] == 0.7


def test_pfamis_crop_is_a_centre_crop_scaled_back():
    picture = torch.rand(1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    own = centre_crop(picture, 0.5)
    inner = picture[0, :, 4:12, 4:12].numpy()
    for channel in range(3):
        reference = Image.fromarray(inner[channel]).resize((16, 16), Image.Resampling.BILINEAR)
        np.testing.assert_allclose(own[0, channel].numpy(), np.asarray(reference), atol=1e-5)


def test_sima(known):
    target, asked, hand = known
    found = score("sima", target, asked, t=60)
    expected = [(np.abs(hand.eps(x, 60)) ** 4).sum() ** 0.25 for x in flat(asked)]
    np.testing.assert_allclose(found.values, expected, rtol=1e-4)
    assert found.calls == 1


def test_clid():
    target = Captioned()
    hand = ByHand(target, images(6, seed=8))
    asked, captions = images(2, seed=3), ["one two three four", ""]
    found = score("clid", target, asked, captions)
    expected = []
    for x, caption, drawn in zip(flat(asked), captions, noises(2, 3), strict=True):

        def loss(words, x=x, drawn=drawn):
            pairs = zip((440, 450, 460), drawn, strict=True)
            terms = [e - (1 + words) * hand.eps(hand.noisy(x, e, t), t) for t, e in pairs]
            return np.mean([(term**2).sum() for term in terms])

        words = len(caption.split())
        weakened = [loss(int(words * part)) for part in (0.75, 0.5, 0.25, 0.0)]
        expected.append(0.9 * (np.mean(weakened) - loss(words)) - 0.1 * loss(words))
    np.testing.assert_allclose(found.values, expected, rtol=1e-3)
    assert found.calls == 15


def test_clid_is_scaled_by_calibration_pictures_alone():
    target, asked, captions = Captioned(), images(5, seed=3), ["a b", "a", "", "a b c", "b"]
    plain = score("clid", target, asked, captions)
    terms = np.array([[e.numbers["discrepancy"], -e.numbers["loss"]] for e in plain.evidence])
    fitted = attack("clid").fitted(target, asked, captions, generator=batch_generator(4, 0))
    own = fitted.score(target, asked, captions, generator=batch_generator(4, 0))
    low, middle, high = np.percentile(terms, [25, 50, 75], axis=0)
    scaled = (terms - middle) / (high - low)
    np.testing.assert_allclose(own.values, scaled @ [0.9, 0.1], rtol=1e-4, atol=1e-6)


def test_clid_needs_captions(known):
    target, asked, _ = known
    with pytest.raises(InputError, match="takes captions"):
        score("clid", target, asked)


def test_rediffuse(known):
    target, asked, hand = known
    found = score("rediffuse", target, asked, t=100, interval=50, variations=3)
    expected = []
    for x, drawn in zip(flat(asked), noises(4, 3), strict=True):
        ends = [hand.move(hand.move(hand.noisy(x, e, 100), 100, 50), 50, None) for e in drawn]
        mean = np.mean([np.clip((end + 1) / 2, 0, 1) for end in ends], axis=0)
        expected.append(np.linalg.norm((x + 1) / 2 - mean))
    np.testing.assert_allclose(found.values, expected, rtol=1e-3, atol=1e-4)
    assert found.calls == 6


def test_gan_leaks_and_its_calibrated_form(known):
    target, asked, _ = known
    reference = ClosedFormTarget(images(3, seed=9))
    settings = {"samples": 6, "steps": 5}
    found = score("gan-leaks", target, asked, **settings)

    def nearest(model):
        samples = model.sample([""] * 6, steps=5, generator=torch.Generator().manual_seed(0))
        return [
            min(float((image - sample).square().sum().sqrt()) for sample in samples)
            for image in asked
        ]

    own, other = nearest(target), nearest(reference)
    np.testing.assert_allclose(found.values, own, rtol=1e-4)
    assert found.calls == 6 * 5 / 4
    calibrated = score("gan-leaks", target, asked, reference=reference, **settings)
    np.testing.assert_allclose(calibrated.values, np.subtract(own, other), rtol=1e-3, atol=1e-4)


def test_monte_carlo_counts_samples_within_the_radius(monkeypatch):
    samples = torch.tensor([0.0, 0.1, 0.3, 0.9])[:, None].repeat(1, 12)
    monkeypatch.setattr(gan_leaks, "_draw", lambda *_: samples)
    # times sqrt(12), the pairs are at .1 .2 .3 .6 .8 .9: their median is .45
    asked = torch.tensor([0.05, 0.3, 0.7])[:, None, None, None].repeat(1, 3, 2, 2)
    target = ClosedFormTarget(torch.rand(2, 3, 2, 2))
    found = score("monte-carlo", target, asked, samples=4, quantile=0.5)
    assert found.values.tolist() == [0.75, 0.75, 0.5]


WITHOUT_TEXT = ["naive-loss", "secmi", "pia", "pian", "pfami", "sima", "rediffuse", "gan-leaks"]
DRAWN = {
    "gan-leaks": {"samples": 100, "steps": 10},
    "monte-carlo": {"samples": 100, "steps": 10, "quantile": 0.1},
}


@pytest.mark.parametrize("name", [*WITHOUT_TEXT, "monte-carlo"])
def test_scores_are_oriented_and_a_batch_is_a_loop(name):
    """A denoiser that knows its members by heart gives them away, whatever the statistic."""
    members = images(12, seed=1)
    target = ClosedFormTarget(members)
    others = images(12, seed=2)
    # one pair of samples in twelve repeats a member: near must mean more than that
    chosen = attack(name, **DRAWN.get(name, {}))
    asked = torch.cat([members, others])
    whole = chosen.score(target, asked, [""] * 24, generator=batch_generator(4, 0))
    wins = whole.oriented[:12, None] > whole.oriented[None, 12:]
    ties = whole.oriented[:12, None] == whole.oriented[None, 12:]
    assert (wins + ties / 2).mean() > 0.95
    alone = chosen.score(target, asked[13:14], [""], generator=batch_generator(4, 13))
    np.testing.assert_allclose(alone.values[0], whole.values[13], rtol=1e-3)


@pytest.mark.parametrize("name", [*WITHOUT_TEXT, "monte-carlo", "clid"])
def test_every_rival_runs_on_a_pipeline_from_disk(model_folder, name):
    target = open_target(model_folder("sd"))
    asked = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    settings = {
        "pfami": {"timesteps": (50,), "crops": (0.8,)},
        "rediffuse": {"variations": 1},
        "gan-leaks": {"samples": 2, "steps": 1},
        "monte-carlo": {"samples": 2, "steps": 1},
    }.get(name, {})
    chosen = attack(name, **settings)
    found = chosen.score(target, asked, ["a b", ""], generator=batch_generator(0, 0), evidence=True)
    assert np.isfinite(found.values).all()
    assert found.calls == target.calls / 2
    assert all(piece.sentence.endswith(".") for piece in found.evidence)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("secmi", {"t_sec": 10, "interval": 10}),
        ("secmi", {"t_sec": 95}),
        ("rediffuse", {"t": 120}),
        ("rediffuse", {"variations": 0}),
        ("gan-leaks", {"samples": 1}),
    ],
)
def test_settings_that_do_not_fit_are_refused(name, settings):
    with pytest.raises(InputError):
        attack(name, **settings)
