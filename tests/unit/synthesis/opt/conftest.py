"""A tiny corpus of formant voices that open the mouth when they speak."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch

from shared.data.clip import Clip, Truth
from shared.data.manifest import write_manifest
from shared.face.head_model import HeadModel
from shared.media.audio import write_audio
from shared.motion import UNIT, Motion
from synthesis.opt.config import PROFILES
from synthesis.opt.generator import OptDriver
from synthesis.opt.network import ContentEncoder, ExpressionNet

VOWELS = {"AA": (730, 1090), "IY": (270, 2290), "UW": (300, 870), "M": (250, 1000)}
SPOKEN = ("AA", "M", "IY", "M", "UW", "AA")


def vowel(name: str, f0: float, seconds: float, tract: float = 1.0) -> np.ndarray:
    """Harmonics of a pitch, under two formants; M is a closed mouth and quiet."""
    t = np.arange(round(16_000 * seconds)) / 16_000
    sound = np.zeros_like(t)
    for k in range(1, int(4000 // f0)):
        peaks = [1 / (1 + ((k * f0 - f / tract) / 90) ** 2) for f in VOWELS[name]]
        sound += (sum(peaks) + 0.01) * np.sin(2 * np.pi * f0 * k * t)
    return (0.02 if name == "M" else 0.08) * sound.astype(np.float32)


def reading(f0: float, pace: float, tract: float = 1.0):
    """Return samples, phones and expression of the one sentence that these people say."""
    quiet = np.zeros(round(16_000 * 0.24), np.float32)
    pieces, phones, at = [quiet], [["SIL", 0.0, 0.24]], 0.24
    for name in SPOKEN:
        pieces.append(vowel(name, f0, 0.2 * pace, tract))
        phones.append([name, at, at + 0.2 * pace])
        at += 0.2 * pace
    samples = np.concatenate([*pieces, quiet])
    phones.append(["SIL", at, at + 0.24])
    frames = round(len(samples) / 640)
    expression = np.zeros((frames, 52), np.float32)
    for name, start, end in phones:
        rows = slice(round(start * 25), round(end * 25))
        expression[rows, UNIT["jawOpen"]] = {"AA": 0.6, "IY": 0.2, "UW": 0.2}.get(name, 0.0)
        expression[rows, UNIT["mouthPucker"]] = 0.6 if name == "UW" else 0.0
    return samples, phones, expression


@pytest.fixture(scope="session")
def manifest(tmp_path_factory):
    """Six readings of one sentence by three voices, and one in the test split."""
    root = tmp_path_factory.mktemp("voices")
    people = HeadModel.load().identities
    rng = np.random.default_rng(0)
    clips = []
    for index, (f0, pace, tract) in enumerate(
        [(110, 1.0, 1.1), (200, 0.8, 0.9), (150, 1.2, 1.0), (170, 1.0, 0.95)]
    ):
        samples, phones, expression = reading(f0, pace, tract)
        frames = len(expression)
        motion = Motion(np.zeros((frames, 3)), np.zeros((frames, 3)), expression, Fraction(25))
        identity = rng.standard_normal(people).astype(np.float32)
        Truth(motion, identity, np.array([1, 0, 0]), np.zeros((frames, 68, 2))).save(
            root / f"{index}.npz"
        )
        write_audio(root / f"{index}.wav", samples)
        clips.append(
            Clip(
                f"c{index}", "voice", "test" if index == 3 else "train", f"p{index}", f"v{index}",
                audio=f"{index}.wav", truth=f"{index}.npz", frames=frames,
                extra={"sentence": "one", "phones": phones},
            )
        )  # fmt: skip
    return write_manifest(root, clips)


@pytest.fixture(scope="session")
def driver():
    """A driver with random weights."""
    config = replace(PROFILES["smoke"].network, identity_dim=6)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return OptDriver(ContentEncoder(config), ExpressionNet(config), config)
