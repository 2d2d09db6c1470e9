"""What a batch is made of."""

from __future__ import annotations

from itertools import islice

import numpy as np

from forensics.face_batches import UNCHANGED, FaceBatches
from forensics.faces import FaceSet


def _faces(*, paired: bool) -> FaceSet:
    """Eight faces, each of one grey; forged ones (odd) have a counterpart one grey darker."""
    greys = np.arange(10, 18, dtype=np.uint8)
    frames = np.broadcast_to(greys[:, None, None, None], (8, 4, 4, 3)).copy()
    labels = np.arange(8) % 2
    others = frames - labels[:, None, None, None].astype(np.uint8) if paired else None
    return FaceSet(frames, labels, np.arange(8), np.arange(8), counterparts=others)


def _greys(paired: bool) -> tuple[np.ndarray, np.ndarray]:
    stream = FaceBatches(_faces(paired=paired), 4, 4, seed=0, augmentation=UNCHANGED)
    batches = list(islice(stream, 20))
    greys = np.stack([(batch["image"][:, 0, 0, 0] * 255).round().numpy() for batch in batches])
    return greys, np.stack([batch["label"].numpy() for batch in batches])


def test_a_forged_face_comes_beside_its_counterpart_where_that_is_known():
    greys, labels = _greys(paired=True)
    assert (labels == [0, 0, 1, 1]).all()
    assert (greys[:, 2:] - greys[:, :2] == 1).all()


def test_without_counterparts_faces_of_a_batch_need_not_belong_together():
    greys, labels = _greys(paired=False)
    assert (labels == [0, 0, 1, 1]).all()
    assert not (greys[:, 2:] - greys[:, :2] == 1).all()
