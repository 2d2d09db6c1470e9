"""What each part of OPT is good for: the same short training with one part left out.

Stage 1 is that of the driver under test; each arm trains stage 2 anew with the same data, seed and
number of steps, so that the arms differ in one thing. The budget is short: figures compare the arms
with each other, not with the shipped driver.

Run ``python -m benchmarks.claims.opt_ablations CORPUS [--driver DIR] [--steps N]``.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import torch

from benchmarks.claims.opt import (
    VARIANTS,
    closures,
    mouth_accuracy,
    shifted_voices,
    two_voices,
    voice_share,
)
from benchmarks.claims.opt_driven import ClaimRow, Driven, synthetic
from benchmarks.claims.opt_faces import face_told
from shared.data.manifest import Manifest, read_manifest
from shared.training.run import Budget, fit
from synthesis.opt.config import PROFILES, OptProfile, StageBudget
from synthesis.opt.data import Utterance, load_utterances
from synthesis.opt.generator import OptDriver
from synthesis.opt.recipes import AVERAGE, build_expression

ARMS: dict[str, Callable[[OptProfile], OptProfile]] = {
    "full": lambda p: p,
    "without AFDM": lambda p: replace(p, network=replace(p.network, disentangle=False)),
    "without landmark loss": lambda p: replace(
        p, expression_weights=p.expression_weights.without_landmarks()
    ),
    "without source face": lambda p: replace(p, network=replace(p.network, source_face=False)),
}
"""Name -> what is left out."""

EXPERIMENTS = (mouth_accuracy, closures, voice_share, two_voices, shifted_voices, face_told)


def train_arm(
    profile: OptProfile, driver: OptDriver, utterances: Sequence[Utterance], *, seed: int
) -> OptDriver:
    """Train stage 2 of one arm on the driver's content encoder."""
    module, loader = build_expression(profile, utterances, driver.content, seed=seed)
    stage = profile.expression
    with tempfile.TemporaryDirectory() as folder:
        fit(
            module, loader, out=Path(folder), average=AVERAGE, device="cpu",
            budget=Budget(steps=stage.steps, batch_size=stage.batch_size),
        )  # fmt: skip
    return OptDriver(driver.content, module.cpu().expression, profile.network)


def ablate(driver: OptDriver, manifest: Manifest, *, steps: int, seed: int = 0) -> list[ClaimRow]:
    """Train and measure every arm; each measure's name begins with the arm's.

    Args:
        driver: Whose content encoder all arms share.
        manifest: Its ``train`` split is learned from, its ``test`` split measured.
        steps: Of each arm.
        seed: Of everything.
    """
    budget = StageBudget(steps, 32, 64)
    base = replace(PROFILES["cpu"], network=driver.config, expression=budget)
    known = load_utterances(manifest, "train", variants=0, seed=seed)
    asked = load_utterances(synthetic(manifest), "test", variants=VARIANTS, seed=seed)
    rows = []
    for name, leave_out in ARMS.items():
        arm = Driven(train_arm(leave_out(base), driver, known, seed=seed), asked, seed)
        rows += [
            replace(
                row, measure=f"{name}: {row.measure}", protocol=f"{row.protocol}; {steps} steps"
            )
            for experiment in EXPERIMENTS
            for row in experiment(arm)
            if not row.measure.endswith(", truth") and "truth," not in row.measure
        ]
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Ablate a driver on a corpus and write one line of JSON a figure."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.claims.opt_ablations")
    parser.add_argument("corpus", help="folder with manifest.jsonl")
    parser.add_argument("--driver", default="opt", help="name or folder of a checkpoint")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    driver = OptDriver.from_pretrained(chosen.driver)
    for row in ablate(driver, read_manifest(chosen.corpus), steps=chosen.steps, seed=chosen.seed):
        sys.stdout.write(json.dumps(asdict(row)) + "\n")


if __name__ == "__main__":
    main()
