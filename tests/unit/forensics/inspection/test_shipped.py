"""The detector in the box, with the toolkit's own eyes: it answers without being told where anything lies."""

from __future__ import annotations

from forensics.inspection.inspect import inspect
from forensics.inspection.judge import open_judge
from forensics.inspection.result import Inspection
from forensics.verdict import Reason
from shared.data.marionette.pack import sample_pack
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
