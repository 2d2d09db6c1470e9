"""What each part of OPT is good for: the same short training with one part left out.

Stage 1 is that of the driver under test; each arm trains the stages after it anew with the same data,
seed and number of steps, so that the arms differ in one thing. Without the joint stage its steps go
to the stage before it. The budget is short: figures compare the arms with each other, not with the
shipped driver.

Run ``python -m benchmarks.claims.opt_ablations CORPUS [--driver DIR] [--steps N]``.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import torch
from lightning import LightningModule
from torch.utils.data import DataLoader

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
from benchmarks.tables import Rows, write_record
from shared.custody import RunRecord
from shared.data.manifest import Manifest, read_manifest
from shared.training.run import Budget, fit
from synthesis.opt.config import PROFILES, OptProfile, StageBudget
from synthesis.opt.data import Utterance, load_utterances
from synthesis.opt.generator import OptDriver
from synthesis.opt.recipes import AVERAGE, build_expression, build_joint, build_sync

ARMS: dict[str, Callable[[OptProfile], OptProfile]] = {
    "full": lambda p: p,
    "without AFDM": lambda p: replace(p, network=replace(p.network, disentangle=False)),
    "without landmark loss": lambda p: replace(
        p,
        expression_weights=p.expression_weights.without_landmarks(),
        joint_weights=p.joint_weights.without_landmarks(),
    ),
    "without source face": lambda p: replace(p, network=replace(p.network, source_face=False)),
    "without sync expert": lambda p: replace(
        p, expression_weights=replace(p.expression_weights, sync=0.0)
    ),
    "without joint stage": lambda p: replace(
        p,
        expression=replace(p.expression, steps=p.expression.steps + p.joint.steps),
        joint=replace(p.joint, steps=0),
    ),
}
"""Name -> what is left out."""

EXPERIMENTS = (mouth_accuracy, closures, voice_share, two_voices, shifted_voices, face_told)


def train_arm(
    profile: OptProfile, driver: OptDriver, utterances: Sequence[Utterance], *, seed: int
) -> OptDriver:
    """Train all of one arm that follows stage 1 on the driver's content encoder, which stays."""
    with tempfile.TemporaryDirectory() as folder:

        def run(module: LightningModule, loader: DataLoader, stage: StageBudget, name: str) -> None:
            if stage.steps:
                budget = Budget(steps=stage.steps, batch_size=stage.batch_size)
                out = Path(folder) / name
                fit(
                    module, loader, out=out, average=AVERAGE, device="cpu", budget=budget, seed=seed
                )
                module.cpu()

        expert = None
        if profile.expression_weights.sync:
            sync, loader = build_sync(profile, utterances, seed=seed)
            run(sync, loader, profile.sync, "sync")
            expert = sync.expert
        module, loader = build_expression(profile, utterances, driver.content, expert, seed=seed)
        run(module, loader, profile.expression, "expression")
        joint, loader = build_joint(
            profile, utterances, driver.content, module.expression, expert=expert, seed=seed
        )
        run(joint, loader, profile.joint, "joint")
    return OptDriver(driver.content, joint.expression, profile.network)


def ablate(
    driver: OptDriver,
    manifest: Manifest,
    *,
    steps: int,
    seed: int = 0,
    cache: Path | None = None,
    keep: Callable[[list[ClaimRow]], None] | None = None,
) -> list[ClaimRow]:
    """Train and measure every arm; each measure's name begins with the arm's.

    Args:
        driver: Whose content encoder all arms share.
        manifest: Its ``train`` split is learned from, its ``test`` split measured.
        steps: Of each arm after the sync expert's, a quarter of them in the joint stage.
        seed: Of everything.
        cache: Folder in which clips are kept once they were read, or None.
        keep: Called after each arm with the rows so far.
    """
    joint = max(1, steps // 4)
    base = replace(
        PROFILES["cpu"], network=driver.config, sync=StageBudget(joint, 16, 75),
        expression=StageBudget(steps - joint, 16, 75), joint=StageBudget(joint, 16, 75, 3e-4),
    )  # fmt: skip
    known = load_utterances(manifest, "train", variants=0, seed=seed, cache=cache)
    asked = load_utterances(synthetic(manifest), "test", variants=VARIANTS, seed=seed)
    rows: list[ClaimRow] = []
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
        if keep is not None:
            keep(rows)
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Ablate a driver on a corpus and write a run record, anew after each arm."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.claims.opt_ablations")
    parser.add_argument("corpus", help="folder with manifest.jsonl")
    parser.add_argument("--driver", default="opt", help="name or folder of a checkpoint")
    parser.add_argument("--steps", type=int, default=800)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--cache", type=Path, help="folder for clips that were read")
    parser.add_argument("--record", type=Path, default=Path("runs/records/opt_ablations.json"))
    chosen = parser.parse_args(arguments)
    torch.set_num_threads(1)
    driver = OptDriver.from_pretrained(chosen.driver)
    settings = {"steps": chosen.steps, "seed": chosen.seed}
    result = RunRecord("benchmarks.opt_ablations", settings=settings)
    result.weights["opt"] = driver.sha256

    def keep(found: list[ClaimRow]) -> None:
        rows: Rows = [
            {
                "figure": one.measure, "value": one.value, "low": one.low, "high": one.high,
                "n": one.n, "drawn": one.unit, "seed": one.seed, "protocol": one.protocol,
                "status": "tiny",
            }
            for one in found
        ]  # fmt: skip
        write_record(chosen.record, result, rows)

    ablate(
        driver, read_manifest(chosen.corpus), steps=chosen.steps, seed=chosen.seed,
        cache=chosen.cache, keep=keep,
    )  # fmt: skip


if __name__ == "__main__":
    main()
