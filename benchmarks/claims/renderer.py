"""Figures of a renderer on people that it never saw, each beside the copy-source baseline.

For each subject the network renders every take from the neutral source picture, driven by the true points and poses::

    frames (N,3,S,S) true | copies of the source | rendered  ->  figures_of  ->  one number a figure and person
                                                            ->  mean and bootstrap interval over people

The same function judges all three, so the baseline ("copy-source") and the ceiling ("truth") share its errors.
Definitions: ``shared/metrics``; regions are hulls of true lip and eye points, so that they exist for footage too.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.evaluation_set import NEUTRAL, Subject
from benchmarks.tables import Rows, row
from shared.face.camera import Camera
from shared.face.crop import CropBox
from shared.face.head_model import LANDMARKS_478
from shared.metrics.psnr import psnr
from shared.metrics.response import response_gain
from shared.metrics.ssim import ssim
from shared.statistics import bootstrap_interval
from synthesis.renderer.composition import Compositor, settled
from synthesis.renderer.dataset import conditions, gather
from synthesis.renderer.network import RendererNetwork
from synthesis.renderer.points import EYE_LEFT, EYE_RIGHT, LIPS_OUTER

Figures = dict[str, float]
Frames = NDArray[np.uint8]
YawMeter = Callable[[Frames, NDArray[np.float64], Camera], NDArray[np.float64]]
"""Pictures ``(T, S, S, 3)``, their landmarks about ``(T, 478, 2)`` px, camera -> yaw ``(T,)`` in degrees or NaN."""
IdentityMeter = Callable[[Frames, NDArray[np.float64]], NDArray[np.float64]]
"""A picture ``(S, S, 3)`` and its landmarks ``(478, 2)`` px -> identity vector."""
Draw = Callable[[RendererNetwork, Subject], Tensor]
"""A network and a subject -> every take, ``(N, 3, S, S)`` in [0, 1]."""

CHANGED = 10 / 255
"""A pixel belongs to a true change from this mean absolute difference on: above the sensor's noise."""


@dataclass(frozen=True)
class Claim:
    """A figure: how it is called, its unit, and what is asked of it on held-out rendered people at 256 px."""

    title: str
    unit: str = ""
    target: str = ""


CLAIMS: dict[str, Claim] = {
    "psnr": Claim("PSNR", "dB", "copy-source + 4"),
    "ssim": Claim("SSIM"),
    "mouth_psnr": Claim("mouth PSNR", "dB", "copy-source + 6"),
    "mouth_gain": Claim("mouth gain, jaw wide open", "", "0.85 to 1.05"),
    "vowel_gain": Claim("mouth gain in held vowels", "", "0.85 to 1.05"),
    "blink_gain": Claim("blink gain", "", "at least 0.6"),
    "yaw_slope": Claim("yaw-sweep slope", "", "0.9 to 1.1"),
    "yaw_monotone": Claim("yaw sweep rises at every step", "of people", "1"),
    "stillness": Claim("background change when only the expression changes", "/255", "under 2"),
    "identity": Claim("identity similarity to the source (CSIM)", "", "at least 0.85"),
    "self_psnr": Claim("PSNR of the source redrawn as itself", "dB", "at least 30"),
}


@dataclass(frozen=True)
class Judged:
    """The figures of one person: of the rendered frames, of copies of the source, and of the true frames."""

    name: str
    ours: Figures
    copy: Figures
    truth: Figures


@torch.inference_mode()
def rendered(network: RendererNetwork, subject: Subject, batch_size: int = 8) -> Tensor:
    """Render every take of a subject from its source picture, ``(N, 3, S, S)`` in [0, 1]."""
    device = next(network.parameters()).device
    takes = np.arange(len(subject.bank))
    parts = []
    for start in range(0, len(takes), batch_size):
        driven = takes[start : start + batch_size]
        batch = gather(subject.bank, np.full(len(driven), subject.source), driven)
        batch = {name: value.to(device) for name, value in batch.items()}
        inputs = (batch["source"], batch["points_source"], batch["points_driven"])
        parts.append(network(*inputs, *conditions(batch)).image.float().cpu())
    return torch.cat(parts).clamp(0, 1)


@torch.inference_mode()
def delivered(network: RendererNetwork, subject: Subject, batch_size: int = 8) -> Tensor:
    """Render every take as the product does, ``(N, 3, S, S)`` in [0, 1].

    The network sees the source, and decides, at its own size; the picture is composed at the subject's.
    """
    frames, takes = subject.bank.frames, np.arange(len(subject.bank))
    size, device = frames.shape[1], next(network.parameters()).device
    whole = CropBox((size / 2, size / 2), size)
    compositor = Compositor(frames[subject.source], whole, size)
    seen = np.stack([whole.cut(frame, network.config.size) for frame in frames])
    bank, made = replace(subject.bank, frames=seen), []

    def predicted(driven: NDArray[np.int64]) -> list[NDArray[np.float32]]:
        batch = gather(bank, np.full(len(driven), subject.source), driven)
        batch = {name: value.to(device) for name, value in batch.items()}
        inputs = (batch["source"], batch["points_source"], batch["points_driven"])
        rgb, alpha, moved = network.predict(*inputs, *conditions(batch))
        out = (moved.flow, moved.side, rgb.permute(0, 2, 3, 1), alpha[:, 0])
        return [part.float().cpu().numpy() for part in out]

    at_rest, *_ = predicted(np.array([subject.source]))
    for start in range(0, len(takes), batch_size):
        flow, *rest = predicted(takes[start : start + batch_size])
        frames_of = zip(settled(flow, at_rest), *rest, strict=True)
        made += [compositor.compose(*frame) for frame in frames_of]
    return torch.from_numpy(np.stack(made)).permute(0, 3, 1, 2).float() / 255


def hull_masks(points: NDArray, size: int, margin: float) -> NDArray[np.float32]:
    """Fill the convex hulls of point sets and widen them.

    Args:
        points: ``(N, P, 2)`` in [-1, 1].
        size: Side of the masks, px.
        margin: How far the hull is widened, as a share of the side.

    Returns:
        ``(N, size, size)`` of 0 and 1.
    """
    masks = np.zeros((len(points), size, size), np.float32)
    reach = max(1, round(margin * size))
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * reach + 1, 2 * reach + 1))
    for mask, place in zip(masks, points, strict=True):
        corners = np.round((place.astype(np.float32) + 1) * (size / 2) - 0.5).astype(np.int32)
        cv2.fillConvexPoly(mask, cv2.convexHull(corners), 1.0)
        mask[:] = cv2.dilate(mask, disc)
    return masks


def _mouth(subject: Subject, size: int) -> Tensor:
    return torch.from_numpy(hull_masks(subject.bank.points[:, LIPS_OUTER], size, 0.03))[:, None]


def _eyes(subject: Subject, size: int) -> Tensor:
    both = [
        hull_masks(subject.bank.points[:, list(eye)], size, 0.02) for eye in (EYE_LEFT, EYE_RIGHT)
    ]
    return torch.from_numpy(np.maximum(*both))[:, None]


def _gain(images: Tensor, true: Tensor, region: Tensor, cause: int, rest: int) -> float:
    """Return the gain of one cause within the part of a region that truly changes."""
    change, truth = images[cause] - images[rest], true[cause] - true[rest]
    changed = (truth.abs().mean(0, keepdim=True) > CHANGED).float()
    inside = torch.maximum(region[cause], region[rest]) * changed
    return float(response_gain(change[None], truth[None], inside[None]))


def _bytes(images: Tensor) -> Frames:
    return np.asarray((images * 255).round().byte().permute(0, 2, 3, 1).numpy())


def _yaw(images: Tensor, subject: Subject, meter: YawMeter) -> Figures:
    """Return slope and monotonicity of the measured yaw over the driven one."""
    sweep = [
        i for i, take in enumerate(subject.takes) if take.startswith("yaw ") or take == NEUTRAL
    ]
    driven = np.degrees(subject.bank.angles[sweep, 1])
    order = np.argsort(driven)
    sweep, driven = [sweep[i] for i in order], driven[order]
    size = images.shape[-1]
    points = (subject.bank.points[sweep, :LANDMARKS_478].astype(np.float64) + 1) * (size / 2)
    found = meter(_bytes(images[sweep]), points, subject.camera)
    seen = np.isfinite(found)
    # a face that is lost in half of the sweep has no slope
    slope = np.polyfit(driven[seen], found[seen], 1)[0] if seen.sum() > len(sweep) / 2 else np.nan
    rises = bool(seen.all() and (np.diff(found) > 0).all())
    return {"yaw_slope": float(slope), "yaw_monotone": float(rises)}


def _identity(images: Tensor, true: Tensor, subject: Subject, meter: IdentityMeter) -> float:
    """Return the mean cosine between the source's identity and that of every other picture."""
    face = subject.bank.points[:, :LANDMARKS_478].astype(np.float64)
    places = (face + 1) * (images.shape[-1] / 2)
    own = meter(_bytes(true[subject.source][None])[0], places[subject.source])
    others = [
        meter(picture, place)
        for number, (picture, place) in enumerate(zip(_bytes(images), places, strict=True))
        if number != subject.source
    ]
    return float(np.mean([own @ other for other in others]))


def figures_of(
    images: Tensor,
    subject: Subject,
    *,
    yaw: YawMeter | None = None,
    identity: IdentityMeter | None = None,
) -> Figures:
    """Judge pictures ``(N, 3, S, S)`` in [0, 1] that claim to be the subject's takes; what is unknown is left out."""
    source, size = subject.source, images.shape[-1]
    true = torch.from_numpy(np.array(subject.bank.frames)).permute(0, 3, 1, 2).float() / 255
    others = [number for number in range(len(images)) if number != source]
    mouth = _mouth(subject, size)
    figures = {
        "psnr": float(psnr(images[others], true[others]).mean()),
        "ssim": float(ssim(images[others], true[others]).mean()),
        "mouth_psnr": float(psnr(images[others], true[others], mouth[others]).nanmean()),
        "self_psnr": float(psnr(images[source][None], true[source][None])),
    }
    at = {take: number for number, take in enumerate(subject.takes)}
    if "jaw" in at:
        figures["mouth_gain"] = _gain(images, true, mouth, at["jaw"], source)
    vowels = [number for take, number in at.items() if take.startswith("vowel ")]
    if vowels:
        gains = [_gain(images, true, mouth, number, source) for number in vowels]
        figures["vowel_gain"] = float(np.mean(finite(gains)))
    if "blink" in at:
        figures["blink_gain"] = _gain(images, true, _eyes(subject, size), at["blink"], source)
    if yaw and any(take.startswith("yaw ") for take in at):
        figures |= _yaw(images, subject, yaw)
    if subject.still is not None:
        figures["stillness"] = _stillness(images, subject, subject.still)
    if identity:
        figures["identity"] = _identity(images, true, subject, identity)
    return figures


def _stillness(images: Tensor, subject: Subject, still: NDArray[np.bool_]) -> float:
    """Return mean |I - I_neutral| / (1/255) on the background over the takes whose pose is the source's."""
    source, angles = subject.source, subject.bank.angles
    posed = np.abs(angles - angles[source]).sum(axis=1) + np.abs(
        subject.bank.depth - subject.bank.depth[source]
    )
    changes = []
    for number in np.flatnonzero(posed == 0):
        mask = torch.from_numpy(still[number] & still[source])
        if number != source and mask.any():
            changes.append(float((images[number] - images[source]).abs()[:, mask].mean()))
    return 255 * float(np.mean(changes)) if changes else float("nan")


def judge(
    network: RendererNetwork,
    subjects: Sequence[Subject],
    *,
    draw: Draw = rendered,
    yaw: YawMeter | None = None,
    identity: IdentityMeter | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Judged]:
    """Judge a network on subjects.

    Args:
        network: In evaluation mode.
        subjects: At the network's size; at any size for :func:`delivered`.
        draw: :func:`rendered`, the network's own picture, or :func:`delivered`, the product's.
        yaw: Measures head turns, or None: not measured.
        identity: Measures identity, or None: not measured.
        progress: Called with (subjects done, subjects).
    """
    results = []
    for number, subject in enumerate(subjects, 1):
        true = torch.from_numpy(np.array(subject.bank.frames)).permute(0, 3, 1, 2).float() / 255
        copies = true[subject.source].expand_as(true)
        ours, copy, truth = (
            figures_of(images, subject, yaw=yaw, identity=identity)
            for images in (draw(network, subject), copies, true)
        )
        results.append(Judged(subject.name, ours, copy, truth))
        if progress:
            progress(number, len(subjects))
    return results


_WITH_TRUTH = ("yaw_slope", "yaw_monotone", "stillness", "identity")
"""Figures whose value on the true pictures says something; of the others it is 1 or infinite by definition."""


def claim_rows(judged: Sequence[Judged], *, seed: int, protocol: str, status: str) -> Rows:
    """Return one row a figure, with intervals over people, and what each PSNR gains over copying the source."""
    common: dict[str, Any] = {"seed": seed, "protocol": protocol, "status": status}
    rows: Rows = []
    for key, claim in CLAIMS.items():
        ours = finite([person.ours.get(key) for person in judged])
        facts = {"unit": claim.unit, "target": claim.target, **common}
        if not len(ours):
            rows.append(
                row(claim.title, None, note=f"not measured: {_WHY.get(key, _NO_TRUTH)}", **facts)
            )
            continue
        if key != "self_psnr":
            facts["baseline"] = float(finite([person.copy.get(key) for person in judged]).mean())
        if key in _WITH_TRUTH:
            facts["truth"] = float(finite([person.truth.get(key) for person in judged]).mean())
        rows.append(row(claim.title, bootstrap_interval(ours, seed=seed), **facts))
        if key in ("psnr", "mouth_psnr"):
            above = finite([person.ours[key] - person.copy[key] for person in judged])
            title, target = (
                f"{claim.title} above copy-source",
                f"at least {claim.target.split()[-1]}",
            )
            gained = bootstrap_interval(above, seed=seed)
            rows.append(row(title, gained, unit="dB", target=target, **common))
    return rows


_NO_TRUTH = "the footage does not show it with a known truth"
_WHY = {"identity": "no face encoder was given (--identity)"}


def finite(values: Sequence[float | None]) -> NDArray[np.float64]:
    """Return what was measured, ``(n,)``."""
    known = np.array([np.nan if value is None else value for value in values], np.float64)
    return known[np.isfinite(known)]
