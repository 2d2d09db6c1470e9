"""Speed: frames a second of the whole pipeline and its stages, and of published networks on the same machine.

    samples -> OptDriver.drive -> Motion -> Renderer.frames -> watermark -> VideoWriter -> mp4

What a frame costs does not depend on what the weights are, so the benchmark also runs before anything is trained.
Stages are read off Python's profiler within real calls, so that they add up to them; the end-to-end figure is taken
without it. Published networks (:mod:`benchmarks.published`) take turns with ours in one process.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.published import PUBLISHED, Inputs, counted, giga_macs
from benchmarks.tables import Rows, number, row
from benchmarks.timing import Timing, seconds_within, take_turns
from shared.errors import WeightsError
from shared.face.crop import CropBox
from shared.face.head_model import LANDMARKS_478, HeadModel
from shared.media.audio import read_audio
from shared.media.video import VideoWriter
from shared.media.watermark import embed_watermark
from shared.motion import Motion
from synthesis.demo import SPEECH
from synthesis.opt.config import OptConfig
from synthesis.opt.features import recording_level, speech_features
from synthesis.opt.generator import OptDriver
from synthesis.opt.network import ContentEncoder, ExpressionNet
from synthesis.provenance import marked
from synthesis.renderer.composition import Compositor
from synthesis.renderer.config import CODE_SIZE, PRESETS, RendererConfig
from synthesis.renderer.generator import Renderer, SourceFace
from synthesis.renderer.network import RendererNetwork
from synthesis.renderer.surface import SKULL, Turn
from synthesis.source import read_source

FPS = Fraction(25)
RATE = 16_000
BATCH = 8
"""Frames a network call, as the product has it."""

SIZES: dict[str, int | None] = {"256 px": 256, "native 1024 px": None}
"""Label -> what :meth:`Renderer.frames` is asked for."""

_DRIVING = "audio features and driver"
STAGES: dict[str, tuple[Callable[..., Any], ...]] = {
    "audio features": (recording_level, speech_features),
    _DRIVING: (OptDriver.drive,),
    "renderer network": (Renderer.render,),
    "composition": (Compositor.compose,),
    "watermark": (embed_watermark,),
    "encoding": (VideoWriter.write, VideoWriter.__exit__),
}
"""Stage -> the functions whose time it is."""


@dataclass(frozen=True)
class Pipeline:
    """Everything that a talking head needs, loaded.

    Attributes:
        source: The face in the photo.
        samples: ``(S,)`` speech at 16 kHz.
        driver: Speech to Motion.
        painter: Motion to frames.
    """

    source: SourceFace
    samples: NDArray[np.float32]
    driver: OptDriver
    painter: Renderer

    def motion(self) -> Motion:
        """Drive the source's face by the speech; its pose stays."""
        own = self.source.motion
        place = own.expression[0], own.rotation[0], own.translation[0]
        return self.driver.drive(self.samples, self.source.identity, *place, fps=FPS).motion

    def talk(self, out: Path, size: int | None) -> int:
        """Write the video and return its number of frames."""
        motion = self.motion()
        frames = marked(self.painter.frames(self.source, motion, size=size, batch_size=BATCH))
        first = next(frames)
        shape = first.shape[1], first.shape[0]
        with VideoWriter(out, FPS, shape, audio=(self.samples, RATE)) as writer:
            writer.write(first)
            for frame in frames:
                writer.write(frame)
        return len(motion)


NATIVE = 1024
"""Side of the photo at native resolution, px."""

LONGEST = 4
"""Seconds of the recording that are timed."""


def load_pipeline(
    photo: Path | None = None, audio: Path | None = None, weights: str | None = None
) -> tuple[Pipeline, list[str]]:
    """Load what is timed, and say what it is.

    Args:
        photo: A portrait, scaled to 1024 px; None for scikit-image's astronaut.
        audio: A recording; None for the shipped sample.
        weights: A renderer's name or folder; None for the shipped one, or random weights where none is shipped.
    """
    import skimage.data

    face = read_source(skimage.data.astronaut() if photo is None else photo)
    source = enlarged(face, NATIVE)
    (driver, heard), (painter, drawn) = load_driver(), load_painter(weights)
    height, width = source.photo.shape[:2]
    notes = [
        f"Driver: {heard}; renderer: {drawn}, {painter.network.config.size} px.",
        f"Photo: {width} x {height} px, face crop {source.crop.side:.0f} px.",
    ]
    samples = read_audio(audio or SPEECH)[: LONGEST * RATE]
    return Pipeline(source, samples, driver, painter), notes


def load_driver() -> tuple[OptDriver, str]:
    """Return the shipped driver, or one of its size with random weights, and which of the two."""
    try:
        return OptDriver.from_pretrained(), "shipped"
    except WeightsError:
        config = OptConfig(identity_dim=HeadModel.load().identities)
        return OptDriver(ContentEncoder(config), ExpressionNet(config), config), "random weights"


def load_painter(weights: str | None = None) -> tuple[Renderer, str]:
    """Return the renderer of that name or folder, the shipped one, or one of random weights, and which it is."""
    if weights:
        return Renderer.from_pretrained(weights), "given"
    try:
        return Renderer.from_pretrained(), "shipped"
    except WeightsError:
        return Renderer(RendererNetwork(PRESETS["cpu"])), "random weights"


def enlarged(source: SourceFace, side: int) -> SourceFace:
    """Return the source with its photo scaled so that the shorter side has ``side`` px."""
    zoom = side / min(source.photo.shape[:2])
    shape = tuple(round(zoom * length) for length in source.photo.shape[1::-1])
    crop = CropBox(
        (source.crop.center[0] * zoom, source.crop.center[1] * zoom), source.crop.side * zoom
    )
    photo = np.asarray(cv2.resize(source.photo, shape, interpolation=cv2.INTER_CUBIC), np.uint8)
    return replace(source, photo=photo, crop=crop, points=source.points * np.float32(zoom))


def pipeline_rows(
    pipeline: Pipeline, *, runs: int, threads: int, sizes: Mapping[str, int | None] = SIZES
) -> Rows:
    """Time the pipeline at each output size: end to end, then stage by stage.

    Args:
        pipeline: Loaded; its photo has the native resolution.
        runs: Timed runs of each kind; one more warms up.
        threads: For the protocol; set by the caller.
        sizes: Label -> output size.
    """
    rows: Rows = []
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "talk.mp4"
        tasks = {
            label: (lambda chosen=size: pipeline.talk(out, chosen)) for label, size in sizes.items()
        }
        frames = len(pipeline.motion())
        whole = take_turns(tasks, runs)
        for label, task in tasks.items():
            protocol = f"{frames} frames, median of {runs} runs, {threads} threads"
            facts: dict[str, Any] = {"protocol": protocol, "status": "tiny", "n": runs}
            facts["table"] = label
            target = {"target": "at least 15"} if label == "256 px" else {}
            rows.append(rate_row("end to end", whole[label], frames, **facts, **target))
            parts = [seconds_within(STAGES, task) for _ in range(runs)]
            rows += [
                rate_row(stage, timing, frames, **facts) for stage, timing in _stages(parts).items()
            ]
    return rows


def _stages(parts: list[tuple[dict[str, float], float]]) -> dict[str, Timing]:
    """Split the driver from the features that it asks for, and what is left from all named stages."""
    spent: dict[str, list[float]] = {}
    for named, total in parts:
        features, driving = named["audio features"], named[_DRIVING]
        own = {"audio features": features, "driver": driving - features}
        own |= {stage: seconds for stage, seconds in named.items() if stage not in (*own, _DRIVING)}
        own["everything else"] = total - sum(own.values())
        for stage, seconds in own.items():
            spent.setdefault(stage, []).append(max(seconds, 1e-9))
    return {stage: Timing(tuple(seconds)) for stage, seconds in spent.items()}


def rate_row(figure: str, timing: Timing, frames: int, **facts: Any) -> dict[str, Any]:
    """Return a row of frames a second with milliseconds a frame and the quartiles of the runs."""
    low, high = (1000 * seconds / frames for seconds in timing.quartiles)
    facts |= {
        "ms/frame": 1000 * timing.median / frames,
        "quartiles ms": f"{number(low)} to {number(high)}",
    }
    return row(figure, frames / timing.median, unit="frames/s", **facts)


def our_inputs(config: RendererConfig) -> Inputs:
    """Return one picture's inputs of the renderer network."""
    count = LANDMARKS_478 + SKULL
    near = torch.rand(2, 1, count, 2) - 0.5
    picture = torch.rand(1, 3, config.size, config.size)
    turn = Turn.flat(torch.eye(2)[None], count)
    return picture, near[0], near[1], turn, torch.rand(1, CODE_SIZE)


def our_giga_macs(config: RendererConfig) -> float:
    """Return the billions of multiplications with addition of one picture, its encoder included."""
    with torch.device("meta"):
        return giga_macs(RendererNetwork(config), our_inputs(config))


@dataclass(frozen=True)
class Contender:
    """A way to make pictures of 256 px.

    Attributes:
        title: In the table.
        task: Makes ``pictures`` of them.
        pictures: Number.
        facts: Further columns: costs and sizes.
    """

    title: str
    task: Callable[[], Any]
    pictures: int
    facts: dict[str, Any]


def our_contenders(
    painter: Renderer, source: SourceFace, frames: int = 2 * BATCH
) -> list[Contender]:
    """Return our renderer as the product runs it, and bare: a picture a call, the source encoded each time."""
    config, motion = painter.network.config, _still(source, frames)
    facts = {
        "GMAC counted": our_giga_macs(config),
        "million parameters": sum(p.numel() for p in painter.network.parameters()) / 1e6,
    }
    inputs = our_inputs(config)

    @torch.inference_mode()
    def bare() -> None:
        painter.network(*inputs)

    size = config.size
    return [
        Contender(
            f"ours: {size} px network, batches of {BATCH}, source encoded once, composed at 256 px",
            lambda: list(painter.frames(source, motion, size=256, batch_size=BATCH)), frames, facts,
        ),
        Contender(f"ours: {size} px network alone, a picture a call", bare, 1, facts),
    ]  # fmt: skip


def _still(source: SourceFace, frames: int) -> Motion:
    own = source.motion
    rotation, translation, expression = (
        np.repeat(part[:1], frames, axis=0)
        for part in (own.rotation, own.translation, own.expression)
    )
    return Motion(rotation, translation, expression, FPS)


def published_contenders() -> list[Contender]:
    """Return the published networks with random weights, a picture a call."""
    contenders = []
    for name, method in PUBLISHED.items():
        network = method.build().eval()
        contenders.append(
            Contender(
                name,
                _call(network, network.inputs()),
                1,
                {
                    "GMAC counted": counted(name),
                    "GMAC published": method.giga_macs,
                    "million parameters": sum(p.numel() for p in network.parameters()) / 1e6,
                },
            )
        )
    return contenders


def _call(network: nn.Module, inputs: Inputs) -> Callable[[], Any]:
    @torch.inference_mode()
    def call() -> None:
        network(*inputs)

    return call


def comparison_rows(
    ours: list[Contender], others: list[Contender], *, runs: int, threads: int
) -> Rows:
    """Time all contenders turn by turn; each row says how many times its throughput our first one has."""
    everyone = [*ours, *others]
    timings = take_turns({one.title: one.task for one in everyone}, runs)
    pace = {one.title: timings[one.title].median / one.pictures for one in everyone}
    protocol = f"256 px pictures, median of {runs} runs taken in turns, {threads} threads"
    common: dict[str, Any] = {"protocol": protocol, "status": "tiny", "n": runs}
    common["table"] = "beside published networks"
    rows: Rows = []
    for one in everyone:
        rows.append(rate_row(one.title, timings[one.title], one.pictures, **common, **one.facts))
    for one in others:
        ratio = pace[one.title] / pace[ours[0].title]
        target: dict[str, Any] = {"target": "at least 20"} if one.title == "PIRenderer" else {}
        title = f"throughput of ours over {one.title}'s"
        rows.append(row(title, ratio, unit="times", **common, **target))
    return rows
