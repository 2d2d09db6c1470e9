"""Tracks: who is followed, where the gaps are, and that a video is read once, frame by frame."""

from __future__ import annotations

import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from shared.errors import FaceNotFound, InputError
from shared.face.detector import Face
from shared.face.tracks import FaceTrack, fill_gaps, overlap, track_faces


class Counting:
    """Passes calls on and counts them."""

    def __init__(self, inner):
        self.inner, self.calls = inner, 0

    def detect(self, image):
        self.calls += 1
        return self.inner.detect(image)


def scene(left=None, right=None, step=0) -> np.ndarray:
    """A grey frame with up to two portraits that drift towards the middle."""
    frame = np.full((270, 560, 3), 120, np.uint8)
    if left is not None:
        frame[5:261, step : 256 + step] = left
    if right is not None:
        frame[40 : 40 + len(right), 340 - step : 340 - step + right.shape[1]] = right
    return frame


def test_one_moving_face_is_one_track_and_is_detected_rarely(detector, landmark_net, portrait):
    counting = Counting(detector)
    frames = (scene(portrait, step=2 * t) for t in range(30))
    (track,) = track_faces(frames, detector=counting, landmarker=landmark_net, detect_every=25)
    assert (track.start, len(track), track.gaps, track.seen) == (0, 30, (), 1.0)
    assert counting.calls == 2
    assert track.landmarks().shape == (30, 478, 2)
    assert track.blendshapes().shape == (30, 52)
    drift = np.diff(track.landmarks().mean(axis=1), axis=0)
    np.testing.assert_allclose(drift, np.tile([2, 0], (29, 1)), atol=0.6)


def test_two_people_and_a_gap(detector, landmark_net, portrait, other_portrait):
    frames = (scene(portrait, None if 8 <= t < 12 else other_portrait, step=t) for t in range(20))
    large, small = track_faces(frames, detector=detector, landmarker=landmark_net)
    assert large.area > small.area
    assert (large.start, len(large), large.gaps) == (0, 20, ())
    assert (small.start, len(small), small.gaps) == (0, 20, ((8, 12),))
    assert small.seen == pytest.approx(0.8)
    assert np.isnan(small.boxes()[8:12]).all()
    assert not np.isnan(small.boxes()[12:]).any()


def test_who_comes_late_is_found_and_who_leaves_ends(
    detector, landmark_net, portrait, other_portrait
):
    frames = (scene(portrait, other_portrait if 6 <= t < 14 else None) for t in range(24))
    tracks = track_faces(
        frames, detector=detector, landmarker=landmark_net, detect_every=6, patience=4
    )
    assert [(track.start, len(track)) for track in tracks] == [(0, 24), (6, 8)]


def test_a_cut_ends_a_track_though_a_face_stays_in_place(detector, landmark_net, portrait):
    dark = (portrait * 0.35).astype(np.uint8)
    frames = [scene(portrait)] * 6 + [(scene(dark) * 0.4).astype(np.uint8)] * 6
    tracks = track_faces(iter(frames), detector=detector, landmarker=landmark_net)
    assert sorted((track.start, len(track)) for track in tracks) == [(0, 6), (6, 6)]


def test_frames_are_not_kept(detector, landmark_net, portrait):
    alive: list[weakref.ref] = []

    def frames() -> Iterator[np.ndarray]:
        for step in range(8):
            frame = scene(portrait, step=step)
            alive.append(weakref.ref(frame))
            yield frame
            del frame
            assert sum(ref() is not None for ref in alive) <= 1

    track_faces(frames(), detector=detector, landmarker=landmark_net)
    assert len(alive) == 8


def test_a_person_is_chosen(detector, landmark_net, portrait, other_portrait):
    frames = [scene(portrait, other_portrait)] * 6

    def chosen(which) -> list[FaceTrack]:
        return track_faces(frames, detector=detector, landmarker=landmark_net, which=which)

    assert chosen("largest")[0].boxes()[0, 0] < 200
    assert chosen(1)[0].boxes()[0, 0] > 300
    assert chosen((420, 120))[0].boxes()[0, 0] > 300
    for nobody in (2, (5, 5)):
        with pytest.raises(FaceNotFound, match="2 tracks"):
            chosen(nobody)


@pytest.mark.parametrize("frames", [[], [np.full((64, 64, 3), 90, np.uint8)] * 7])
def test_nobody_is_an_error(detector, landmark_net, frames):
    with pytest.raises(FaceNotFound, match="no face in the video"):
        track_faces(frames, detector=detector, landmarker=landmark_net)


def face_at(x: float) -> Face:
    corner = np.array([x, 0.0], np.float32)
    return Face(np.concatenate([corner, corner + 40]), 0.9, corner + np.zeros((68, 2), np.float32))


def test_gaps_are_held_or_crossed_in_a_straight_line():
    track = FaceTrack(3, (face_at(0), None, None, None, face_at(8)))
    assert fill_gaps(track, "hold").boxes()[:, 0].tolist() == [0, 0, 0, 0, 8]
    crossed = fill_gaps(track)
    assert crossed.boxes()[:, 0].tolist() == [0, 2, 4, 6, 8]
    assert crossed.landmarks()[2, 0].tolist() == [4, 0]
    assert crossed.gaps == ()
    assert [face.score for face in crossed.faces] == [0.9, 0.0, 0.0, 0.0, 0.9]


def test_what_a_track_cannot_give_is_an_error():
    with pytest.raises(InputError, match="begin and end with a face"):
        fill_gaps(FaceTrack(0, (None, face_at(0))))
    with pytest.raises(InputError, match="no blendshapes"):
        FaceTrack(0, (face_at(0),)).blendshapes()


def test_overlap_of_apart_and_equal_boxes():
    box = np.array([0.0, 0, 10, 10])
    assert overlap(box, box) == 1.0
    assert overlap(box, box + 10) == 0.0
