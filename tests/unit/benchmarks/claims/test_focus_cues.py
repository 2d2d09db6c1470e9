"""The claim of two cues: what is counted, and that both arms run."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmarks.claims.focus_cues import examine, main
from forensics.focus.production import FocusFindings
from forensics.focus.synthetic import TEXTURE, TINT, synthetic_faces


class Oracle:
    """A detector that shows the cues that it is told to show."""

    def __init__(self, held, *cues):
        self.maps = held.cues[:, list(cues)].any(1).astype(np.float32)
        self.scores = held.faces.labels.astype(float)

    def detect(self, frames):
        return FocusFindings(self.scores, self.maps)


@pytest.mark.parametrize(
    ("cues", "texture", "tint"), [((TEXTURE, TINT), 1, 1), ((TEXTURE,), 1, 0), ((TINT,), 0, 1)]
)
def test_what_is_shown_is_found(cues, texture, tint):
    held = synthetic_faces(20, 0)
    found = examine(Oracle(held, *cues), held)
    assert (found.texture, found.tint, found.both) == (texture, tint, texture * tint)
    assert found.mass == pytest.approx(1) and found.auc == 1
    assert found.iou == pytest.approx(1) if len(cues) == 2 else found.iou < 0.8


def test_every_arm_runs_and_is_recorded(tmp_path):
    assert main(["-o", str(tmp_path / "record.json"), "--steps", "2", "--seeds", "1"]) == 0
    rows = json.loads((tmp_path / "record.json").read_text())["result"]["rows"]
    names = [row["figure"].partition(": ")[2] for row in rows]
    assert names == [
        "plain CARP", "two views, each for itself", "two views and all terms, no complementary learning",
        "FoCus", "FoCus, mean patch taken away",
    ]  # fmt: skip
    assert all(0 <= row[figure] <= 1 for row in rows for figure in ("value", "texture", "tint"))
