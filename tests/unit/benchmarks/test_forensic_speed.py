"""What is timed as ``forensics prepare`` is what it does."""

from __future__ import annotations

import cv2
import numpy as np

from benchmarks import forensic_speed
from benchmarks.forensic_speed import CROP, ours
from shared.data.corpora.extraction import FaceSettings, extract_faces
from shared.data.corpora.video import LabelledVideo
from shared.data.marionette.pack import sample_pack
from shared.face.crop import CropBox
from shared.media.video import VideoReader, VideoWriter


def test_ours_finds_and_cuts_what_prepare_does(tmp_path, monkeypatch):
    """A face, nobody, then two faces of whom the one who was followed is the smaller: still that one."""
    pack = sample_pack()
    with VideoReader(pack.path(next(clip for clip in pack if clip.video).video)) as reader:
        face = next(iter(reader))
    alone, empty = np.full((400, 720, 3), 90, np.uint8), np.full((400, 720, 3), 90, np.uint8)
    alone[80:320, :240] = cv2.resize(face, (240, 240))
    both = alone.copy()
    both[:, 320:] = cv2.resize(face, (400, 400))
    path = tmp_path / "film.mp4"
    with VideoWriter(path, 25, (720, 400), crf=5) as writer:
        for frame in (alone, empty, both):
            writer.write(frame)
    with VideoReader(path) as reader:
        frames = [frame.copy() for frame in reader]
    cut = CropBox.cut
    crops = []

    def kept(self, image, size):
        crops.append(cut(self, image, size))
        return crops[-1]

    expected = extract_faces(LabelledVideo(path, "forged", "val"), FaceSettings(3, CROP)).faces
    monkeypatch.setattr(CropBox, "cut", kept)
    boxes = ours(frames)
    assert [box is not None for box in boxes] == [True, False, True]
    assert boxes[2][2] < 320
    assert np.array_equal(np.stack(crops), expected.images)
    assert expected.frames.tolist() == [0, 2]


def test_faces_to_find_have_their_places():
    frames, boxes = forensic_speed.faces_to_find()
    assert len(frames) == len(boxes) and len(frames) % forensic_speed.PER_CLIP == 0
    for (left, top, right, bottom), frame in zip(boxes, frames, strict=True):
        assert 0 < left < right < frame.shape[1] and 0 < top < bottom < frame.shape[0]
