"""The claim of two cues: what is counted, and that both arms run."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from benchmarks.claims.focus_cues import SETS, arms, examine, main
from forensics.focus.production import FocusFindings
from forensics.focus.synthetic import COOL, CUES, TEXTURE, TINT, synthetic_faces
from forensics.focus.views import sobel


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
    assert (found.each, found.both) == ({"texture": texture, "tint": tint}, texture * tint)
    assert found.mass == pytest.approx(1) and found.auc == 1
    assert found.iou == pytest.approx(1) if len(cues) == 2 else found.iou < 0.8


def test_every_arm_runs_and_is_recorded(tmp_path):
    assert main(["-o", str(tmp_path / "record.json"), "--steps", "2", "--seeds", "1"]) == 0
    rows = json.loads((tmp_path / "record.json").read_text())["result"]["rows"]
    names = [row["figure"].partition(": ")[2] for row in rows]
    tables = [row["table"] for row in rows]
    assert names[: len(names) // 2] == names[len(names) // 2 :] == list(arms(2))
    assert list(dict.fromkeys(tables)) == list(SETS)
    for row in rows:
        carried = [CUES[cue] for cue in SETS[row["table"]]]
        assert all(0 <= row[figure] <= 1 for figure in ("value", *carried))


def test_cues_of_one_view_hide_from_edges():
    """The luminance of a tint is that of the skin: with the same noise, Sobel sees the texture alone."""
    for cues, shown in (((TINT, COOL), False), ((TEXTURE,), True)):
        made = synthetic_faces(40, 5, cues=cues)
        forged = made.faces.labels == 1
        inside = made.cues[forged].any(1)
        pictures = torch.from_numpy(made.faces.frames[forged]).permute(0, 3, 1, 2) / 255
        edges = sobel(pictures)[:, 2].numpy()
        assert (edges[inside].mean() > 1.5 * edges[~inside].mean()) == shown
