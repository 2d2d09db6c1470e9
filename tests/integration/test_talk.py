"""The main job with the shipped weights: a real photograph, a second of sound, a marked video and its record."""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import soundfile

import synthesis
from shared.media.audio import read_audio, write_audio
from shared.media.image import write_image
from shared.media.marks import read_marks
from shared.media.video import VideoReader, VideoWriter, probe
from shared.motion import UNIT, Motion
from synthesis.jobs import run_jobs
from synthesis.pose import pose_from_video

SPEECH = Path(synthesis.__file__).parent / "samples" / "speech.flac"


@pytest.fixture(scope="session")
def photo(tmp_path_factory) -> Path:
    """A non-ASCII path on purpose."""
    return write_image(
        tmp_path_factory.mktemp("fotos") / "Frau Müller 写真.png", skimage.data.astronaut()
    )


@pytest.fixture(scope="session")
def speech(tmp_path_factory) -> Path:
    samples, rate = soundfile.read(SPEECH, dtype="float32")
    return write_audio(tmp_path_factory.mktemp("sound") / "speech.wav", samples[: rate + 321], rate)


@pytest.fixture(scope="session")
def small(photo, speech, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "small.mp4"
    return synthesis.talk(photo, speech, out, size=256, seed=3)


def frames_of(path: Path) -> np.ndarray:
    with VideoReader(path) as reader:
        return np.stack(list(reader))


def test_the_number_of_frames_is_that_of_the_sound(small):
    assert small.frames == round((16_000 + 321) / 16_000 * 25)
    frames = frames_of(small.video)
    assert frames.shape == (small.frames, 256, 256, 3)
    assert probe(small.video).fps == 25


def test_the_sound_is_kept_in_sync(small, speech):
    ours, theirs = read_audio(small.video), read_audio(speech)
    length = min(len(ours), len(theirs))
    shifts = range(-80, 81)
    scores = [
        np.dot(theirs[200 : length - 200], np.roll(ours, shift)[200 : length - 200])
        for shift in shifts
    ]
    assert abs(shifts[int(np.argmax(scores))]) <= 2


def test_the_face_moves(small):
    assert np.abs(np.diff(frames_of(small.video).astype(float), axis=0)).mean() > 0.1


def test_the_video_says_that_it_was_made(small):
    marks = read_marks(small.video)
    assert marks.found
    assert marks.metadata["generator"] == "twinface"
    record = json.loads(small.record.read_text("utf-8"))
    assert len(record["inputs"]["photo"]["sha256"]) == 64
    assert set(record["weights"]) == {"opt", "renderer"}
    assert record["settings"]["seed"] == 3


def test_the_same_seed_gives_the_same_video(small, photo, speech, tmp_path):
    again = synthesis.talk(photo, speech, tmp_path / "again.mp4", size=256, seed=3)
    assert np.array_equal(frames_of(again.video), frames_of(small.video))


def test_native_size_and_another_frame_rate(photo, speech, tmp_path):
    fps = Fraction(30_000, 1001)
    made = synthesis.talk(photo, speech, tmp_path / "native.mp4", fps=fps, still=True)
    info = probe(made.video)
    assert (info.width, info.height) == (512, 512)
    assert info.fps == fps
    corner = frames_of(made.video)[:, -60:, -60:].astype(float)
    assert np.abs(corner - skimage.data.astronaut()[-60:, -60:]).mean() < 4


def test_a_motion_file_moves_the_head(photo, speech, tmp_path):
    turn = np.zeros((30, 3), np.float32)
    turn[:, 1] = np.radians(np.linspace(0, 15, 30))
    place = np.tile(np.array([0, 0, -0.8], np.float32), (30, 1))
    path = Motion(turn, place, np.zeros((30, 52), np.float32), 25).save(tmp_path / "turn.npz")
    made = synthesis.talk(photo, speech, tmp_path / "turned.mp4", pose=path, size=256)
    motion = pose_from_video(made.video, Fraction(25)).motion
    turned = np.degrees(motion.rotation[-4:, 1].mean() - motion.rotation[:2, 1].mean())
    assert 6 < turned < 22


def test_a_pose_video_with_gaps_is_held_and_noted(photo, speech, small, tmp_path):
    frames = frames_of(small.video)
    with VideoWriter(tmp_path / "pose.mp4", 25, (256, 256)) as writer:
        for number, frame in enumerate(frames):
            writer.write(np.full_like(frame, 90) if 8 <= number < 12 else frame)
    made = synthesis.talk(
        photo, speech, tmp_path / "held.mp4", pose_video=tmp_path / "pose.mp4", size=256
    )
    assert any("8-11" in note for note in made.notes)
    assert "8-11" in made.record.read_text("utf-8")


def test_mouth_gain_zero_keeps_the_mouth(photo, speech, small, tmp_path):
    made = synthesis.talk(
        photo, speech, tmp_path / "mute.mp4", size=256, seed=3, mouth_gain=0.0, still=True
    )
    opened = [
        pose_from_video(path, Fraction(25)).motion.expression[:, UNIT["jawOpen"]].std()
        for path in (made.video, small.video)
    ]
    assert opened[0] < opened[1]


def test_a_batch_goes_on_after_a_bad_row_and_skips_what_is_done(photo, speech, tmp_path):
    table = tmp_path / "jobs.csv"
    table.write_text(
        f"photo,audio,out,size,still\n{photo},{speech},a.mp4,256,yes\n{photo},nowhere.wav,b.mp4,,\n{photo},{speech},c.mp4,77,\n",
        "utf-8",
    )
    first = list(run_jobs(table))
    assert [outcome.state for outcome in first] == ["done", "failed", "failed"]
    assert {outcome.code for outcome in first[1:]} == {"bad-input"}
    assert sorted(path.name for path in tmp_path.glob("*.mp4")) == ["a.mp4"]
    assert [outcome.state for outcome in run_jobs(table)] == ["skipped", "failed", "failed"]
