"""What trembles is told from what moves, what is rough and what stands still."""

import numpy as np
import pytest
import torch

from benchmarks.claims.renderer_flicker import BLOCK, TITLES, flicker_of, flicker_rows
from benchmarks.evaluation_set import subjects_of_corpus
from synthesis.renderer.config import PRESETS
from synthesis.renderer.network import RendererNetwork


@pytest.fixture(scope="module")
def subjects(corpus, tmp_path_factory):
    return subjects_of_corpus(corpus, 64, tmp_path_factory.mktemp("bank"), frames=None)


def grey(subject, levels) -> torch.Tensor:
    """Even pictures, one for each level of 255."""
    levels = torch.as_tensor(levels, dtype=torch.float32) / 255
    return levels[:, None, None, None].expand(-1, 3, 64, 64).clone()


def test_all_frames_come_one_after_another(corpus, subjects):
    clips = {clip.person: clip for clip in reversed(corpus.clips) if clip.split == "test"}
    assert [len(one.bank) for one in subjects] == [clips[one.name].frames for one in subjects]


def test_a_known_tremble_has_its_size_and_an_even_change_has_none(subjects):
    subject = subjects[0]
    count = len(subject.bank)
    rising = grey(subject, np.arange(count))
    shaking = grey(subject, 100 + 2.0 * (np.arange(count) % 2))
    even = flicker_of(rising, rising, subject)
    assert max(even.values()) < 1e-3
    jumps = flicker_of(shaking, rising, subject)
    # 2, -2, 2, ...: second differences of 4; first ones are off by 2 - 1 or by -2 - 1
    assert jumps["face"] == pytest.approx(4, abs=1e-3)
    assert jumps["beside"] == pytest.approx(4, abs=1e-3)
    up = np.diff(np.arange(count) % 2) > 0
    assert jumps["change"] == pytest.approx(np.where(up, 1, 3).mean(), abs=0.05)


def test_grain_within_a_block_is_no_flicker(subjects):
    subject = subjects[0]
    even = grey(subject, np.full(len(subject.bank), 100))
    board = torch.from_numpy(np.indices((64, 64)).sum(0) % 2).float()
    assert BLOCK % 2 == 0
    signs = torch.tensor([(-1.0) ** t for t in range(len(even))])[:, None, None, None]
    grained = even + signs * (board - 0.5) * 0.1
    assert max(flicker_of(grained, even, subject).values()) < 1e-3


def test_what_trembles_beside_the_head_is_not_in_the_face(subjects):
    subject = subjects[0]
    shaking = grey(subject, np.full(len(subject.bank), 100))
    shaking[::2, :, :BLOCK] += 0.1  # a strip along the upper edge
    figures = flicker_of(shaking, grey(subject, np.full(len(subject.bank), 100)), subject)
    assert figures["face"] == pytest.approx(0, abs=1e-3) and figures["beside"] > 0.5


def test_rows_stand_beside_a_still_copy_and_the_truth(subjects):
    torch.manual_seed(0)
    network = RendererNetwork(PRESETS["smoke"]).eval()
    rows = flicker_rows(network, subjects, protocol="p", status="smoke")
    assert [line["figure"] for line in rows] == list(TITLES.values())
    assert all(line["low"] <= line["value"] <= line["high"] for line in rows)
    face, beside, change = rows
    assert face["baseline"] == beside["baseline"] == 0 < min(face["truth"], change["baseline"])
    assert "truth" not in change
