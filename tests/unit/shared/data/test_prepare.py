"""Footage to clips, on tiny videos in which one photographed face moves about."""

from __future__ import annotations

import json
from dataclasses import asdict
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from shared.data import cutting, prepare
from shared.data.cutting import CutSettings, Tools, _between, _fixed_crop, _pieces, cut_footage
from shared.data.footage import Footage, find_footage
from shared.data.manifest import read_manifest
from shared.data.resumable import DIED
from shared.errors import InputError
from shared.face.crop import CropBox
from shared.face.detector import CenterFace, Face
from shared.face.fitting import Fit
from shared.face.head_model import HeadModel
from shared.face.landmarks import LandmarkNet
from shared.face.tracks import FaceTrack
from shared.media.audio import RATE, read_audio
from shared.media.video import VideoReader, VideoWriter
from shared.motion import Motion

PORTRAIT = np.ascontiguousarray(data.astronaut()[:256, 96:352])
BRIEF = CutSettings(shortest=0.2, longest=10.0, smallest=40.0, size=64)


def film(path: Path, frames, sound: bool | np.ndarray = True) -> Path:
    """Write frames at 25 fps with a tone."""
    frames = list(frames)
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = 0.3 * np.sin(np.arange(len(frames) * RATE // 25) * 0.1).astype(np.float32)
    audio = None if sound is False else (tone if sound is True else sound, RATE)
    size = frames[0].shape[1::-1]
    with VideoWriter(path, 25, size, audio=audio) as writer:
        for frame in frames:
            writer.write(frame)
    return path


def moving(count: int, step: float = 1.0, start: int = 0):
    for number in range(start, start + count):
        frame = np.full((256, 320, 3), 120, np.uint8)
        left = round(step * number)
        frame[:, left : left + 256] = PORTRAIT
        yield frame


def quick_fit(points, model, camera, *, fps, blendshapes) -> Fit:
    """Stands for the fit, which is tested on its own and takes a while: a still head."""
    count = len(points)
    still = Motion(np.zeros((count, 3)), np.tile([0, 0, -1.0], (count, 1)), blendshapes, fps)
    return Fit(still, np.zeros(model.identities, np.float32), np.full(count, 0.02, np.float32))


@pytest.fixture(scope="module")
def tools() -> Tools:
    return Tools(CenterFace(), LandmarkNet(), HeadModel.load())


@pytest.fixture
def cut(tmp_path: Path, tools: Tools, monkeypatch):
    """Cut one video with a quick fit."""
    monkeypatch.setattr(cutting, "fit_landmarks", quick_fit)

    def run(path: Path, settings: CutSettings = BRIEF) -> cutting.Outcome:
        item = Footage(path.stem, path, path, "anna")
        return cut_footage(item, path.name, "train", tmp_path / "out", settings, tools)

    return run


def test_a_clip_is_a_fixed_crop_with_its_sound_and_truth(cut, tmp_path: Path):
    outcome = cut(film(tmp_path / "a.mp4", moving(12, 2.0)))
    assert outcome.left_out == []
    (clip,) = outcome.clips
    assert (clip.id, clip.person, clip.split, clip.kind) == (
        "a-000000",
        "anna",
        "train",
        "speaking",
    )
    assert (clip.frames, clip.size, clip.rate) == (12, (64, 64), Fraction(25))
    out = tmp_path / "out"
    with VideoReader(out / clip.video) as reader:
        frames = list(reader)
        assert reader.info.has_audio
    assert len(frames) == 12
    assert len(read_audio(out / clip.audio)) == 12 * RATE // 25
    truth = cutting.Truth.load(out / clip.truth)
    assert truth.landmarks.shape == (12, 68, 2)
    assert 0 < truth.landmarks.min() < truth.landmarks.max() < 64
    x, y, side = clip.extra["crop"]
    source = list(moving(12, 2.0))[5]
    wanted = CropBox((x, y), side).cut(source, 64).astype(int)
    assert np.abs(frames[5].astype(int) - wanted).mean() < 6
    drift = np.diff(truth.landmarks[:, :, 0].mean(axis=1))
    assert drift.mean() == pytest.approx(2.0 * 64 / side, rel=0.1)


def test_long_pieces_are_cut_into_equal_parts_with_their_own_sound(cut, tmp_path: Path):
    settings = CutSettings(shortest=0.2, longest=0.3, smallest=40.0, size=32)
    path = film(tmp_path / "a.mp4", moving(20, 1.0))
    outcome = cut(path, settings)
    assert [(clip.id, clip.frames) for clip in outcome.clips] == [
        ("a-000000", 7), ("a-000007", 6), ("a-000013", 7),
    ]  # fmt: skip
    whole = read_audio(path)
    for clip, first, last in zip(outcome.clips, (0, 7, 13), (7, 13, 20), strict=True):
        own = read_audio(tmp_path / "out" / clip.audio)
        np.testing.assert_allclose(own, whole[first * 640 : last * 640], atol=1e-4)


def test_two_shots_are_two_clips(cut, tmp_path: Path):
    dark = [(frame * 0.4).astype(np.uint8) for frame in moving(8)]
    outcome = cut(film(tmp_path / "a.mp4", [*moving(8), *dark]))
    assert [(clip.id, clip.frames) for clip in outcome.clips] == [("a-000000", 8), ("a-000008", 8)]


def two_people(count: int):
    for frame in moving(count):
        yield np.concatenate([frame, frame[:, ::-1]], axis=1)


@pytest.mark.parametrize(
    ("frames", "sound", "reason"),
    [
        (lambda: moving(8), False, "no audio"),
        (lambda: moving(8), np.zeros(8 * RATE // 25, np.float32), "silent"),
        (lambda: [np.full((64, 64, 3), 99, np.uint8)] * 6, True, "no face"),
        (lambda: two_people(6), True, "several faces"),
        (lambda: [cv2.resize(f, (120, 96)) for f in moving(8)], True, "face too small"),
    ],
)
def test_what_is_left_out_has_its_reason(cut, tmp_path: Path, frames, sound, reason):
    outcome = cut(film(tmp_path / "a.mp4", frames(), sound))
    assert outcome.clips == []
    assert {item.reason for item in outcome.left_out} == {reason}
    assert all(item.source == "a.mp4" for item in outcome.left_out)


def test_a_short_piece_is_left_out_with_its_times(cut, tmp_path: Path):
    outcome = cut(film(tmp_path / "a.mp4", moving(10)), CutSettings(smallest=40.0))
    assert [(x.reason, x.start, x.end, x.detail) for x in outcome.left_out] == [
        ("too short", 0.0, 0.4, "0.40 s")
    ]


def test_a_face_that_the_model_cannot_follow_is_left_out(cut, tmp_path: Path, monkeypatch):
    def misfit(points, model, camera, **rest) -> Fit:
        good = quick_fit(points, model, camera, **rest)
        return Fit(good.motion, good.identity, good.residual * 10)

    monkeypatch.setattr(cutting, "fit_landmarks", misfit)
    outcome = cut(film(tmp_path / "a.mp4", moving(8)))
    assert [item.reason for item in outcome.left_out] == ["face cannot be fitted"]


@pytest.mark.parametrize("size", [0, 20, 1500])
def test_damaged_files_are_unreadable_not_an_error(cut, tmp_path: Path, size):
    whole = film(tmp_path / "a.mp4", moving(8)).read_bytes()
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(whole[:size])
    assert [item.reason for item in cut(broken).left_out] == ["unreadable"]


def face(x: float = 0.0, shape=(68, 2)) -> Face:
    return Face(np.array([x, 0, x + 80, 80], np.float32), 0.9, np.full(shape, x, np.float32))


def test_short_gaps_are_bridged_and_long_ones_split():
    faces = [face()] * 10 + [None] * 3 + [face()] * 10 + [None] * 8 + [face()] * 10
    pieces = list(_pieces([FaceTrack(5, tuple(faces))], BRIEF))
    found = [(part.start, len(part), None if why is None else why.reason) for part, why in pieces]
    assert found == [(5, 23, None), (28, 8, "tracking lost"), (36, 10, None)]
    assert pieces[0][0].gaps == ()


def test_pieces_never_overlap_in_time():
    early, late = FaceTrack(0, (face(),) * 100), FaceTrack(95, (face(500),) * 100)
    pieces = [part for part, why in _pieces([late, early], BRIEF) if why is None]
    assert [(part.start, len(part)) for part in pieces] == [(0, 100), (100, 95)]


def test_a_head_that_moves_too_far_has_no_crop(cut, tools):
    landmarks = tools.landmarker(PORTRAIT, tools.detector.detect(PORTRAIT)[0]).points
    still = _fixed_crop(np.stack([landmarks] * 3))
    assert still == CropBox.from_landmarks(landmarks)
    shift = np.array([still.side * 0.3, 0], np.float32)
    assert _fixed_crop(np.stack([landmarks] * 3 + [landmarks + shift])).side > still.side
    with pytest.raises(cutting._Unusable, match="moves too far"):
        _fixed_crop(np.stack([landmarks] * 3 + [landmarks + 2 * shift]))


def test_sound_that_ends_early_becomes_silence():
    part = _between(np.ones(1000, np.float32), Fraction(1, 20), Fraction(1, 10))
    assert len(part) == 800
    assert part.sum() == 200


@pytest.mark.parametrize(
    "wrong",
    [{"fps": Fraction(0)}, {"size": 8}, {"shortest": 0.0}, {"shortest": 5.0, "longest": 4.0}],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(InputError, match="out of range"):
        CutSettings(**wrong)


def test_a_folder_becomes_a_manifest_and_is_gone_on_with(tmp_path: Path):
    """The whole path, with real processes and the real fit."""
    film(tmp_path / "in/anna/a.mp4", moving(6))
    (tmp_path / "in/broken.mp4").write_bytes(b"nothing")
    seen: list[tuple[int, int]] = []
    options = {"shortest": 0.2, "size": 64, "workers": 1, "licence": "CC0-1.0"}
    made = prepare.prepare(
        tmp_path / "in", tmp_path / "out", progress=lambda *at: seen.append(at), **options
    )
    assert seen == [(0, 2), (1, 2), (2, 2)]
    assert [clip.person for clip in read_manifest(tmp_path / "out")] == ["anna"]
    assert made.truth(made.clips[0]).motion.rotation.shape == (6, 3)
    lines = (tmp_path / "out/left_out.jsonl").read_text().splitlines()
    assert [json.loads(line)["reason"] for line in lines] == ["unreadable"]
    written = (tmp_path / "out" / made.clips[0].video).stat().st_mtime_ns
    seen.clear()
    again = prepare.prepare(
        tmp_path / "in", tmp_path / "out", progress=lambda *at: seen.append(at), **options
    )
    assert seen == [(2, 2)]
    assert again.clips == made.clips
    assert (tmp_path / "out" / made.clips[0].video).stat().st_mtime_ns == written
    moved = prepare.prepare(tmp_path / "in", tmp_path / "out", shares={"test": 1.0}, **options)
    assert [clip.split for clip in moved] == ["test"]


def job(root: Path, name: str) -> prepare._Job:
    film(root / f"in/{name}.mp4", moving(2))
    (item,) = [item for item in find_footage(root / "in") if item.id == name]
    return prepare._Job(item, f"{name}.mp4", "train", root / "out", BRIEF)


def test_a_video_is_done_again_when_anything_it_depends_on_has_changed(tmp_path: Path):
    first = job(tmp_path, "a")
    other = prepare._Job(first.footage, first.source, first.split, first.out, CutSettings(size=32))
    before = first.key
    assert other.key != before
    first.footage.path.write_bytes(b"something else")
    assert first.key != before
    (tmp_path / "out").mkdir()
    clip = {"video": "a.mp4", "audio": "a.flac", "truth": "a.npz"}
    assert not prepare._is_whole(tmp_path / "out", {"clips": [clip]})
    for name in clip.values():
        (tmp_path / "out" / name).touch()
    assert prepare._is_whole(tmp_path / "out", {"clips": [clip]})


def test_no_clip_at_all_is_an_error_that_counts_the_reasons(tmp_path: Path):
    jobs = [job(tmp_path, name) for name in "abcd"]
    (tmp_path / "out").mkdir()
    faceless = {"clips": [], "left_out": [asdict(cutting.LeftOut("a.mp4", "no face"))]}
    outcomes = [faceless, faceless, {"failed": DIED}, {"failed": "ZeroDivisionError: inside"}]
    with pytest.raises(InputError, match=r"4 videos .*no face: 2, crashed: 1, failed: 1"):
        prepare._collect(tmp_path / "out", jobs, outcomes)
    rows = [json.loads(line) for line in (tmp_path / "out/left_out.jsonl").read_text().splitlines()]
    assert rows[-1]["detail"] == "ZeroDivisionError: inside"


def test_arguments_that_cannot_work_are_refused(tmp_path: Path):
    film(tmp_path / "in/a.mp4", moving(3))
    with pytest.raises(InputError, match="workers"):
        prepare.prepare(tmp_path / "in", tmp_path / "out", workers=0)
    with pytest.raises(InputError, match="inside the footage"):
        prepare.prepare(tmp_path / "in", tmp_path / "in/out")
