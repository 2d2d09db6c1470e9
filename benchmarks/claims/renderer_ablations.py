"""What each part of the renderer is worth: the same short training without it.

Each variant overrides the least that takes its part away, so the product's code has no switches::

    full | no heat maps in the decoder | no mouth weight | no mesh flow | no surface | no cut | no FiLM | no warping
    | no alpha | + perceptual

All variants take the same number of steps on the same batches from the same seed, as many as the full renderer takes in
the given minutes: so a loaded machine cannot favour one. What a step costs is a column of the table.

Reference: the experiment of "One small shared neural renderer", section 7, which this redoes on Marionette.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from benchmarks.claims.renderer import CLAIMS, Judged, finite, judge
from benchmarks.evaluation_set import Subject
from benchmarks.tables import Rows, row
from shared.custody import sha256_of_json, write_atomic
from shared.data.manifest import Manifest
from shared.errors import InputError
from shared.face.head_model import LANDMARKS_478
from shared.layers.warp import identity_grid
from shared.statistics import bootstrap_interval
from shared.training.run import Budget, fit
from shared.training.steps import seeded
from synthesis.renderer.config import PRESETS, RendererConfig
from synthesis.renderer.dataset import FrameBank, PairBatches, load_bank
from synthesis.renderer.network import (
    Decoder,
    DenseMotion,
    Motion2D,
    RendererNetwork,
    Rendering,
)
from synthesis.renderer.points import MOUTH_CENTER
from synthesis.renderer.training import RendererModule, RendererRecipe

FAR = 9.0
"""Normalised coordinates so far outside the picture that a Gaussian there is 0 within it."""

WARM_STEPS = 12
"""Steps by which the budget is timed."""


class _PlainDecoder(Decoder):
    """A decoder whose heat maps and openings are empty."""

    def forward(
        self, features: list[Tensor], motion: Motion2D, points: Tensor, code: Tensor
    ) -> tuple[Tensor, Tensor]:
        nowhere = torch.zeros_like(motion.opened)
        blind = replace(motion, opened=nowhere, known=nowhere)
        return super().forward(features, blind, torch.full_like(points, FAR), code)


class _KeypointMotion(DenseMotion):
    """Dense motion whose mesh candidate is a second identity; it begins with all candidates alike."""

    def __init__(self, config: RendererConfig) -> None:
        super().__init__(config)
        with torch.no_grad():
            self.head.bias[1] = 0.0  # type: ignore[index]

    def candidates(self, *inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        mesh, others, facts = super().candidates(*inputs)
        return others[:, :1].expand_as(mesh), others, torch.zeros_like(facts)


class _StillMotion(DenseMotion):
    """Dense motion that never moves anything; its occlusion maps stay."""

    def forward(self, *inputs: Any) -> Motion2D:
        motion = super().forward(*inputs)
        grid = identity_grid(*motion.flow.shape[2:4], like=motion.flow)
        return replace(motion, flow=grid.expand_as(motion.flow))


class _BlindCode(nn.Module):
    """Says nothing: FiLM becomes a constant."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.width = width

    def forward(self, code: Tensor) -> Tensor:
        return code.new_zeros(len(code), self.width)


class _WithoutHeatMaps(RendererNetwork):
    def __init__(self, config: RendererConfig) -> None:
        super().__init__(config)
        self.decoder = _PlainDecoder(config)


class _WithoutMesh(RendererNetwork):
    def __init__(self, config: RendererConfig) -> None:
        super().__init__(config)
        self.motion = _KeypointMotion(config)


class _WithoutCut(RendererNetwork):
    def __init__(self, config: RendererConfig) -> None:
        super().__init__(config)
        self.motion.sides.zero_()


class _FlatMotion(DenseMotion):
    """Dense motion whose mesh flow knows the face points only: no skull, no slopes, nothing hidden."""

    def candidates(self, *inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        source, driven, turn, size = inputs
        cost = torch.zeros_like(turn.cost)
        cost[:, LANDMARKS_478:] = FAR**2
        flat = turn._replace(slopes=torch.zeros_like(turn.slopes), cost=cost)
        mesh, others, facts = super().candidates(source, driven, flat, size)
        return mesh, others, torch.zeros_like(facts)


class _WithoutSurface(RendererNetwork):
    def __init__(self, config: RendererConfig) -> None:
        super().__init__(config)
        self.motion = _FlatMotion(config)


class _WithoutWarping(RendererNetwork):
    def __init__(self, config: RendererConfig) -> None:
        super().__init__(config)
        self.motion = _StillMotion(config)


class _WithoutFilm(RendererNetwork):
    def __init__(self, config: RendererConfig) -> None:
        super().__init__(config)
        self.code = _BlindCode(config.code_width)  # type: ignore[assignment]


class _WithoutAlpha(RendererNetwork):
    def forward(self, *inputs: Any, **more: Any) -> Rendering:
        out = super().forward(*inputs, **more)
        return replace(out, image=out.rgb, alpha=torch.ones_like(out.alpha))


class _EvenModule(RendererModule):
    """A training whose losses see the mouth as any other place."""

    def losses(self, out: Rendering, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        points = batch["points_driven"].clone()
        points[:, MOUTH_CENTER] = FAR
        return super().losses(out, {**batch, "points_driven": points})


@dataclass(frozen=True)
class Variant:
    """A renderer with one part changed.

    Attributes:
        title: In the table.
        network: What is built.
        module: How it is trained.
        recipe: Changes of the recipe.
    """

    title: str
    network: type[RendererNetwork] = RendererNetwork
    module: type[RendererModule] = RendererModule
    recipe: dict[str, float] = field(default_factory=dict)


VARIANTS: dict[str, Variant] = {
    "full": Variant("full"),
    "no-heat-maps": Variant("no heat maps in the decoder", network=_WithoutHeatMaps),
    "no-mouth-weight": Variant("no mouth weight in the losses", module=_EvenModule),
    "no-mesh": Variant("no mesh flow candidate", network=_WithoutMesh),
    "no-surface": Variant("no surface: face points alone, flat", network=_WithoutSurface),
    "no-cut": Variant("no cut at the fissures", network=_WithoutCut),
    "no-film": Variant("no FiLM", network=_WithoutFilm),
    "no-warping": Variant("no warping", network=_WithoutWarping),
    "no-alpha": Variant("no alpha: only its own pixels", network=_WithoutAlpha),
    "perceptual": Variant("+ random-feature perceptual loss", recipe={"perceptual": 0.5}),
}


def build(variant: Variant, config: RendererConfig, steps: int, seed: int) -> RendererModule:
    """Return a variant's module, its weights drawn from ``seed``."""
    recipe = replace(RendererRecipe(steps=steps), **variant.recipe)  # type: ignore[arg-type]
    with seeded(seed):
        module = variant.module(config, recipe, seed)
    with seeded(seed):
        module.network = variant.network(config)
    return module


def seconds_a_step(
    variant: Variant, bank: FrameBank, config: RendererConfig, batch_size: int, seed: int
) -> float:
    """Return the median time of a few training steps of a variant, without the loader's."""
    module = build(variant, config, WARM_STEPS, seed)
    optimizer = torch.optim.Adam(module.network.parameters())
    seconds = []
    for _, drawn in zip(range(WARM_STEPS), PairBatches(bank, batch_size, seed), strict=False):
        begun = time.perf_counter()
        batch = module.augment(drawn)
        loss = torch.stack(list(module.losses(module(batch), batch).values())).sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        seconds.append(time.perf_counter() - begun)
    return float(np.median(seconds[2:]))


def _plan(
    path: Path, minutes: float, bank: FrameBank, config: RendererConfig, **facts: Any
) -> dict[str, Any]:
    """Return how long everything is trained: as written down before, or by timing the full renderer."""
    if path.is_file():
        plan = dict(json.loads(path.read_text("utf-8")))
        if any(plan.get(name) != value for name, value in {"minutes": minutes, **facts}.items()):
            raise InputError(f"{path.parent} holds another experiment", fix="choose another folder")
        return plan
    pace = seconds_a_step(VARIANTS["full"], bank, config, facts["batch_size"], facts["seed"])
    plan = {"steps": max(1, int(minutes * 60 / pace)), "minutes": minutes, **facts}
    write_atomic(path, json.dumps(plan, indent=1))
    return plan


def _trained(
    name: str, plan: dict[str, Any], config: RendererConfig, bank: FrameBank, out: Path, device: str
) -> RendererModule:
    """Train a variant, or go on with it."""
    module = build(VARIANTS[name], config, plan["steps"], plan["seed"])
    pairs = PairBatches(bank, plan["batch_size"], plan["seed"])
    fit(
        module,
        DataLoader(pairs, batch_size=None, num_workers=1),
        out=out / name,
        budget=Budget(plan["steps"], None, plan["batch_size"]),
        average=0.995,
        device=device,
        seed=plan["seed"],
    )
    return module


def ablate(
    corpus: Manifest,
    minutes: float,
    out: str | Path,
    subjects: Sequence[Subject],
    *,
    config: RendererConfig = PRESETS["cpu"],
    size: int = 64,
    batch_size: int = 16,
    seed: int = 0,
    device: str = "auto",
    names: Sequence[str] = tuple(VARIANTS),
    progress: Callable[[str], None] | None = None,
) -> Rows:
    """Train and judge the variants; what is done is read back from ``out``.

    Args:
        corpus: Its train split is learnt from.
        minutes: What the full renderer may spend; the others take as many steps.
        out: Folder of the runs.
        subjects: Held-out people at ``size`` px.
        config: Sizes of the network.
        size: Side of the pictures, px (the network is convolutional).
        batch_size: Pairs a step.
        seed: Of weights, draws and intervals.
        device: Lightning's accelerator name.
        names: Which of :data:`VARIANTS`.
        progress: Called with each variant's name as it begins.

    Returns:
        Three rows a variant: PSNR, mouth PSNR and mouth gain, with intervals over people.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    bank = load_bank(corpus.where(split="train"), size, folder / "cache")
    learnt = corpus.where(split="train").sha256()
    shown = [int(subject.bank.frames.astype(np.int64).sum()) for subject in subjects]
    plan = _plan(
        folder / "plan.json", minutes, bank, config, size=size, batch_size=batch_size, seed=seed,
        of=sha256_of_json([config, learnt, shown]),
    )  # fmt: skip
    rows: Rows = []
    for name in names:
        done = folder / name / "rows.json"
        if not done.is_file():
            if progress:
                progress(name)
            pace = seconds_a_step(VARIANTS[name], bank, config, batch_size, seed)
            module = _trained(name, plan, config, bank, folder, device)
            judged = judge(module.network.eval().cpu(), subjects)
            write_atomic(done, json.dumps(_rows(VARIANTS[name], judged, plan, pace)))
        rows += json.loads(done.read_text("utf-8"))
    order = list(MEASURED)
    return sorted(rows, key=lambda fact: order.index(str(fact["figure"]).split(":")[0]))


MEASURED: dict[str, str] = {"PSNR": "psnr", "mouth PSNR": "mouth_psnr", "mouth gain": "mouth_gain"}
"""Title -> figure of :func:`benchmarks.claims.renderer.figures_of`."""


def _rows(variant: Variant, judged: Sequence[Judged], plan: dict[str, Any], pace: float) -> Rows:
    protocol = (
        f"{plan['steps']} steps of {plan['batch_size']} at {plan['size']} px, held-out people"
    )
    facts = {"seed": plan["seed"], "protocol": protocol, "status": "tiny", "ms/step": 1000 * pace}
    rows: Rows = []
    for title, key in MEASURED.items():
        ours, copied = (
            finite([getattr(person, kind).get(key) for person in judged])
            for kind in ("ours", "copy")
        )
        if len(ours):
            value = bootstrap_interval(ours, seed=plan["seed"])
            facts["baseline"] = float(copied.mean())
            rows.append(row(f"{title}: {variant.title}", value, unit=CLAIMS[key].unit, **facts))
    return rows
