"""The detector in the box, with the toolkit's own eyes: it answers without being told where anything lies."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from forensics.inspection.inspect import inspect
from forensics.inspection.judge import open_judge
from forensics.inspection.result import Inspection
from forensics.inspection.settings import Settings
from forensics.inspection.watching import Eyes, Watch
from forensics.verdict import Reason
from shared.data.corpora.extraction import FaceSettings, extract_faces
from shared.data.corpora.video import LabelledVideo
from shared.data.marionette.pack import sample_pack
from shared.face.crop import CropBox
from shared.zoo.checkpoints import ZOO


def test_the_shipped_detector_is_small_calibrated_and_answers():
    opened = open_judge("focus")
    assert opened.reason is None
    assert (ZOO / "weights/focus/model.safetensors").stat().st_size <= 6_000_000
    pack = sample_pack()
    clip = next(clip for clip in pack if clip.video)
    found = inspect(pack.path(clip.video), detector=opened.judge, frames=3)
    (track,) = found.tracks
    assert len(track.scores) == 3 and 0 <= track.verdict.score <= 1
    assert track.verdict.reason in (None, Reason.OVERLAP, Reason.OUT_OF_RANGE)
    assert len(track.map) == len(track.map[0]) == 14
    assert "unlike the known faces" in track.verdict.evidence
    assert Inspection.from_json(found.to_json()) == found


def test_an_inspection_cuts_faces_as_prepare_does(monkeypatch):
    """A calibration is of the faces that prepare cut: it holds for no others."""
    pack, of_extent, moved = sample_pack(), CropBox.of_extent, []

    def aside(points, margin):
        moved.append(margin)
        return replace(of_extent(points, margin), side=40.0)

    monkeypatch.setattr(CropBox, "of_extent", aside)
    path = pack.path(next(clip for clip in pack if clip.video).video)
    found = extract_faces(LabelledVideo(path, "authentic", "val"), FaceSettings(1, 96))
    sight = next(iter(Watch(path, Settings(), Eyes.usual(), 96)))
    assert np.ptp(found.faces.boxes[0].reshape(2, 2), axis=0) == pytest.approx([40, 40])
    assert np.ptp(sight.points, axis=0).max() == pytest.approx(
        96 / 40 * np.ptp(sight.box.reshape(2, 2), axis=0).max(), rel=1e-3
    )
    assert moved == [1.3, 1.3]
